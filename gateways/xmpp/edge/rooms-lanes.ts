// The stanzas of one occupant, one after the other: what he did first is done first, whatever each has to wait for.

/** Lanes, one for each key that is in use. */
export class Lanes {
  readonly #tails = new Map<string, Promise<unknown>>();
  /** What was said and has not been sequenced yet: what follows it must not overtake it. */
  readonly #unsettled = new Map<string, Set<Promise<unknown>>>();

  /** Does the work when all earlier work of this key is done; its failure is its caller's. */
  async run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(key) ?? Promise.resolve();
    const mine = before.then(work, work);
    this.#tails.set(key, mine);
    try {
      return await mine;
    } finally {
      if (this.#tails.get(key) === mine) this.#tails.delete(key);
    }
  }

  /** Something was said whose place in the room will be known when this settles; it never rejects. */
  said(key: string, settled: Promise<unknown>): void {
    const set = this.#unsettled.get(key) ?? new Set();
    this.#unsettled.set(key, set);
    set.add(settled);
    void settled.then(() => {
      set.delete(settled);
      if (set.size === 0 && this.#unsettled.get(key) === set) this.#unsettled.delete(key);
    });
  }

  /** Resolves when all that was said so far has its place. */
  async settled(key: string): Promise<void> {
    await Promise.all(this.#unsettled.get(key) ?? []);
  }
}
