// The bus in memory, for tests: trusted because it passes the same compliance suite as NATS does.
import { openClock } from "../service/clock.ts";
import type { Clock } from "../service/service.ts";
import { checkHeaders } from "./header-form.ts";
import { matches } from "./matches.ts";
import { MemoryBucket } from "./memory/bucket.ts";
import { MemoryStream, type StoreRequest } from "./memory/stream.ts";
import {
  type Bucket,
  type Bus,
  BusTimeout,
  type Live,
  type PubAck,
  type Reader,
  type Stored,
  type StreamSpec,
  type StreamState,
} from "./port.ts";

/** One server that several buses share, so that two instances can be played in one process. */
export interface MemoryServer {
  /** A connection of its own. */
  connect(): Bus;
  /** Down: stores wait, live messages are dropped, readers stand. Up again: all goes on where it was. */
  setUp(up: boolean): void;
}

/** How long anything but a store waits for a server that is down. */
const waitMs = 30_000;
const storeTimeoutMs = 60_000;

/** A bus with a server of its own. */
export const memoryBus = (clock: Clock = openClock()): Bus => memoryServer(clock).connect();

/** A server; it shows the given clock's time in `storedAt`, and measures windows and time-outs by it. */
export function memoryServer(clock: Clock = openClock()): MemoryServer {
  return new Server(clock);
}

class Server implements MemoryServer {
  readonly clock: Clock;
  readonly streams = new Map<string, MemoryStream>();
  readonly buckets = new Map<string, MemoryBucket>();
  readonly listeners = new Set<{ filter: string; hear: (message: Live) => void }>();
  readonly buses = new Set<MemoryBus>();
  /** Stores and requests that wait for the server or for a stream, in order. */
  waiting: (() => void)[] = [];
  up = true;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  connect(): Bus {
    const bus = new MemoryBus(this);
    this.buses.add(bus);
    return bus;
  }

  setUp(up: boolean): void {
    if (this.up === up) return;
    this.up = up;
    // What has waited goes before what listeners do now.
    if (up) this.look();
    for (const bus of this.buses) bus.changed(up);
  }

  /** Lets everything that waits look again. */
  look(): void {
    for (const again of this.waiting.splice(0)) again();
    for (const stream of this.streams.values()) stream.wake();
  }

  /** Asks `probe` now and at every change until it answers. */
  until<T>(what: string, timeoutMs: number, probe: () => { value: T } | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      const cancel = this.clock.after(timeoutMs, () => {
        this.waiting = this.waiting.filter((other) => other !== look);
        reject(new BusTimeout(`${what}: not confirmed within ${timeoutMs} ms`));
      });
      const look = (): void => {
        try {
          const found = this.up ? probe() : undefined;
          if (!found) {
            this.waiting.push(look);
            return;
          }
          resolve(found.value);
        } catch (error) {
          reject(error);
        }
        cancel();
      };
      look();
    });
  }

  /** Live messages come later than the call that sent them, and in order. */
  spread(message: Live): number {
    const hearing = [...this.listeners].filter(({ filter }) => matches(filter, message.subject));
    for (const listener of hearing) {
      queueMicrotask(() => {
        if (this.listeners.has(listener)) listener.hear(message);
      });
    }
    return hearing.length;
  }
}

class MemoryBus implements Bus {
  readonly #server: Server;
  readonly #connection = new Set<(connected: boolean) => void>();
  readonly #readers = new Set<Reader>();
  #closed = false;

  constructor(server: Server) {
    this.#server = server;
  }

  get connected(): boolean {
    return this.#server.up && !this.#closed;
  }

  onConnection(listener: (connected: boolean) => void): () => void {
    this.#connection.add(listener);
    return () => this.#connection.delete(listener);
  }

