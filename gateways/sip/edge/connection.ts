// One TCP connection: framing, keep-alive, bounded queues on both sides (RFC 3261 §18, RFC 5626 §4.4.1).
import type { Socket } from "node:net";
import { respond } from "../session/respond.ts";
import { type Frame, Framer } from "../wire/frame.ts";
import { print } from "../wire/print.ts";
import { edgeLimits } from "./limits.ts";
import { type Receive, type Source, TransportFailure } from "./transport-types.ts";

const pong = Buffer.from("\r\n");

export interface ConnectionParts {
  readonly flow: string;
  readonly receive: Receive;
  readonly admit: (address: string) => boolean;
  readonly idleMs: number;
  readonly after: (delayMs: number, call: () => void) => { cancel(): void };
  readonly gone: (connection: Connection) => void;
}

/** A connection that stands or is being set up. */
export class Connection {
  readonly source: Source;
  readonly #socket: Socket;
  readonly #parts: ConnectionParts;
  readonly #framer = new Framer();
  #unfinished: { cancel(): void } | undefined;

  constructor(socket: Socket, peer: { address: string; port: number }, parts: ConnectionParts) {
    this.#socket = socket;
    this.#parts = parts;
    this.source = { transport: "tcp", ...peer, flow: parts.flow };
    socket.setNoDelay(true);
    socket.setTimeout(parts.idleMs, () => socket.destroy());
    socket.on("data", (chunk) => this.#read(chunk));
    socket.on("error", () => socket.destroy()); // The cause shows in `close`; senders get a TransportFailure.
    socket.on("close", () => {
      this.#unfinished?.cancel();
      parts.gone(this);
    });
  }

  get open(): boolean {
    return !this.#socket.destroyed && this.#socket.writable;
  }

  /** Writes; resolves when the system has taken it, rejects when the connection is gone or its reader too slow. */
  send(bytes: Buffer): Promise<void> {
    if (!this.open) return Promise.reject(new TransportFailure("connection closed"));
    if (this.#socket.writableLength > edgeLimits.unsentBytes) {
      this.#socket.destroy();
      return Promise.reject(new TransportFailure("reader too slow"));
    }
    return new Promise((resolve, reject) => {
      this.#socket.write(bytes, (error) =>
        error ? reject(new TransportFailure("connection broke", { cause: error })) : resolve(),
      );
    });
  }

  /** Writes without waiting; what cannot be written is lost with the connection (a response: the peer asks again). */
  write(bytes: Buffer): void {
    if (!this.open) return;
    if (this.#socket.writableLength > edgeLimits.unsentBytes) this.#socket.destroy();
    else this.#socket.write(bytes);
  }

  /** Sends what waits, then closes. */
  end(): void {
    this.#socket.end();
    this.#socket.destroySoon();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #read(chunk: Buffer): void {
    for (const frame of this.#framer.push(chunk)) this.#take(frame);
    this.#unfinished?.cancel();
    this.#unfinished =
      this.#framer.waiting === 0
        ? undefined
        : this.#parts.after(edgeLimits.unfinishedMs, () => this.#socket.destroy());
  }

  #take(frame: Frame): void {
    if (frame.kind === "ping") this.write(pong);
    else if (frame.kind === "parsed") {
      if (this.#parts.admit(this.source.address)) this.#parts.receive(frame.parsed, this.source);
    } else {
      const { parsed } = frame;
      if (parsed.kind === "refuse" && parsed.request.method !== "ACK") {
        this.write(print(respond(parsed.request, { status: parsed.status, phrase: parsed.error })));
      }
      this.end();
    }
  }
}
