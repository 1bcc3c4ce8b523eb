// One browser's WebSocket: frames in at a bounded pace, events out into a bounded buffer, pings, and one close. RFC 6455.
import type { Duplex } from "node:stream";
import type { WebSocket } from "ws";
import type { Clock } from "#bus-schemas/service/service.ts";
import { type OutFrame, printFrame } from "../wire/event.ts";
import { type Frame, parseFrame } from "../wire/request.ts";

/** What the rest of the edge sees of a connection. */
export interface Connection {
  readonly id: string;
  /** The network address it came from. */
  readonly source: string;
  readonly open: boolean;
  /** Writes one frame; false if the connection is gone or its reader too slow, in which case it is closed. */
  send(frame: OutFrame): boolean;
  /** The same for a frame that is printed already: one text for many. */
  sendText(frame: string): boolean;
  /** Resolves when nearly all that was sent so far is in the network's hands, or the connection is gone: for what is long. */
  drained(): Promise<void>;
  close(code: number, why: string): void;
}

export interface ConnectionLimits {
  readonly pingInterval: number;
  readonly framesPerSecond: number;
  readonly framesAtOnce: number;
  readonly unanswered: number;
  readonly bufferedBytes: number;
}

export interface ConnectionHandlers {
  /** One frame; further ones wait while too many of these promises are pending. Never rejects. */
  frame(frame: Frame): Promise<void>;
  closed(): void;
}

/** RFC 6455 §7.4.1 and the registry: policy violation, unsupported data, try again later. */
export const closeCodes = { unsupported: 1003, policy: 1008, tryAgain: 1013, goingAway: 1001 } as const;

// So much may wait while a long transmission goes on.
const drainBelow = 65_536;
// How often a long transmission looks whether its reader has kept up.
const drainLookMs = 20;

/** Takes over a WebSocket that has just been opened; `stream` is what it writes to. */
export function openConnection(
  socket: WebSocket,
  stream: Duplex,
  about: { readonly id: string; readonly source: string },
  clock: Clock,
  limits: ConnectionLimits,
  handlers: (connection: Connection) => ConnectionHandlers,
): Connection {
  let ended = false;
  let corked = false;
  // What is sent in one turn of the event loop goes out in one write: writes are what a busy gateway spends most on.
  const flushLater = (): void => {
    if (corked) return;
    corked = true;
    stream.cork();
    setImmediate(() => {
      corked = false;
      stream.uncork();
    });
  };
  const connection: Connection = {
    ...about,
    get open() {
      return !ended && socket.readyState === socket.OPEN;
    },
    send: (frame) => connection.sendText(printFrame(frame)),
    sendText(frame) {
      if (!connection.open) return false;
      if (socket.bufferedAmount > limits.bufferedBytes) {
        connection.close(closeCodes.tryAgain, "too slow to read");
        return false;
      }
      flushLater();
      socket.send(frame);
      return true;
    },
    async drained() {
      while (connection.open && socket.bufferedAmount > drainBelow) await clock.sleep(drainLookMs);
    },
    close(code, why) {
      if (ended) return;
      socket.close(code, why);
      // A peer that reads nothing never answers the close: what is buffered for it is given up.
      if (code === closeCodes.tryAgain) socket.terminate();
      end();
    },
  };
  const on = handlers(connection);
  const stopPings = keepAlive(socket, clock, limits.pingInterval);
  const gate = openGate(socket, clock, limits, (text) => on.frame(parseFrame(text)));
  const end = (): void => {
    if (ended) return;
    ended = true;
    stopPings();
    gate.stop();
    on.closed();
  };
  socket.on("message", (data, binary) => {
    if (ended) return;
    if (binary) connection.close(closeCodes.unsupported, "text frames only");
    else gate.enter(data.toString());
  });
  socket.on("close", end);
  // An error is always followed by close; a frame above the limit ends here with 1009.
  socket.on("error", () => undefined);
  return connection;
}

// Asks every `intervalMs` whether the browser is there; one that has not answered by the next time is gone.
function keepAlive(socket: WebSocket, clock: Clock, intervalMs: number): () => void {
  let answered = true;
  let cancel = (): void => undefined;
  socket.on("pong", () => {
    answered = true;
  });
  const again = (): void => {
    cancel = clock.after(intervalMs, () => {
      if (!answered) {
        socket.terminate();
        return;
      }
      answered = false;
      if (socket.readyState === socket.OPEN) socket.ping();
      again();
    });
  };
  again();
  return () => cancel();
}

// Reading stops while too much is unanswered or the frames of this second are used up: the sender feels it as a slow link.
// What the socket had read already waits in `held`: a chunk or two, no more, since it reads nothing meanwhile.
function openGate(
  socket: WebSocket,
  clock: Clock,
  limits: ConnectionLimits,
  pass: (text: string) => Promise<void>,
) {
  const held: string[] = [];
  let level = limits.framesAtOnce;
  let filledAt = clock.monotonic();
  let under = 0;
  let cancel: (() => void) | undefined;
  const fill = (): void => {
    const now = clock.monotonic();
    level = Math.min(limits.framesAtOnce, level + ((now - filledAt) / 1000) * limits.framesPerSecond);
    filledAt = now;
  };
  const wake = (): void => {
    cancel = undefined;
    pump();
  };
  const pump = (): void => {
    fill();
    while (held.length > 0 && level >= 1 && under < limits.unanswered) {
      const text = held.shift() ?? "";
      level -= 1;
      under += 1;
      void pass(text).finally(() => {
        under -= 1;
        pump();
      });
    }
    if (held.length > 0 && level < 1)
      cancel ??= clock.after(Math.ceil(((1 - level) / limits.framesPerSecond) * 1000), wake);
    if (held.length > 0 && !socket.isPaused) socket.pause();
    if (held.length === 0 && socket.isPaused) socket.resume();
  };
  return {
    enter(text: string): void {
      held.push(text);
      pump();
    },
    stop(): void {
      held.length = 0;
      cancel?.();
      if (socket.isPaused) socket.resume();
    },
  };
}
