// The cursor of one lane: everything up to it is settled. Pure. Items settle in any order; the cursor moves when its head does.

export class Tracker {
  #cursor: number;
  readonly #order: number[] = [];
  #head = 0;
  #open = 0;
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
    return this.#open;
  }

  /** Takes note of the next one read; false if it was settled before (a successor reads it again). */
  read(sequence: number): boolean {
    this.#order.push(sequence);
    if (this.#settled.has(sequence)) {
      this.#advance();
      return false;
    }
    this.#open += 1;
    return true;
  }

  /** Settles one that has not been read yet; false if it was settled before. */
  settleUnread(sequence: number): boolean {
    if (sequence <= this.#cursor || this.#settled.has(sequence)) return false;
    this.#settled.add(sequence);
    return true;
  }

  settle(sequence: number): void {
    this.#open -= 1;
    this.#settled.add(sequence);
    this.#advance();
  }

  /** Those settled beyond the cursor, for the ledger record. */
  above(): number[] {
    return this.#settled.size === 0 ? [] : [...this.#settled].sort((a, b) => a - b);
  }

  #advance(): void {
    let next = this.#order[this.#head];
    while (next !== undefined && this.#settled.delete(next)) {
      this.#cursor = next;
      this.#head += 1;
      next = this.#order[this.#head];
    }
    if (this.#head > 1024) {
      this.#order.splice(0, this.#head);
      this.#head = 0;
    }
  }
}
