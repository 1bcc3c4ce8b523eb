// What happens when something breaks: the gateway ends and another one goes on, Prosody ends and comes again, a room loses one of us
// without a word. Nothing is lost that was accepted, nothing is there twice.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { until } from "#test/servers/child.ts";
import { type Guest, type LegsHouse, muc, openLegsHouse, type Visitor, visit } from "./house-for-test.ts";

const pause = (ms: number): Promise<void> => new Promise((go) => setTimeout(go, ms));

/** Takes somebody out of a room so that nobody is told. */
const forget = (room: string, nick: string): string =>
  `> (function() local r = prosody.hosts["${muc}"].modules.muc.get_room_from_jid("${room}"); local o = r:get_occupant_by_nick("${room}/${nick}"); for jid in o:each_session() do r._jid_nick[jid] = nil end; r._occupants[o.nick] = nil; return "forgotten" end)()`;

describe("another holder goes on", () => {
  let house: LegsHouse;
  let bob: Visitor;
  let alice: Guest;
  const talk = `talk@${muc}`;

  beforeAll(async () => {
    house = await openLegsHouse(["bob"]);
    bob = await visit(house, "bob", talk, "Bob");
  });
  afterAll(async () => {
    bob?.end();
    await house?.close();
  });

  test("the gateway ends while both sides speak: all is heard once, in each speaker's order", async () => {
    const first = await house.gateway("xmpp-1");
    alice = await house.web("alice", { local: "talk", domain: muc }, "Alice");
    await until("Bob is shown", () => alice.nicks().join() === "Alice,Bob");
    const theirs = Array.from({ length: 60 }, (_, count) => `theirs ${count}`);
    const ours = Array.from({ length: 60 }, (_, count) => `ours ${count}`);
    const speaking = Promise.all([
      (async () => {
        for (const text of theirs) {
          bob.say(text.replace(" ", ""), text);
          await pause(50);
        }
      })(),
      (async () => {
        for (const text of ours) {
          await alice.say(text);
          await pause(20);
        }
      })(),
    ]);
    await pause(800);
    await first.end();
    await house.gateway("xmpp-2");
    await speaking;
    await until(
      "theirs is heard",
      () => alice.said().filter((one) => one.startsWith("Bob: ")).length >= 60,
      30_000,
    );
    await until("ours is heard", () => bob.bodies(/^ours/).length >= 60, 30_000);
    await pause(500);
    expect(alice.said().filter((one) => one.startsWith("Bob: "))).toEqual(
      theirs.map((text) => `Bob: ${text}`),
    );
    expect(bob.bodies(/^ours/)).toEqual(ours);
    // Nobody saw him leave.
    expect(bob.text().includes("from='talk@muc.other.example/Alice' type='unavailable'")).toBe(false);
    expect(alice.nicks()).toEqual(["Alice", "Bob"]);
  });
});

describe("a room that forgets", () => {
  let house: LegsHouse;
  let bob: Visitor;
  let alice: Guest;
  const talk = `talk@${muc}`;

  beforeAll(async () => {
    house = await openLegsHouse(["bob", "carol"]);
    bob = await visit(house, "bob", talk, "Bob");
    await house.gateway("xmpp-1");
    alice = await house.web("alice", { local: "talk", domain: muc }, "Alice");
    await until("Bob is shown", () => alice.nicks().join() === "Alice,Bob");
  });
  afterAll(async () => {
    bob?.end();
    await house?.close();
  });

  test("who is not in any more learns it when he speaks, comes in again, and is heard", async () => {
    const answer = await house.prosody.shell(forget(talk, "Alice"));
    expect(answer).toContain("forgotten");
    bob.say("b1", "while he was out");
    await alice.say("still here?");
    await bob.expect(/<body>still here\?<\/body>/);
    await until("what he missed is heard", () => alice.said().includes("Bob: while he was out"));
    await pause(300);
    expect(alice.said().filter((one) => one === "Bob: while he was out")).toHaveLength(1);
    expect(bob.bodies(/still here/)).toHaveLength(1);
  });

  test("the reader goes, who reads on has another stream: words and people are right", async () => {
    const erik = await house.web("erik@sip.example", { local: "talk", domain: muc }, "Erik");
    await bob.expect(/from='talk@muc.other.example\/Erik'/);
    const saying = (async () => {
      for (let count = 0; count < 60; count += 1) {
        bob.say(`e${count}`, `to all ${count}`);
        await pause(25);
      }
    })();
    await pause(300);
    await alice.leave();
    const carol = await visit(house, "carol", talk, "Carol");
    await saying;
    const heard = (): string[] => erik.said().filter((one) => one.startsWith("Bob: to all"));
    await until("all is heard", () => heard().length >= 60);
    await pause(500);
    expect(heard()).toEqual(Array.from({ length: 60 }, (_, count) => `Bob: to all ${count}`));
    await until("people are right", () => erik.nicks().join() === "Bob,Carol,Erik");
    carol.end();
    await until("also when one goes", () => erik.nicks().join() === "Bob,Erik");
    alice = await house.web("alice", { local: "talk", domain: muc }, "Alice");
    await until("she is back", () => alice.nicks().join() === "Alice,Bob,Erik");
    await erik.leave();
    await until("he has left", () => alice.nicks().join() === "Alice,Bob");
  });

  test("Prosody ends and comes again: all of ours are in again, and heard", async () => {
    bob.end();
    await house.prosody.child.stop();
    await house.prosody.again();
    bob = await visit(house, "bob", talk, "Bob");
    await until(
      "they hear each other",
      async () => {
        bob.say(`again${Math.random()}`, "again");
        await pause(300);
        return alice.said().includes("Bob: again");
      },
      30_000,
    );
    await alice.say("back");
    await bob.expect(/<body>back<\/body>/);
    await until("the roster is right", () => alice.nicks().join() === "Alice,Bob");
  });
});
