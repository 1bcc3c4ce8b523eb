// One TCP connection to the XMPP server that performs what the stream machine says (session/stream.ts): XEP-0114 §3.
import { connect } from "node:net";
import type { Clock, Log } from "#bus-schemas/service/service.ts";
import {
  type Ending,
  type Inbound,
  openStream,
  type StreamInput,
  type StreamOptions,
  step,
} from "../session/stream.ts";
import type { Element } from "../wire/element.ts";
import { openReader, limits as readLimits } from "../wire/read.ts";

export const limits = {
  /** Bytes that may wait for the server to read them; above it the connection counts as stuck and is closed. */
  writeBufferBytes: 16 * 1024 * 1024,
  /** How long the server may take to answer `<enable/>`; ejabberd ignores it without a word. */
  enableAnswerMs: 5_000,
  /** From connecting to a running stream. */
  openMs: 15_000,
} as const;

export interface SocketOptions extends StreamOptions {
  readonly host: string;
  readonly port: number;
  readonly maxStanzaLength: number;
  readonly clock: Clock;
  readonly log: Log;
  readonly on: {
    running(inbound: Inbound): void;
    stanza(element: Element, excess: string | undefined): void;
    barrierAnswered(id: string): void;
    /** Called exactly once; after it nothing else is called. */
    ended(why: Ending, text: string): void;
  };
}

export interface ComponentSocket {
  /** Writes to the running stream; false when it is over, and the text went nowhere. */
  write(text: string): boolean;
  /** Stops or goes on reading: what the server sends meanwhile waits in its own queue. */
  pause(yes: boolean): void;
  /** Ends the stream in order; with `at once` without waiting for anything. */
  close(atOnce?: boolean): void;
}

/** Connects, and runs one stream to its end. Never throws. */
export function openSocket(options: SocketOptions): ComponentSocket {
  const { clock, log, on } = options;
  const socket = connect({ host: options.host, port: options.port, noDelay: true, keepAlive: true });
  const reader = openReader({ depth: readLimits.depth, stanzaLength: options.maxStanzaLength });
  let state = openStream(options);
  let stopAnswer = (): void => undefined;
  const stopOpening = clock.after(limits.openMs, () => over("lost", "no stream within the time"));
  let ended = false;
  let waiting = "";
  const flush = (): void => {
    const text = waiting;
    waiting = "";
    if (text === "" || !socket.writable) return;
    socket.write(text);
    if (socket.writableLength > limits.writeBufferBytes) over("lost", "the server does not read");
  };

  const over = (why: Ending, text: string): void => {
    if (ended) return;
    ended = true;
    stopOpening();
    stopAnswer();
    if (socket.writable) socket.end(`${waiting}</stream:stream>`);
    waiting = "";
    // A server that does not close its side must not keep ours.
    const stop = clock.after(1_000, () => socket.destroy());
    socket.once("close", stop);
    on.ended(why, text);
  };
  // What one turn of the loop writes goes out in one system call.
  const write = (text: string): boolean => {
    if (ended || !socket.writable) return false;
    if (waiting === "") setImmediate(flush);
    waiting += text;
    return true;
  };
  const take = (input: StreamInput): void => {
    const [next, outputs] = step(state, input);
    state = next;
    for (const output of outputs) {
      if (ended) return;
      switch (output.do) {
        case "write":
          write(output.text);
          break;
        case "wait-for-answer":
          stopAnswer();
          stopAnswer = clock.after(limits.enableAnswerMs, () => take({ kind: "timer" }));
          break;
        case "running":
          stopOpening();
          stopAnswer();
          on.running(output.inbound);
          break;
        case "stanza":
          on.stanza(output.element, output.excess);
          break;
        case "barrier-answered":
          on.barrierAnswered(output.id);
          break;
        case "end":
          over(output.why, output.text);
          break;
      }
    }
  };
  socket.on("connect", () => take({ kind: "connected" }));
  socket.on("data", (bytes) => {
    for (const read of reader.push(bytes)) take({ kind: "read", read });
  });
  socket.on("error", (error) => {
    log.debug({ error: error.message }, "component connection failed");
    take({ kind: "disconnected" });
  });
  socket.on("close", () => take({ kind: "disconnected" }));
  return {
    write,
    pause: (yes) => void (yes ? socket.pause() : socket.resume()),
    close(atOnce = false) {
      over("lost", "closed by us");
      if (atOnce) socket.destroy();
    },
  };
}
