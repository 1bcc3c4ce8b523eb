// Exactly one of ours reads a conference elsewhere; what the others hear is kept for a moment, so that another one reads on without gap
// and without double when he is gone. Pure.

export const readingLimits = {
  /** Keys of messages that were passed on. */
  passed: 2_000,
  /** Messages that others heard and the reader has not; above it the oldest is forgotten. */
  unread: 1_000,
  /** What the reader has not heard after so long he does not hear: another one reads, milliseconds. */
  deafMs: 5_000,
} as const;

/** `Heard`: whatever was heard, passed on later. */
export class Reading<Reader, Heard> {
  #reader: Reader | undefined;
  readonly #passed = new Set<string>();
  readonly #unread = new Map<string, { readonly heard: Heard; readonly at: number }>();

  get reader(): Reader | undefined {
    return this.#reader;
  }

  /** What was passed on by somebody else. */
  restore(keys: readonly string[]): void {
    for (const key of keys) this.#note(key);
  }

  /** Whether this is to be passed on now. Without a key only the reader's ears count. */
  hear(who: Reader, key: string | undefined, heard: Heard, now: number): boolean {
    const isReader = who === this.#reader;
    if (key === undefined) return isReader;
    if (this.#passed.has(key)) return false;
    if (isReader) {
      this.#note(key);
      return true;
    }
    if (this.#unread.has(key)) return false;
    this.#unread.set(key, { heard, at: now });
    const oldest = this.#unread.size > readingLimits.unread ? this.#unread.keys().next().value : undefined;
    if (oldest !== undefined) this.#unread.delete(oldest);
    return false;
  }

  /** From now on this one reads; what is to be passed on because the one before him has not heard it. */
  change(reader: Reader | undefined): Heard[] {
    this.#reader = reader;
    if (reader === undefined) return [];
    const waiting = [...this.#unread];
    for (const [key] of waiting) this.#note(key);
    return waiting.map(([, { heard }]) => heard);
  }

  /** Whether the reader has missed what others heard. */
  isDeaf(now: number): boolean {
    const [oldest] = this.#unread.values();
    return oldest !== undefined && now - oldest.at > readingLimits.deafMs;
  }

  #note(key: string): void {
    this.#unread.delete(key);
    this.#passed.add(key);
    const oldest = this.#passed.size > readingLimits.passed ? this.#passed.keys().next().value : undefined;
    if (oldest !== undefined) this.#passed.delete(oldest);
  }
}
