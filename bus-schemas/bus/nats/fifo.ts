// A queue whose ends are cheap: Array.shift moves everything, which at thousands of entries is most of the work.

export class Fifo<T> {
  #items: T[] = [];
  #head = 0;

  get length(): number {
    return this.#items.length - this.#head;
  }

  push(item: T): void {
    this.#items.push(item);
  }

  shift(): T | undefined {
    if (this.length === 0) return undefined;
    const item = this.#items[this.#head];
    this.#head += 1;
    if (this.#head > 1_024 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }

  /** Puts these before all others, in their order. */
  unshift(items: readonly T[]): void {
    this.#items = [...items, ...this.toArray()];
    this.#head = 0;
  }

  /** Takes out all that `match`, and returns them. */
  take(match: (item: T) => boolean): T[] {
    const all = this.toArray();
    const taken = all.filter(match);
    if (taken.length > 0) {
      this.#items = all.filter((item) => !match(item));
      this.#head = 0;
    }
    return taken;
  }

  toArray(): T[] {
    return this.#items.slice(this.#head);
  }
}
