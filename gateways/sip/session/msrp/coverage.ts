// Which bytes of a sent message have been reported as received (RFC 4975 §7.1.4: incremental or total, in any order).
import type { ByteRange } from "../../wire/msrp/head.ts";

/** Separate stretches that are remembered: above it the report is not counted, and one for the whole still is. */
const stretchesMost = 64;

/** Success reports for one message of `size` bytes. */
export class Coverage {
  readonly #size: number;
  #stretches: readonly (readonly [from: number, to: number])[] = [];

  constructor(size: number) {
    this.#size = size;
  }

  /** Adds a range; true when every byte is covered. One that names bytes that were never sent is forged and not counted. */
  add(range: ByteRange): boolean {
    const [from, to] = [range.start, range.end ?? range.total ?? this.#size];
    if (to > this.#size || (range.total !== undefined && range.total !== this.#size)) return this.complete;
    if (this.#size === 0) this.#stretches = [[1, 0]];
    if (to < from) return this.complete;
    let joined: readonly [number, number] = [from, to];
    const apart: (readonly [number, number])[] = [];
    for (const one of this.#stretches) {
      const touches = one[0] <= joined[1] + 1 && one[1] >= joined[0] - 1;
      if (touches) joined = [Math.min(one[0], joined[0]), Math.max(one[1], joined[1])];
      else apart.push(one);
    }
    if (apart.length < stretchesMost) this.#stretches = [...apart, joined];
    return this.complete;
  }

  get complete(): boolean {
    return this.#stretches.some(([from, to]) => from === 1 && to === this.#size);
  }
}
