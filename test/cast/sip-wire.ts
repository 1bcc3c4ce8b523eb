// The phone's socket: one UDP port, or one TCP connection with whole messages cut off it (RFC 3261 §18).
import { createSocket } from "node:dgram";
import { createConnection } from "node:net";
import { cutStream } from "./sip-message.ts";

export interface Wire {
  readonly localPort: number;
  /** A TCP connection that has ended; UDP never is. */
  readonly broken: boolean;
  /** Over UDP to that port on loopback; over TCP into the connection. */
  write(bytes: Buffer, port: number): void;
  break(): void;
  pause(): void;
  resume(): void;
  close(): Promise<void>;
}

export interface WireHandlers {
  message(bytes: Buffer, answer: (bytes: Buffer) => void): void;
  /** The TCP connection has ended. */
  lost(): void;
}

/** Opens the socket; TCP connects to `port` on loopback and rejects when nobody is there. */
export const openWire = (transport: "udp" | "tcp", port: number, handlers: WireHandlers): Promise<Wire> =>
  transport === "udp" ? openUdp(handlers) : openTcp(port, handlers);

async function openUdp(handlers: WireHandlers): Promise<Wire> {
  const socket = createSocket({ type: "udp4", recvBufferSize: 4_000_000 });
  let open = true;
  let paused: (() => void)[] | undefined;
  socket.on("message", (bytes, peer) => {
    const take = (): void =>
      handlers.message(bytes, (answer) => open && socket.send(answer, peer.port, peer.address));
    // Up to four octets are a keep-alive (RFC 5626 §3.5).
    if (bytes.length <= 4) return;
    if (paused === undefined) take();
    else paused.push(take);
  });
  await new Promise<void>((resolve, reject) => {
    socket.once("error", reject);
    socket.bind(0, "127.0.0.1", resolve);
  });
  return {
    localPort: socket.address().port,
    broken: false,
    write: (bytes, port) => void (open && socket.send(bytes, port, "127.0.0.1")),
    break: () => undefined,
    pause: () => {
      paused ??= [];
    },
    resume: () => {
      const waiting = paused ?? [];
      paused = undefined;
      for (const take of waiting) take();
    },
    close: () => {
      open = false;
      return new Promise((resolve) => socket.close(() => resolve()));
    },
  };
}

async function openTcp(port: number, handlers: WireHandlers): Promise<Wire> {
  const socket = createConnection(port, "127.0.0.1");
  await new Promise<void>((resolve, reject) => {
    socket.once("connect", resolve);
    socket.on("error", reject);
  });
  socket.setNoDelay(true);
  let rest: Buffer = Buffer.alloc(0);
  socket.on("data", (chunk: Buffer) => {
    const cut = cutStream(rest.length === 0 ? chunk : Buffer.concat([rest, chunk]));
    rest = cut.rest;
    for (const bytes of cut.whole)
      handlers.message(bytes, (answer) => !socket.destroyed && socket.write(answer));
  });
  socket.once("close", () => handlers.lost());
  return {
    localPort: socket.localPort ?? 0,
    get broken() {
      return socket.destroyed;
    },
    write: (bytes) => void (!socket.destroyed && socket.write(bytes)),
    break: () => void socket.destroy(),
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
    close: async () => {
      socket.destroy();
    },
  };
}
