// The law of rooms: fifty people do this and that in three rooms, two conference services share them, one is killed with -9 every
// few seconds. All replicas hear the same events in the same order, what was handed is there once, and the roster is what the
// people themselves believe. The people act over the gateways' side of rooms (bus-schemas/rooms); plays do it over protocols.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { stringify } from "yaml";
import type { Address, Party } from "#bus-schemas/address.ts";
import { connectNats } from "#bus-schemas/bus/nats.ts";
import type { Courier } from "#bus-schemas/delivery/courier.ts";
import type { RoomEvent } from "#bus-schemas/events/room.ts";
import type { RoomAnswer, RoomDo } from "#bus-schemas/events/room-command.ts";
import { openRooms } from "#bus-schemas/rooms/open.ts";
import type { Followed, Rooms } from "#bus-schemas/rooms/port.ts";
import { type Child, privateFolder, startChild } from "#test/servers/child.ts";
import { freePorts } from "#test/servers/free-port.ts";
import { type NatsServer, startNats } from "#test/servers/nats.ts";
import { fakeService } from "#test/support/fake-service.ts";
import { ownNode, repository } from "#test/support/own-node.ts";

const names = ["red", "green", "blue"];
const rooms: Address[] = names.map((local) => ({ local, domain: "rooms.example" }));
const people = 50;
const runMs = 15_000;
const killEveryMs = 3_500;
const domains = { "web.example": { homes: ["web"] }, "rooms.example": { homes: ["rooms"] } };
const accounts = Array.from({ length: people }, (_, index) => ({
  address: `user${index}@web.example`,
  password: "x",
}));

/** Numbers that look random and are the same in every run. */
function dice(seed: number): (sides: number) => number {
  let state = seed;
  return (sides) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return (state >>> 8) % sides;
  };
}

/** A process of the conference service. */
async function startConference(server: NatsServer, dir: string, index: number, port: number): Promise<Child> {
  const file = join(dir, `conference-${index}.yaml`);
  const conference = {
    rooms: Object.fromEntries(names.map((name) => [name, { owners: ["user0@web.example"] }])),
  };
  const config = {
    bus: { servers: [server.url], token: server.token },
    domains,
    accounts,
    health: { listen: `127.0.0.1:${port}` },
    web: { listen: "127.0.0.1:0" },
    conference,
  };
  writeFileSync(file, stringify(config), { mode: 0o600 });
  return startChild({
    name: `conference-${index}`,
    command: ownNode,
    args: [
      `${repository}/deploy/parley.mjs`,
      "run",
      "conference",
      "--config",
      file,
      "--instance",
      `conference-${index}`,
    ],
    dir,
    ready: async () => (await fetch(`http://127.0.0.1:${port}/health`).catch(() => undefined))?.ok === true,
    withinMs: 40_000,
  });
}

/** One gateway's side: its replicas of all rooms, with every event they heard. */
class Gate {
  readonly heard = new Map<string, RoomEvent[]>();
  readonly followed = new Map<string, Followed>();
  readonly rooms: Rooms;
  readonly courier: Courier;

  private constructor(rooms: Rooms, courier: Courier) {
    this.rooms = rooms;
    this.courier = courier;
  }

  static async open(server: NatsServer, name: string): Promise<Gate> {
    const bus = await connectNats({ servers: [server.url], token: server.token, name });
    const directory = {
      domains: Object.fromEntries(
        Object.entries(domains).map(([domain, { homes }]) => [domain, { homes, deliver: "any", faces: {} }]),
      ),
      accounts: accounts.map(({ address }) => ({
        address: { local: address.split("@")[0] ?? "", domain: "web.example" },
      })),
    };
    const service = fakeService({ name: "web", instance: name, bus, directory });
    const gateway = { deliver: async () => ({ end: "handed" }) as const, tell: async () => "told" as const };
    const courier = await service.courier(
      { carrier: "web", slotBy: "recipient", share: "spread", writeAhead: false },
      gateway,
    );
    const gate = new Gate(await openRooms(service, "web"), courier);
    for (const room of rooms) {
      const events: RoomEvent[] = [];
      gate.heard.set(room.local, events);
      gate.followed.set(
        room.local,
        await gate.rooms.follow(room, { event: (event) => void events.push(event) }),
      );
    }
    return gate;
  }
}

/** Somebody who acts, one thing after the other, and remembers what he was told. */
class Person {
  readonly said: { room: string; text: string }[] = [];
  readonly refused: string[] = [];
  readonly #gate: Gate;
  readonly #roll: (sides: number) => number;
  readonly party: Party;
  /** Rooms in which he believes himself, as far as his own acts go. */
  readonly in = new Set<string>();
  #count = 0;

  constructor(gate: Gate, index: number) {
    this.#gate = gate;
    this.#roll = dice(index + 1);
    this.party = { local: `user${index}`, domain: "web.example", device: "d", assurance: "verified" };
  }

