// One message put together from its chunks, in whatever order they come (RFC 4975 §7.3.1).
import type { ByteRange, Flag } from "../../wire/msrp/head.ts";
import { msrpLimits } from "../../wire/msrp/limits.ts";

/** `more`: chunks are missing. A number: the chunk is refused with it, and the message is over. */
export type ChunkEnd = "more" | "aborted" | { readonly body: Buffer } | number;

// Bytes that follow one another. No two stretches overlap; they may touch.
interface Stretch {
  readonly start: number;
  bytes: Buffer;
  length: number;
}

const none = Buffer.alloc(0);

/** Memory is what has come, not what was promised: a chunk from far behind costs its own bytes only. */
export class Assembly {
  readonly #maxSize: number;
  readonly #stretches: Stretch[] = [];
  /** A message of one piece is not copied. */
  #single: Buffer | undefined;
  #total: number | undefined;
  #held = 0;
  #chunkStart = 0;
  #at = 0;
  #refused = 0;

  constructor(maxSize: number) {
    this.#maxSize = maxSize;
  }

  /** Bytes held. */
  get held(): number {
    return this.#held;
  }

  /** A chunk begins. A number: it is refused with it, before its body is read. */
  begin(range: ByteRange): number | undefined {
    this.#chunkStart = range.start;
    this.#at = range.start;
    const most = Math.max(range.total ?? 0, range.end ?? 0, range.start - 1);
    this.#refused = most > this.#maxSize ? 413 : 0;
    return this.#refused === 0 ? undefined : this.#refused;
  }

  /** A piece of the chunk's body. What goes beyond the limits is not kept, and refused at the end. */
  data(bytes: Buffer): void {
    const start = this.#at;
    this.#at += bytes.length;
    if (this.#at - 1 > this.#maxSize) this.#refused = 413;
    if (this.#refused !== 0) return;
    if (this.#single === undefined && this.#stretches.length === 0 && start === 1) {
      this.#single = bytes;
      this.#held = bytes.length;
      return;
    }
    this.#keep();
    this.#write(start, bytes);
  }

  // Copies what was only a view: it would keep all the bytes that came with it.
  #keep(): void {
    const first = this.#single;
    if (first === undefined) return;
    this.#single = undefined;
    this.#held = 0;
    this.#write(1, first);
  }

  /** The chunk ends. */
  end(flag: Flag, range: ByteRange): ChunkEnd {
    if (flag === "#") return "aborted";
    if (this.#refused !== 0) return this.#refused;
    const until = this.#at - 1;
    // A chunk that was broken off may hold less than its Byte-Range said, never more.
    if (range.end !== undefined && until > Math.max(range.end, this.#chunkStart - 1)) return 400;
    // The last chunk fixes the length, whatever was announced.
    if (flag === "$") this.#total = until;
    if (this.#total !== undefined && this.#last() > this.#total) return 400;
    if (this.#held === this.#total) return { body: this.#whole() };
    this.#keep();
    return "more";
  }

  #last(): number {
    const last = this.#stretches.at(-1);
    return last === undefined ? this.#held : last.start + last.length - 1;
  }

  #whole(): Buffer {
    if (this.#single !== undefined) return this.#single;
    const [first, ...more] = this.#stretches.map(({ bytes, length }) => bytes.subarray(0, length));
    return first === undefined ? none : more.length === 0 ? first : Buffer.concat([first, ...more]);
  }

  // The last that is received wins where chunks overlap.
  #write(start: number, bytes: Buffer): void {
    for (let at = start; at < start + bytes.length; ) {
      const rest = bytes.subarray(at - start);
      const index = this.#before(at);
      const stretch = this.#stretches[index];
      const room = (this.#stretches[index + 1]?.start ?? Number.POSITIVE_INFINITY) - at;
      const part = rest.subarray(0, Math.min(rest.length, room));
      if (stretch !== undefined && at <= stretch.start + stretch.length) this.#held += put(stretch, at, part);
      else if (this.#stretches.length >= msrpLimits.stretches) {
        this.#refused = 413;
        return;
      } else {
        this.#stretches.splice(index + 1, 0, { start: at, bytes: Buffer.from(part), length: part.length });
        this.#held += part.length;
      }
      at += part.length;
    }
  }

  // The last stretch that begins at `at` or before; -1 when none does.
  #before(at: number): number {
    let [low, high] = [0, this.#stretches.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#stretches[middle]?.start ?? 0) <= at) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}

// Writes into a stretch or at its end; says by how much it grew.
function put(stretch: Stretch, at: number, part: Buffer): number {
  const offset = at - stretch.start;
  const length = Math.max(stretch.length, offset + part.length);
  if (length > stretch.bytes.length) {
    const grown = Buffer.allocUnsafeSlow(Math.max(length, stretch.bytes.length * 2));
    stretch.bytes.copy(grown, 0, 0, stretch.length);
    stretch.bytes = grown;
  }
  part.copy(stretch.bytes, offset);
  const more = length - stretch.length;
  stretch.length = length;
  return more;
}
