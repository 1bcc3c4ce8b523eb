// People of ours in a conference elsewhere, on real sockets against a focus of the test kit that shares no code with the gateway.
import { afterAll, beforeAll, expect, test } from "vitest";
import { until } from "#test/servers/child.ts";
import { type Guest, type LegsHouse, openLegsHouse, room } from "./house-for-test.ts";

let house: LegsHouse;
let alice: Guest;
beforeAll(async () => {
  house = await openLegsHouse();
  await house.gateway("sip-1");
});
afterAll(() => house?.close());

test("one of ours calls in, binds, is named, and is shown who is there", async () => {
  const { focus } = house;
  focus.enters("Bob");
  alice = await house.web("alice", "Alice");
  expect(alice.answer).toMatchObject({ ok: true });
  await until("she is named", () => focus.nicks.join() === "Alice");
  await until("Bob is shown", () => alice.nicks().join() === "Alice,Bob");
  expect(focus.callers[0]?.aor).toBe("sip:alice@web.example");
  expect(focus.methods.slice(0, 2)).toEqual(["INVITE", "SUBSCRIBE"]);
});

test("she is heard there in her own name, and hears what is said", async () => {
  const { focus } = house;
  expect(await alice.say("hello there")).toMatchObject({ outcome: "handed" });
  await until("heard there", () => focus.words.includes("hello there"));
  const [caller] = focus.callers;
  expect(focus.heard.at(-1)).toMatchObject({ from: caller?.aor, to: `sip:${room.local}@${room.domain}` });
  expect(await focus.says("Bob", "hello Alice")).toEqual([200]);
  await until("heard here", () => alice.said().includes("Bob: hello Alice"));
  expect(alice.said()).toEqual(["Alice: hello there", "Bob: hello Alice"]);
});

test("theirs come, are renamed, go and are put out: each once, in groups, never ours", async () => {
  const { focus } = house;
  focus.enters("Carol", "moderator");
  await until("she is shown", () => alice.nicks().join() === "Alice,Bob,Carol");
  focus.renames("Carol", "Carola");
  await until("she is renamed", () => alice.nicks().join() === "Alice,Bob,Carola");
  focus.leaves("Carola", "booted", "spam");
  await until("she is gone", () => alice.nicks().join() === "Alice,Bob");
  expect(alice.events("renamed").at(-1)?.change).toMatchObject({ from: "Carol", nick: "Carola" });
  expect(alice.events("roster").at(-1)?.change).toMatchObject({
    gone: [{ nick: "Carola", cause: "kicked", reason: "spam" }],
  });
});

test("a document that is missing is asked for again, whole", async () => {
  const { focus } = house;
  const before = focus.methods.filter((method) => method === "SUBSCRIBE").length;
  focus.forgetsOne();
  focus.enters("Gina");
  await until("she is shown", () => alice.nicks().join() === "Alice,Bob,Gina");
  expect(focus.methods.filter((method) => method === "SUBSCRIBE")).toHaveLength(before + 1);
  focus.leaves("Gina");
  await until("she is gone", () => alice.nicks().join() === "Alice,Bob");
});

test("a second one of ours is another guest there; what is said is heard once by all", async () => {
  const { focus } = house;
  const dora = await house.web("dora", "Dora");
  await until("she is in", () => focus.nicks.join() === "Alice,Dora");
  for (let count = 0; count < 20; count += 1) {
    await focus.says("Bob", `number ${count}`);
    if (count % 2 === 0) await alice.say(`alice ${count}`);
    else await dora.say(`dora ${count}`);
  }
  await focus.says("Bob", "the last");
  await until("all", () => dora.said().includes("Bob: the last"));
  const said = alice.said().filter((one) => /number|alice \d|dora \d/.test(one));
  expect(said).toHaveLength(40);
  expect(new Set(said).size).toBe(40);
  expect(said.filter((one) => one.startsWith("Bob"))).toEqual(
    Array.from({ length: 20 }, (_, count) => `Bob: number ${count}`),
  );
  expect(alice.nicks()).toEqual(["Alice", "Bob", "Dora"]);
  await dora.leave();
  await until("she has hung up", () => focus.nicks.join() === "Alice");
  expect(focus.methods.filter((method) => method === "BYE")).toHaveLength(1);
});

test("the same words at the same moment, said twice, are two messages", async () => {
  const { focus } = house;
  const before = alice.said().length;
  await Promise.all([focus.says("Bob", "again", { id: "same" }), focus.says("Bob", "again", { id: "same" })]);
  await until("both", () => alice.said().length === before + 2);
});