  changed(up: boolean): void {
    for (const listener of this.#connection) listener(up);
  }

  ensureStream(spec: StreamSpec): Promise<void> {
    return this.#soon(spec.name, () => {
      const there = this.#server.streams.get(spec.name);
      if (there) there.adopt(spec);
      else this.#server.streams.set(spec.name, new MemoryStream(this.#server.clock, spec));
      if (!there) this.#server.look();
    });
  }

  store(
    subject: string,
    data: Uint8Array,
    options: { id?: string; headers?: Record<string, string>; timeoutMs?: number },
  ): Promise<PubAck> {
    const { timeoutMs = storeTimeoutMs, ...rest } = options;
    try {
      checkHeaders(rest.headers ?? {});
    } catch (error) {
      return Promise.reject(error);
    }
    const request: StoreRequest = { subject, data: data.slice(), ...rest };
    return this.#server.until(subject, timeoutMs, () => {
      if (this.#closed) throw new BusTimeout("the bus is closed");
      const stream = [...this.#server.streams.values()].find((candidate) => candidate.takes(subject));
      return stream && { value: stream.store(request) };
    });
  }

  read(
    stream: string,
    filter: string,
    after: number,
    on: (message: Stored) => void | Promise<void>,
  ): Promise<Reader> {
    return this.#soon(stream, () =>
      this.#keep(this.#stream(stream).read(filter, after, on, () => this.#server.up)),
    );
  }

  last(stream: string, subject: string): Promise<Stored | undefined> {
    return this.#soon(stream, () => this.#stream(stream).last(subject));
  }

  lastOfEach(stream: string, filter: string): Promise<Stored[]> {
    return this.#soon(stream, () => this.#stream(stream).lastOfEach(filter));
  }

  remove(stream: string, sequence: number): Promise<void> {
    return this.#soon(stream, () => this.#stream(stream).remove(sequence));
  }

  purge(stream: string, sequence: number, filter = ">"): Promise<void> {
    return this.#soon(stream, () => this.#stream(stream).purge(sequence, filter));
  }

  state(stream: string): Promise<StreamState> {
    return this.#soon(stream, () => this.#stream(stream).state());
  }

  bucket(name: string): Promise<Bucket> {
    return this.#soon(name, () => {
      const bucket = this.#server.buckets.get(name) ?? new MemoryBucket();
      this.#server.buckets.set(name, bucket);
      return {
        get: (key) => this.#soon(key, () => bucket.get(key)),
        put: (key, value) => this.#soon(key, () => bucket.put(key, value)),
        create: (key, value) => this.#soon(key, () => bucket.create(key, value)),
        remove: (key) => this.#soon(key, () => bucket.remove(key)),
        list: (filter) => this.#soon(filter, () => bucket.list(filter)),
        watch: (filter, on) => this.#soon(filter, () => this.#keep(bucket.watch(filter, on))),
      };
    });
  }

  emit(subject: string, data: Uint8Array, headers: Record<string, string> = {}): void {
    if (this.connected)
      this.#server.spread({ subject, headers, data: data.slice(), answer: () => undefined });
  }

  listen(subject: string, on: (message: Live) => void): Reader {
    const listener = { filter: subject, hear: on };
    this.#server.listeners.add(listener);
    return this.#keep({
      stop: async () => {
        this.#server.listeners.delete(listener);
      },
    });
  }

  ask(subject: string, data: Uint8Array, timeoutMs: number): Promise<Uint8Array | undefined> {
    return new Promise((resolve) => {
      const cancel = this.#server.clock.after(timeoutMs, () => resolve(undefined));
      if (!this.connected) return;
      const answer = (answered?: Uint8Array): void => {
        cancel();
        resolve(answered?.slice());
      };
      if (this.#server.spread({ subject, headers: {}, data: data.slice(), answer }) === 0) answer();
    });
  }

  async askAll(subject: string, data: Uint8Array, timeoutMs: number): Promise<Uint8Array[]> {
    const answers: Uint8Array[] = [];
    const answer = (answered: Uint8Array): void => {
      answers.push(answered.slice());
    };
    const asked = this.connected
      ? this.#server.spread({ subject, headers: {}, data: data.slice(), answer })
      : 1;
    if (asked > 0) await this.#server.clock.sleep(timeoutMs);
    return [...answers];
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#server.buses.delete(this);
    await Promise.all([...this.#readers].map((reader) => reader.stop()));
    this.changed(false);
  }

  #stream(name: string): MemoryStream {
    const stream = this.#server.streams.get(name);
    if (!stream) throw new Error(`no stream ${name}`);
    return stream;
  }

  #soon<T>(what: string, get: () => T): Promise<T> {
    return this.#server.until(what, waitMs, () => {
      if (this.#closed) throw new BusTimeout("the bus is closed");
      return { value: get() };
    });
  }

  #keep(reader: Reader): Reader {
    const kept: Reader = {
      stop: () => {
        this.#readers.delete(kept);
        return reader.stop();
      },
    };
    this.#readers.add(kept);
    return kept;
  }
}
