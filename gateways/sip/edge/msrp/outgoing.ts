// One message on its way out of one session, and what all its copies have in common (RFC 4975 §7.1.1).
import { randomBytes } from "node:crypto";
import { printChunkFields } from "../../wire/msrp/print.ts";
import { msrpEdgeLimits } from "./limits.ts";
import type { MsrpEnd, MsrpOutgoing } from "./port.ts";

/** What is printed once for all receivers. */
export interface Printed {
  readonly body: Buffer;
  /** Headers after the paths, and the body: when it is short enough to go in one piece. */
  readonly whole: string | undefined;
  /** No end-line can be in the body, whatever the transaction id. */
  readonly safe: boolean;
}

const printed = new WeakMap<MsrpOutgoing, Printed>();

/** The parts of a message that do not depend on who gets it; undefined for a stream. */
export function printedOf(message: MsrpOutgoing): Printed | undefined {
  const known = printed.get(message);
  if (known !== undefined || !(message.body instanceof Uint8Array)) return known;
  const { buffer, byteOffset, byteLength } = message.body;
  const body = Buffer.from(buffer, byteOffset, byteLength);
  const short = body.length <= msrpEdgeLimits.copiedBytes;
  const made = {
    body,
    whole: short ? fieldsAt(message, 0, body.length) + body.toString("latin1") : undefined,
    safe: !body.includes("\r\n-------") && !body.subarray(0, 7).equals(dashes),
  };
  printed.set(message, made);
  return made;
}

const dashes = Buffer.from("-------");

/**
 * The headers of the chunk that begins after `offset` bytes. A body that is longer than 2,048 bytes must be interruptible,
 * so that its end is not announced (RFC 4975 §7.1.1).
 */
export function fieldsAt(message: MsrpOutgoing, offset: number, size: number | undefined): string {
  const short = size !== undefined && size - offset <= 2_048;
  return printChunkFields({
    messageId: message.messageId,
    range: { start: offset + 1, end: short ? size : undefined, total: size },
    successReport: message.successReport ?? false,
    failureReport: message.failureReport ?? "yes",
    contentType: message.contentType,
  });
}

/** A transaction id whose end-line is not in this body. */
export function tidBeside(body: Buffer): string {
  for (;;) {
    const tid = randomBytes(12).toString("hex");
    if (!body.includes(`-------${tid}`)) return tid;
  }
}

/** A body that is made while it is sent. */
class Stream {
  readonly #iterator: AsyncIterator<Uint8Array>;
  #piece: Buffer | undefined;
  /** `more`: ask for the next piece. */
  state: "more" | "pulling" | "over" | "failed" = "more";

  constructor(body: AsyncIterable<Uint8Array>) {
    this.#iterator = body[Symbol.asyncIterator]();
  }

  /** The next bytes, at most so many; undefined when there are none just now. */
  take(most: number): Buffer | undefined {
    const piece = this.#piece;
    if (piece === undefined || piece.length <= most) {
      this.#piece = undefined;
      return piece;
    }
    this.#piece = piece.subarray(most);
    return piece.subarray(0, most);
  }

  /** Asks for more; `ready` is called when there is more, or the end. */
  pull(ready: () => void): void {
    this.state = "pulling";
    this.#iterator.next().then(
      ({ done, value }) => {
        this.state = done === true ? "over" : "more";
        if (done !== true && value.length > 0)
          this.#piece = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
        ready();
      },
      () => {
        // Whose stream it is knows why; the peer is told by `#`, the sender by status 0.
        this.state = "failed";
        ready();
      },
    );
  }

  /** Nobody wants the rest. */
  drop(): void {
    if (this.state === "over" || this.state === "failed") return;
    this.state = "over";
    this.#iterator.return?.().catch(() => undefined); // Its end interests nobody any more.
  }
}

/** One message in one session's queue. */
export class Outgoing {
  readonly message: MsrpOutgoing;
  readonly printed: Printed | undefined;
  readonly stream: Stream | undefined;
  /** Undefined for a stream that has not ended. */
  size: number | undefined;
  /** Bytes written. */
  offset = 0;
  /** Chunks whose answer has not come. */
  outstanding = 0;
  /** All is written. */
  over = false;
  begun = false;
  readonly #settle: (end: MsrpEnd) => void;
  #settled = false;

  constructor(message: MsrpOutgoing, settle: (end: MsrpEnd) => void) {
    this.message = message;
    this.printed = printedOf(message);
    this.stream = message.body instanceof Uint8Array ? undefined : new Stream(message.body);
    this.size = this.printed?.body.length;
    this.#settle = settle;
  }

  get settled(): boolean {
    return this.#settled;
  }

  /** Bytes that wait in memory. */
  get waiting(): number {
    return this.printed === undefined ? 0 : this.printed.body.length - this.offset;
  }

  settle(end: MsrpEnd): void {
    if (this.#settled) return;
    this.#settled = true;
    this.stream?.drop();
    this.#settle(end);
  }
}
