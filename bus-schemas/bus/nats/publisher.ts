// Stores with confirmation, pipelined: one reply subscription, a window, repetition with the same id until confirmed.
// The client's own publish() costs four times as much, and gives up at the first lost connection.
import type { Msg, MsgHdrs } from "@nats-io/transport-node";
import { BusFull, BusTimeout, type PubAck } from "../port.ts";
import { Fifo } from "./fifo.ts";
import { encodeHeaders } from "./headers.ts";
import type { Link } from "./link.ts";

/** Unconfirmed at the server at one time. */
const windowSize = 512;
/** Accepted by `store` and not yet sent; above it the bus is called full. */
const waitingLimit = 65_536;
const defaultTimeoutMs = 60_000;
/** Without an answer for so long, one is sent again: longer than a busy server ever takes, shorter than an election. */
const answerMs = 2_000;
/** After "no responders" or "no leader". */
const pauseMs = 100;
const tickMs = 50;

/** JetStream's errors that mean: no room (server's list: 10002, 10023, 10047; 10077 with its words). */
const fullErrors = new Set([10002, 10023, 10047]);
const wrongSequence = 10071;

/** The subject's last sequence was not the expected one: somebody else has created it. */
export class AlreadyThere extends Error {
  override readonly name = "AlreadyThere";
}

export interface StoreOptions {
  readonly id?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
}

interface Entry {
  readonly number: number;
  readonly subject: string;
  readonly data: Uint8Array;
  readonly headers: MsgHdrs;
  readonly deadline: number;
  readonly timeoutMs: number;
  /** `queued`: not sent now. `flying`: sent, counts in the window. */
  state: "queued" | "flying";
  /** Flying: when to doubt. Queued in a lane: when to try. */
  dueAt: number;
  readonly resolve: (ack: PubAck) => void;
  readonly reject: (error: Error) => void;
}

interface Answer {
  seq?: number;
  duplicate?: boolean;
  error?: { code?: number; err_code?: number; description?: string };
}

/**
 * A subject in trouble gets a lane: what is unconfirmed and what comes new waits there in order, and only the first is
 * tried. So one stream without a leader neither holds up the others nor gets its messages in a new order.
 */
export class Publisher {
  readonly #link: Link;
  readonly #prefix: string;
  /** All that was ever sent and is not yet confirmed, by reply number. */
  readonly #open = new Map<number, Entry>();
  #flying = 0;
  readonly #queue = new Fifo<Entry>();
  readonly #lanes = new Map<string, Entry[]>();
  #number = 0;
  #timer: NodeJS.Timeout | undefined;
  #idle: (() => void)[] = [];

  constructor(link: Link) {
    this.#link = link;
    this.#prefix = `${link.inbox}.`;
    link.connection.subscribe(`${this.#prefix}*`, {
      callback: (error, message) => {
        if (!error) this.#answer(message);
      },
    });
    link.onConnection((connected) => {
      if (connected) this.#repeatAll();
    });
  }

  store(subject: string, data: Uint8Array, options: StoreOptions): Promise<PubAck> {
    return new Promise((resolve, reject) => {
      if (this.#queue.length + this.#open.size >= waitingLimit) {
        return reject(new BusFull(`${waitingLimit} messages wait to be stored already`));
      }
      this.#number += 1;
      const timeoutMs = options.timeoutMs ?? defaultTimeoutMs;
      const id = options.id ?? `${this.#prefix}${this.#number.toString(36)}`;
      const entry: Entry = {
        number: this.#number,
        subject,
        data,
        headers: encodeHeaders({ ...options.headers, "Nats-Msg-Id": id }),
        deadline: performance.now() + timeoutMs,
        timeoutMs,
        state: "queued",
        dueAt: 0,
        resolve,
        reject,
      };
      const lane = this.#lanes.get(subject);
      if (lane) {
        this.#open.set(entry.number, entry);
        lane.push(entry);
      } else if (this.#queue.length === 0 && this.#mayFly()) {
        this.#fly(entry);
      } else {
        this.#queue.push(entry);
      }
      this.#timer ??= setInterval(() => this.#tick(), tickMs);
    });
  }

