// What an accepted MESSAGE is answered, for the same one that comes again because the answer was lost (RFC 3261 §17.2.2 ends sooner).

import { knownMs } from "../session/repeats.ts";
import type { Answer } from "../session/respond.ts";
import { edgeLimits } from "./limits.ts";

export class Answers {
  readonly #after: (delayMs: number, call: () => void) => void;
  /** By event id: not given yet, or a refusal. What was taken is told by every later answer alike. */
  readonly #held = new Map<string, Promise<Answer>>();

  constructor(after: (delayMs: number, call: () => void) => void) {
    this.#after = after;
  }

  /** The answer to this event: the one that is on its way or was given, else what `find` says. */
  of(event: string, find: () => Promise<Answer>): Promise<Answer> {
    const standing = this.#held.get(event);
    if (standing !== undefined) return standing;
    const found = find();
    const oldest = this.#held.size >= edgeLimits.answers ? this.#held.keys().next().value : undefined;
    if (oldest !== undefined) this.#held.delete(oldest);
    this.#held.set(event, found);
    const forget = (): void => {
      if (this.#held.get(event) === found) this.#held.delete(event);
    };
    found.then(
      ({ status }) => (status < 300 ? forget() : this.#after(knownMs, forget)),
      forget, // Whoever asked hears of it himself.
    );
    return found;
  }
}
