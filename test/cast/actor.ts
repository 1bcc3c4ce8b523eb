// What an actor of a play can do and tell: says, hears, is told what became of what he said, and outlives breaks. No gateway code.

/** What became of one `say`, as far as the protocol itself answers. */
export interface Sent {
  /** The id that the actor's own client gave it; reports name it, where the protocol has ids. */
  readonly id: string;
  /** Milliseconds of `performance.now()` when it was first written. */
  readonly at: number;
  /** SIP: final response; web: ack or error; XMPP: stream management; IRC and whoever got no answer: none. */
  readonly answer: "accepted" | "refused" | "none";
  /** The SIP status or the web's error code. */
  readonly code?: string;
}

/** One message that was shown to the actor's user. */
export interface Heard {
  /** Who speaks, as the protocol names him: `local@domain`, on IRC the nick. */
  readonly from: string;
  readonly text: string;
  /** The id by which this client knows it again, where the protocol has one. */
  readonly id: string | undefined;
  /** Milliseconds of `performance.now()`. */
  readonly at: number;
  /** Whatever else the protocol showed: subject, kind, when it was written. */
  readonly more: Readonly<Record<string, string>>;
}

/** A report about a message of this actor: a failure, or how far it came. */
export interface Report {
  readonly kind: "failed" | "uncertain" | "handed" | "delivered" | "displayed";
  /** The message's own id, where the protocol names it. */
  readonly id: string | undefined;
  /** The protocol's code: a status, a condition, a state. */
  readonly code: string | undefined;
  readonly text: string;
  readonly from: string;
  readonly at: number;
}

export interface Actor {
  /** `local@domain`. */
  readonly address: string;
  /** Says one thing; resolves when the protocol has answered, or cannot. Throws only if the protocol cannot say this at all. */
  say(to: string, text: string): Promise<Sent>;
  /** The first message that fits, heard already or to come; rejects after `withinMs` with what was heard. */
  heard(match: (message: Heard) => boolean, withinMs: number): Promise<Heard>;
  /** The same for reports. */
  told(match: (report: Report) => boolean, withinMs: number): Promise<Report>;
  readonly messages: readonly Heard[];
  readonly reports: readonly Report[];
  /** Messages that came again and were recognised as the same, so that no user saw them twice. */
  readonly again: number;
  /** Breaks the connection without a word; it comes back by itself. */
  break(): void;
  /** Stops reading from its connection, as a program that hangs. */
  pause(): void;
  resume(): void;
  /** Goes away in order. */
  close(): Promise<void>;
}

interface Waiter<T> {
  readonly match: (one: T) => boolean;
  readonly resolve: (one: T) => void;
}

/** A list that can be waited on. */
export class Ear<T> {
  readonly all: T[] = [];
  readonly #name: string;
  readonly #waiters = new Set<Waiter<T>>();

  constructor(name: string) {
    this.#name = name;
  }

  add(one: T): void {
    this.all.push(one);
    for (const waiter of this.#waiters) if (waiter.match(one)) waiter.resolve(one);
  }

  /** The first that fits, of all so far or to come. */
  next(match: (one: T) => boolean, withinMs: number): Promise<T> {
    const found = this.all.find(match);
    if (found !== undefined) return Promise.resolve(found);
    // Made here, so that its stack names the line of the play.
    const late = new Error(`${this.#name}: nothing of the kind within ${withinMs} ms`);
    return new Promise((resolve, reject) => {
      const end = (settle: () => void): void => {
        clearTimeout(timer);
        this.#waiters.delete(waiter);
        settle();
      };
      const waiter: Waiter<T> = { match, resolve: (one) => end(() => resolve(one)) };
      const timer = setTimeout(() => {
        late.message += `; there were ${this.all.length}, the last: ${JSON.stringify(this.all.slice(-5)).slice(0, 1500)}`;
        end(() => reject(late));
      }, withinMs);
      this.#waiters.add(waiter);
    });
  }
}

/** Resolves with what `promise` gives, or with undefined after `ms`. */
export async function within<T>(promise: Promise<T>, ms: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), ms);
  });
  return await Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Tries until it succeeds or `ended` says so, with pauses from 20 ms to half a second. */
export async function retry(attempt: () => Promise<void>, ended: () => boolean): Promise<void> {
  for (let pause = 20; !ended(); pause = Math.min(500, pause * 1.5)) {
    try {
      return await attempt();
    } catch {
      // Not there yet: asked again.
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
}