  async act(until: number): Promise<void> {
    while (Date.now() < until) {
      const room = rooms[this.#roll(rooms.length)] ?? rooms[0];
      if (room === undefined) return;
      const what = this.#roll(12);
      if (!this.in.has(room.local)) await this.#join(room);
      else if (what === 0) await this.#leave(room);
      else if (what === 1)
        await this.#do(room, {
          kind: "nick",
          nick: `${this.party.local}-${this.#roll(1_000)}`,
          mangle: true,
        });
      else if (what === 2)
        await this.#do(room, { kind: "status", status: { show: "away", text: `${this.#roll(99)}` } });
      else if (what === 3) await this.#do(room, { kind: "subject", text: `subject ${this.#roll(1_000)}` });
      else await this.#say(room);
      await sleep(this.#roll(60));
    }
  }

  async #join(room: Address): Promise<void> {
    const { local, domain, device } = this.party;
    const endpoint = {
      id: `web:${local}`,
      carrier: "web",
      instance: this.#gate.courier.process,
      address: { local, domain, device },
      state: "connected",
      since: 0,
    } as const;
    const answer = await this.#do(room, { kind: "join", endpoint, mangle: true });
    if (answer.ok) this.in.add(room.local);
  }

  async #leave(room: Address): Promise<void> {
    const answer = await this.#do(room, { kind: "leave", endpoint: `web:${this.party.local}` });
    if (answer.ok) this.in.delete(room.local);
  }

  async #do(room: Address, what: RoomDo): Promise<RoomAnswer> {
    const answer = await this.#gate.rooms.command({ room, from: this.party, do: what });
    if (!answer.ok) this.refused.push(`${what.kind} ${answer.reason}`);
    return answer;
  }

  async #say(room: Address): Promise<void> {
    this.#count += 1;
    const text = `${this.party.local} ${this.#count}`;
    const acceptance = await this.#gate.courier.accept(
      { from: this.party, to: room, kind: "chat", text, messageId: `${this.#count}` },
      { source: this.party.local, transportId: `${this.#count}`, holdMs: 20_000 },
    );
    const end = acceptance.accepted ? await acceptance.settled : undefined;
    if (end?.outcome === "refused") this.refused.push(`say ${end.text ?? ""}`);
    else this.said.push({ room: room.local, text });
  }
}

test("two services, one killed every few seconds: one order for all, nothing lost, nothing twice, nobody a ghost", async () => {
  const server = await startNats();
  const dir = privateFolder("rooms-law");
  const ports = await freePorts(2);
  const start = (index: number): Promise<Child> => startConference(server, dir, index, ports[index] ?? 0);
  const services = await Promise.all([start(0), start(1)]);
  const gates = [await Gate.open(server, "web-1"), await Gate.open(server, "web-2")];
  const crowd = Array.from({ length: people }, (_, index) => new Person(gates[index % 2] as Gate, index));
  const until = Date.now() + runMs;
  const acting = Promise.all(crowd.map((person) => person.act(until)));
  let kills = 0;
  while (Date.now() < until - killEveryMs) {
    await sleep(killEveryMs);
    const victim = kills % 2;
    await services[victim]?.kill();
    services[victim] = await start(victim);
    kills += 1;
  }
  await acting;
  expect(kills).toBeGreaterThanOrEqual(2);
  const [one, other] = gates as [Gate, Gate];
  for (const room of names) {
    const events = one.heard.get(room) ?? [];
    const said = crowd
      .flatMap((person) => person.said.filter((one) => one.room === room))
      .map(({ text }) => text);
    const texts = (): string[] =>
      events.flatMap(({ change }) => (change.kind === "said" ? [change.message.text] : []));
    await expect.poll(() => texts().length, { timeout: 20_000 }).toBeGreaterThanOrEqual(said.length);
    await expect
      .poll(() => other.heard.get(room)?.map(({ id }) => id), { timeout: 20_000 })
      .toEqual(events.map(({ id }) => id));
    const heard = texts();
    expect(new Set(heard).size, `${room}: nothing twice`).toBe(heard.length);
    expect(
      said.filter((text) => !heard.includes(text)),
      `${room}: nothing lost`,
    ).toEqual([]);
    for (const person of crowd) {
      const own = heard
        .filter((text) => text.startsWith(`${person.party.local} `))
        .map((text) => Number(text.split(" ")[1]));
      expect(own, `${room}: ${person.party.local} in his order`).toEqual([...own].sort((a, b) => a - b));
    }
    const believed = crowd
      .filter((person) => person.in.has(room))
      .map(({ party }) => `${party.local}@web.example`)
      .sort();
    const roster = (gate: Gate): string[] =>
      [...(gate.followed.get(room)?.view.participants.keys() ?? [])].sort();
    expect(roster(one), `${room}: roster`).toEqual(believed);
    expect(roster(other), `${room}: roster of the other`).toEqual(believed);
  }
  const acts = [...one.heard.values()].reduce((sum, events) => sum + events.length, 0);
  console.log(
    `rooms: ${acts} events, ${crowd.reduce((sum, { said }) => sum + said.length, 0)} said, ${kills} kills, refused ${[...new Set(crowd.flatMap(({ refused }) => refused))].join(", ") || "nothing"}`,
  );
  for (const service of services) await service.kill();
  await server.stop();
}, 120_000);
