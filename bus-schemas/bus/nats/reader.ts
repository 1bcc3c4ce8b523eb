// Reads one filter of a stream in order: an ephemeral pull consumer that acknowledges nothing, made anew whenever in doubt.
// The client's ordered consumer is not used: after a quick restart of the server it may never resume.
import type { Msg, Subscription } from "@nats-io/transport-node";
import type { Reader, Stored } from "../port.ts";
import { readHeaders } from "./headers.ts";
import { ApiError, type Link, type LinkLog } from "./link.ts";

/** Kept in memory for a handler that is not ready: asked for again when half of it is used. */
const bufferLimit = 512;
/** How long one pull request stands at the server. */
const pullMs = 30_000;
/** The server says so often that it still knows the consumer; three missed mean that it does not. */
const heartbeatMs = 500;
/** A consumer without a reader is forgotten by the server. */
const inactiveMs = 60_000;
const restartPauseMs = 200;
/** A handler that throws is called again with the same message: skipping it would be a silent loss. */
const handlerPauseMs = 1_000;

type Start =
  | { readonly from: "after"; readonly sequence: number }
  /** The last one of each subject, then all that follows; after a restart again from the beginning, so with repetitions. */
  | { readonly from: "last-of-each" };

export interface Reading {
  readonly stream: string;
  readonly filter: string;
  readonly start: Start;
  on(message: Stored): void | Promise<void>;
  /** A new consumer stands, at first and after every restart, with how many it has to bring at once. */
  onStart?(pending: number): void;
  /** The server says that it has nothing more for now. */
  onIdle?(): void;
}

/** Starts reading; resolves when the first consumer stands. Errors: ApiError if the stream is unknown, BusTimeout. */
export async function openReader(link: Link, log: LinkLog, reading: Reading): Promise<Reader> {
  const reader = new NatsReader(link, log, reading);
  await reader.begin();
  return reader;
}

class NatsReader implements Reader {
  readonly #link: Link;
  readonly #log: LinkLog;
  readonly #reading: Reading;
  #buffer: Stored[] = [];
  /** The last sequence taken into the buffer; 0 for none yet. */
  #seen: number;
  #consumer: { name: string; subscription: Subscription; inbox: string; next: number } | undefined;
  #generation = 0;
  /** Asked of the server and not yet come. */
  #wanted = 0;
  #heardAt = 0;
  #busy: Promise<void> | undefined;
  #stopped = false;
  #stopping = new AbortController();
  #watch: NodeJS.Timeout | undefined;
  #restarting = false;
  readonly #forgetLink: () => void;

