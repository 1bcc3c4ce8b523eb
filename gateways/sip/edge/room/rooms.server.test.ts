// Rooms over SIP and MSRP on real sockets, with the real conference service: raw clients that share no code with the gateway.
import { afterAll, beforeAll, expect, test } from "vitest";
import { openRoomHouse, type RoomHouse } from "./test-room.ts";

let house: RoomHouse;
beforeAll(async () => {
  house = await openRoomHouse();
});
afterAll(() => house.close());

test("two people talk", async () => {
  const [alice, bob] = [await house.phone("alice"), await house.phone("bob")];
  expect(await alice.joins("Alice")).toEqual({ answer: "done" });
  expect(await bob.joins("Bob")).toEqual({ answer: "done" });
  expect([...bob.roster.keys()].sort()).toEqual(["Alice", "Bob"]);
  expect(await alice.says("hello Bob")).toEqual({ answer: "done" });
  const heard = await bob.sees(({ kind }) => kind === "said", 3_000);
  expect(heard).toMatchObject({ nick: "Alice", text: "hello Bob" });
  expect(await bob.says("hello Alice")).toEqual({ answer: "done" });
  await alice.sees(({ text }) => text === "hello Alice", 3_000);
  expect(await bob.leaves()).toEqual({ answer: "done" });
  await alice.sees(({ kind, nick }) => kind === "left" && nick === "Bob", 3_000);
  expect(alice.transcript.filter(({ kind }) => kind === "said").map(({ text }) => text)).toEqual([
    "hello Alice",
  ]);
});
