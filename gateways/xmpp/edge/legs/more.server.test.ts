// What is left of life in foreign rooms, against Prosody's MUC without ids of its own (no archive): typing, kicks by ours, words that
// cannot be shown, a whisper that comes back, a person of SIP, the room destroyed.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { until } from "#test/servers/child.ts";
import { type Guest, type LegsHouse, muc, openLegsHouse, type Visitor, visit } from "./house-for-test.ts";

const tied = `tied@${muc}`;
const lobby = { local: "lobby", domain: "rooms.example" };
const pause = (ms: number): Promise<void> => new Promise((go) => setTimeout(go, ms));

describe("a tied room without ids of its own", () => {
  let house: LegsHouse;
  let bob: Visitor;
  let carol: Visitor;
  let alice: Guest;
  let dora: Guest;

  beforeAll(async () => {
    house = await openLegsHouse(["bob", "carol"], {
      conference: {
        rooms: { lobby: { owners: ["alice@web.example"], legs: [{ carrier: "xmpp", channel: tied }] } },
      },
      archive: false,
    });
    await house.gateway("xmpp-1");
    bob = await visit(house, "bob", tied, "Bob");
    carol = await visit(house, "carol", tied, "Carol");
    alice = await house.web("alice", lobby, "Alice");
    dora = await house.web("dora", lobby, "Dora");
    await bob.expect(/from='tied@muc.other.example\/Dora'/);
    await until("all are shown", () => alice.nicks().join() === "Alice,Bob,Carol,Dora");
  });
  afterAll(async () => {
    bob?.end();
    carol?.end();
    await house?.close();
  });

  test("there are no ids of the room, and everything is heard once all the same", async () => {
    for (let count = 0; count < 10; count += 1) {
      bob.say(`n${count}`, `line ${count}`);
      await dora.say(`dora ${count}`);
    }
    await until("all", () => alice.said().length === 20);
    await until("theirs too", () => bob.bodies(/^dora/).length === 10);
    expect(bob.text().includes("<stanza-id")).toBe(false);
    expect(new Set(alice.said()).size).toBe(20);
    expect(dora.said()).toEqual(alice.said());
  });

  test("the same words twice are two messages", async () => {
    const before = alice.said().length;
    bob.say("same1", "same");
    bob.say("same2", "same");
    await until("both", () => alice.said().length === before + 2);
  });

  test("a reaction to what one of ours said names it by his id", async () => {
    await alice.say("react to this");
    const [, id = ""] = await bob.expect(/<message[^>]* id='([^']+)'[^>]*><body>react to this</);
    bob.write(
      `<message to='${tied}' type='groupchat' id='x1'><reactions xmlns='urn:xmpp:reactions:0' id='${id}'><reaction>🎉</reaction></reactions></message>`,
    );
    await until("reacted", () => alice.events("reacted").length === 1);
  });

  test("the reader leaves, another reads on", async () => {
    const before = dora.said().length;
    const saying = (async () => {
      for (let count = 0; count < 30; count += 1) {
        bob.say(`r${count}`, `row ${count}`);
        await pause(30);
      }
    })();
    await pause(200);
    await alice.leave();
    await saying;
    await until("all heard", () => dora.said().length >= before + 30);
    await pause(300);
    expect(dora.said().slice(before)).toEqual(Array.from({ length: 30 }, (_, count) => `Bob: row ${count}`));
    alice = await house.web("alice", lobby, "Alice");
    await until("she is there", () => alice.nicks().join() === "Alice,Bob,Carol,Dora");
  });

  test("what is encrypted is told once, and no error is sent to the room", async () => {
    const omemo = (id: string): string =>
      `<message to='${tied}' type='groupchat' id='${id}'><body>I sent you an OMEMO message</body><encrypted xmlns='eu.siacs.conversations.axolotl'><header sid='1'/><payload>x</payload></encrypted><encryption xmlns='urn:xmpp:eme:0' namespace='eu.siacs.conversations.axolotl'/></message>`;
    bob.write(omemo("o1"));
    bob.write(omemo("o2"));
    await until("told", () =>
      alice.notices().some((text) => text.startsWith("Something that Bob said cannot be shown")),
    );
    await pause(300);
    expect(alice.notices().filter((text) => text.startsWith("Something that Bob"))).toHaveLength(1);
    expect(alice.said().some((one) => one.includes("OMEMO"))).toBe(false);
  });

  test("a whisper to somebody who has just gone is refused, and told", async () => {
    // Our room still shows her: she goes while the whisper is on its way.
    carol.write(`<presence to='${tied}/Carol' type='unavailable'/>`);
    await alice.say("are you there", { to: "Carol" }).catch(() => undefined);
    await until("she has left", () => !alice.nicks().includes("Carol"));
    expect(bob.text().includes("are you there")).toBe(false);
  });

  test("an owner of ours puts out somebody of theirs, who stays if theirs do not let him", async () => {
    expect(await alice.do({ kind: "kick", target: { nick: "Bob" }, reason: "out" })).toMatchObject({
      ok: true,
    });
    await until("he is shown again", () => alice.nicks().includes("Bob"));
    bob.say("k1", "still here");
    await until("and heard", () => alice.said().includes("Bob: still here"));
  });

  test("with a moderator's rank there he is put out there as well", async () => {
    const eve = await visit(house, "carol", tied, "Eve");
    await until("she is shown", () => alice.nicks().includes("Eve"));
    bob.write(
      `<iq type='set' id='mod' to='${tied}'><query xmlns='http://jabber.org/protocol/muc#admin'><item nick='Alice' role='moderator'/></query></iq>`,
    );
    await bob.expect(/id='mod'/);
    await alice.do({ kind: "kick", target: { nick: "Eve" }, reason: "enough" });
    await eve.expect(/<status code='307'\/>/);
    await until("she is gone", () => !alice.nicks().includes("Eve"));
    eve.end();
  });

  test("their room is destroyed: ours stays, and its people are told", async () => {
    bob.write(
      `<iq type='set' id='end' to='${tied}'><query xmlns='http://jabber.org/protocol/muc#owner'><destroy><reason>closed</reason></destroy></query></iq>`,
    );
    await until("told", () => alice.notices().some((text) => /does not exist any more.*closed/.test(text)));
    await until("nobody of theirs is shown", () => alice.nicks().join() === "Alice,Dora");
  });
});