  /** Resolves when nothing is open, at most after `timeoutMs`; what is open then is rejected. */
  async close(timeoutMs: number): Promise<void> {
    if (this.#open.size + this.#queue.length > 0) {
      await new Promise<void>((resolve) => {
        const late = setTimeout(resolve, timeoutMs);
        this.#idle.push(() => {
          clearTimeout(late);
          resolve();
        });
      });
    }
    clearInterval(this.#timer);
    const left = [...this.#open.values(), ...this.#queue.take(() => true)];
    this.#open.clear();
    this.#lanes.clear();
    for (const entry of left) entry.reject(new BusTimeout("the bus was closed before this was confirmed"));
  }

  #mayFly(): boolean {
    return this.#flying < windowSize && this.#link.connected;
  }

  #fly(entry: Entry): void {
    entry.state = "flying";
    entry.dueAt = performance.now() + answerMs;
    this.#flying += 1;
    this.#open.set(entry.number, entry);
    try {
      this.#link.connection.publish(entry.subject, entry.data, {
        reply: this.#prefix + entry.number.toString(36),
        headers: entry.headers,
      });
    } catch (cause) {
      // Too large for the server, or a subject that is none: no repetition would help.
      this.#settle(entry);
      entry.reject(new Error(`cannot be stored under ${entry.subject}`, { cause }));
    }
  }

  #answer(message: Msg): void {
    const entry = this.#open.get(Number.parseInt(message.subject.slice(this.#prefix.length), 36));
    if (!entry) return;
    const { data } = message;
    // An empty answer is the server's "no responders": no stream there, or none that has a leader now.
    if (data.length === 0) return this.#trouble(entry, pauseMs);
    const answer = JSON.parse(
      Buffer.from(data.buffer, data.byteOffset, data.length).toString("latin1"),
    ) as Answer;
    if (answer.error) return this.#refused(entry, answer.error);
    // A duplicate of one that a cluster is still storing has no number yet.
    if (!answer.seq) return this.#trouble(entry, pauseMs);
    this.#settle(entry);
    entry.resolve({ sequence: answer.seq, duplicate: answer.duplicate === true });
  }

  #refused(entry: Entry, error: NonNullable<Answer["error"]>): void {
    const words = `${error.description ?? "refused"} (${error.err_code ?? 0})`;
    const full = fullErrors.has(error.err_code ?? 0) || /maximum (bytes|messages)/.test(words);
    if (!full && error.code === 503) return this.#trouble(entry, pauseMs);
    this.#settle(entry);
    if (full) entry.reject(new BusFull(`${entry.subject}: ${words}`));
    else if (error.err_code === wrongSequence) entry.reject(new AlreadyThere(words));
    else entry.reject(new Error(`not stored under ${entry.subject}: ${words}`));
  }

  /** The entry has its end; its subject is well again, so its lane is emptied. */
  #settle(entry: Entry): void {
    this.#forget(entry);
    const lane = this.#lanes.get(entry.subject);
    if (lane) {
      this.#lanes.delete(entry.subject);
      this.#queue.unshift(lane.filter((other) => other !== entry && other.state === "queued"));
    }
    this.#refill();
  }

  #forget(entry: Entry): void {
    this.#open.delete(entry.number);
    if (entry.state === "flying") this.#flying -= 1;
    if (this.#open.size + this.#queue.length > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    for (const done of this.#idle.splice(0)) done();
  }

  /** Not confirmed: back into the lane of its subject, at its old place. */
  #trouble(entry: Entry, pause: number): void {
    if (entry.state === "flying") this.#flying -= 1;
    entry.state = "queued";
    entry.dueAt = performance.now() + pause;
    const lane = this.#lanes.get(entry.subject);
    if (!lane) this.#lanes.set(entry.subject, [entry]);
    else if (!lane.includes(entry)) {
      lane.push(entry);
      lane.sort((a, b) => a.number - b.number);
    }
  }

  #refill(): void {
    while (this.#mayFly()) {
      const entry = this.#queue.shift();
      if (!entry) return;
      const lane = this.#lanes.get(entry.subject);
      if (lane) {
        this.#open.set(entry.number, entry);
        lane.push(entry);
      } else this.#fly(entry);
    }
  }

  /** After a reconnect nobody knows what arrived: all that was sent is sent again, in order, before anything new. */
  #repeatAll(): void {
    this.#flying = 0;
    this.#lanes.clear();
    const open = [...this.#open.values()].sort((a, b) => a.number - b.number);
    for (const entry of open) entry.state = "queued";
    this.#queue.unshift(open);
    this.#refill();
  }

  #tick(): void {
    const now = performance.now();
    for (const entry of this.#open.values()) {
      if (now >= entry.deadline) this.#late(entry);
      else if (entry.state === "flying" && now >= entry.dueAt && this.#link.connected)
        this.#trouble(entry, 0);
    }
    for (const entry of this.#queue.take((waiting) => now >= waiting.deadline)) this.#late(entry);
    for (const lane of this.#lanes.values()) {
      const first = lane[0];
      if (first?.state === "queued" && now >= first.dueAt && this.#mayFly()) this.#fly(first);
    }
    this.#refill();
  }

  #late(entry: Entry): void {
    this.#queue.take((other) => other === entry);
    const lane = this.#lanes.get(entry.subject)?.filter((other) => other !== entry);
    if (lane?.length) this.#lanes.set(entry.subject, lane);
    else if (lane) this.#lanes.delete(entry.subject);
    this.#forget(entry);
    entry.reject(new BusTimeout(`${entry.subject}: not confirmed within ${entry.timeoutMs} ms`));
  }
}
