// A channel with readers that are killed -9, as real processes on a real bus: each line in the room once, in order.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { stringify } from "yaml";
import { connectNats } from "#bus-schemas/bus/nats.ts";
import { type Child, privateFolder, startChild } from "#test/servers/child.ts";
import { freePort } from "#test/servers/free-port.ts";
import { type NatsServer, startNats } from "#test/servers/nats.ts";
import { ownNode, repository } from "#test/support/own-node.ts";
import { main as conference } from "../../../conference-svc/main.ts";
import { ForeignClient, type Ircd, startInspircd, startNgircd } from "./foreign-client.ts";
import { openRoomsHouse, type RoomsHouse } from "./rooms-house.ts";

let ircd: Ircd | undefined;
let nats: NatsServer | undefined;
let house: RoomsHouse | undefined;
const clients: ForeignClient[] = [];
const children: Child[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await Promise.all(children.splice(0).map((child) => child.stop()));
  await house?.stop();
  await ircd?.child.stop();
  await nats?.stop();
});

async function startGateway(instance: string, port: number, bus: NatsServer): Promise<Child> {
  const folder = privateFolder(instance);
  const health = await freePort();
  mkdirSync(join(folder, "state"));
  const demo = { server: "127.0.0.1", port, domain: "irc.example", pacing: "off", connectEvery: "1ms" };
  const config = {
    state: join(folder, "state"),
    bus: { servers: [bus.url], token: bus.token },
    domains: {
      "web.example": { homes: ["web"] },
      "irc.example": { homes: ["irc-demo"] },
      "rooms.example": { homes: ["rooms"] },
    },
    accounts: ["alice", "bob", "carol", "dave"].map((local) => ({
      address: `${local}@web.example`,
      password: "secret",
    })),
    health: { listen: `127.0.0.1:${health}` },
    irc: { networks: { demo } },
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

test.each([
  ["ngIRCd", () => startNgircd()],
  ["InspIRCd", () => startInspircd()],
])(
  "%s: two instances, each killed once while lines come and go: once and in order",
  async (_name, start) => {
    const bus = await startNats();
    nats = bus;
    const server = await start();
    ircd = server;
    const zoe = await ForeignClient.login(server.port, "zoe");
    const yan = await ForeignClient.login(server.port, "yan");
    clients.push(zoe, yan);
    for (const client of clients) client.write("JOIN #lobby");
    const parts = await openRoomsHouse(server.port, {
      startConference: conference,
      connect: () => connectNats({ servers: [bus.url], token: bus.token, name: "house" }),
    });
    house = parts;
    const gateways = [
      await startGateway("irc-1", server.port, bus),
      await startGateway("irc-2", server.port, bus),
    ];
    const people = ["alice", "bob", "carol", "dave"];
    for (const local of people) await parts.join(local);
    await parts.until(
      () =>
        people.every((local) =>
          zoe.lines.some((line) => line.startsWith(`:${local}!`) && line.includes(" JOIN ")),
        ),
      20_000,
    );
    const sent: string[] = [];
    const own: string[] = [];
    for (let index = 0; index < 400; index++) {
      const [client, nick] = index % 4 === 0 ? [yan, "yan"] : [zoe, "zoe"];
      // The same words again and again: nothing but their place tells them apart.
      const text = index % 5 === 0 ? "ok" : `line ${index}`;
      client.say("#lobby", text);
      sent.push(`<${nick}> ${text}`);
      if (index % 10 === 0) {
        const local = people[(index / 10) % people.length] ?? "alice";
        own.push(`<${local}> own ${index}`);
        void parts.say(local, `own ${index}`);
      }
      if (index === 100) void gateways[0]?.kill();
      if (index === 200) gateways[0] = await startGateway("irc-1", server.port, bus);
      if (index === 300) void gateways[1]?.kill();
      await new Promise((resolve) => setTimeout(resolve, 15));
    }
    await parts.until(() => parts.said().length >= sent.length + own.length, 40_000);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    const said = parts.said();
    const of = (nick: string, lines: readonly string[]): string[] =>
      lines.filter((line) => line.startsWith(`<${nick}>`));
    for (const nick of ["zoe", "yan"]) expect(of(nick, said)).toEqual(of(nick, sent));
    // Of the two in the channel the order among each other is the channel's.
    expect(said.filter((line) => /^<(zoe|yan)>/.test(line))).toHaveLength(sent.length);
    for (const local of people) expect(of(local, said)).toEqual(of(local, own));
    // What ours said stands in the channel once, or its sender was told that nobody knows.
    const heard = zoe.lines.flatMap((line) => /PRIVMSG #lobby :(own \d+)$/.exec(line)?.[1] ?? []);
    expect(new Set(heard).size).toBe(heard.length);
    const told = parts.changes("notice").filter(({ to }) => to !== undefined);
    console.info(
      `${sent.length} of the channel, ${own.length} of ours: ${heard.length} heard, ${told.length} told`,
    );
    console.info(parts.changes("notice").map(({ text }) => text));
    expect(parts.changes("notice").filter(({ text }) => text.includes("may be missing"))).toEqual([]);
  },
  120_000,
);
