// A TCP stream cut into SIP messages by Content-Length, with the keep-alive of RFC 5626 §4.4.1 (RFC 3261 §18.3).
import { limits } from "./limits.ts";
import type { SipMessage } from "./message.ts";
import { contentLength, endOfHead, type Parsed, parseHead, refuseOrDrop } from "./parse.ts";

/** What comes off the stream. After `lost` nothing more will: the stream has no frame any longer and is closed. */
export type Frame =
  | { readonly kind: "parsed"; readonly parsed: Parsed }
  | { readonly kind: "ping" }
  | { readonly kind: "lost"; readonly parsed: Parsed };

/** Cuts one stream. Feeding it costs time in proportion to the bytes, however they are cut. */
export class Framer {
  #buffer: Buffer = Buffer.alloc(0);
  // Where #buffer lies when it had to be put together; what was cut from it is never written again.
  #storage: Buffer = this.#buffer;
  #end = 0;
  #searched = 0;
  #head: { message: SipMessage; length: number } | undefined;
  #lost = false;

  /** How many bytes wait for the rest of their message. */
  get waiting(): number {
    return this.#buffer.length;
  }

  /** Takes the next bytes and gives what became complete. */
  push(chunk: Buffer): Frame[] {
    if (this.#lost) return [];
    this.#append(chunk);
    const frames: Frame[] = [];
    for (let frame = this.#next(); frame !== undefined; frame = this.#next()) {
      frames.push(frame);
      if (frame.kind === "lost") {
        this.#lost = true;
        this.#buffer = Buffer.alloc(0);
        break;
      }
    }
    return frames;
  }

  #append(chunk: Buffer): void {
    const waiting = this.#buffer.length;
    if (waiting === 0) {
      this.#buffer = chunk;
      this.#storage = chunk;
      this.#end = chunk.length;
      return;
    }
    if (this.#end + chunk.length > this.#storage.length || this.#storage === chunk) {
      this.#storage = Buffer.allocUnsafe(Math.max(4096, 2 * (waiting + chunk.length)));
      this.#buffer.copy(this.#storage, 0);
      this.#end = waiting;
    }
    chunk.copy(this.#storage, this.#end);
    this.#end += chunk.length;
    this.#buffer = this.#storage.subarray(this.#end - waiting - chunk.length, this.#end);
  }

  #next(): Frame | undefined {
    if (this.#head !== undefined) return this.#body(this.#head);
    const gap = this.#skipEmptyLines();
    if (gap !== undefined) return gap;
    const end = endOfHead(this.#buffer, this.#searched);
    if (end < 0) {
      this.#searched = Math.max(0, this.#buffer.length - 3);
      return this.#buffer.length > limits.headBytes
        ? lost({ kind: "drop", error: "head too long" })
        : undefined;
    }
    if (end > limits.headBytes) return lost({ kind: "drop", error: "head too long" });
    const parsed = parseHead(this.#buffer.toString("utf8", 0, end));
    this.#consume(end + 4);
    return this.#afterHead(parsed);
  }

  // Two empty lines are a ping, to be answered by one; a single one is an answer, and nothing to us.
  #skipEmptyLines(): Frame | undefined {
    let at = 0;
    while (this.#buffer[at] === 0x0d && this.#buffer[at + 1] === 0x0a) {
      if (this.#buffer[at + 2] === 0x0d && this.#buffer[at + 3] === 0x0a) {
        this.#consume(at + 4);
        return { kind: "ping" };
      }
      // A lone CRLF at the end of what is here may be half a ping: wait for the rest.
      if (this.#buffer.length - at < 4 && (this.#buffer.length - at === 2 || this.#buffer[at + 2] === 0x0d))
        break;
      at += 2;
    }
    if (at > 0) this.#consume(at);
    return undefined;
  }

  #afterHead(parsed: Parsed): Frame | undefined {
    const message =
      parsed.kind === "message" ? parsed.message : parsed.kind === "refuse" ? parsed.request : undefined;
    if (message === undefined) return lost(parsed);
    const length = contentLength(message);
    if (length === undefined) return lost(refuseOrDrop(message, 400, "Content-Length missing"));
    if (length === "bad") return lost(refuseOrDrop(message, 400, "Bad Content-Length"));
    if (length > limits.bodyBytes) return lost(refuseOrDrop(message, 513, "Message Too Large"));
    if (parsed.kind === "refuse") return lost(parsed);
    this.#head = { message, length };
    return this.#body(this.#head);
  }

  #body(head: { message: SipMessage; length: number }): Frame | undefined {
    if (this.#buffer.length < head.length) return undefined;
    const body = this.#buffer.subarray(0, head.length);
    this.#head = undefined;
    this.#consume(head.length);
    return { kind: "parsed", parsed: { kind: "message", message: head.message.with({ body }) } };
  }

  #consume(bytes: number): void {
    this.#buffer = this.#buffer.subarray(bytes);
    this.#searched = 0;
  }
}

const lost = (parsed: Parsed): Frame => ({ kind: "lost", parsed });
