// One stream in memory: what is stored, which ids are known, who reads.
import type { Clock } from "../../service/service.ts";
import { matches } from "../matches.ts";
import {
  BusFull,
  type PubAck,
  type Reader,
  type Stored,
  type StreamSpec,
  type StreamState,
} from "../port.ts";

/** What nats-server adds to each message in its own accounts, nearly. */
const overheadBytes = 30;
/** A handler that throws is called again with the same message, as on NATS. */
const handlerPauseMs = 1_000;

type Kept = Omit<Stored, "pending"> & { readonly bytes: number };

export interface StoreRequest {
  readonly subject: string;
  readonly data: Uint8Array;
  readonly id?: string;
  readonly headers?: Record<string, string>;
}

export class MemoryStream {
  readonly #clock: Clock;
  #spec: StreamSpec;
  readonly #kept = new Map<number, Kept>();
  readonly #ids = new Map<string, { sequence: number; at: number }>();
  readonly #readers = new Set<MemoryReader>();
  #last = 0;
  #bytes = 0;

  constructor(clock: Clock, spec: StreamSpec) {
    this.#clock = clock;
    this.#spec = spec;
  }

  /** Takes a new size and window; everything else must be as it is. */
  adopt(spec: StreamSpec): void {
    const alike =
      spec.keep === this.#spec.keep &&
      [...spec.subjects].sort().join() === [...this.#spec.subjects].sort().join();
    if (!alike) throw new Error(`stream ${spec.name} on the bus is another one`);
    this.#spec = spec;
  }

  takes(subject: string): boolean {
    return this.#spec.subjects.some((filter) => matches(filter, subject));
  }

  /** Stores and wakes the readers. Errors: BusFull. */
  store(request: StoreRequest): PubAck {
    const known = this.#knownId(request.id);
    if (known !== undefined) return { sequence: known, duplicate: true };
    const headers = { ...request.headers };
    const bytes =
      request.subject.length + request.data.length + JSON.stringify(headers).length + overheadBytes;
    const replaced = this.#spec.keep === "latest" ? this.last(request.subject) : undefined;
    if (!replaced && this.#bytes + bytes > this.#spec.maxBytes)
      throw new BusFull(`${request.subject}: maximum bytes exceeded`);
    if (replaced) this.#drop(replaced.sequence);
    this.#last += 1;
    const { subject } = request;
    this.#kept.set(this.#last, {
      subject,
      sequence: this.#last,
      storedAt: this.#clock.now(),
      headers,
      data: request.data.slice(),
      bytes,
    });
    this.#bytes += bytes;
    if (request.id !== undefined)
      this.#ids.set(request.id, { sequence: this.#last, at: this.#clock.monotonic() });
    this.wake();
    return { sequence: this.#last, duplicate: false };
  }

  #knownId(id: string | undefined): number | undefined {
    const oldest = this.#clock.monotonic() - this.#spec.duplicateWindowMs;
    // Ids are kept in the order of their storing, so the old ones stand first.
    for (const [known, { at }] of this.#ids) {
      if (at > oldest && this.#spec.duplicateWindowMs > 0) break;
      this.#ids.delete(known);
    }
    return id === undefined ? undefined : this.#ids.get(id)?.sequence;
  }

  last(subject: string): Stored | undefined {
    return this.lastOfEach(subject).at(-1);
  }

  lastOfEach(filter: string): Stored[] {
    const found = new Map<string, Kept>();
    for (const kept of this.#kept.values()) {
      if (!matches(filter, kept.subject)) continue;
      found.delete(kept.subject);
      found.set(kept.subject, kept);
    }
    return [...found.values()].map((kept, index) => shown(kept, found.size - index - 1));
  }

  /** The next one after `sequence` that matches. */
  next(filter: string, sequence: number): Stored | undefined {
    let first: Kept | undefined;
    let behind = 0;
    for (const kept of this.#after(sequence)) {
      if (!matches(filter, kept.subject)) continue;
      if (first) behind += 1;
      else first = kept;
    }
    return first && shown(first, behind);
  }

  *#after(sequence: number): Generator<Kept> {
    // From the end, when that is nearer: a reader that follows has only the newest before it.
    if (this.#last - sequence < this.#kept.size) {
      for (let at = sequence + 1; at <= this.#last; at += 1) {
        const kept = this.#kept.get(at);
        if (kept) yield kept;
      }
      return;
    }
    for (const kept of this.#kept.values()) if (kept.sequence > sequence) yield kept;
  }

  remove(sequence: number): void {
    this.#drop(sequence);
  }

  purge(sequence: number, filter: string): void {
    for (const kept of [...this.#kept.values()]) {
      if (kept.sequence <= sequence && matches(filter, kept.subject)) this.#drop(kept.sequence);
    }
  }

  #drop(sequence: number): void {
    this.#bytes -= this.#kept.get(sequence)?.bytes ?? 0;
    this.#kept.delete(sequence);
  }

  state(): StreamState {
    const first = this.#kept.keys().next().value ?? this.#last + 1;
    return { messages: this.#kept.size, bytes: this.#bytes, firstSequence: first, lastSequence: this.#last };
  }

  read(
    filter: string,
    after: number,
    on: (message: Stored) => void | Promise<void>,
    standing: () => boolean,
  ): Reader {
    const next = (sequence: number): Stored | undefined => {
      if (!standing()) return undefined;
      const found = this.next(filter, sequence);
      // Nothing up to here is for this reader: it need not be looked at again.
      if (!found) reader.skip(this.#last);
      return found;
    };
    const reader = new MemoryReader(this.#clock, next, after, on, () => this.#readers.delete(reader));
    this.#readers.add(reader);
    reader.wake();
    return reader;
  }

  wake(): void {
    for (const reader of this.#readers) reader.wake();
  }
}

const shown = ({ bytes: _, ...kept }: Kept, pending: number): Stored => ({ ...kept, pending });

class MemoryReader implements Reader {
  readonly #clock: Clock;
  readonly #next: (sequence: number) => Stored | undefined;
  readonly #on: (message: Stored) => void | Promise<void>;
  readonly #gone: () => void;
  #seen: number;
  #running: Promise<void> | undefined;
  readonly #stopping = new AbortController();

  constructor(
    clock: Clock,
    next: (sequence: number) => Stored | undefined,
    after: number,
    on: (message: Stored) => void | Promise<void>,
    gone: () => void,
  ) {
    this.#clock = clock;
    this.#next = next;
    this.#seen = after;
    this.#on = on;
    this.#gone = gone;
  }

  wake(): void {
    this.#running ??= this.#run();
  }

  skip(sequence: number): void {
    this.#seen = Math.max(this.#seen, sequence);
  }

  async #run(): Promise<void> {
    // Never inside the caller's own call: on NATS a message comes later too.
    await Promise.resolve();
    while (!this.#stopping.signal.aborted) {
      const message = this.#next(this.#seen);
      if (!message) break;
      this.#seen = message.sequence;
      await this.#call(message);
    }
    this.#running = undefined;
  }

  async #call(message: Stored): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      try {
        await this.#on(message);
        return;
      } catch {
        await this.#clock.sleep(handlerPauseMs, this.#stopping.signal).catch(() => undefined);
      }
    }
  }

  async stop(): Promise<void> {
    this.#gone();
    this.#stopping.abort();
    await this.#running;
  }
}
