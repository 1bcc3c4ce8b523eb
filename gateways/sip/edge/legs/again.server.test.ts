// Conferences elsewhere when something breaks: sessions, processes, the conference itself; and with another house's focus.
import { afterEach, expect, test } from "vitest";
import { token } from "#bus-schemas/subject.ts";
import { until } from "#test/servers/child.ts";
import { openRoomHouse } from "../room/test-room.ts";
import { type LegsHouse, openLegsHouse } from "./house-for-test.ts";

let house: LegsHouse | undefined;
afterEach(() => house?.close());

test("a session that breaks is made anew under the same nick; what is said meanwhile is said then", async () => {
  house = await openLegsHouse();
  const { focus } = house;
  await house.gateway("sip-1");
  focus.enters("Bob");
  const alice = await house.web("alice", "Alice");
  await until("she is in", () => alice.nicks().join() === "Alice,Bob" && focus.nicks.join() === "Alice");
  const calls = () => focus.methods.filter((method) => method === "INVITE").length;
  focus.callers[0]?.msrp.break();
  await until("they see it", () => focus.callers.length === 0);
  await alice.say("still here");
  await until("called again", () => calls() === 2 && focus.nicks.join() === "Alice");
  await until("said then", () => focus.words.includes("still here"));
  await focus.says("Bob", "welcome back");
  await until("heard", () => alice.said().includes("Bob: welcome back"));
  expect(alice.nicks()).toEqual(["Alice", "Bob"]);
  expect(focus.words).toEqual(["still here"]);
});

test("a conference that is over is left, and ours are told", async () => {
  house = await openLegsHouse();
  const { focus } = house;
  await house.gateway("sip-1");
  const alice = await house.web("alice", "Alice");
  await until("she is in", () => focus.nicks.join() === "Alice" && focus.methods.includes("SUBSCRIBE"));
  await new Promise((go) => setTimeout(go, 200));
  focus.ends();
  await until("she is out", () => alice.nicks().length === 0);
  expect(alice.notices()).toEqual([
    "The conference sip:talk@focus.other.example has ended your visit: it is over",
  ]);
  await until("she has hung up", () => focus.callers.length === 0);
});

test("an instance ends: another calls for the same people, and the roster is right again", async () => {
  house = await openLegsHouse();
  const { focus } = house;
  focus.enters("Bob");
  const first = await house.gateway("sip-1");
  const [alice, dora] = [await house.web("alice", "Alice"), await house.web("dora", "Dora")];
  await until("both are in", () => focus.nicks.join() === "Alice,Dora");
  await focus.says("Bob", "before", { id: "one" });
  await until("heard", () => dora.said().includes("Bob: before"));
  await house.gateway("sip-2");
  await first.stop();
  await until("both are in again", () => focus.nicks.join() === "Alice,Dora", 30_000);
  await until("Bob is shown", () => alice.nicks().join() === "Alice,Bob,Dora", 15_000);
  // A focus that shows newcomers what was said: it was read.
  await focus.says("Bob", "before", { id: "one" });
  await focus.says("Bob", "after");
  await until("heard", () => dora.said().includes("Bob: after"));
  expect(alice.said()).toEqual(["Bob: before", "Bob: after"]);
  await alice.say("psst", "Bob");
  await until("whispered", () => focus.words.includes("psst"));
}, 60_000);

test("what a dead process left behind is ended before anybody calls: its nick is free", async () => {
  house = await openLegsHouse();
  const { focus, bus } = house;
  const dialog = {
    ...{ callId: "ghost@parley", localTag: "a", remoteTag: "b", localCseq: 1, routes: [] },
    ...{ local: "<sip:alice@web.example>", remote: "<sip:talk@focus.other.example>" },
    target: `sip:talk@127.0.0.1:${focus.port}`,
  };
  const record = { life: "before", read: [], dialogs: [dialog] };
  const bucket = await bus.bucket("sip-legs");
  await bucket.put(`leg.${token("sip/talk@focus.other.example")}`, Buffer.from(JSON.stringify(record)));
  await house.gateway("sip-1");
  await house.web("alice", "Alice");
  await until("she is in", () => focus.nicks.join() === "Alice");
  expect(focus.methods.slice(0, 2)).toEqual(["BYE", "INVITE"]);
});

test("with two instances each serves its conferences, and what is for one person there finds its way", async () => {
  house = await openLegsHouse();
  const { focus } = house;
  for (const nick of ["Bob", "Carol", "Gina", "Hugo", "Ines", "Jan"]) focus.enters(nick);
  await house.gateway("sip-1");
  await house.gateway("sip-2");
  const alice = await house.web("alice", "Alice");
  await until("all are shown", () => alice.nicks().length === 7, 30_000);
  for (const nick of ["Bob", "Carol", "Gina", "Hugo", "Ines", "Jan"]) await alice.say(`psst ${nick}`, nick);
  await until("all are told", () => focus.words.length === 6, 15_000);
  expect([...focus.words].sort()).toEqual(
    ["Bob", "Carol", "Gina", "Hugo", "Ines", "Jan"].map((nick) => `psst ${nick}`),
  );
}, 60_000);

test("another house of our own kind as the focus: heard both ways, words to one, a nick, a farewell", async () => {
  const other = await openRoomHouse({
    sip: { foreign: true },
    conference: { rooms: { "talk@focus.other.example": {} } },
  });
  house = await openLegsHouse(other.port);
  try {
    await house.gateway("sip-1");
    const bob = await other.phone("bob", { room: "talk@focus.other.example" });
    expect(await bob.joins("Bob")).toEqual({ answer: "done" });
    const alice = await house.web("alice", "Alice");
    await until("they see each other", () => alice.nicks().join() === "Alice,Bob" && bob.roster.has("Alice"));
    await bob.says("hello");
    await until("heard", () => alice.said().includes("Bob: hello"));
    await alice.say("hello yourself");
    await bob.sees(({ text, nick }) => text === "hello yourself" && nick === "Alice", 5_000);
    await bob.whispers("Alice", "psst");
    await until("whispered", () => alice.said().includes("Bob: psst"));
    expect(alice.events("said").at(-1)?.change).toMatchObject({ message: { to: { nick: "Alice" } } });
    await alice.say("psst yourself", "Bob");
    await bob.sees(({ text, to }) => text === "psst yourself" && to === "Bob", 5_000);
    await alice.do({ kind: "nick", nick: "Alicia", mangle: false });
    await until("renamed", () => bob.roster.has("Alicia") && !bob.roster.has("Alice"));
    await alice.leave();
    await until("gone", () => !bob.roster.has("Alicia"));
  } finally {
    await other.close();
  }
}, 60_000);