  constructor(link: Link, log: LinkLog, reading: Reading) {
    this.#link = link;
    this.#log = log;
    this.#reading = reading;
    this.#seen = reading.start.from === "after" ? reading.start.sequence : 0;
    this.#forgetLink = link.onConnection((connected) => {
      if (connected) void this.#restart("reconnected");
    });
  }

  async begin(): Promise<void> {
    try {
      await this.#open();
    } catch (error) {
      await this.stop();
      throw error;
    }
    this.#watch = setInterval(() => this.#listenForSilence(), heartbeatMs);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#forgetLink();
    clearInterval(this.#watch);
    this.#buffer = [];
    this.#stopping.abort();
    this.#close();
    await this.#busy;
  }

  async #open(): Promise<void> {
    const generation = ++this.#generation;
    const { stream, filter } = this.#reading;
    const answer = await this.#link.api<{ name: string; num_pending?: number }>(`CONSUMER.CREATE.${stream}`, {
      stream_name: stream,
      config: {
        ...this.#startConfig(),
        ack_policy: "none",
        replay_policy: "instant",
        filter_subject: filter,
        inactive_threshold: inactiveMs * 1e6,
        mem_storage: true,
        num_replicas: 1,
      },
    });
    if (this.#stopped || generation !== this.#generation) {
      this.#forgetConsumer(answer.name);
      return;
    }
    const inbox = `${this.#link.inbox}r.${answer.name}`;
    const subscription = this.#link.connection.subscribe(inbox, {
      callback: (error, message) => {
        if (!error && generation === this.#generation) this.#receive(message);
      },
    });
    this.#consumer = { name: answer.name, subscription, inbox, next: 1 };
    this.#wanted = 0;
    this.#reading.onStart?.(answer.num_pending ?? 0);
    this.#pull();
  }

  #startConfig(): object {
    if (this.#reading.start.from === "last-of-each") return { deliver_policy: "last_per_subject" };
    return { deliver_policy: "by_start_sequence", opt_start_seq: this.#seen + 1 };
  }

  #pull(): void {
    const room = bufferLimit - this.#buffer.length - this.#wanted;
    if (!this.#consumer || this.#stopped || room < bufferLimit / 2 || !this.#link.connected) return;
    this.#wanted += room;
    this.#heardAt = performance.now();
    const request = { batch: room, expires: pullMs * 1e6, idle_heartbeat: heartbeatMs * 1e6 };
    this.#link.connection.publish(
      `$JS.API.CONSUMER.MSG.NEXT.${this.#reading.stream}.${this.#consumer.name}`,
      JSON.stringify(request),
      { reply: this.#consumer.inbox },
    );
  }

  #receive(message: Msg): void {
    this.#heardAt = performance.now();
    const reply = message.reply;
    if (!reply?.startsWith("$JS.ACK.")) return this.#status(message);
    const place = parsePlace(reply);
    if (!this.#consumer || place.delivery !== this.#consumer.next) {
      void this.#restart("gap");
      return;
    }
    this.#consumer.next += 1;
    this.#wanted = Math.max(0, this.#wanted - 1);
    if (place.sequence > this.#seen || this.#reading.start.from === "last-of-each") {
      this.#seen = place.sequence;
      this.#buffer.push({
        subject: message.subject,
        sequence: place.sequence,
        storedAt: place.storedAt,
        headers: readHeaders(message.headers),
        data: message.data,
        pending: place.pending,
      });
    }
    this.#deliver();
  }

  #status(message: Msg): void {
    const status = message.headers;
    if (!status) return;
    if (status.code === 100) return this.#reading.onIdle?.();
    // 404 and 408: the request has run out; anything else says that the consumer or its leader is gone.
    if (status.code !== 404 && status.code !== 408) {
      void this.#restart(`${status.code} ${status.description}`);
      return;
    }
    const left = Number(status.get("Nats-Pending-Messages") || Number.NaN);
    this.#wanted = Number.isNaN(left) ? 0 : Math.max(0, this.#wanted - left);
    this.#pull();
  }

  #deliver(): void {
    while (!this.#busy && !this.#stopped) {
      const message = this.#buffer.shift();
      if (!message) break;
      let promise: void | Promise<void>;
      try {
        promise = this.#reading.on(message);
      } catch (error) {
        promise = Promise.reject(error);
      }
      if (promise) this.#busy = this.#settle(message, promise);
    }
    this.#pull();
  }

  async #settle(message: Stored, promise: Promise<void>): Promise<void> {
    for (let again = promise; ; again = this.#again(message)) {
      try {
        await again;
        break;
      } catch (error) {
        const facts = { stream: this.#reading.stream, sequence: message.sequence, error: String(error) };
        this.#log.error(facts, "handler of a stored message failed, it is called again");
        await pause(handlerPauseMs, this.#stopping.signal);
        if (this.#stopped) break;
      }
    }
    this.#busy = undefined;
    this.#deliver();
  }

  async #again(message: Stored): Promise<void> {
    await this.#reading.on(message);
  }

  #listenForSilence(): void {
    if (this.#wanted > 0 && this.#link.connected && performance.now() - this.#heardAt > 3 * heartbeatMs) {
      void this.#restart("silence");
    }
  }

  async #restart(why: string): Promise<void> {
    if (this.#stopped) return;
    this.#close();
    if (this.#restarting) return;
    this.#restarting = true;
    const facts = { stream: this.#reading.stream, filter: this.#reading.filter, why };
    this.#log.info(facts, "reader starts again");
    while (!this.#stopped && !this.#consumer) {
      try {
        await this.#open();
      } catch (error) {
        if (this.#link.closed) break;
        const unknown = error instanceof ApiError && error.code === 404;
        this.#log.warn(
          { ...facts, error: String(error) },
          unknown ? "stream to be read is unknown" : "reader cannot start",
        );
        await pause(unknown ? handlerPauseMs : restartPauseMs, this.#stopping.signal);
      }
    }
    this.#restarting = false;
  }

  #close(): void {
    this.#generation += 1;
    this.#wanted = 0;
    const consumer = this.#consumer;
    if (!consumer) return;
    this.#consumer = undefined;
    if (this.#link.closed) return;
    consumer.subscription.unsubscribe();
    this.#forgetConsumer(consumer.name);
  }

  /** Not waited for: an orphan is forgotten by the server after `inactiveMs` anyway. */
  #forgetConsumer(name: string): void {
    if (this.#link.connected)
      this.#link.connection.publish(`$JS.API.CONSUMER.DELETE.${this.#reading.stream}.${name}`);
  }
}

interface Place {
  readonly sequence: number;
  /** Counts what the consumer has sent, from 1 without a hole. */
  readonly delivery: number;
  readonly storedAt: number;
  readonly pending: number;
}

/** The reply subject of a delivered message; newer servers put a domain and an account before the stream. */
export function parsePlace(reply: string): Place {
  const tokens = reply.split(".");
  const stream = tokens.length >= 11 ? 4 : 2;
  const number = (index: number): number => Number(tokens[stream + index]);
  return {
    sequence: number(3),
    delivery: number(4),
    storedAt: Math.floor(number(5) / 1e6),
    pending: number(6),
  };
}

function pause(delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, delayMs);
    signal.addEventListener("abort", done, { once: true });
  });
}
