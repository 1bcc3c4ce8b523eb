// The bus on NATS with JetStream, nats-server 2.9.10 and newer: puts the parts of nats/ together behind the port.
import { setTimeout as sleep } from "node:timers/promises";
import type { Msg } from "@nats-io/transport-node";
import { openBucket } from "./nats/bucket.ts";
import { encodeHeaders, readHeaders } from "./nats/headers.ts";
import { type Link, type LinkLog, openLink } from "./nats/link.ts";
import { Publisher } from "./nats/publisher.ts";
import { openReader } from "./nats/reader.ts";
import { Streams } from "./nats/streams.ts";
import type { Bucket, Bus, Live, PubAck, Reader, Stored, StreamSpec, StreamState } from "./port.ts";

export interface NatsOptions {
  /** `nats://host:port`; all servers of one cluster. */
  readonly servers: string[];
  readonly token?: string;
  /** What the server shows for this connection: the instance's name. */
  readonly name: string;
  /** Copies of every stream and bucket; 1 on a single server, 3 in a cluster. Default 1. */
  readonly replicas?: number;
  /** `memory` forgets everything when nats-server ends: for benchmarks. Default `file`. */
  readonly storage?: "file" | "memory";
  /** How long the first connection may take; default 30 s. */
  readonly firstConnectMs?: number;
  readonly log?: LinkLog;
}

/** How long `close` waits for handlers under way, and then for stores. */
const closeMs = 5_000;

const silent: LinkLog = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** Connects. Errors: no bus there within `firstConnectMs`, token refused, server too old. Once connected it stays by itself. */
export async function connectNats(options: NatsOptions): Promise<Bus> {
  const log = options.log ?? silent;
  const { servers, name, token, firstConnectMs } = options;
  const link = await openLink({
    servers,
    name,
    log,
    ...(token === undefined ? {} : { token }),
    ...(firstConnectMs === undefined ? {} : { firstConnectMs }),
  });
  return new NatsBus(link, log, { replicas: options.replicas ?? 1, storage: options.storage ?? "file" });
}

class NatsBus implements Bus {
  readonly #link: Link;
  readonly #log: LinkLog;
  readonly #publisher: Publisher;
  readonly #streams: Streams;
  readonly #buckets = new Map<string, Promise<Bucket>>();
  readonly #readers = new Set<Reader>();

  constructor(link: Link, log: LinkLog, options: { replicas: number; storage: "file" | "memory" }) {
    this.#link = link;
    this.#log = log;
    this.#publisher = new Publisher(link);
    this.#streams = new Streams(link, log, options);
  }

  get connected(): boolean {
    return this.#link.connected;
  }

  onConnection(listener: (connected: boolean) => void): () => void {
    return this.#link.onConnection(listener);
  }

  ensureStream(spec: StreamSpec): Promise<void> {
    return this.#streams.ensure(spec);
  }

  store(
    subject: string,
    data: Uint8Array,
    options: { id?: string; headers?: Record<string, string>; timeoutMs?: number },
  ): Promise<PubAck> {
    return this.#streams.pruner.around(subject, () => this.#publisher.store(subject, data, options));
  }

  async read(
    stream: string,
    filter: string,
    after: number,
    on: (message: Stored) => void | Promise<void>,
  ): Promise<Reader> {
    return this.#keep(
      await openReader(this.#link, this.#log, {
        stream,
        filter,
        start: { from: "after", sequence: after },
        on,
      }),
    );
  }

  async last(stream: string, subject: string): Promise<Stored | undefined> {
    return (await this.#streams.last(stream, subject))?.stored;
  }

  lastOfEach(stream: string, filter: string): Promise<Stored[]> {
    return this.#streams.lastOfEach(stream, filter);
  }

  remove(stream: string, sequence: number): Promise<void> {
    return this.#streams.remove(stream, sequence);
  }

  purge(stream: string, sequence: number, filter?: string): Promise<void> {
    return this.#streams.purge(stream, sequence, filter);
  }

  state(stream: string): Promise<StreamState> {
    return this.#streams.state(stream);
  }

  bucket(name: string): Promise<Bucket> {
    const known = this.#buckets.get(name);
    if (known) return known;
    const opened = openBucket(name, {
      link: this.#link,
      log: this.#log,
      publisher: this.#publisher,
      streams: this.#streams,
      keep: (reader) => this.#keep(reader),
    });
    this.#buckets.set(name, opened);
    opened.catch(() => this.#buckets.delete(name));
    return opened;
  }

  emit(subject: string, data: Uint8Array, headers?: Record<string, string>): void {
    if (!this.#link.connected) return;
    this.#link.connection.publish(subject, data, headers ? { headers: encodeHeaders(headers) } : {});
  }

  listen(subject: string, on: (message: Live) => void): Reader {
    const subscription = this.#link.connection.subscribe(subject, {
      callback: (error, message) => {
        if (!error) on(live(message));
      },
    });
    return this.#keep({
      stop: async () => {
        if (!this.#link.closed) subscription.unsubscribe();
      },
    });
  }

  async ask(subject: string, data: Uint8Array, timeoutMs: number): Promise<Uint8Array | undefined> {
    if (!this.#link.connected) return sleep(timeoutMs, undefined);
    try {
      return (await this.#link.connection.request(subject, data, { timeout: timeoutMs })).data;
    } catch {
      // Nobody listens, nobody answered in time, or the connection was lost: to the asker all one.
      return undefined;
    }
  }

  async askAll(subject: string, data: Uint8Array, timeoutMs: number): Promise<Uint8Array[]> {
    const answers: Uint8Array[] = [];
    if (!this.#link.connected) return sleep(timeoutMs, answers);
    try {
      const coming = await this.#link.connection.requestMany(subject, data, {
        strategy: "timer",
        maxWait: timeoutMs,
      });
      for await (const message of coming) answers.push(message.data);
    } catch {
      // As with `ask`: what came until then is the answer.
    }
    return answers;
  }

  async close(): Promise<void> {
    this.#streams.pruner.close();
    // A handler that never returns must not hold up the end of the process.
    await Promise.race([
      Promise.all([...this.#readers].map((reader) => reader.stop())),
      sleep(closeMs, undefined, { ref: false }),
    ]);
    await this.#publisher.close(closeMs);
    await this.#link.close();
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

function live(message: Msg): Live {
  return {
    subject: message.subject,
    headers: readHeaders(message.headers),
    data: message.data,
    answer: (data) => {
      if (message.reply) message.respond(data);
    },
  };
}
