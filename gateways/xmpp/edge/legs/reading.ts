// Exactly one of our occupants reads a foreign room; what the others hear is kept for a moment, so that another one reads on without gap
// and without double when he is gone: messages are known again by the room's id for them.
import { recall } from "../recall.ts";
import type { Seat } from "./seat.ts";

export const readingLimits = {
  /** Keys of messages that were passed on. */
  passed: 1_000,
  /** Messages that others heard and the reader has not. */
  unread: 1_000,
  /** What the reader has not heard after so long he does not hear: another one reads. */
  deafMs: 5_000,
} as const;

interface Unread {
  readonly pass: () => void;
  readonly at: number;
}

export class Reading {
  reader: Seat | undefined;
  readonly #passed = recall<true>(readingLimits.passed);
  readonly #unread = new Map<string, Unread>();

  /** Keys that an earlier process passed on. */
  restore(keys: readonly string[]): void {
    for (const key of keys) this.notePassed(key);
  }

  wasPassed(key: string): boolean {
    return this.#passed.get(key) === true;
  }

  notePassed(key: string): void {
    this.#passed.set(key, true);
    this.#unread.delete(key);
  }

  /** Somebody heard a message: it is passed on if he is the reader and nobody was before, else kept. */
  hear(seat: Seat, key: string | undefined, now: number, pass: () => void): void {
    const isReader = seat === this.reader;
    if (key === undefined) {
      if (isReader) pass();
      return;
    }
    if (this.wasPassed(key)) return;
    if (isReader) {
      this.notePassed(key);
      pass();
    } else if (!this.#unread.has(key) && this.#unread.size < readingLimits.unread)
      this.#unread.set(key, { pass, at: now });
  }

  /** From now on this one reads; what the one before him has not heard is passed on first. */
  change(seat: Seat | undefined): void {
    this.reader = seat;
    if (seat === undefined) return;
    for (const [key, { pass }] of [...this.#unread]) {
      this.notePassed(key);
      pass();
    }
  }

  /** Whether the reader has missed what others heard. */
  isDeaf(now: number): boolean {
    const [oldest] = this.#unread.values();
    return oldest !== undefined && now - oldest.at > readingLimits.deafMs;
  }
}
