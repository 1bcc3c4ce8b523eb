// A channel on a real ngIRCd and a real InspIRCd as a leg of a hosted room: what is said both ways, who is there, who does what.
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { main as conference } from "../../../conference-svc/main.ts";
import { ForeignClient, type Ircd, startInspircd, startNgircd } from "./foreign-client.ts";
import { openRoomsHouse, type RoomsHouse, type RoomsHouseOptions } from "./rooms-house.ts";

let ircd: Ircd;
let house: RoomsHouse | undefined;
const clients: ForeignClient[] = [];

afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await house?.stop();
  house = undefined;
  // The server has seen them all leave.
  await new Promise((resolve) => setTimeout(resolve, 100));
});

const login = async (nick: string): Promise<ForeignClient> => {
  const client = await ForeignClient.login(ircd.port, nick);
  clients.push(client);
  client.write("JOIN #lobby");
  await client.next((line) => / 366 /.test(line));
  return client;
};

const open = async (options: Partial<RoomsHouseOptions> = {}): Promise<RoomsHouse> => {
  house = await openRoomsHouse(ircd.port, { startConference: conference, ...options });
  return house;
};

/** Makes the bot an operator of the channel. */
const promote = async (by: ForeignClient): Promise<void> => {
  by.write("MODE #lobby +o ParleyRelay");
  await by.next((line) => /MODE #lobby \+o :?ParleyRelay$/.test(line));
};

/** Resolves when the room shows this one. */
const shown = (parts: RoomsHouse, nick: string): Promise<unknown> =>
  parts.until(() => [...parts.view().participants.values()].some((one) => one.nick === nick));

describe.each([
  ["ngIRCd", () => startNgircd()],
  ["InspIRCd", () => startInspircd()],
])("%s", (_name, start) => {
  beforeAll(async () => {
    ircd = await start();
  });
  afterAll(async () => {
    await ircd.child.stop();
  });
  describe("said", () => {
    test("by the person's own nick into the channel, and back into the room", async () => {
      const zoe = await login("zoe");
      const parts = await open();
      await parts.join("alice");
      await zoe.next((line) => /^:alice!.* JOIN :?#lobby$/.test(line));
      await parts.say("alice", "hello channel");
      await zoe.next((line) => /^:alice!.* PRIVMSG #lobby :hello channel$/.test(line));
      await shown(parts, "zoe");
      zoe.say("#lobby", "\x02hi\x02 room");
      zoe.say("#lobby", "\x01ACTION waves\x01");
      await parts.until(() => parts.said().length === 3);
      expect(parts.said()).toEqual(["<alice> hello channel", "<zoe> hi room", "<zoe> waves"]);
      const [, said, acted] = parts.changes("said");
      expect(said?.message).toMatchObject({
        leg: "irc-demo/#lobby",
        from: { key: "irc-demo/#lobby/zoe", address: { local: "zoe", domain: "irc.example" } },
        spans: [{ from: 0, to: 2, style: "bold" }],
      });
      expect(acted?.message.action).toBe(true);
    });
  });

  describe("in words", () => {
    test("corrections, answers, notices and long texts", async () => {
      const zoe = await login("zoe");
      const parts = await open();
      await parts.join("alice", "Alice");
      await parts.join("bob");
      await parts.say("alice", "teh first", { messageId: "one" });
      await parts.say("alice", "the first", { messageId: "two", correctionOf: "one" });
      const first = parts.events.find(({ change }) => change.kind === "said");
      await parts.say("bob", "I agree", { replyTo: { id: first?.id } });
      await parts.say("bob", "beware", { kind: "notice" });
      await parts.say("alice", "waves", { action: true });
      await parts.say("alice", "x".repeat(600));
      await zoe.next((line) => line.endsWith("PRIVMSG #lobby :* the first"));
      await parts.until(() => zoe.heard("bob").includes("Alice: I agree"));
      await parts.until(() => zoe.lines.some((line) => /^:bob!.* NOTICE #lobby :beware$/.test(line)));
      await parts.until(() => zoe.heard("Alice").includes("\x01ACTION waves\x01"));
      await parts.until(() => zoe.heard("Alice").join("").endsWith("x".repeat(600)));
    });

    test("mentions go by the name on the other side", async () => {
      const taken = await login("alice");
      const parts = await open();
      await parts.join("alice");
      await parts.join("bob");
      await taken.next((line) => /^:alice_!.* JOIN :?#lobby$/.test(line));
      taken.say("#lobby", "alice_: hello");
      await parts.until(() => parts.said().length === 1);
      expect(parts.said()).toEqual(["<alice (2)> alice: hello"]);
      await parts.say("bob", "alice (2): no");
      await parts.say("bob", "alice: yes");
      await parts.until(() => taken.heard("bob").length === 2);
      expect(taken.heard("bob")).toEqual(["alice (2): no", "alice_: yes"]);
      const note = await parts.until(() => parts.received.find((event) => event.text.includes("alice_")));
      expect(note.to).toMatchObject({ local: "alice", domain: "web.example" });
    });
  });

  describe("who is there", () => {
    test("both sides: joins, names, absence, farewells", async () => {
      const zoe = await login("zoe");
      const parts = await open();
      await shown(parts, "zoe");
      await parts.join("alice");
      await zoe.next((line) => /^:alice!.* JOIN :?#lobby$/.test(line));
      await parts.do("alice", { kind: "nick", nick: "Alicia", mangle: false });
      await zoe.next((line) => /^:alice!.* NICK :?Alicia$/.test(line));
      await parts.do("alice", { kind: "status", status: { show: "dnd", text: "in a meeting" } });
      await parts.until(() => {
        zoe.write("WHOIS Alicia");
        return zoe.lines.some((line) => line.includes(" 301 zoe Alicia :in a meeting"));
      });
      await parts.do("alice", { kind: "leave", endpoint: "web:alice", reason: "tea" });
      await zoe.next((line) => /^:Alicia!.* PART #lobby :tea$/.test(line));
      const yan = await login("yan");
      await shown(parts, "yan");
      yan.write("NICK yannick");
      await shown(parts, "yannick");
      yan.write("PART #lobby :bye");
      await parts.until(() =>
        parts
          .changes("roster")
          .some(({ gone }) => gone.some(({ nick, reason }) => nick === "yannick" && reason?.includes("bye"))),
      );
      zoe.write("QUIT :gone");
      await parts.until(() =>
        parts
          .changes("roster")
          .some(({ gone }) => gone.some(({ nick, cause }) => nick === "zoe" && cause === "lost")),
      );
      // Nothing of ours is mirrored.
      const mirrored = parts.changes("roster").flatMap(({ joined }) => joined.map(({ nick }) => nick));
      expect(new Set(mirrored)).toEqual(new Set(["zoe", "yan"]));
    });

    test("many who come at once are told together, and only speakers above the limit", async () => {
      await login("zoe");
      const parts = await open({ leg: { mirrorLimit: 3 } });
      await shown(parts, "zoe");
      const others = await Promise.all(["a1", "a2", "a3", "a4", "a5", "a6"].map((nick) => login(nick)));
      await new Promise((resolve) => setTimeout(resolve, 600));
      expect(parts.view().participants.size).toBeLessThanOrEqual(3);
      for (const other of others) other.say("#lobby", `from ${other.nick}`);
      await parts.until(() => parts.said().length === 6);
      expect(parts.view().participants.size).toBeLessThanOrEqual(3);
      expect(new Set(parts.said())).toEqual(new Set(others.map(({ nick }) => `<${nick}> from ${nick}`)));
    });

    test("whoever writes to the bot is told that nobody reads that", async () => {
      const zoe = await login("zoe");
      const parts = await open();
      await shown(parts, "zoe");
      zoe.say("ParleyRelay", "hello?");
      await zoe.next((line) => /^:ParleyRelay!.* NOTICE zoe :Not delivered: /.test(line));
    });

    test("mirror none: nobody is shown, all are heard", async () => {
      const zoe = await login("zoe");
      const parts = await open({ leg: { mirror: "none" } });
      await parts.join("alice");
      await zoe.next((line) => /^:alice!.* JOIN :?#lobby$/.test(line));
      zoe.say("#lobby", "unseen");
      await parts.until(() => parts.said().length === 1);
      expect([...parts.view().participants.values()].map(({ nick }) => nick)).toEqual(["alice"]);
    });
  });

  describe("more than one way to be there", () => {
    test("where the network takes no more people a bot speaks for them", async () => {
      const zoe = await login("zoe");
      const parts = await open({ network: { maxPuppets: 1 } });
      await parts.join("alice");
      await zoe.next((line) => /^:alice!.* JOIN :?#lobby$/.test(line));
      await parts.join("bob");
      await parts.say("alice", "I have a nick");
      await parts.say("bob", "I have none");
      await parts.until(() => zoe.heard("alice").includes("I have a nick"));
      await parts.until(() => zoe.heard("ParleyRelay").includes("<bob> I have none"));
    });

    test("a word to one: by the speaker's own nick, and back as one to one", async () => {
      const zoe = await login("zoe");
      const parts = await open();
      await shown(parts, "zoe");
      await parts.join("alice");
      await parts.say("alice", "psst", { to: { local: "lobby", domain: "rooms.example", device: "zoe" } });
      await zoe.next((line) => /^:alice!.* PRIVMSG zoe :psst$/.test(line));
      zoe.say("alice", "what?");
      await parts.until(() =>
        parts.received.find(({ text, to }) => text === "what?" && to.local === "alice"),
      );
    });

    test("in a room that hides addresses no nick shows one", async () => {
      const zoe = await login("zoe");
      const parts = await open({ room: { openAddresses: false } });
      await parts.join("bob", "Bobby");
      await zoe.next((line) => /^:Bobby!.* JOIN :?#lobby$/.test(line));
      zoe.write("WHOIS Bobby");
      const whois = await zoe.next((line) => / 311 /.test(line));
      expect(whois).not.toMatch(/bob@|web\.example| ~?bob /);
    });

    test("two channels of one room: each hears the other by the bot, once", async () => {
      const zoe = await login("zoe");
      const yan = await ForeignClient.login(ircd.port, "yan");
      clients.push(yan);
      yan.write("JOIN #annex");
      await yan.next((line) => / 366 /.test(line));
      const parts = await open({ channels: ["#lobby", "#annex"] });
      await shown(parts, "zoe");
      await shown(parts, "yan");
      await parts.join("alice");
      zoe.say("#lobby", "hello annex");
      await yan.next((line) => /^:ParleyRelay!.* PRIVMSG #annex :<zoe> hello annex$/.test(line));
      yan.say("#annex", "hello lobby");
      await zoe.next((line) => /^:ParleyRelay!.* PRIVMSG #lobby :<yan> hello lobby$/.test(line));
      await parts.say("alice", "hello both");
      await zoe.next((line) => /^:alice!.* PRIVMSG #lobby :hello both$/.test(line));
      await yan.next((line) => /^:alice!.* PRIVMSG #annex :hello both$/.test(line));
      await new Promise((resolve) => setTimeout(resolve, 200));
      expect(parts.said()).toEqual(["<zoe> hello annex", "<yan> hello lobby", "<alice> hello both"]);
    });

    test("a thousand lines in one go: all of them, in order", async () => {
      const zoe = await login("zoe");
      const parts = await open();
      await shown(parts, "zoe");
      const texts = Array.from({ length: 1_000 }, (_, index) => `line ${index}`);
      for (const text of texts) zoe.say("#lobby", text);
      await parts.until(() => parts.said().length === texts.length, 30_000);
      expect(parts.said()).toEqual(texts.map((text) => `<zoe> ${text}`));
    });
  });

  describe("who rules", () => {
    test("topic both ways, each once", async () => {
      const zoe = await login("zoe");
      const parts = await open();
      await shown(parts, "zoe");
      await parts.join("alice");
      // InspIRCd lets only operators set the topic, unless told otherwise.
      await promote(zoe);
      await parts.do("alice", { kind: "subject", text: "tea\nat five" });
      await zoe.next((line) => line.endsWith("TOPIC #lobby :tea at five"));
      zoe.write("TOPIC #lobby :coffee");
      await parts.until(() => parts.view().subject?.text === "coffee");
      expect(parts.view().subject?.by.nick).toBe("zoe");
      await new Promise((resolve) => setTimeout(resolve, 200));
      expect(parts.changes("subject").map(({ text }) => text)).toEqual(["tea\nat five", "coffee"]);
    });

    test("an operator of the channel puts somebody out: he is told once, stays in the room, and comes back when he acts", async () => {
      const zoe = await login("zoe");
      const parts = await open();
      await parts.join("alice");
      await parts.join("bob");
      await zoe.next((line) => /^:bob!.* JOIN :?#lobby$/.test(line));
      zoe.write("KICK #lobby bob :enough");
      const note = await parts.until(() =>
        parts.changes("notice").find(({ to }) => to === "bob@web.example"),
      );
      expect(note.text).toContain("put out of #lobby by zoe (enough)");
      await parts.say("bob", "can you hear me");
      await parts.say("alice", "after bob");
      await zoe.next((line) => line.endsWith("PRIVMSG #lobby :after bob"));
      expect(zoe.lines.some((line) => line.includes("can you hear me"))).toBe(false);
      expect([...parts.view().participants.values()].map(({ nick }) => nick)).toContain("bob");
      zoe.write("INVITE bob #lobby");
      await zoe.next((line) => /^:bob!.* JOIN :?#lobby$/.test(line));
      zoe.write("KICK #lobby bob :again");
      await parts.until(
        () => parts.changes("notice").filter(({ to }) => to === "bob@web.example").length >= 2,
      );
      await parts.do("bob", { kind: "leave", endpoint: "web:bob" });
      await parts.join("bob");
      await zoe.next((line) => /^:bob!.* JOIN :?#lobby$/.test(line));
    });

    test("the room puts somebody of the channel out: the bot does it if it may, else the moderator is told", async () => {
      const zoe = await login("zoe");
      const parts = await open();
      await parts.join("alice");
      await login("yan");
      await shown(parts, "yan");
      await parts.do("alice", { kind: "kick", target: { nick: "yan" }, reason: "noise" });
      await parts.until(() =>
        parts.changes("notice").some(({ text }) => text.includes("yan is still in #lobby")),
      );
      await promote(zoe);
      await login("xan");
      await shown(parts, "xan");
      await parts.do("alice", { kind: "kick", target: { nick: "xan" }, reason: "noise" });
      expect(await zoe.next((line) => line.includes("KICK #lobby xan"))).toContain("noise");
    });

    test("the bot put out: the room is told why it hears nothing, and an invitation brings it back", async () => {
      const zoe = await login("zoe");
      const parts = await open();
      await shown(parts, "zoe");
      zoe.write("KICK #lobby ParleyRelay :no bots");
      await parts.until(() =>
        parts.changes("notice").some(({ text }) => text.includes("put out by zoe (no bots)")),
      );
      zoe.say("#lobby", "unheard");
      zoe.write("MODE #lobby +i");
      zoe.write("INVITE ParleyRelay #lobby");
      await zoe.next((line) => /^:ParleyRelay!.* JOIN :?#lobby$/.test(line));
      await parts.until(() => parts.changes("notice").some(({ text }) => text.includes("may be missing")));
      zoe.say("#lobby", "heard again");
      await parts.until(() => parts.said().length === 1);
      expect(parts.said()).toEqual(["<zoe> heard again"]);
    });

    test("a channel that is shut before the bot comes: the room is told", async () => {
      const zoe = await login("zoe");
      zoe.write("MODE #lobby +k secret");
      await zoe.next((line) => line.includes("+k"));
      const parts = await open();
      await parts.until(() => parts.changes("notice").some(({ text }) => text.includes("wants a key")));
      zoe.write("MODE #lobby -k secret");
      zoe.write("INVITE ParleyRelay #lobby");
      await shown(parts, "zoe");
    });

    test("a channel that lets only invited people in: the bot is inside, the person is told, the bot speaks", async () => {
      const zoe = await login("zoe");
      const parts = await open();
      await shown(parts, "zoe");
      zoe.write("MODE #lobby +i");
      await zoe.next((line) => /MODE #lobby :?\+i$/.test(line));
      await parts.join("alice");
      await parts.until(() =>
        parts.changes("notice").some(({ text }) => text.includes("invited people only")),
      );
      await parts.say("alice", "hello inside");
      await zoe.next((line) => /^:ParleyRelay!.* PRIVMSG #lobby :<alice> hello inside$/.test(line));
    });

    test("invited from the room: by the bot, with the channel's name", async () => {
      const zoe = await login("zoe");
      const parts = await open();
      await shown(parts, "zoe");
      await promote(zoe);
      await parts.join("alice");
      const outside = await ForeignClient.login(ircd.port, "walter");
      clients.push(outside);
      await parts.do("alice", { kind: "invite", to: { local: "walter", domain: "irc.example" } });
      await outside.next((line) => /INVITE walter :?#lobby$/.test(line));
      expect(await outside.next((line) => line.includes("NOTICE walter"))).toContain("#lobby");
    });
  });

  describe("one bot", () => {
    test("says who speaks, and nobody else comes in", async () => {
      const zoe = await login("zoe");
      const parts = await open({ leg: { mode: "bot" } });
      await shown(parts, "zoe");
      await parts.join("alice");
      await parts.say("alice", "hello");
      await parts.say("alice", "waves", { action: true });
      await zoe.next((line) => /^:ParleyRelay!.* PRIVMSG #lobby :<alice> hello$/.test(line));
      await zoe.next((line) => /^:ParleyRelay!.* PRIVMSG #lobby :\* alice waves$/.test(line));
      zoe.say("#lobby", "hi");
      await parts.until(() => parts.said().includes("<zoe> hi"));
      expect(zoe.lines.some((line) => line.startsWith(":alice!"))).toBe(false);
      await parts.say("alice", "psst", { to: { local: "lobby", domain: "rooms.example", device: "zoe" } });
      await parts.until(() => parts.gateways[0]?.lines.some(({ facts }) => facts.reason === "not-supported"));
      expect(zoe.lines.some((line) => line.includes("psst"))).toBe(false);
    });
  });

  describe("history", () => {
    test("never into the channel; to somebody in it who asks", async () => {
      const zoe = await login("zoe");
      const parts = await open();
      await parts.join("alice");
      await parts.say("alice", "one");
      await zoe.next((line) => line.endsWith("PRIVMSG #lobby :one"));
      zoe.say("#lobby", "two");
      await parts.until(() => parts.said().length === 2);
      const yan = await login("yan");
      yan.say("Parley", "history #lobby 5");
      await yan.next((line) => /NOTICE yan :\[..:..:..\] <alice> one$/.test(line));
      await yan.next((line) => /NOTICE yan :\[..:..:..\] <zoe> two$/.test(line));
      const outside = await ForeignClient.login(ircd.port, "walter");
      clients.push(outside);
      outside.say("Parley", "history #lobby 5");
      expect(await outside.next((line) => line.includes("NOTICE walter"))).toContain("no history");
      expect(yan.lines.filter((line) => line.includes("PRIVMSG #lobby"))).toEqual([]);
    });
  });

  describe("two instances", () => {
    test("a bot that is operator makes the others so", async () => {
      const zoe = await login("zoe");
      const parts = await open({ instances: 2 });
      await shown(parts, "zoe");
      await parts.until(() => zoe.lines.filter((line) => /^:ParleyRelay.* JOIN /.test(line)).length === 2);
      await promote(zoe);
      await zoe.next((line) => /^:ParleyRelay!.* MODE #lobby \+o :?ParleyRelay_$/.test(line));
    });

    test("killed or not, each line of the channel is in the room once and in order", async () => {
      const zoe = await login("zoe");
      const parts = await open({ instances: 2 });
      await shown(parts, "zoe");
      for (const local of ["alice", "bob", "carol", "dave"]) await parts.join(local);
      for (const local of ["alice", "bob", "carol", "dave"])
        await parts.until(() =>
          zoe.lines.some((line) => new RegExp(`^:${local}!.* JOIN :?#lobby$`).test(line)),
        );
      const texts = Array.from({ length: 60 }, (_, index) => `line ${index}`);
      for (const [index, text] of texts.entries()) {
        zoe.say("#lobby", index % 3 === 0 ? "ok" : text);
        if (index === 30) void parts.gateways[0]?.stop();
        await new Promise((resolve) => setTimeout(resolve, 40));
      }
      const wanted = texts.map((text, index) => `<zoe> ${index % 3 === 0 ? "ok" : text}`);
      await parts.until(() => parts.said().length >= wanted.length, 20_000);
      await new Promise((resolve) => setTimeout(resolve, 500));
      expect(parts.said()).toEqual(wanted);
      for (const local of ["alice", "bob", "carol", "dave"]) await parts.say(local, `again ${local}`);
      await parts.until(
        () =>
          ["alice", "bob", "carol", "dave"].every((local) =>
            zoe.lines.some((line) => line.includes(`#lobby :again ${local}`)),
          ),
        20_000,
      );
      expect(parts.said().filter((text) => text.includes("again"))).toHaveLength(4);
    });
  });
});

describe("what breaks", () => {
  test("the server is killed and comes back: people, their words, and what may be missing is said", async () => {
    const server = await startNgircd();
    const before = ircd;
    ircd = server;
    try {
      const zoe = await login("zoe");
      const parts = await open();
      await parts.join("alice");
      await parts.say("alice", "before");
      await zoe.next((line) => line.endsWith("PRIVMSG #lobby :before"));
      await shown(parts, "zoe");
      await server.child.kill();
      await parts.say("alice", "meanwhile");
      await new Promise((resolve) => setTimeout(resolve, 11_500));
      await parts.until(() =>
        parts.changes("roster").some(({ gone }) => gone.some(({ cause }) => cause === "leg-gone")),
      );
      const again = await server.restart();
      const yan = await login("yan");
      await parts.until(() => yan.heard("alice").includes("meanwhile"), 40_000);
      await parts.until(() => parts.changes("notice").some(({ text }) => text.includes("may be missing")));
      await shown(parts, "yan");
      expect([...parts.view().participants.values()].map(({ nick }) => nick)).not.toContain("zoe");
      yan.say("#lobby", "after");
      await parts.until(() => parts.said().includes("<yan> after"));
      expect(yan.heard("alice")).toEqual(["meanwhile"]);
      await again.stop();
    } finally {
      ircd = before;
    }
  });

  test("an orderly restart of the gateway: nothing is said again, and the gap is told", async () => {
    const server = await startNgircd();
    const before = ircd;
    ircd = server;
    try {
      const zoe = await login("zoe");
      const parts = await open();
      await parts.join("alice");
      await shown(parts, "zoe");
      zoe.say("#lobby", "one");
      await parts.until(() => parts.said().length === 1);
      await parts.gateways[0]?.stop();
      zoe.say("#lobby", "lost");
      await new Promise((resolve) => setTimeout(resolve, 300));
      await parts.startGateway("irc-2");
      await zoe.next((line) => /^:alice!.* JOIN :?#lobby$/.test(line));
      await parts.until(() => parts.changes("notice").some(({ text }) => text.includes("may be missing")));
      zoe.say("#lobby", "two");
      await parts.until(() => parts.said().includes("<zoe> two"));
      expect(parts.said()).toEqual(["<zoe> one", "<zoe> two"]);
      await server.child.stop();
    } finally {
      ircd = before;
    }
  });
});

describe("bots that are thrown off the network", () => {
  test("the other one reads on: each line once and in order, nothing is missing", async () => {
    const server = await startNgircd([], ["[Operator]", "Name = root", "Password = secret"]);
    const before = ircd;
    ircd = server;
    try {
      const zoe = await login("zoe");
      zoe.write("OPER root secret");
      await zoe.next((line) => / 381 /.test(line));
      const parts = await open({ instances: 2 });
      await shown(parts, "zoe");
      await parts.until(() => zoe.lines.filter((line) => /^:ParleyRelay.* JOIN /.test(line)).length === 2);
      const wanted: string[] = [];
      for (let index = 0; index < 160; index++) {
        const text = index % 3 === 0 ? "ok" : `line ${index}`;
        zoe.say("#lobby", text);
        wanted.push(`<zoe> ${text}`);
        if (index === 20) zoe.write("KILL ParleyRelay :off");
        if (index === 110) zoe.write("KILL ParleyRelay_ :off");
        await new Promise((resolve) => setTimeout(resolve, 40));
      }
      await parts.until(() => parts.said().length >= wanted.length, 20_000);
      await new Promise((resolve) => setTimeout(resolve, 500));
      expect(parts.said()).toEqual(wanted);
      expect(parts.changes("notice")).toEqual([]);
      await server.child.stop();
    } finally {
      ircd = before;
    }
  });
});

describe("configuration", () => {
  test("a leg that is taken back and put again: all leave, all come", async () => {
    const server = await startNgircd();
    const before = ircd;
    ircd = server;
    try {
      const zoe = await login("zoe");
      const parts = await open();
      await parts.join("alice");
      await zoe.next((line) => /^:alice!.* JOIN :?#lobby$/.test(line));
      const bucket = await parts.gateways[0]?.bus.bucket("rooms");
      const [entry] = (await bucket?.list("leg.>")) ?? [];
      if (bucket === undefined || entry === undefined) throw new Error("no leg is published");
      await bucket.remove(entry.key);
      await zoe.next((line) => /^:alice!.* PART #lobby/.test(line));
      await parts.until(() => zoe.lines.some((line) => /^:ParleyRelay!.* (PART #lobby|QUIT)/.test(line)));
      zoe.say("#lobby", "unheard");
      await bucket.put(entry.key, entry.value);
      await zoe.next((line) => /^:alice!.* JOIN :?#lobby$/.test(line));
      await zoe.next((line) => /^:ParleyRelay!.* JOIN :?#lobby$/.test(line));
      await shown(parts, "zoe");
      zoe.say("#lobby", "heard");
      await parts.until(() => parts.said().length === 1);
      expect(parts.said()).toEqual(["<zoe> heard"]);
      await parts.do("alice", { kind: "destroy", reason: "over" });
      await zoe.next((line) => /^:alice!.* PART #lobby/.test(line));
      await server.child.stop();
    } finally {
      ircd = before;
    }
  });
});

describe("operators who rule the room", () => {
  test("only where that is configured", async () => {
    const server = await startNgircd();
    const before = ircd;
    ircd = server;
    try {
      await login("zoe");
      await login("yan");
      const parts = await open({ leg: { opsModerate: true } });
      await shown(parts, "yan");
      const role = (nick: string): string | undefined =>
        [...parts.view().participants.values()].find((one) => one.nick === nick)?.role;
      await parts.until(() => role("zoe") === "moderator");
      expect(role("yan")).toBe("speaker");
      await server.child.stop();
    } finally {
      ircd = before;
    }
  });
});
