// The gateway against a real ngIRCd: both ways, refusals, names, and what happens when somebody dies.
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { ForeignClient, type Ircd, startNgircd } from "./foreign-client.ts";
import { alice, bob, type House, openHouse } from "./house.ts";

let ircd: Ircd;
let house: House | undefined;
const clients: ForeignClient[] = [];

beforeAll(async () => {
  ircd = await startNgircd();
});
afterAll(async () => {
  await ircd.child.stop();
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await house?.stop();
  house = undefined;
});

const login = async (nick: string, port = ircd.port): Promise<ForeignClient> => {
  const client = await ForeignClient.login(port, nick);
  clients.push(client);
  return client;
};

describe("one to one", () => {
  test("two puppets, both ways, with /me and formatting", async () => {
    house = await openHouse(ircd.port);
    const carol = await login("carol");
    await house.say(alice, "carol", "hello carol");
    await house.say(bob, "carol", "me too", { action: true });
    await carol.next((line) => line.startsWith(":alice!") && line.endsWith("PRIVMSG carol :hello carol"));
    await house.until(() => carol.heard("bob").includes("\x01ACTION me too\x01"));
    carol.say("alice", "\x02hi\x02 alice");
    carol.say("bob", "\x01ACTION waves\x01");
    const [first, second] = await house.until(() => house?.received.length === 2 && house.received);
    const byPerson = [first, second].sort((a, b) => (a?.to.local ?? "").localeCompare(b?.to.local ?? ""));
    expect(byPerson).toMatchObject([
      {
        to: alice,
        text: "hi alice",
        action: false,
        spans: [{ from: 0, to: 2, style: "bold" }],
        from: { local: "carol", domain: "irc.example", assurance: "none" },
      },
      { to: bob, text: "waves", action: true },
    ]);
  });

  test("an unknown nick is refused, and a line of several parts is refused once", async () => {
    house = await openHouse(ircd.port);
    const sent = await house.say(alice, "nobody", "hello\nare you there");
    if (!sent.accepted) throw new Error("not accepted");
    expect(await house.outcome(sent.id)).toMatchObject({ outcome: "refused", reason: "unknown-user" });
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(house.outcomes).toHaveLength(1);
  });

  test("a long text arrives whole in lines that the server does not cut", async () => {
    house = await openHouse(ircd.port);
    const carol = await login("carol");
    const text = "Zażółć gęślą jaźń ".repeat(60).trim();
    await house.say(alice, "carol", text);
    await house.until(() => carol.heard("alice").join("").length >= text.length).catch(() => undefined);
    expect(carol.heard("alice").join("")).toBe(text);
    expect(Math.max(...carol.lines.map((line) => Buffer.byteLength(line)))).toBeLessThanOrEqual(510);
    const sent = await house.say(alice, "carol", "x".repeat(8192));
    if (!sent.accepted) throw new Error("not accepted");
    expect(await house.outcome(sent.id)).toMatchObject({ outcome: "refused", reason: "too-large" });
  });

  test("what is refused on the far side is told by a NOTICE of the puppet", async () => {
    house = await openHouse(ircd.port);
    house.answer = () => ({ end: "refused", reason: "unreachable" });
    const carol = await login("carol");
    await house.say(alice, "carol", "hello");
    await carol.next((line) => line.includes("PRIVMSG carol"));
    carol.say("alice", "are you well?");
    const notice = await carol.next((line) => line.includes("NOTICE carol"));
    expect(notice).toMatch(/^:alice!.*:Not delivered: not reachable now: are you well\?$/);
  });
});

describe("names", () => {
  test.each([
    ["Parley", "not-supported"],
    ["#lobby", "unknown-user"],
    ["bob", "loop"],
  ])("nobody can write to %s", async (nick, reason) => {
    house = await openHouse(ircd.port);
    const carol = await login("carol");
    await house.say(bob, "carol", "hello");
    await carol.next((line) => line.endsWith("PRIVMSG carol :hello"));
    const sent = await house.say(alice, nick, "hello");
    if (!sent.accepted) throw new Error("not accepted");
    expect(await house.outcome(sent.id)).toMatchObject({ outcome: "refused", reason });
  });

  test("a taken nick gets a suffix, and the person is told", async () => {
    const other = await login("alice");
    house = await openHouse(ircd.port);
    const carol = await login("carol");
    await house.say(alice, "carol", "it is me");
    await carol.next((line) => line.startsWith(":alice_!"));
    const note = await house.until(() => house?.received.find((event) => event.kind === "notice"));
    expect(note).toMatchObject({ to: alice, from: { local: "Parley", domain: "irc.example" } });
    expect(note.text).toContain("alice_");
    other.close();
  });
});

