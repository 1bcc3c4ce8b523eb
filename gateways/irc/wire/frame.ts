// Cuts the byte stream of a connection into lines: RFC 1459 §2.3, with a lone LF or CR tolerated as line end.
import { lineLimits } from "./message.ts";

const LF = 0x0a;
const CR = 0x0d;

/**
 * Collects bytes and gives back whole lines without their ends; empty lines are skipped. A line longer than
 * `limits.receivedBytes` is dropped to its end and counted in `dropped`. Holds at most one unfinished line. Never throws.
 */
export class Framer {
  #rest: Uint8Array<ArrayBufferLike> = new Uint8Array(0);
  #skipping = false;
  /** Lines dropped for their length. */
  dropped = 0;

  push(chunk: Uint8Array): Uint8Array[] {
    const lines: Uint8Array[] = [];
    let start = 0;
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at];
      if (byte !== LF && byte !== CR) continue;
      this.#end(chunk.subarray(start, at), lines);
      start = at + 1;
    }
    this.#keep(chunk.subarray(start));
    return lines;
  }

  #end(tail: Uint8Array, lines: Uint8Array[]): void {
    const length = this.#rest.length + tail.length;
    if (this.#skipping || length > lineLimits.receivedBytes) {
      if (!this.#skipping) this.dropped++;
      this.#skipping = false;
    } else if (length > 0) {
      lines.push(this.#rest.length === 0 ? tail : Buffer.concat([this.#rest, tail]));
    }
    this.#rest = new Uint8Array(0);
  }

  #keep(tail: Uint8Array): void {
    if (this.#skipping || tail.length === 0) return;
    if (this.#rest.length + tail.length > lineLimits.receivedBytes) {
      this.#skipping = true;
      this.dropped++;
      this.#rest = new Uint8Array(0);
      return;
    }
    this.#rest = Buffer.concat([this.#rest, tail]);
  }
}
