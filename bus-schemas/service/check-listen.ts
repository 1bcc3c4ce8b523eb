// Whether every listening address of a configuration can be had: each is bound for a moment and let go again.
import { createSocket } from "node:dgram";
import { createServer } from "node:net";
import type { ConfigFile } from "./config-file.ts";
import type { Path } from "./config-path.ts";
import { type Place, printPath, problemAt } from "./config-problem.ts";
import { parseListen } from "./config-values.ts";
import type { Problem } from "./problem.ts";

interface Wanted {
  readonly path: Path;
  readonly host: string;
  readonly port: number;
  readonly kind: "tcp" | "udp";
}

/**
 * Finds whatever stands under a key named `listen` in the values of any section, defaults included: `host:port`,
 * `udp:host:port`, or keys host (or address), port and transport. Port 0 is always free. Problems: taken, not an address of this machine, not allowed, wanted twice.
 */
export async function checkListen(values: unknown, file: ConfigFile): Promise<Problem[]> {
  const place: Place = { file, at: [], variables: new Map() };
  const wanted = find(values, [], false).filter((one) => one.port !== 0);
  const problems: Problem[] = [];
  const first = new Map<string, Wanted>();
  for (const one of wanted) {
    const key = `${one.kind} ${one.host}:${one.port}`;
    const other = first.get(key);
    first.set(key, other ?? one);
    if (other) {
      const message = `wants ${one.host}:${one.port}, which ${printPath(other.path)} wants too`;
      problems.push(problemAt(place, one.path, message, "choose another port, or 0 for a free one"));
      continue;
    }
    const code = await tryBind(one);
    if (code !== undefined) problems.push(problemAt(place, one.path, ...say(code, one)));
  }
  return problems;
}

function say(code: string, { host, port, kind }: Wanted): [message: string, remedy: string] {
  switch (code) {
    case "EADDRINUSE":
      return [
        `wants ${kind} port ${port} of ${host}, which is taken`,
        "choose another port, or end what listens there (a running Parley counts)",
      ];
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
      return [
        `wants ${host}, which is no address of this machine`,
        "write an address of this machine, like 127.0.0.1",
      ];
    case "EACCES":
      return [
        `wants port ${port}, which this user may not have`,
        "choose a port from 1024 on, or grant the right to bind it",
      ];
    default:
      return [`cannot listen on ${host}:${port} (${code})`, "choose another address or port"];
  }
}

function find(value: unknown, path: Path, listening: boolean): Wanted[] {
  if (typeof value === "string") return listening ? read(value, path) : [];
  if (Array.isArray(value)) return value.flatMap((item, index) => find(item, [...path, index], listening));
  if (typeof value !== "object" || value === null) return [];
  if (listening && "port" in value && typeof value.port === "number") {
    const named = "host" in value ? value.host : "address" in value ? value.address : undefined;
    const host = typeof named === "string" ? named : "127.0.0.1";
    const transport = "transport" in value ? String(value.transport) : "tcp";
    return [{ path, host: host.replace(/^\[|\]$/g, ""), port: value.port, kind: kindOf(transport) }];
  }
  return Object.entries(value).flatMap(([key, item]) =>
    // A map of transports to addresses: `listen: { udp: "127.0.0.1:5060" }`.
    listening && typeof item === "string"
      ? read(`${key}://${item}`, [...path, key])
      : find(item, [...path, key], key === "listen"),
  );
}

const kindOf = (transport: string): Wanted["kind"] => (transport.toLowerCase() === "udp" ? "udp" : "tcp");

function read(text: string, path: Path): Wanted[] {
  const [, scheme, address] = /^(?:([A-Za-z]+):(?:\/\/)?)?(.*)$/s.exec(text) ?? [];
  // `localhost:5060` looks like a scheme and a number.
  const listen = parseListen(text) ?? parseListen(address ?? "");
  return listen ? [{ path, ...listen, kind: kindOf(scheme ?? "tcp") }] : [];
}

/** The error code, or undefined if it could be bound. */
function tryBind({ host, port, kind }: Wanted): Promise<string | undefined> {
  return new Promise((resolve) => {
    const failed = (error: Error): void => resolve("code" in error ? String(error.code) : error.message);
    if (kind === "udp") {
      const socket = createSocket(host.includes(":") ? "udp6" : "udp4");
      socket.once("error", failed);
      socket.bind({ address: host, port, exclusive: true }, () => socket.close(() => resolve(undefined)));
      return;
    }
    const server = createServer();
    server.once("error", failed);
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}