describe("the service nick", () => {
  test("to: sends, brings the puppet and says where it is; list, block and help answer", async () => {
    house = await openHouse(ircd.port);
    const carol = await login("carol");
    await carol.untilOnline("Parley");
    const answer = async (command: string): Promise<string> => {
      carol.say("Parley", command);
      return (await carol.next((line) => line.includes("NOTICE carol"))).replace(/^.*NOTICE carol :/, "");
    };
    expect(await answer("to alice@sip.example hello there")).toBe("Sent to alice@sip.example.");
    expect(await carol.next((line) => line.startsWith(":alice!"))).toContain(
      "alice@sip.example is here as alice",
    );
    expect(house.received).toMatchObject([{ to: alice, text: "hello there" }]);
    expect(await answer("to nobody@sip.example hello")).toContain("no such user");
    expect(await answer("to dave@irc.example hello")).toContain("write to that nick yourself");
    expect(await answer("to nowhere hello")).toContain("to <address> <text>");
    expect(await answer("block alice@sip.example")).toContain("Blocked");
    const sent = await house.say(alice, "carol", "can you hear me");
    if (!sent.accepted) throw new Error("not accepted");
    expect(await house.outcome(sent.id)).toMatchObject({ outcome: "refused", reason: "blocked" });
    expect(await answer("unblock alice@sip.example")).toContain("not blocked");
    await house.say(alice, "carol", "and now");
    await carol.next((line) => line.endsWith("PRIVMSG carol :and now"));
    await new Promise((resolve) => setTimeout(resolve, 1200));
    expect(await answer("list")).toBe("alice@sip.example is here as alice");
    expect(await answer("history #lobby 5")).toContain("no history");
    expect(await answer("help")).toContain("to <address> <text>");
  });
});

describe("how many", () => {
  test("a full network refuses in words; an idle puppet leaves", async () => {
    house = await openHouse(ircd.port, { maxPuppets: 1, idleRelease: "1s" });
    const carol = await login("carol");
    await house.say(alice, "carol", "hello");
    await carol.next((line) => line.endsWith("PRIVMSG carol :hello"));
    const sent = await house.say(bob, "carol", "me too");
    if (!sent.accepted) throw new Error("not accepted");
    expect(await house.outcome(sent.id)).toMatchObject({ outcome: "refused", reason: "policy" });
    await house.until(() => house?.irc.metric("irc_demo_puppets") === 0, 10_000);
    await house.say(bob, "carol", "now there is room");
    await carol.next((line) => line.startsWith(":bob!"));
  });

  test("a flood is cut off, and the one who sends it is told once", async () => {
    house = await openHouse(ircd.port, { flood: { burst: 20, perSecond: 1 } });
    const carol = await login("carol");
    await house.say(alice, "carol", "hello");
    await carol.next((line) => line.includes("PRIVMSG carol"));
    for (let i = 0; i < 60; i++) carol.say("alice", `flood ${i}`);
    await carol.next((line) => line.includes("too many messages"));
    await house.until(() => house?.irc.metric("irc_demo_lines_total", { became: "flood" }) === 40);
    await house.until(() => house?.received.length === 20);
    expect(carol.lines.filter((line) => line.includes("too many messages"))).toHaveLength(1);
    expect(house.received.map((event) => event.text)).toEqual(
      Array.from({ length: 20 }, (_, i) => `flood ${i}`),
    );
  });
});

