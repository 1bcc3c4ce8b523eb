// New connections to a network one after another, so that a crowd does not look like an attack.
import type { Clock } from "#bus-schemas/service/service.ts";

export class Turnstile {
  readonly #clock: Clock;
  readonly #everyMs: number;
  readonly #queue: (() => void)[] = [];
  #turning = false;

  constructor(clock: Clock, everyMs: number) {
    this.#clock = clock;
    this.#everyMs = everyMs;
  }

  /** Calls `go` at once, or when those before it have gone and `everyMs` has passed after each. */
  pass(go: () => void): void {
    this.#queue.push(go);
    if (!this.#turning) this.#turn();
  }

  #turn(): void {
    const go = this.#queue.shift();
    this.#turning = go !== undefined;
    if (go === undefined) return;
    this.#clock.after(this.#everyMs, () => this.#turn());
    go();
  }
}
