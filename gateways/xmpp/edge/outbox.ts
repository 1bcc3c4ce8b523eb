// What has been handed to one component and is not taken by the server yet: in order, through broken streams, for a while.
import type { Clock } from "#bus-schemas/service/service.ts";
import { type BarrierInput, openBarrier, step } from "../session/barrier.ts";
import { type Element, ns } from "../wire/element.ts";
import { print } from "../wire/print.ts";

export const limits = {
  /** Stanzas written or to be written that the server has not taken; above it new ones are turned away. */
  stanzas: 20_000,
  /** A message that the server has not taken by then goes back: the courier waits 40 s. */
  takeMs: 35_000,
  /** A barrier that is not answered: the stream is dead. */
  barrierMs: 20_000,
  /** A quiet stream is tried so often. */
  quietMs: 30_000,
} as const;

/** What became of a stanza that was handed over with a barrier. `untaken`: nobody took it, or nobody knows. */
export type Handed =
  | { readonly end: "taken" }
  | { readonly end: "refused"; readonly error: Element }
  | { readonly end: "untaken"; readonly written: boolean };

/** What is to be printed when it is written: for a server that addresses one stanza to many itself, and for any other. */
export interface Printed {
  readonly fan: () => string;
  readonly plain: () => string;
}

interface Pending {
  readonly id: string;
  readonly text: string | Printed;
  readonly since: number;
  readonly settle: (handed: Handed) => void;
  /** Kept through broken streams however long they are away: its sender counts what he hands over himself. */
  readonly kept: boolean;
  written: boolean;
}

export interface OutboxOptions {
  readonly clock: Clock;
  /** Writes to the running stream; false when there is none. */
  readonly write: (text: string) => boolean;
  /** Whether the stream as it runs now knows `<fan/>`. */
  readonly fans: () => boolean;
  /** The element that is a barrier on the stream as it runs now. */
  readonly barrier: (token: string) => Element;
}

export class Outbox {
  readonly #options: OutboxOptions;
  readonly #pending = new Map<string, Pending>();
  #barrier = openBarrier;
  #barrierAt = 0;

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#pending.size;
  }

  /** Resolves when the server has taken it, or it goes back. Never two at once with one id. */
  hand(id: string, stanza: Element, running: boolean): Promise<Handed> {
    if (this.#pending.size >= limits.stanzas || this.#pending.has(id))
      return Promise.resolve({ end: "untaken", written: false });
    return this.#hand(id, print(stanza, ns.component), false, running);
  }

  /**
   * As `hand`, for stanzas that belong together; kept until they are taken or all is given back.
   * `id` is no stanza's id, so errors do not touch it. How much of this there may be is the caller's to limit.
   */
  handText(id: string, text: Printed, running: boolean): Promise<Handed> {
    return this.#hand(id, text, true, running);
  }

  #hand(id: string, text: string | Printed, kept: boolean, running: boolean): Promise<Handed> {
    return new Promise((settle) => {
      const since = this.#options.clock.monotonic();
      const pending: Pending = { id, text, since, settle, kept, written: false };
      this.#pending.set(id, pending);
      if (running) this.#write(pending);
    });
  }

  /** A stream runs: what nobody is known to have taken goes out again, in its order, under the same ids. */
  writeAll(): void {
    for (const pending of this.#pending.values()) this.#write(pending);
  }

  /** True if the server's answer was for the barrier under way. */
  answered(token: string | undefined): boolean {
    if (token === undefined || token !== this.#barrier.token) return false;
    this.#drive({ kind: "answered", token });
    return true;
  }

  /** An error stanza came: true if it was for something not yet taken, which is thereby refused. */
  refuse(id: string, error: Element): boolean {
    if (!this.#pending.has(id)) return false;
    this.#drive({ kind: "error", id });
    this.#settle(id, { end: "refused", error });
    return true;
  }

  /** The stream is gone: all that is pending stays for the next one. */
  lost(): void {
    this.#drive({ kind: "lost" });
  }

  /** Gives all back that is not taken. */
  giveBack(): void {
    for (const { id, written } of [...this.#pending.values()]) this.#settle(id, { end: "untaken", written });
  }

  /**
   * Called every few seconds: gives back what is too old, and looks after the stream: "dead" if the server does not answer.
   * While we do not read (`deaf`) no answer can be heard.
   */
  tick(running: boolean, deaf: boolean): "dead" | undefined {
    const now = this.#options.clock.monotonic();
    if (deaf) this.#barrierAt = now;
    // The oldest come first.
    for (const { id, since, written, kept } of this.#pending.values()) {
      if (now - since < limits.takeMs) break;
      if (kept) continue;
      this.#settle(id, { end: "untaken", written });
    }
    if (!running) return undefined;
    const age = now - this.#barrierAt;
    if (this.#barrier.token !== undefined) return age > limits.barrierMs ? "dead" : undefined;
    if (age > limits.quietMs) this.#drive({ kind: "wrote", id: "quiet" });
    return undefined;
  }

  #write(pending: Pending): void {
    const { text } = pending;
    const form = typeof text === "string" ? text : this.#options.fans() ? text.fan() : text.plain();
    if (!this.#options.write(form)) return;
    pending.written = true;
    this.#drive({ kind: "wrote", id: pending.id });
  }

  #drive(input: BarrierInput): void {
    const [next, outputs] = step(this.#barrier, input);
    this.#barrier = next;
    for (const output of outputs) {
      if (output.do === "taken") for (const id of output.ids) this.#settle(id, { end: "taken" });
      else if (output.do === "send-barrier") {
        this.#barrierAt = this.#options.clock.monotonic();
        this.#options.write(print(this.#options.barrier(output.token), ns.component));
      }
    }
  }

  #settle(id: string, handed: Handed): void {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    pending?.settle(handed);
  }
}
