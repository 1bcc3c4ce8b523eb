// One socket to an IRC server, plain or TLS: bytes in, wanted lines out, with bounded buffers.
import { readFileSync } from "node:fs";
import { connect as connectPlain, isIP, type Socket } from "node:net";
import { type ConnectionOptions, connect as connectTls } from "node:tls";
import type { Network, Tls } from "../config.ts";
import { Framer } from "../wire/frame.ts";

export const connectionLimits = {
  /** A connection attempt that takes longer is given up. */
  connectMs: 15_000,
  /** Bytes that may wait in our buffer for a server that does not read; more closes the connection. */
  unsentBytes: 262_144,
} as const;

export interface ConnectionHandlers {
  open(): void;
  line(bytes: Uint8Array): void;
  /** Called once, also when it never opened. */
  closed(why: string): void;
}

export interface Connection {
  /** Writes one line; CR LF is added. */
  write(line: string): void;
  /** No more is read until `resume`: the bus is behind. */
  pause(): void;
  resume(): void;
  /** Sends what is written and closes; after `graceMs` without regard for the other side. */
  end(graceMs: number): void;
  destroy(why: string): void;
  /** Lines that were too long to be read. */
  readonly dropped: number;
}

/** Where to connect, with the TLS files already read. */
export interface Server {
  readonly host: string;
  readonly port: number;
  readonly tls: ConnectionOptions | undefined;
}

/** Reads the certificates that a network's configuration names. Throws when one cannot be read. */
export function serverOf(network: Network): Server {
  const { server: host, port, tls } = network;
  if (tls === false) return { host, port, tls: undefined };
  const { ca, cert, key, verify } = tls === true ? ({ verify: true } as Tls) : tls;
  const options: ConnectionOptions = {
    rejectUnauthorized: verify,
    // A server is asked for by name only; an address is no name (RFC 6066 §3).
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ...(ca !== undefined && { ca: readFileSync(ca) }),
    ...(cert !== undefined && { cert: readFileSync(cert) }),
    ...(key !== undefined && { key: readFileSync(key) }),
  };
  return { host, port, tls: options };
}

const openSocket = ({ host, port, tls }: Server): Socket =>
  tls === undefined
    ? connectPlain({ host, port, noDelay: true })
    : connectTls({ host, port, ...tls }).setNoDelay(true);

/** Opens a connection; everything that happens comes through `handlers`, and not before this has returned. */
export function openConnection(server: Server, handlers: ConnectionHandlers): Connection {
  const socket = openSocket(server);
  const framer = new Framer();
  let why = "closed by the server";
  let closed = false;
  const destroy = (reason: string): void => {
    if (!closed) why = reason;
    socket.destroy();
  };
  socket.setTimeout(connectionLimits.connectMs, () => destroy("no connection in time"));
  socket.once(server.tls === undefined ? "connect" : "secureConnect", () => {
    socket.setTimeout(0);
    handlers.open();
  });
  socket.on("data", (chunk: Buffer) => {
    for (const line of framer.push(chunk)) if (isWanted(line)) handlers.line(line);
  });
  socket.on("error", (error) => {
    why = error.message;
  });
  socket.on("close", () => {
    closed = true;
    handlers.closed(why);
  });
  return {
    write(line) {
      if (socket.destroyed || socket.writableEnded) return;
      socket.write(`${line}\r\n`);
      if (socket.writableLength > connectionLimits.unsentBytes) destroy("the server does not read");
    },
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
    end(graceMs) {
      why = "closed by us";
      socket.setTimeout(graceMs, () => socket.destroy());
      socket.end();
    },
    destroy,
    get dropped() {
      return framer.dropped;
    },
  };
}

/** Greetings and statistics of no use to a puppet, dropped before they are decoded. */
const unwanted = new Set([
  "002",
  "003",
  "004",
  "250",
  "251",
  "252",
  "253",
  "254",
  "255",
  "265",
  "266",
  "372",
  "375",
]);

function isWanted(line: Uint8Array): boolean {
  // Only `:server 372 …` is looked at: a space, three digits, a space.
  if (line[0] !== 0x3a) return true;
  const space = line.indexOf(0x20);
  if (space < 0 || line[space + 4] !== 0x20) return true;
  return !unwanted.has(String.fromCharCode(line[space + 1] ?? 0, line[space + 2] ?? 0, line[space + 3] ?? 0));
}
