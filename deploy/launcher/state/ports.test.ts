// Loopback ports: kept over restarts, left to whoever has them, different from each other.
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openPorts } from "./ports.ts";

/** Other tests take ports of this machine at the same time. */
const others = { retry: 2 };

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "parley-ports-"));
  path = join(folder, "ports.json");
});
afterEach(() => rmSync(folder, { recursive: true }));

test("all are different, and the same the next time", others, async () => {
  const { ports } = await openPorts(path);
  const chosen = Object.values(ports);
  expect(new Set(chosen).size).toBe(chosen.length);
  expect((await openPorts(path)).ports).toEqual(ports);
});

test(
  "one that was taken meanwhile is left to its taker, by TCP or by UDP; the others stay",
  others,
  async () => {
    const { ports } = await openPorts(path);
    const server = createServer().listen(ports.irc, "127.0.0.1");
    const socket = createSocket("udp4").bind(ports.sip, "127.0.0.1");
    await Promise.all([once(server, "listening"), once(socket, "listening")]);
    const again = (await openPorts(path)).ports;
    server.close();
    socket.close();
    expect(again.irc).not.toBe(ports.irc);
    expect(again.sip).not.toBe(ports.sip);
    expect(again).toEqual({ ...ports, irc: again.irc, sip: again.sip });
  },
);

test("asked again, another one, which is kept too", others, async () => {
  const book = await openPorts(path);
  const before = { ...book.ports };
  await book.again("web", "c2s");
  expect(book.ports.web).not.toBe(before.web);
  expect(book.ports.c2s).not.toBe(before.c2s);
  expect((await openPorts(path)).ports).toEqual(book.ports);
});

test("a note that a killed start left half written costs nothing but the choice", async () => {
  writeFileSync(path, '{"bus":41');
  expect(Object.keys((await openPorts(path)).ports)).toHaveLength(7);
});
