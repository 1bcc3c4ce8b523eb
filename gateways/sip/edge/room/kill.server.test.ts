// Rooms in real processes on a real nats-server: two SIP gateways and a conference service, of which each gateway is killed -9 in turn
// while people in the room talk. Nothing is lost, nothing comes twice to a person, nobody seems to leave.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { SipRoomPhone } from "#test/cast/sip-room-phone.ts";
import { type Child, privateFolder, startChild, until } from "#test/servers/child.ts";
import { freePorts } from "#test/servers/free-port.ts";
import { type NatsServer, startNats } from "#test/servers/nats.ts";

const root = new URL("../../../../", import.meta.url).pathname;
const people = ["alice", "bob", "carol"];
const children = new Map<string, Child>();
let nats: NatsServer;
let ports: number[];

async function start(name: string, section: string, ready: string): Promise<void> {
  const dir = privateFolder(name);
  const accounts = people.map((local) => `{ address: ${local}@sip.example, password: secret-${local} }`);
  const yaml = [
    `bus: { servers: ["${nats.url}"], token: "${nats.token}" }`,
    "domains: { sip.example: { homes: [sip] }, rooms.example: { homes: [rooms] } }",
    `accounts: [${accounts.join(", ")}]`,
    'health: { listen: "127.0.0.1:0" }',
    section,
    "",
  ];
  writeFileSync(join(dir, "parley.yaml"), yaml.join("\n"), { mode: 0o600 });
  const run = [join(root, "deploy/parley.mjs"), "run", name.split("-")[0] ?? ""];
  const child = await startChild({
    ...{ name, command: process.execPath, cwd: dir },
    args: [...run, "--config", join(dir, "parley.yaml"), "--instance", name],
    ready: (output) => output.includes(ready),
    withinMs: 40_000,
  });
  children.set(name, child);
}

const sip = (index: number): Promise<void> =>
  start(
    `sip-${index + 1}`,
    `sip: { listen: ["udp:127.0.0.1:${ports[index]}", "tcp:127.0.0.1:${ports[index]}"], rooms: { notifyEvery: 0s } }`,
    "listening for SIP",
  );

beforeAll(async () => {
  nats = await startNats();
  ports = await freePorts(2);
  await Promise.all([
    start("conference-1", "conference: { disconnectedFor: 60s }", "service started"),
    sip(0),
    sip(1),
  ]);
});
afterAll(async () => {
  for (const child of children.values()) await child.kill();
  await nats.stop();
});

const phone = (local: string, at: number): Promise<SipRoomPhone> =>
  new SipRoomPhone({
    ports: [ports[at] ?? 0, ports[1 - at] ?? 0],
    address: `${local}@sip.example`,
    password: `secret-${local}`,
    room: "lobby@rooms.example",
  }).open();

const heard = (who: SipRoomPhone): string[] =>
  who.transcript.filter(({ kind }) => kind === "said").map(({ text }) => text);

test("a gateway is killed: its people are called back by the other, and have missed nothing", async () => {
  const [alice, bob, carol] = [await phone("alice", 0), await phone("bob", 1), await phone("carol", 1)];
  const all = [alice, bob, carol];
  for (const each of all) expect(await each.joins(each.address)).toEqual({ answer: "done" });
  const spoken: string[] = [];
  const says = async (text: string): Promise<void> => {
    expect(await alice.says(text)).toEqual({ answer: "done" });
    spoken.push(text);
  };
  for (let at = 0; at < 10; at += 1) await says(`before ${at}`);
  await children.get("sip-2")?.kill();
  for (let at = 0; at < 50; at += 1) await says(`while ${at}`);
  for (const who of [bob, carol]) {
    await until("all is heard", () => heard(who).length >= spoken.length, 30_000).catch(() => undefined);
    expect(heard(who)).toEqual(spoken);
  }
  expect(await bob.says("back")).toEqual({ answer: "done" });
  for (const who of [alice, carol]) await who.sees(({ text }) => text === "back", 5_000);
  await sip(1);
  // Now the other, with everybody in it.
  await children.get("sip-1")?.kill();
  const met = async (): Promise<boolean> => all.every(({ sheet }) => (sheet.version ?? 0) >= 1_000);
  await until("all rosters go on", met, 30_000);
  await until(
    "the speaker has a session again",
    async () => (await alice.says("once more")).answer === "done",
    30_000,
  );
  for (const who of [bob, carol]) await who.sees(({ text }) => text === "once more", 10_000);
  expect(await carol.says("me too")).toEqual({ answer: "done" });
  for (const who of [alice, bob]) await who.sees(({ text }) => text === "me too", 10_000);
  for (const who of all) {
    expect(who.transcript.filter(({ kind }) => kind === "left")).toEqual([]);
    expect(who.sheet.gaps).toBe(0);
    expect([...who.roster.keys()].sort()).toEqual(all.map(({ address }) => address));
  }
  for (const who of all) await who.close();
});
