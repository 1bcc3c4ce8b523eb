// One UDP socket (RFC 3261 §18; RFC 3581: answers leave by the socket that the request came in by).
import { createSocket, type Socket } from "node:dgram";
import { parseDatagram } from "../wire/parse.ts";
import { type Receive, type Source, TransportFailure } from "./transport-types.ts";

const bufferBytes = 4 * 1024 * 1024;

export class UdpListener {
  readonly name: string;
  readonly family: 4 | 6;
  readonly address: string;
  readonly port: number;
  readonly #socket: Socket;

  private constructor(name: string, family: 4 | 6, socket: Socket) {
    this.name = name;
    this.family = family;
    this.#socket = socket;
    // Asked once: each asking is a system call, and every request that we send names them.
    const { address, port } = socket.address();
    this.address = address;
    this.port = port;
  }

  /** Binds; rejects when the address cannot be had. `admit` is asked before a datagram is read. */
  static async open(
    name: string,
    at: { address: string; port: number },
    admit: (address: string) => boolean,
    receive: Receive,
    failed: (error: Error) => void,
  ): Promise<UdpListener> {
    const family = at.address.includes(":") ? 6 : 4;
    const socket = createSocket({ type: family === 6 ? "udp6" : "udp4", ipv6Only: family === 6 });
    await new Promise<void>((resolve, reject) => {
      socket.once("error", reject);
      socket.bind({ address: at.address, port: at.port, exclusive: true }, () => {
        socket.off("error", reject);
        resolve();
      });
    });
    // Larger buffers carry bursts; a system that does not grant them works with what it has.
    try {
      socket.setRecvBufferSize(bufferBytes);
      socket.setSendBufferSize(bufferBytes);
    } catch {
      // Not granted: smaller bursts, no other harm.
    }
    const listener = new UdpListener(name, family, socket);
    socket.on("message", (bytes, from) => {
      if (bytes.length < 12 || !admit(from.address)) return;
      const flow = `udp ${name} ${from.address} ${from.port}`;
      receive(parseDatagram(bytes), { transport: "udp", address: from.address, port: from.port, flow });
    });
    // Errors of single datagrams come to the callback of send; what comes here is the socket's own trouble.
    socket.on("error", failed);
    return listener;
  }

  send(bytes: Buffer, to: Pick<Source, "address" | "port">): Promise<void> {
    return new Promise((resolve, reject) => {
      const done = (error: Error | null): void =>
        error ? reject(new TransportFailure("datagram not sent", { cause: error })) : resolve();
      try {
        this.#socket.send(bytes, to.port, to.address, done);
      } catch (error) {
        reject(new TransportFailure("socket closed", { cause: error }));
      }
    });
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      try {
        this.#socket.close(() => resolve());
      } catch {
        resolve(); // Closed already.
      }
    });
  }
}
