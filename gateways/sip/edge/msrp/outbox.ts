// What one connection writes: gathered for one turn of the event loop, then written in as few system calls as it needs.
import type { Socket } from "node:net";

// All that have something to write in this turn: one immediate serves them all.
const dirty: Outbox[] = [];

function flushAll(): void {
  const now = dirty.splice(0);
  for (const outbox of now) outbox.turn();
}

/** In order: short texts (one character per byte) are joined, long bodies go as they are. */
export class Outbox {
  readonly #socket: Socket;
  readonly #flushed: () => void;
  #text = "";
  #parts: (string | Buffer)[] | undefined;
  #waiting = 0;
  #dirty = false;

  /** `flushed` is called when a turn's writing is over and more may wait. */
  constructor(socket: Socket, flushed: () => void) {
    this.#socket = socket;
    this.#flushed = flushed;
  }

  /** Bytes that the system has not taken yet. */
  get unsent(): number {
    return this.#waiting + this.#socket.writableLength;
  }

  put(text: string): void {
    this.#text += text;
    this.#grow(text.length);
  }

  /** Without a copy: the caller must not write into it afterwards. */
  putBytes(bytes: Buffer): void {
    this.#parts ??= [];
    if (this.#text !== "") this.#parts.push(this.#text);
    this.#text = "";
    this.#parts.push(bytes);
    this.#grow(bytes.length);
  }

  #grow(length: number): void {
    this.#waiting += length;
    if (this.#dirty) return;
    this.#dirty = true;
    if (dirty.push(this) === 1) setImmediate(flushAll);
  }

  /** The end of a turn of the event loop. */
  turn(): void {
    this.flush();
    this.#flushed();
  }

  /** Gives all to the socket now. */
  flush(): void {
    const [parts, text] = [this.#parts, this.#text];
    this.#dirty = false;
    this.#text = "";
    this.#parts = undefined;
    this.#waiting = 0;
    if (!this.#socket.writable) return;
    if (parts === undefined) {
      if (text !== "") this.#socket.write(text, "latin1");
      return;
    }
    this.#socket.cork();
    for (const part of parts)
      if (typeof part === "string") this.#socket.write(part, "latin1");
      else this.#socket.write(part);
    if (text !== "") this.#socket.write(text, "latin1");
    this.#socket.uncork();
  }
}
