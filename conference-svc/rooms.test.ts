// Rooms, the service and the gateways' side together on one bus: joins, order, refusals, history, owners that die.
import { describe, expect, test } from "vitest";
import type { Address, Party } from "#bus-schemas/address.ts";
import { type MemoryServer, memoryServer } from "#bus-schemas/bus/memory.ts";
import type { Courier, Gateway, MessageDraft } from "#bus-schemas/delivery/courier.ts";
import type { RoomEvent } from "#bus-schemas/events/room.ts";
import type { RoomDo } from "#bus-schemas/events/room-command.ts";
import { openRooms } from "#bus-schemas/rooms/open.ts";
import type { Followed, Rooms } from "#bus-schemas/rooms/port.ts";
import { type FakeService, fakeService } from "#test/support/fake-service.ts";
import { main } from "./main.ts";

const room: Address = { local: "lobby", domain: "rooms.example" };
const directory = {
  domains: {
    "sip.example": { homes: ["sip"], deliver: "any", faces: {} },
    "web.example": { homes: ["web"], deliver: "any", faces: {} },
    "rooms.example": { homes: ["rooms"], deliver: "any", faces: {} },
    "irc.example": { homes: ["irc-demo"], deliver: "any", faces: {} },
  },
  accounts: ["alice", "bob", "carol"].map((local) => ({ address: { local, domain: "web.example" } })),
};

const person = (local: string, device = "d"): Party => ({
  local,
  domain: "web.example",
  device,
  assurance: "verified",
});

interface Gate {
  /** Hands nothing over any more. */
  refuse: boolean;
  readonly service: FakeService;
  readonly rooms: Rooms;
  readonly courier: Courier;
  readonly delivered: { text: string; to: string }[];
}

async function openGate(server: MemoryServer, carrier = "web"): Promise<Gate> {
  const service = fakeService({ name: carrier, instance: `${carrier}-1`, bus: server.connect(), directory });
  const delivered: { text: string; to: string }[] = [];
  const gate = { refuse: false } as Gate;
  const gateway: Gateway = {
    deliver: async (event) => {
      if (gate.refuse) return { end: "refused", reason: "unknown-user" };
      delivered.push({ text: event.text, to: event.to.local });
      return { end: "handed" };
    },
    tell: async () => "told",
  };
  const slotBy = carrier.startsWith("irc-") ? "sender" : "recipient";
  const courier = await service.courier({ carrier, slotBy, share: "spread", writeAhead: false }, gateway);
  Object.assign(gate, { service, rooms: await openRooms(service, carrier), courier, delivered });
  return gate;
}

async function openService(
  server: MemoryServer,
  instance = "conference-1",
  conference: object = {},
): Promise<FakeService> {
  const service = fakeService({
    name: "conference",
    instance,
    bus: server.connect(),
    directory,
    sections: { conference },
  });
  await main(service);
  return service;
}

const endpoint = (gate: Gate, who: Party): Extract<RoomDo, { kind: "join" }>["endpoint"] => ({
  id: `web:${who.local}/${who.device}`,
  carrier: "web",
  instance: gate.courier.process,
  address: { local: who.local, domain: who.domain, device: who.device },
  state: "connected",
  since: 0,
});

const join = (gate: Gate, who: Party, nick?: string, more: object = {}): ReturnType<Rooms["command"]> =>
  gate.rooms.command({
    room,
    from: who,
    do: {
      kind: "join",
      endpoint: endpoint(gate, who),
      mangle: false,
      ...(nick !== undefined && { nick }),
      ...more,
    },
  });

let count = 0;
async function say(
  gate: Gate,
  who: Party,
  text: string,
  more: Partial<MessageDraft> = {},
): Promise<string | undefined> {
  count += 1;
  const acceptance = await gate.courier.accept(
    { from: who, to: room, kind: "chat", text, messageId: `m${count}`, ...more },
    { source: who.local, transportId: `t${count}`, holdMs: 4_000 },
  );
  if (!acceptance.accepted) return acceptance.reason;
  const end = await acceptance.settled;
  return end?.outcome === "refused" ? end.reason : end?.outcome;
}

