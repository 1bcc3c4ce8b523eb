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
    expect(await answer("block alice@sip.example")).toContain("Blocked");
    const sent = await house.say(alice, "carol", "can you hear me");
    if (!sent.accepted) throw new Error("not accepted");
    expect(await house.outcome(sent.id)).toMatchObject({ outcome: "refused", reason: "blocked" });
    expect(await answer("unblock alice@sip.example")).toContain("not blocked");
    await house.say(alice, "carol", "and now");
    await carol.next((line) => line.endsWith("PRIVMSG carol :and now"));
    await new Promise((resolve) => setTimeout(resolve, 1200));
    expect(await answer("list")).toBe("alice@sip.example is here as alice");
    expect(await answer("help")).toContain("to <address> <text>");
    expect(await answer("history")).toContain("no history");
  });
});