describe("trouble", () => {
  test("a message sent while the puppet is still connecting waits for it", async () => {
    const slow = await startNgircd();
    const dora = await login("dora", slow.port);
    // Stopped, the server takes the connection and does not greet.
    slow.child.signal("SIGSTOP");
    house = await openHouse(slow.port);
    const sent = await Promise.all(["one", "two", "three"].map((text) => house?.say(alice, "dora", text)));
    expect(sent.every((answer) => answer?.accepted)).toBe(true);
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    slow.child.signal("SIGCONT");
    await house.until(() => dora.heard("alice").length === 3, 20_000);
    expect(dora.heard("alice")).toEqual(["one", "two", "three"]);
    expect(house.outcomes).toEqual([]);
    await slow.child.stop();
  });

  test("health: not well until the service nick is on the network; a short break does not show", async () => {
    const own = await startNgircd();
    await own.child.kill();
    house = await openHouse(own.port);
    const health = () => house?.irc.parts.get("irc-demo");
    await house.until(() => health()?.why?.startsWith("service nick not on the network yet: "));
    expect(health()?.well).toBe(false);
    const child = await own.restart();
    await house.until(() => health()?.well);
    expect(health()).toEqual({ well: true });
    await child.kill();
    await house.until(() => health()?.why?.startsWith("service nick is coming back"));
    expect(health()?.well).toBe(true);
    const last = await own.restart();
    await house.until(() => health()?.why === undefined);
    expect(health()).toEqual({ well: true });
    await house.stop();
    house = undefined;
    await last.stop();
  });

  test("a killed server: what was written and not confirmed is uncertain and is not sent again", async () => {
    const own = await startNgircd();
    house = await openHouse(own.port);
    const dora = await login("dora", own.port);
    await house.say(alice, "dora", "first");
    await house.until(() => dora.heard("alice").length === 1);
    // Stopped, the server takes bytes and answers nothing: these are written and not confirmed when it is killed.
    own.child.signal("SIGSTOP");
    const sent = await house.say(alice, "dora", "second");
    await new Promise((resolve) => setTimeout(resolve, 300));
    await own.child.kill();
    if (!sent.accepted) throw new Error("not accepted");
    expect(await house.outcome(sent.id)).toMatchObject({ outcome: "uncertain" });
    const child = await own.restart();
    const again = await login("dora", own.port);
    await house.say(alice, "dora", "third");
    await house.until(() => again.heard("alice").includes("third"), 20_000);
    expect(again.heard("alice")).toEqual(["third"]);
    const note = await house.until(() =>
      house?.received.find((event) => event.text.includes("may be missing")),
    );
    expect(note.to).toEqual(alice);
    await child.stop();
  });

  test("20 lines with pacing on all arrive, in order, no faster than allowed", async () => {
    house = await openHouse(ircd.port, { pacing: { burst: 5, line: "40ms" } });
    const carol = await login("carol");
    const began = Date.now();
    const texts = Array.from({ length: 20 }, (_, index) => `line ${index}`);
    for (const text of texts) await house.say(alice, "carol", text);
    await house.until(() => carol.heard("alice").length === 20, 20_000);
    expect(carol.heard("alice")).toEqual(texts);
    // 20 lines and 20 barriers, five of them at once.
    expect(Date.now() - began).toBeGreaterThan(35 * 40 * 0.9);
  });

  test("after a restart a living conversation goes on under the same nick", async () => {
    house = await openHouse(ircd.port);
    const carol = await login("carol");
    await house.say(alice, "carol", "before");
    await carol.next((line) => line.endsWith("PRIVMSG carol :before"));
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    await house.restartGateway();
    await carol.untilOnline("alice");
    carol.say("alice", "are you back?");
    await house.until(() => house?.received.some((event) => event.text === "are you back?"));
    expect(house.received.some((event) => event.text.includes("may be missing"))).toBe(false);
  });

  test("CTCP is answered, but not without end, and a NOTICE never", async () => {
    house = await openHouse(ircd.port);
    const carol = await login("carol");
    await house.say(alice, "carol", "hello");
    await carol.next((line) => line.includes("PRIVMSG carol"));
    for (let i = 0; i < 10; i++) carol.say("alice", "\x01VERSION\x01");
    carol.write("NOTICE alice :\x01VERSION\x01");
    carol.say("alice", "done");
    await house.until(() => house?.received.some((event) => event.text === "done"));
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(carol.lines.filter((line) => line.includes("NOTICE carol :\x01VERSION Parley"))).toHaveLength(3);
  });
});
