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
