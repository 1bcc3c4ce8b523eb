// JetStream's streams: made, checked, looked into, cut.

import { BusTimeout, type Stored, type StreamSpec, type StreamState } from "../port.ts";
import { isServers, parseHeaders } from "./headers.ts";
import { ApiError, type Link, type LinkLog } from "./link.ts";
import { Pruner } from "./pruner.ts";
import { openReader } from "./reader.ts";

export interface StreamsOptions {
  readonly replicas: number;
  readonly storage: "file" | "memory";
}

export interface StreamConfig {
  readonly name: string;
  readonly subjects: readonly string[];
  readonly retention: "limits";
  readonly storage: "file" | "memory";
  readonly num_replicas: number;
  readonly discard: "new";
  readonly max_bytes: number;
  readonly max_age: 0;
  readonly max_msgs: -1;
  readonly max_msgs_per_subject: number;
  readonly duplicate_window: number;
  readonly allow_direct: false;
}

/** More at once would hold up publishers: 90,000 took 43 ms. */
const purgeStep = 5_000;
/** The server knows no "never"; this is the shortest it takes. */
const shortestWindowMs = 100;
const listTimeoutMs = 30_000;
const noMessage = 10037;
// Deleting what is gone already: one number when it is a hole, another with words when it is beyond the ends.
const isGone = (error: ApiError): boolean =>
  error.errCode === noMessage ||
  error.errCode === 10043 ||
  (error.errCode === 10057 && /no message found|deleted message|EOF/.test(error.message));

interface Info {
  readonly config: StreamConfig;
  readonly state: { messages: number; bytes: number; first_seq: number; last_seq: number };
}

interface StoredMessage {
  readonly subject: string;
  readonly seq: number;
  readonly time: string;
  readonly hdrs?: string;
  readonly data?: string;
}

/** A stored message with all its headers, NATS's own too. */
export interface Looked {
  readonly stored: Stored;
  readonly allHeaders: Readonly<Record<string, string>>;
}

/** Marks streams of kind `latest`; never reached, as the pruner keeps far below it (see pruner.ts for why). */
const latestBound = 1_000_000;

export class Streams {
  readonly #link: Link;
  readonly #log: LinkLog;
  readonly #options: StreamsOptions;
  /** The last sequence that each stream is known to have reached. */
  readonly #ends = new Map<string, number>();

  /** What is stored under subjects of `latest` streams goes through it. */
  readonly pruner: Pruner;

  constructor(link: Link, log: LinkLog, options: StreamsOptions) {
    this.pruner = new Pruner(link, log);
    this.#link = link;
    this.#log = log;
    this.#options = options;
  }

