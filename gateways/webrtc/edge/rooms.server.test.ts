// Rooms in real processes on a real nats-server: two web gateways and two conference services, any of which is killed -9.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { WebRoom } from "#test/cast/web-room.ts";
import { type Child, privateFolder, startChild } from "#test/servers/child.ts";
import { freePorts } from "#test/servers/free-port.ts";
import { type NatsServer, startNats } from "#test/servers/nats.ts";

const root = new URL("../../../", import.meta.url).pathname;
const uri = "lobby@rooms.example";
const people = ["dave", "erin", "fred"];

let nats: NatsServer;
let ports: number[];
const children = new Map<string, Child>();

async function start(service: "web" | "conference", index: number): Promise<void> {
  const name = `${service}-${index + 1}`;
  const dir = privateFolder(name);
  const accounts = people.map((local) => `{ address: ${local}@web.example, password: secret }`);
  writeFileSync(
    join(dir, "parley.yaml"),
    `bus: { servers: ["${nats.url}"], token: "${nats.token}" }
domains: { web.example: { homes: [web] }, rooms.example: { homes: [rooms] } }
accounts: [${accounts.join(", ")}]
health: { listen: "127.0.0.1:0" }
web: { listen: "127.0.0.1:${ports[index]}" }
conference: { disconnectedFor: 30s }
`,
    { mode: 0o600 },
  );
  const ready = service === "web" ? "browsers can connect" : "service started";
  const child = await startChild({
    name,
    command: process.execPath,
    args: [
      join(root, "deploy/parley.mjs"),
      "run",
      service,
      "--config",
      join(dir, "parley.yaml"),
      "--instance",
      name,
    ],
    cwd: dir,
    ready: (output) => output.includes(ready),
    withinMs: 50_000,
  });
  children.set(name, child);
}

const actor = (local: string, at: number): WebRoom =>
  new WebRoom({
    ports: [ports[at] ?? 0, ports[1 - at] ?? 0],
    address: `${local}@web.example`,
    password: "secret",
    room: uri,
  });

beforeAll(async () => {
  nats = await startNats();
  ports = await freePorts(2);
  await Promise.all([start("conference", 0), start("conference", 1), start("web", 0), start("web", 1)]);
});
afterAll(async () => {
  for (const child of children.values()) await child.kill();
  await nats.stop();
});

it("keeps one order for all, without loss and without noise, while its processes are killed", async () => {
  const [dave, erin, fred] = [actor("dave", 0), actor("erin", 1), actor("fred", 0)];
  for (const [who, nick] of [
    [dave, "Dave"],
    [erin, "Erin"],
    [fred, "Fred"],
  ] as const)
    expect(await who.joins(nick)).toEqual({ answer: "done" });
  const speak = async (rounds: number, mark: string): Promise<void> => {
    for (let at = 0; at < rounds; at += 1)
      await Promise.all([dave, erin, fred].map((who) => who.says(`${mark} ${at} of ${who.nick}`)));
  };
  await speak(5, "calm");
  for (const victim of ["web-1", "conference-1", "conference-2"]) {
    const speaking = speak(20, victim);
    await children.get(victim)?.kill();
    const [service, number] = victim.split("-");
    if (service === "web" || service === "conference") await start(service, Number(number) - 1);
    await speaking;
  }
  await dave.says("the end");
  const ended = (who: WebRoom) => who.sees(({ text }) => text === "the end", 20_000);
  await Promise.all([dave, erin, fred].map(ended));
  const said = (who: WebRoom) => who.transcript.flatMap(({ kind, text }) => (kind === "said" ? [text] : []));
  expect(said(dave).length).toBe(1 + 3 * (5 + 3 * 20));
  expect(new Set(said(dave)).size).toBe(said(dave).length);
  expect(said(erin)).toEqual(said(dave));
  expect(said(fred)).toEqual(said(dave));
  const noise = erin.transcript.filter(
    ({ kind, nick }) => nick !== "Fred" && (kind === "left" || kind === "joined"),
  );
  expect(noise).toEqual([]);
  expect([...erin.roster.keys()].sort()).toEqual(["Dave", "Erin", "Fred"]);
  expect(fred.connections).toBeGreaterThan(1);
  for (const who of [dave, erin, fred]) await who.close();
}, 180_000);
