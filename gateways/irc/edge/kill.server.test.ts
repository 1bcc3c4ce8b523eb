// The gateway as real processes on a real bus, killed: conversations go on, nothing is sent twice, gaps are told.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { stringify } from "yaml";
import { connectNats } from "#bus-schemas/bus/nats.ts";
import { type Child, privateFolder, startChild } from "#test/servers/child.ts";
import { freePort } from "#test/servers/free-port.ts";
import { type NatsServer, startNats } from "#test/servers/nats.ts";
import { ownNode, repository } from "#test/support/own-node.ts";
import { ForeignClient, type Ircd, startNgircd } from "./foreign-client.ts";
import { alice, bob, type House, openHouse } from "./house.ts";

let ircd: Ircd | undefined;
let nats: NatsServer | undefined;
let house: House | undefined;
let carol: ForeignClient | undefined;
const children: Child[] = [];
afterEach(async () => {
  carol?.close();
  await Promise.all(children.splice(0).map((child) => child.stop()));
  await house?.stop();
  await ircd?.child.stop();
  await nats?.stop();
});

async function startGateway(instance: string, port: number, bus: NatsServer): Promise<Child> {
  const folder = privateFolder(instance);
  const health = await freePort();
  mkdirSync(join(folder, "state"));
  const config = {
    state: join(folder, "state"),
    bus: { servers: [bus.url], token: bus.token },
    domains: { "sip.example": { homes: ["sip"] }, "irc.example": { homes: ["irc-demo"] } },
    accounts: [alice, bob].map(({ local, domain }) => ({
      address: `${local}@${domain}`,
      password: "secret",
    })),
    health: { listen: `127.0.0.1:${health}` },
    irc: {
      networks: {
        demo: { server: "127.0.0.1", port, domain: "irc.example", pacing: "off", connectEvery: "1ms" },
      },
    },
  };
  const file = join(folder, "parley.yaml");
  writeFileSync(file, stringify(config), { mode: 0o600 });
  const child = await startChild({
    name: instance,
    command: ownNode,
    args: [`${repository}/deploy/parley.mjs`, "run", "irc", "--config", file, "--instance", instance],
    ready: async () =>
      fetch(`http://127.0.0.1:${health}/health`).then(
        (answer) => answer.ok,
        () => false,
      ),
    withinMs: 30_000,
  });
  children.push(child);
  return child;
}

async function open(): Promise<{ house: House; carol: ForeignClient; ircd: Ircd; nats: NatsServer }> {
  const bus = await startNats();
  nats = bus;
  ircd = await startNgircd();
  house = await openHouse(ircd.port, {}, () =>
    connectNats({ servers: [bus.url], token: bus.token, name: "sip" }),
  );
  carol = await ForeignClient.login(ircd.port, "carol");
  return { house, carol, ircd, nats: bus };
}

test("killed -9 under load: every message once or uncertain, the conversation comes back, the gap is told to both", async () => {
  const parts = await open();
  const first = await startGateway("irc-1", parts.ircd.port, parts.nats);
  await parts.house.say(alice, "carol", "hello");
  await parts.house.until(() => parts.carol.heard("alice").length === 1, 20_000);
  parts.carol.say("alice", "hi alice");
  await parts.house.until(() => parts.house.received.length === 1);
  // The record and the stamp are written within a second or so.
  await new Promise((resolve) => setTimeout(resolve, 2_500));
  const ids = new Map<string, string>();
  const killing = new Promise((resolve) => setTimeout(resolve, 250)).then(() => first.kill());
  for (let i = 0; i < 200; i++) {
    const sent = await parts.house.say(alice, "carol", `load ${i}`);
    if (sent.accepted) ids.set(`load ${i}`, sent.id);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  await killing;
  await startGateway("irc-1", parts.ircd.port, parts.nats);
  const done = (text: string): boolean =>
    parts.carol.lines.some((line) => line.endsWith(`PRIVMSG carol :${text}`)) ||
    parts.house.outcomes.some((event) => event.message === ids.get(text));
  await parts.house.until(() => [...ids.keys()].every(done), 40_000);
  expect(ids.size).toBe(200);
  const heard = parts.carol.lines.flatMap((line) => /PRIVMSG carol :(load \d+)$/.exec(line)?.[1] ?? []);
  expect(new Set(heard).size).toBe(heard.length);
  expect(heard).toEqual([...heard].sort((a, b) => Number(a.slice(5)) - Number(b.slice(5))));
  expect(new Set(parts.house.outcomes.map((event) => event.outcome))).not.toContain("refused");
  console.info(`200 accepted, ${heard.length} heard, ${parts.house.outcomes.length} uncertain`);
  expect(await parts.carol.next((line) => line.includes("may be missing"), 20_000)).toContain("NOTICE carol");
  await parts.house.until(() => parts.house.received.some((event) => event.text.includes("may be missing")));
}, 120_000);

test("two instances: when one is killed the other takes its people over, and the service nick", async () => {
  const parts = await open();
  const first = await startGateway("irc-1", parts.ircd.port, parts.nats);
  await startGateway("irc-2", parts.ircd.port, parts.nats);
  for (const person of [alice, bob]) await parts.house.say(person, "carol", `hello from ${person.local}`);
  await parts.house.until(
    () => parts.carol.heard("alice").length + parts.carol.heard("bob").length === 2,
    20_000,
  );
  await first.kill();
  for (const person of [alice, bob]) await parts.house.say(person, "carol", `again from ${person.local}`);
  const heard = (): string[] =>
    parts.carol.lines.flatMap((line) => /PRIVMSG carol :(again .*)$/.exec(line)?.[1] ?? []);
  await parts.house.until(() => heard().length === 2, 40_000);
  expect(heard().sort()).toEqual(["again from alice", "again from bob"]);
  await parts.carol.untilOnline("Parley");
  parts.carol.say("Parley", "to bob@sip.example are you there");
  await parts.house.until(() => parts.house.received.some((event) => event.text === "are you there"), 20_000);
}, 120_000);