test("what is for one alone goes from his own session, and comes to him alone", async () => {
  const { focus } = house;
  const erik = await house.web("erik", "Erik");
  await until("he is in", () => focus.nicks.join() === "Alice,Erik");
  expect(await alice.say("psst", "Bob")).toMatchObject({ outcome: "handed" });
  await until("psst", () => focus.words.includes("psst"));
  expect(focus.heard.at(-1)).toMatchObject({ text: "psst", to: "sip:bob@people.focus.other.example" });
  const [caller] = focus.callers;
  await focus.says("Bob", "secret", { only: caller?.aor ?? "" });
  await until("whispered", () => alice.said().includes("Bob: secret"));
  expect(alice.events("said").at(-1)?.change).toMatchObject({ message: { to: { nick: "Alice" } } });
  await focus.says("Bob", "aloud");
  await until("aloud", () => erik.said().includes("Bob: aloud"));
  expect(
    erik.events("said").filter(({ change }) => change.kind === "said" && change.message.to?.nick === "Erik"),
  ).toEqual([]);
  expect(await alice.say("hm", "Nobody")).toMatchObject({ outcome: "refused" });
  await erik.leave();
  await until("he has hung up", () => focus.nicks.join() === "Alice");
});

test("their subject is ours", async () => {
  house.focus.names("the agenda");
  await until("it is", () => alice.view.subject?.text === "the agenda");
});

test("another nick is asked for there; one that is taken there is another one there, and told", async () => {
  const { focus } = house;
  await alice.do({ kind: "nick", nick: "Alicia", mangle: false });
  await until("it is hers", () => focus.nicks.join() === "Alicia");
  focus.takenNicks.add("Ada");
  await alice.do({ kind: "nick", nick: "Ada", mangle: false });
  await until("another", () => focus.nicks.join() === "Ada (2)");
  await until("told", () =>
    alice.notices().some((text) => text.startsWith("You are Ada (2) in the conference")),
  );
  expect(alice.nicks()).toEqual(["Ada", "Bob"]);
  await alice.do({ kind: "nick", nick: "Alice", mangle: false });
  await until("hers again", () => focus.nicks.join() === "Alice");
});

test("what the focus refuses is refused, with its reason", async () => {
  const { focus } = house;
  focus.refusesWords = "403 Quiet";
  expect(await alice.say("too late")).toMatchObject({ outcome: "handed" });
  await until("told", () => alice.notices().some((text) => text.includes("Quiet")));
  focus.refusesWords = undefined;
  expect(alice.notices().at(-1)).toBe("Not said in talk@focus.other.example: Quiet");
});

test("the one who reads hangs up in the middle: another reads on, nothing is missing or double", async () => {
  const { focus } = house;
  const dora = await house.web("dora", "Dora");
  await until("she is in", () => focus.nicks.join() === "Alice,Dora");
  const saying = (async () => {
    for (let count = 0; count < 60; count += 1) {
      await focus.says("Bob", `more ${count}`);
      await new Promise((go) => setTimeout(go, 10));
    }
  })();
  await new Promise((go) => setTimeout(go, 200));
  await alice.leave();
  await saying;
  const more = () => dora.said().filter((one) => one.includes(": more "));
  await until("all", () => more().length >= 60);
  expect(more()).toEqual(Array.from({ length: 60 }, (_, count) => `Bob: more ${count}`));
  await until("the roster is whole", () => dora.nicks().join() === "Bob,Dora");
  await focus.byes(focus.callers[0] as never, "go away");
  await until("she is out", () => !dora.nicks().includes("Dora"));
  expect(dora.notices().at(-1)).toBe(
    "The conference sip:talk@focus.other.example has ended your visit: go away",
  );
});

test.each([
  [403, "you may not do this here (403)"],
  [404, "no such room (404)"],
  [486, "this room is full (486)"],
])("one who is not let in (%i) is told, and is not in our room either", async (status, text) => {
  const { focus } = house;
  focus.refuses = status;
  const dora = await house.web("dora", "Dora");
  await until("she is out", () => dora.heard.length > 0 && !dora.nicks().includes("Dora"));
  focus.refuses = undefined;
  expect(dora.notices()).toEqual([
    `You are not let into the conference sip:talk@focus.other.example: ${text}`,
  ]);
});