  /** Makes the stream, or checks the one that is there; its size and window are brought to what is asked. */
  async ensure(spec: StreamSpec): Promise<void> {
    const config: StreamConfig = {
      name: spec.name,
      subjects: spec.subjects,
      retention: "limits",
      storage: this.#options.storage,
      num_replicas: this.#options.replicas,
      // Refuse rather than lose; a newer one of the same subject still takes the place of the older.
      discard: "new",
      max_bytes: spec.maxBytes,
      max_age: 0,
      max_msgs: -1,
      max_msgs_per_subject: spec.keep === "latest" ? latestBound : -1,
      duplicate_window: Math.max(shortestWindowMs, spec.duplicateWindowMs) * 1e6,
      allow_direct: false,
    };
    const there = await this.#info(spec.name).catch((error: unknown) => {
      if (error instanceof ApiError && error.code === 404) return undefined;
      throw error;
    });
    if (!there) await this.#create(config);
    else await this.#compare(config, there.config);
    if (spec.keep === "latest") this.pruner.add(spec.name, spec.subjects);
  }

  async #create(config: StreamConfig): Promise<void> {
    try {
      await this.#link.api(`STREAM.CREATE.${config.name}`, config);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      // Another process was quicker: then it must be like ours.
      const there = await this.#info(config.name).catch(() => undefined);
      if (!there) throw error;
      await this.#compare(config, there.config);
    }
  }

  async #compare(wanted: StreamConfig, there: StreamConfig): Promise<void> {
    const fixed = ["retention", "storage", "discard", "max_msgs_per_subject"] as const;
    const unlike = fixed
      .filter((key) => wanted[key] !== there[key])
      .map((key) => `${key} is ${there[key]}, not ${wanted[key]}`);
    if ([...wanted.subjects].sort().join() !== [...there.subjects].sort().join()) {
      unlike.push(`subjects are ${there.subjects.join(" ")}, not ${wanted.subjects.join(" ")}`);
    }
    if (there.max_age !== 0) unlike.push("it forgets by age");
    if (unlike.length > 0)
      throw new Error(`stream ${wanted.name} on the bus is another one: ${unlike.join("; ")}`);
    if (wanted.num_replicas !== there.num_replicas) {
      const facts = { stream: wanted.name, wanted: wanted.num_replicas, there: there.num_replicas };
      this.#log.warn(facts, "stream has another number of replicas");
    }
    if (wanted.max_bytes === there.max_bytes && wanted.duplicate_window === there.duplicate_window) return;
    const { max_bytes, duplicate_window } = wanted;
    await this.#link.api(`STREAM.UPDATE.${wanted.name}`, { ...there, max_bytes, duplicate_window });
  }

  #info(stream: string): Promise<Info> {
    return this.#link.api<Info>(`STREAM.INFO.${stream}`);
  }

  async state(stream: string): Promise<StreamState> {
    const { state } = await this.#info(stream);
    return {
      messages: state.messages,
      bytes: state.bytes,
      firstSequence: state.first_seq,
      lastSequence: state.last_seq,
    };
  }

  /** The last one under this subject, from the stream's leader, so never an old one. */
  async last(stream: string, subject: string): Promise<Looked | undefined> {
    try {
      const { message } = await this.#link.api<{ message: StoredMessage }>(`STREAM.MSG.GET.${stream}`, {
        last_by_subj: subject,
      });
      return looked(message);
    } catch (error) {
      if (error instanceof ApiError && error.errCode === noMessage) return undefined;
      throw error;
    }
  }

  /** The last one of each subject that matches, in the order of their storing. */
  lastOfEach(stream: string, filter: string): Promise<Stored[]> {
    return new Promise((resolve, reject) => {
      const found = new Map<string, Stored>();
      // Those that were there when the listing began come first, in order: so many messages mean all of them.
      let awaited = 0;
      const late = setTimeout(
        () => end(new BusTimeout(`${stream} was not listed within ${listTimeoutMs} ms`)),
        listTimeoutMs,
      );
      const end = (error?: Error): void => {
        clearTimeout(late);
        void reader.then(
          (open) => open.stop(),
          () => undefined,
        );
        if (error) reject(error);
        else resolve([...found.values()]);
      };
      const reader = openReader(this.#link, this.#log, {
        stream,
        filter,
        start: { from: "last-of-each" },
        on: (message) => {
          found.delete(message.subject);
          found.set(message.subject, message);
          awaited -= 1;
          if (awaited <= 0 || message.pending === 0) end();
        },
        onStart: (pending) => {
          found.clear();
          awaited = pending;
          if (pending === 0) end();
        },
        // The last one was deleted while we were listing.
        onIdle: () => end(),
      });
      reader.catch(end);
    });
  }

  async remove(stream: string, sequence: number): Promise<void> {
    if (!(await this.#reached(stream, sequence))) return;
    try {
      await this.#link.api(`STREAM.MSG.DELETE.${stream}`, { seq: sequence, no_erase: true });
    } catch (error) {
      if (error instanceof ApiError && isGone(error)) return;
      throw error;
    }
  }

  /** A 2.9 cluster that is asked to delete beyond the end never answers, and resets its stream: so never ask. */
  async #reached(stream: string, sequence: number): Promise<boolean> {
    if (sequence > (this.#ends.get(stream) ?? 0))
      this.#ends.set(stream, (await this.state(stream)).lastSequence);
    return sequence >= 1 && sequence <= (this.#ends.get(stream) ?? 0);
  }

  async purge(stream: string, sequence: number, filter?: string): Promise<void> {
    const { state } = await this.#info(stream);
    const end = Math.min(sequence, state.last_seq) + 1;
    const of = filter === undefined ? {} : { filter };
    // The server keeps the sequence that it is given.
    for (let keep = state.first_seq + purgeStep; keep < end; keep += purgeStep) {
      await this.#link.api(`STREAM.PURGE.${stream}`, { seq: keep, ...of });
    }
    if (end > state.first_seq) await this.#link.api(`STREAM.PURGE.${stream}`, { seq: end, ...of });
  }
}

function looked(message: StoredMessage): Looked {
  const allHeaders = message.hdrs ? parseHeaders(Buffer.from(message.hdrs, "base64").toString("utf8")) : {};
  const headers = Object.fromEntries(Object.entries(allHeaders).filter(([name]) => !isServers(name)));
  const data = new Uint8Array(Buffer.from(message.data ?? "", "base64"));
  const storedAt = Math.floor(Date.parse(message.time));
  return {
    stored: { subject: message.subject, sequence: message.seq, storedAt, headers, data, pending: 0 },
    allHeaders,
  };
}
