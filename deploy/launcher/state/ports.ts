// Loopback ports: those of the last time if they are free, else the usual ones, else any. A part whose port was taken between
// choice and bind asks for another.
import { createSocket } from "node:dgram";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";

const usual = { bus: 0, monitor: 0, c2s: 5222, component: 0, irc: 6667, sip: 5060, web: 8080 } as const;
export type PortName = keyof typeof usual;
export type Ports = Readonly<Record<PortName, number>>;

export interface PortBook {
  readonly ports: Ports;
  /** Chooses another one, because this one was taken after all. */
  again(...names: PortName[]): Promise<void>;
}

/** Chooses all ports, and keeps the choice in `path` for the next time. */
export async function openPorts(path: string): Promise<PortBook> {
  const before = readPorts(path);
  const chosen: Record<string, number> = {};
  const choose = async (name: PortName, wanted: readonly number[]): Promise<void> => {
    const taken = Object.values(chosen);
    for (const port of wanted)
      if (port > 0 && !taken.includes(port) && (await isFree(port))) {
        chosen[name] = port;
        return;
      }
    do chosen[name] = await anyPort();
    while (taken.includes(chosen[name] ?? 0) || !(await isFree(chosen[name] ?? 0)));
  };
  const save = (): void => writeFileSync(path, JSON.stringify(chosen), { mode: 0o600 });
  for (const name of Object.keys(usual) as PortName[]) await choose(name, [before[name] ?? 0, usual[name]]);
  save();
  return {
    get ports() {
      return chosen as Ports;
    },
    async again(...names) {
      for (const name of names) await choose(name, []);
      save();
    },
  };
}

function readPorts(path: string): Partial<Record<PortName, number>> {
  try {
    return existsSync(path)
      ? (JSON.parse(readFileSync(path, "utf8")) as Partial<Record<PortName, number>>)
      : {};
  } catch {
    // Half written by a start that was killed: only a convenience is lost.
    return {};
  }
}

/** Free for TCP and UDP, because SIP wants the same number for both. */
async function isFree(port: number): Promise<boolean> {
  return (await tcpFree(port)) && (await udpFree(port));
}

function tcpFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen({ port, host: "127.0.0.1", exclusive: true }, () => server.close(() => resolve(true)));
  });
}

function udpFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createSocket("udp4");
    socket.once("error", () => {
      socket.close();
      resolve(false);
    });
    socket.bind({ port, address: "127.0.0.1", exclusive: true }, () => socket.close(() => resolve(true)));
  });
}

function anyPort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
