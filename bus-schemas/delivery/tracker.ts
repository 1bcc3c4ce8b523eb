// The cursor of one lane: everything up to it is settled. Pure. Items settle in any order; the cursor moves when its head does.

export class Tracker {
  #cursor: number;
  readonly #order: number[] = [];
  #head = 0;
  readonly #settled: Set<number>;

  /** Continues where a ledger record stood: `above` were settled already beyond the cursor. */
  constructor(cursor: number, above: readonly number[]) {
    this.#cursor = cursor;
    this.#settled = new Set(above);
  }

  /** Everything up to and including this sequence is settled. */
  get cursor(): number {
    return this.#cursor;
  }

  /** How many have been read and are not settled. */
  get open(): number {
    return this.#order.length - this.#head - this.#settledBeyondHead();
  }

  /** Takes note of the next one read; false if it was settled before (a successor reads it again). */
  read(sequence: number): boolean {
    this.#order.push(sequence);
    if (!this.#settled.has(sequence)) return true;
    this.#advance();
    return false;
  }

  settle(sequence: number): void {
    this.#settled.add(sequence);
    this.#advance();
  }

  /** Those settled beyond the cursor, for the ledger record. */
  above(): number[] {
    return [...this.#settled].sort((a, b) => a - b);
  }

  #advance(): void {
    let next = this.#order[this.#head];
    while (next !== undefined && this.#settled.delete(next)) {
      this.#cursor = next;
      this.#head += 1;
      next = this.#order[this.#head];
    }
    if (this.#head > 1024) this.#order.splice(0, this.#head), (this.#head = 0);
  }

  #settledBeyondHead(): number {
    let count = 0;
    for (let at = this.#head; at < this.#order.length; at += 1)
      if (this.#settled.has(this.#order[at] ?? -1)) count += 1;
    return count;
  }
}