/** What a follower hears, as short words. */
async function listen(gate: Gate): Promise<{ heard: string[]; followed: Followed; events: RoomEvent[] }> {
  const heard: string[] = [];
  const events: RoomEvent[] = [];
  const followed = await gate.rooms.follow(room, {
    event: ({ change, ...event }) => {
      events.push({ ...event, change });
      if (change.kind === "said") heard.push(`${change.message.from.nick}: ${change.message.text}`);
      else if (change.kind === "joined") heard.push(`+${change.participant.nick}`);
      else if (change.kind === "left") heard.push(`-${change.gone.nick} ${change.gone.cause}`);
      else heard.push(change.kind);
    },
  });
  return { heard, followed, events };
}

const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 50));

describe("rooms", () => {
  test("whoever enters makes the room, and all hear the same in the same order", async () => {
    const server = memoryServer();
    await openService(server);
    const gate = await openGate(server);
    const one = await listen(gate);
    const other = await listen(await openGate(server));
    expect(await join(gate, person("alice"), "Alice")).toMatchObject({
      ok: true,
      participant: { nick: "Alice", role: "moderator" },
    });
    expect(await join(gate, person("bob"), "Bob")).toMatchObject({
      ok: true,
      participant: { nick: "Bob", role: "speaker" },
    });
    expect(await say(gate, person("alice"), "hello")).toBe("handed");
    expect(await say(gate, person("bob"), "hi")).toBe("handed");
    await settle();
    expect(one.heard).toEqual([
      "owner",
      "created",
      "affiliation",
      "+Alice",
      "+Bob",
      "Alice: hello",
      "Bob: hi",
    ]);
    expect(other.heard).toEqual(one.heard);
    expect([...one.followed.view.participants.values()].map(({ nick }) => nick)).toEqual(["Alice", "Bob"]);
  });

  test("refusals: a nick that is taken, a stranger who speaks, a room that nobody may make", async () => {
    const server = memoryServer();
    await openService(server);
    const gate = await openGate(server);
    await join(gate, person("alice"), "Alice");
    expect(await join(gate, person("bob"), " ALICE ")).toEqual({ ok: false, reason: "nick-taken" });
    expect(await join(gate, person("bob"), "alice", { mangle: true })).toMatchObject({
      participant: { nick: "alice (2)" },
    });
    expect(await say(gate, person("carol"), "let me speak")).toBe("forbidden");
    const stranger: Party = { ...person("mallory"), assurance: "none" };
    const other = { local: "new", domain: "rooms.example" };
    const wish = { kind: "join", endpoint: endpoint(gate, stranger), mangle: false } as const;
    expect(await gate.rooms.command({ room: other, from: stranger, do: wish })).toEqual({
      ok: false,
      reason: "creation-forbidden",
    });
  });

  test("a second device is the same person; the last one that leaves closes the room", async () => {
    const server = memoryServer();
    await openService(server);
    const gate = await openGate(server);
    const { heard, followed } = await listen(gate);
    await join(gate, person("alice", "phone"), "Alice");
    await join(gate, person("alice", "laptop"));
    expect(followed.view.participants.size).toBe(1);
    await gate.rooms.command({
      room,
      from: person("alice", "phone"),
      do: { kind: "leave", endpoint: "web:alice/phone" },
    });
    await gate.rooms.command({
      room,
      from: person("alice", "laptop"),
      do: { kind: "leave", endpoint: "web:alice/laptop" },
    });
    await settle();
    expect(heard).toEqual([
      "owner",
      "created",
      "affiliation",
      "+Alice",
      "endpoint",
      "endpoint-gone",
      "-Alice left",
      "destroyed",
    ]);
  });

  test("kick, ban, members-only, moderated, password", async () => {
    const server = memoryServer();
    await openService(server);
    const gate = await openGate(server);
    const { heard } = await listen(gate);
    const alice = person("alice");
    const bob = person("bob");
    await join(gate, alice, "Alice");
    await join(gate, bob, "Bob");
    const does = (from: Party, what: RoomDo): ReturnType<Rooms["command"]> =>
      gate.rooms.command({ room, from, do: what });
    expect(await does(bob, { kind: "kick", target: { nick: "Alice" } })).toEqual({
      ok: false,
      reason: "forbidden",
    });
    expect(await does(alice, { kind: "kick", target: { nick: "Bob" }, reason: "enough" })).toMatchObject({
      ok: true,
    });
    expect(await join(gate, bob, "Bob")).toMatchObject({ ok: true });
    const ban: RoomDo = {
      kind: "affiliation",
      changes: [{ address: { local: "bob", domain: "web.example" }, affiliation: "outcast" }],
    };
    expect(await does(alice, ban)).toMatchObject({ ok: true });
    expect(await join(gate, bob, "Bob")).toEqual({ ok: false, reason: "banned" });
    await does(alice, {
      kind: "affiliation",
      changes: [{ address: { local: "bob", domain: "web.example" }, affiliation: "none" }],
    });
    await does(alice, { kind: "configure", config: { moderated: true, password: "open sesame" } });
    expect(await join(gate, bob, "Bob")).toEqual({ ok: false, reason: "password" });
    expect(await join(gate, bob, "Bob", { password: "open sesame" })).toMatchObject({
      participant: { role: "observer" },
    });
    expect(await say(gate, bob, "may I?")).toBe("forbidden");
    await does(alice, { kind: "role", target: { nick: "Bob" }, role: "speaker" });
    expect(await say(gate, bob, "thanks")).toBe("handed");
    await does(alice, { kind: "configure", config: { membersOnly: true, password: null } });
    await settle();
    expect(heard.slice(-3)).toEqual(["Bob: thanks", "configured", "-Bob not-a-member"]);
    expect(await join(gate, bob, "Bob")).toEqual({ ok: false, reason: "members-only" });
  });

  test("private messages reach the log for the two alone; corrections, reactions and retractions name the room's ids", async () => {
    const server = memoryServer();
    await openService(server);
    const gate = await openGate(server);
    const { events } = await listen(gate);
    await join(gate, person("alice"), "Alice");
    await join(gate, person("bob"), "Bob");
    await say(gate, person("alice"), "helo", { messageId: "first" });
    await say(gate, person("alice"), "hello", { correctionOf: "first" });
    await say(gate, person("alice"), "psst", { to: { ...room, device: "Bob" } });
    const said = events.filter(({ change }) => change.kind === "said");
    expect(said[1]?.change).toMatchObject({ message: { corrects: said[0]?.id } });
    expect(said[2]?.change).toMatchObject({ message: { to: { nick: "Bob" } } });
    const first = said[0]?.id ?? "";
    expect(
      await gate.rooms.command({
        room,
        from: person("bob"),
        do: { kind: "react", message: first, emoji: ["👍", "👍"] },
      }),
    ).toMatchObject({ ok: true });
    expect(
      await gate.rooms.command({ room, from: person("bob"), do: { kind: "retract", message: first } }),
    ).toEqual({ ok: false, reason: "forbidden" });
    expect(
      await gate.rooms.command({ room, from: person("alice"), do: { kind: "retract", message: first } }),
    ).toMatchObject({ ok: true });
    const page = await gate.rooms.history({ ask: "history", room, max: 100 });
    expect(page?.events.map(({ change }) => change.kind)).toEqual(["said", "said", "reacted", "retracted"]);
    const his = await gate.rooms.history({ ask: "history", room, max: 100, reader: "bob@web.example" });
    expect(his?.events).toHaveLength(5);
  });

  test("history of a thousand messages in pages, from memory and from the log", async () => {
    const server = memoryServer();
    await openService(server);
    const gate = await openGate(server);
    await join(gate, person("alice"), "Alice");
    for (let index = 0; index < 1_000; index += 1) await say(gate, person("alice"), `${index}`);
    const texts = (page: Awaited<ReturnType<Rooms["history"]>>): string[] =>
      page?.events.map(({ change }) => (change.kind === "said" ? change.message.text : change.kind)) ?? [];
    const last = await gate.rooms.history({ ask: "history", room, max: 3, last: true });
    expect(texts(last)).toEqual(["997", "998", "999"]);
    const first = await gate.rooms.history({ ask: "history", room, max: 3 });
    expect(texts(first)).toEqual(["0", "1", "2"]);
    const next = await gate.rooms.history({ ask: "history", room, max: 2, after: first?.events[2]?.id });
    expect(texts(next)).toEqual(["3", "4"]);
    // Backwards through all of it.
    const all: string[] = [];
    let before = last?.events[0]?.id;
    while (before !== undefined) {
      const page: Awaited<ReturnType<Rooms["history"]>> = await gate.rooms.history({
        ask: "history",
        room,
        max: 100,
        before,
      });
      all.unshift(...texts(page));
      before = page?.complete === false ? page.events[0]?.id : undefined;
    }
    expect(all).toEqual(Array.from({ length: 997 }, (_, index) => `${index}`));
  }, 30_000);

  test("pages of large messages hold what one answer can, and say that there is more", async () => {
    const server = memoryServer();
    await openService(server);
    const gate = await openGate(server);
    await join(gate, person("alice"), "Alice");
    for (let index = 0; index < 30; index += 1)
      await say(gate, person("alice"), `${index} ${"x".repeat(60_000)}`);
    const numbers = (page: Awaited<ReturnType<Rooms["history"]>>): string[] =>
      page?.events.map(({ change }) =>
        change.kind === "said" ? change.message.text.slice(0, 2).trim() : "",
      ) ?? [];
    const first = await gate.rooms.history({ ask: "history", room, max: 500 });
    expect(first?.complete).toBe(false);
    expect(numbers(first)).toEqual(Array.from({ length: 11 }, (_, index) => `${index}`));
    const last = await gate.rooms.history({ ask: "history", room, max: 500, last: true });
    expect(numbers(last)).toEqual(Array.from({ length: 11 }, (_, index) => `${19 + index}`));
  });

  test("a room of the configuration with a leg: what is said goes there, what is said there does not come back", async () => {
    const server = memoryServer();
    const conference = {
      rooms: {
        lobby: {
          title: "Lobby",
          owners: ["alice@web.example"],
          legs: [{ carrier: "irc-demo", channel: "#lobby" }],
        },
      },
    };
    await openService(server, "conference-1", conference);
    const gate = await openGate(server);
    const irc = await openGate(server, "irc-demo");
    const { heard } = await listen(gate);
    expect(await join(gate, person("alice"), "Alice")).toMatchObject({ participant: { role: "moderator" } });
    const carol: Party = { local: "carol", domain: "irc.example", assurance: "none" };
    const leg = "irc-demo/#lobby";
    await irc.rooms.command({
      room,
      from: carol,
      do: {
        kind: "leg-roster",
        leg,
        whole: true,
        joined: [
          { name: "carol", address: carol },
          { name: "alice", address: { ...carol, local: "alice" } },
        ],
        gone: [],
        renamed: [],
      },
    });
    await say(gate, person("alice"), "hello channel");
    await irc.courier.accept(
      { from: carol, to: room, kind: "chat", text: "hello room", leg },
      { source: "carol", transportId: "line 1" },
    );
    await expect.poll(() => irc.delivered).toEqual([{ text: "hello channel", to: "#lobby" }]);
    await expect.poll(() => heard.at(-1)).toBe("carol: hello room");
    await irc.rooms.command({
      room,
      from: carol,
      do: {
        kind: "leg-roster",
        leg,
        whole: false,
        joined: [],
        gone: [
          { name: "carol", cause: "netsplit" },
          { name: "alice", cause: "netsplit" },
        ],
        renamed: [],
      },
    });
    await expect.poll(() => heard.filter((one) => one === "roster")).toHaveLength(2);
    const view = await listen(gate);
    expect([...view.followed.view.participants.values()].map(({ nick }) => nick)).toEqual(["Alice"]);
  });

  test("somebody of a leg who is banned has left, is not mirrored again, and is not heard", async () => {
    const server = memoryServer();
    const conference = {
      rooms: { lobby: { owners: ["alice@web.example"], legs: [{ carrier: "irc-demo", channel: "#lobby" }] } },
    };
    await openService(server, "conference-1", conference);
    const gate = await openGate(server);
    const irc = await openGate(server, "irc-demo");
    const { heard } = await listen(gate);
    await join(gate, person("alice"), "Alice");
    const carol: Party = { local: "carol", domain: "irc.example", assurance: "none" };
    const leg = "irc-demo/#lobby";
    const appears = (): ReturnType<Rooms["command"]> =>
      irc.rooms.command({
        room,
        from: carol,
        do: {
          kind: "leg-roster",
          leg,
          whole: true,
          joined: [{ name: "carol", address: carol }],
          gone: [],
          renamed: [],
        },
      });
    await appears();
    const { local, domain } = carol;
    const ban: RoomDo = {
      kind: "affiliation",
      changes: [{ address: { local, domain }, affiliation: "outcast" }],
    };
    expect(await gate.rooms.command({ room, from: person("alice"), do: ban })).toMatchObject({ ok: true });
    await expect.poll(() => heard.at(-1)).toBe("-carol banned");
    await appears();
    expect(await say(irc, carol, "still here", { leg })).toBe("forbidden");
    expect(heard.at(-1)).toBe("-carol banned");
  });

  test("a leg whose operators rule the room: they come, they rise, they kick; a whisper that is refused there is told", async () => {
    const server = memoryServer();
    const legs = [{ carrier: "irc-demo", channel: "#lobby", opsModerate: true }];
    await openService(server, "conference-1", { rooms: { lobby: { legs } } });
    const gate = await openGate(server);
    const irc = await openGate(server, "irc-demo");
    const { heard, followed, events } = await listen(gate);
    await join(gate, person("alice"), "Alice");
    await join(gate, person("bob"), "Bob");
    const carol: Party = { local: "carol", domain: "irc.example", assurance: "none" };
    const leg = "irc-demo/#lobby";
    const seen = (role: "speaker" | "moderator"): RoomDo => ({
      kind: "leg-roster",
      leg,
      whole: false,
      joined: [{ name: "carol", address: carol, role }],
      gone: [],
      renamed: [],
    });
    await irc.rooms.command({ room, from: carol, do: seen("speaker") });
    const kick: RoomDo = { kind: "kick", target: { nick: "Bob" } };
    expect(await irc.rooms.command({ room, from: carol, do: kick })).toEqual({
      ok: false,
      reason: "forbidden",
    });
    await irc.rooms.command({ room, from: carol, do: seen("moderator") });
    expect(followed.view.participants.get(`${leg}/carol`)?.role).toBe("moderator");
    expect(await irc.rooms.command({ room, from: carol, do: kick })).toMatchObject({ ok: true });
    await expect.poll(() => heard.at(-1)).toBe("-Bob kicked");
    irc.refuse = true;
    expect(await say(gate, person("alice"), "psst", { to: { ...room, device: "carol" } })).toBe("handed");
    await expect
      .poll(() => events.at(-1)?.change, { timeout: 5_000 })
      .toMatchObject({ kind: "notice", to: "alice@web.example" });
  });

  test("the owner dies: another one goes on, nothing lost, nothing twice, the same order for all", async () => {
    const server = memoryServer();
    const first = await openService(server, "conference-1");
    const second = await openService(server, "conference-2");
    const gate = await openGate(server);
    const one = await listen(gate);
    await join(gate, person("alice"), "Alice");
    const sends: Promise<unknown>[] = [];
    for (let index = 0; index < 200; index += 1) {
      sends.push(say(gate, person("alice"), `${index}`));
      if (index === 100) await first.bus.close();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await Promise.all(sends);
    await expect
      .poll(() => one.heard.filter((line) => line.startsWith("Alice: ")).length, { timeout: 15_000 })
      .toBe(200);
    const texts = one.heard.filter((line) => line.startsWith("Alice: ")).map((line) => line.slice(7));
    expect(texts).toEqual(Array.from({ length: 200 }, (_, index) => `${index}`));
    await second.stop();
  }, 30_000);

  test("nobody takes all the places: one person owns a hundred open rooms at most", async () => {
    const server = memoryServer();
    await openService(server);
    const gate = await openGate(server);
    const enter = (index: number, who: Party): ReturnType<Rooms["command"]> =>
      gate.rooms.command({
        room: { local: `r${index}`, domain: "rooms.example" },
        from: who,
        do: { kind: "join", endpoint: endpoint(gate, who), mangle: true },
      });
    for (let index = 0; index < 100; index += 1)
      expect(await enter(index, person("alice"))).toMatchObject({ ok: true });
    expect(await enter(100, person("alice"))).toMatchObject({ ok: false, reason: "rate-limited" });
    expect(await enter(100, person("bob"))).toMatchObject({ ok: true });
    expect(await enter(100, person("alice"))).toMatchObject({ ok: true });
  });

  test("a changed configuration takes effect while people are in the room", async () => {
    const server = memoryServer();
    const service = await openService(server, "conference-1", { rooms: { lobby: { title: "Old" } } });
    const gate = await openGate(server);
    const { heard, followed } = await listen(gate);
    await join(gate, person("alice"), "Alice");
    service.change({
      conference: { rooms: { lobby: { title: "New", owners: ["alice@web.example"] }, other: {} } },
    });
    await expect.poll(() => heard.slice(-2)).toEqual(["configured", "affiliation"]);
    expect(followed.view.config?.title).toBe("New");
    await expect
      .poll(async () => (await gate.rooms.list({})).map((one) => one.room.local).sort())
      .toEqual(["lobby", "other"]);
  });

  test("linked addresses are one participant: one nick, one place, a ban of one holds for all", async () => {
    const server = memoryServer();
    const people = [
      [
        { local: "alice", domain: "web.example" },
        { local: "al", domain: "sip.example" },
      ],
    ];
    const linked = { ...directory, people };
    const service = fakeService({
      name: "conference",
      bus: server.connect(),
      directory: linked,
      sections: { conference: {} },
    });
    await main(service);
    const gate = await openGate(server);
    const { followed } = await listen(gate);
    const al: Party = { local: "al", domain: "sip.example", device: "phone", assurance: "verified" };
    const phone = {
      ...endpoint(gate, person("alice")),
      id: "sip:al",
      carrier: "sip",
      address: { local: "al", domain: "sip.example", device: "phone" },
    };
    await join(gate, person("bob"), "Bob");
    await join(gate, person("alice"), "Alice");
    expect(
      await gate.rooms.command({ room, from: al, do: { kind: "join", endpoint: phone, mangle: true } }),
    ).toMatchObject({ participant: { nick: "Alice" } });
    expect(followed.view.participants.size).toBe(2);
    await gate.rooms.command({
      room,
      from: person("bob"),
      do: {
        kind: "affiliation",
        changes: [{ address: { local: "al", domain: "sip.example" }, affiliation: "outcast" }],
      },
    });
    expect([...followed.view.participants.values()].map(({ nick }) => nick)).toEqual(["Bob"]);
    expect(await join(gate, person("alice"), "Alice")).toEqual({ ok: false, reason: "banned" });
  });

  test("a room with a thousand people is joined, seen whole, and opened again by another owner", async () => {
    const server = memoryServer();
    const first = await openService(server, "conference-1", {
      defaults: { maxParticipants: 5_000, persistent: true },
    });
    const gate = await openGate(server);
    const many = Array.from({ length: 1_000 }, (_, index) => person(`user${index}`));
    for (const one of many) expect(await join(gate, one)).toMatchObject({ ok: true });
    const seen = await listen(await openGate(server));
    expect(seen.followed.view.participants.size).toBe(1_000);
    await first.stop();
    await openService(server, "conference-2");
    expect(await join(gate, person("late"))).toMatchObject({ ok: true });
    await expect.poll(() => seen.followed.view.participants.size).toBe(1_001);
    const again = await listen(await openGate(server));
    expect([...again.followed.view.participants.keys()]).toEqual([...seen.followed.view.participants.keys()]);
  }, 30_000);

  test("people whose process died are waited for, then have left", async () => {
    const server = memoryServer();
    await openService(server, "conference-1", { disconnectedFor: "1s" });
    const gate = await openGate(server);
    const watcher = await openGate(server, "sip");
    const { heard, followed } = await listen(watcher);
    await join(gate, person("alice"), "Alice");
    await gate.service.bus.close();
    await expect
      .poll(() => followed.view.participants.get("alice@web.example")?.endpoints[0]?.state, {
        timeout: 10_000,
      })
      .toBe("disconnected");
    await expect.poll(() => heard.at(-2), { timeout: 10_000 }).toBe("-Alice lost");
  }, 30_000);
});
