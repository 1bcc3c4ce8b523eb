// What people do in a foreign room beside talking, against Prosody's own MUC service: come, go, rename, correct, answer, react, take
// back, name the room, whisper; each both ways.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { until } from "#test/servers/child.ts";
import { host } from "../prosody-for-test.ts";
import { type Raw, rawClient } from "../raw-for-test.ts";
import { type Guest, type LegsHouse, muc, openLegsHouse, type Visitor, visit } from "./house-for-test.ts";

const talk = `talk@${muc}`;
const room = { local: "talk", domain: muc };

describe("two of ours and two of theirs", () => {
  let house: LegsHouse;
  let bob: Visitor;
  let carol: Raw;
  let alice: Guest;
  let dora: Guest;

  beforeAll(async () => {
    house = await openLegsHouse(["bob", "carol"]);
    await house.gateway("xmpp-1");
    bob = await visit(house, "bob", talk, "Bob");
    alice = await house.web("alice", room, "Alice");
    dora = await house.web("dora", room, "Dora");
    await bob.expect(/from='talk@muc.other.example\/Dora'/);
    await until("Bob is shown", () => alice.nicks().join() === "Alice,Bob,Dora");
  });
  afterAll(async () => {
    bob?.end();
    carol?.end();
    await house?.close();
  });

  test("somebody of theirs comes, is renamed, goes; nobody is there twice", async () => {
    carol = await rawClient(house.prosody.clientPort, host, "carol");
    carol.write(`<presence to='${talk}/Carol'><x xmlns='http://jabber.org/protocol/muc'/></presence>`);
    await until("she is shown", () => alice.nicks().join() === "Alice,Bob,Carol,Dora");
    carol.write(`<presence to='${talk}/Carola'/>`);
    await until("she is renamed", () => alice.nicks().join() === "Alice,Bob,Carola,Dora");
    expect(alice.heard.some(({ change }) => change.kind === "renamed" && change.from === "Carol")).toBe(true);
    carol.write(`<presence to='${talk}/Carola' type='unavailable'/>`);
    await until("she has left", () => dora.nicks().join() === "Alice,Bob,Dora");
  });

  test("what is said is heard once by all, in one order here", async () => {
    for (let count = 0; count < 20; count += 1) {
      bob.say(`n${count}`, `number ${count}`);
      if (count % 2 === 0) await alice.say(`alice ${count}`);
      else await dora.say(`dora ${count}`);
    }
    await until("all", () => alice.said().length === 40);
    expect(dora.said()).toEqual(alice.said());
    expect(alice.said().filter((one) => one.startsWith("Bob: "))).toEqual(
      Array.from({ length: 20 }, (_, count) => `Bob: number ${count}`),
    );
    expect(new Set(alice.said()).size).toBe(40);
    await until("theirs too", () => bob.bodies(/(alice|dora) \d+/).length === 20);
    expect(new Set(bob.bodies(/(alice|dora) \d+/)).size).toBe(20);
  });

  test("corrections go both ways", async () => {
    bob.say("c1", "helo");
    await until("heard", () => alice.said().includes("Bob: helo"));
    bob.write(
      `<message to='${talk}' type='groupchat' id='c2'><body>hello</body><replace xmlns='urn:xmpp:message-correct:0' id='c1'/></message>`,
    );
    await until("corrected", () => alice.said().includes("Bob: hello"));
    const [first, second] = alice.events("said").slice(-2);
    expect(second?.change).toMatchObject({ message: { corrects: first?.id } });

    await alice.say("yess", { id: "a1" });
    await alice.say("yes", { id: "a2", correctionOf: "a1" });
    const [, id = ""] = await bob.expect(/<message[^>]* id='([^']+)'[^>]*><body>yess</);
    const [corrected] = await bob.expect(/<message[^>]*><body>yes<\/body>[\s\S]*?<\/message>/);
    expect(corrected).toContain(`id='${id}'`);
    expect(corrected).toContain("urn:xmpp:message-correct:0");
  });

  test("answers name the message they answer", async () => {
    const mine = alice
      .events("said")
      .find(({ change }) => change.kind === "said" && change.message.text === "yes");
    const [stanza] = await bob.expect(/<message[^>]*><body>yes<\/body>[\s\S]*?<\/message>/);
    const [, there = ""] = /<stanza-id[^>]* id='([^']+)'/.exec(stanza) ?? [];
    expect(there).not.toBe("");
    bob.write(
      `<message to='${talk}' type='groupchat' id='r1'><body>&gt; Alice: yes\nagreed</body><reply xmlns='urn:xmpp:reply:0' to='${talk}/Alice' id='${there}'/><fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reply:0'><body start='0' end='13'/></fallback></message>`,
    );
    await until("answered", () => alice.said().includes("Bob: agreed"));
    expect(alice.events("said").at(-1)?.change).toMatchObject({
      message: { repliesTo: { id: mine?.id, nick: "Alice" } },
    });

    const theirs = alice.events("said").at(-1);
    await dora.say("me too", { replyTo: theirs?.id ?? "" });
    const [answer] = await bob.expect(
      /<message[^>]*from='talk@muc.other.example\/Dora'[^>]*><body>[^<]*me too<[\s\S]*?<\/message>/,
    );
    const [agreed] = await bob.expect(/<message[^>]*id='r1'[\s\S]*?<\/message>/);
    const [, agreedId = "?"] = /<stanza-id[^>]* id='([^']+)'/.exec(agreed) ?? [];
    expect(answer).toContain(`id='${agreedId}'`);
  });

  test("reactions go both ways", async () => {
    const event = alice.events("said").at(-2);
    await alice.do({ kind: "react", message: event?.id ?? "", emoji: ["👍"] });
    const [reaction] = await bob.expect(/<message[^>]*><reactions[\s\S]*?<\/message>/);
    expect(reaction).toContain("👍");
    const [, there = "?"] = /<reactions[^>]* id='([^']+)'/.exec(reaction) ?? [];
    bob.write(
      `<message to='${talk}' type='groupchat' id='x1'><reactions xmlns='urn:xmpp:reactions:0' id='${there}'><reaction>🎉</reaction></reactions></message>`,
    );
    await until("reacted", () => alice.events("reacted").length === 2);
    expect(alice.events("reacted").at(-1)?.change).toMatchObject({
      message: event?.id,
      emoji: ["🎉"],
      by: { nick: "Bob" },
    });
  });

  test("what was said is taken back, both ways", async () => {
    bob.say("t1", "oops");
    await until("heard", () => alice.said().includes("Bob: oops"));
    const oops = alice.events("said").at(-1);
    const [stanza] = await bob.expect(/<message[^>]*id='t1'[\s\S]*?<\/message>/);
    const [, there = "?"] = /<stanza-id[^>]* id='([^']+)'/.exec(stanza) ?? [];
    bob.write(
      `<message to='${talk}' type='groupchat' id='t2'><retract xmlns='urn:xmpp:message-retract:1' id='${there}'/><fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:message-retract:1'/><body>/me took something back</body></message>`,
    );
    await until("taken back", () => alice.events("retracted").length === 1);
    expect(alice.events("retracted")[0]?.change).toMatchObject({
      message: oops?.id,
      by: { nick: "Bob" },
      moderated: false,
    });

    await alice.say("nonsense", { id: "a9" });
    await alice.do({ kind: "retract", message: "a9" });
    const [said] = await bob.expect(/<message[^>]*><body>nonsense<[\s\S]*?<\/message>/);
    const [, mine = "?"] = /<stanza-id[^>]* id='([^']+)'/.exec(said) ?? [];
    await bob.expect(new RegExp(`from='talk@muc.other.example/Alice'[^>]*><retract[^>]* id='${mine}'`));
  });

  test("theirs rule behind a door: who is a moderator there is shown as one, as that changes", async () => {
    const rank = (nick: string): string | undefined =>
      [...alice.view.participants.values()].find((one) => one.nick === nick)?.role;
    expect(rank("Bob")).toBe("moderator");
    carol.write(`<presence to='${talk}/Carol'><x xmlns='http://jabber.org/protocol/muc'/></presence>`);
    await until("she is there", () => rank("Carol") === "speaker");
    bob.write(
      `<iq type='set' id='mod' to='${talk}'><query xmlns='http://jabber.org/protocol/muc#admin'><item nick='Carol' role='moderator'/></query></iq>`,
    );
    await until("she is a moderator", () => rank("Carol") === "moderator");
    carol.write(`<presence to='${talk}/Carol' type='unavailable'/>`);
    await until("she has left", () => rank("Carol") === undefined);
  });

  test("the subject is changed from both sides, once each", async () => {
    bob.write(`<message to='${talk}' type='groupchat' id='s1'><subject>theirs</subject></message>`);
    await until("theirs", () => alice.view.subject?.text === "theirs");
    expect(alice.view.subject?.by.nick).toBe("Bob");
    expect(await alice.do({ kind: "subject", text: "ours" })).toMatchObject({ ok: true });
    // Only moderators may, in a room of Prosody's: theirs stays.
    await until("ours", () => alice.view.subject?.text === "ours");
  });

  test("a whisper to one of theirs is for him alone, from the speaker's own occupant", async () => {
    expect(await alice.say("psst", { to: "Bob" })).toMatchObject({ outcome: "handed" });
    const [whisper] = await bob.expect(/<message[^>]*><body>psst<[\s\S]*?<\/message>/);
    expect(whisper).toContain("type='chat'");
    expect(whisper).toContain("from='talk@muc.other.example/Alice'");
    expect(dora.said().filter((one) => one.includes("psst"))).toHaveLength(1);
  });

  test("a whisper of theirs is for one of ours alone", async () => {
    bob.write(
      `<message to='${talk}/Alice' type='chat' id='p1'><body>secret</body><x xmlns='http://jabber.org/protocol/muc#user'/></message>`,
    );
    await until("whispered", () => alice.said().includes("Bob: secret"));
    const whisper = alice.events("said").at(-1);
    expect(whisper?.change).toMatchObject({ message: { to: { nick: "Alice" } } });
    expect(alice.said().filter((one) => one === "Bob: secret")).toHaveLength(1);
  });

  test("another nick here is another nick there; one that is taken there is told", async () => {
    await alice.do({ kind: "nick", nick: "Alicia", mangle: false });
    await bob.expect(/<presence[^>]*from='talk@muc.other.example\/Alicia'/);
    await alice.say("as Alicia");
    const [said] = await bob.expect(/<message[^>]*><body>as Alicia<[\s\S]*?<\/message>/);
    expect(said).toContain("from='talk@muc.other.example/Alicia'");
    expect(alice.nicks()).toEqual(["Alicia", "Bob", "Dora"]);
  });

  test("status is shown there", async () => {
    await alice.do({ kind: "status", status: { show: "away", text: "lunch" } });
    const [presence] = await bob.expect(
      /<presence[^>]*from='talk@muc.other.example\/Alicia'[^>]*><show>away[\s\S]*?<\/presence>/,
    );
    expect(presence).toContain("lunch");
  });

  test("the one who reads leaves, another reads on: nothing is missing or double", async () => {
    const before = dora.said().length;
    const saying = (async () => {
      for (let count = 0; count < 60; count += 1) {
        bob.say(`m${count}`, `more ${count}`);
        await new Promise((go) => setTimeout(go, 30));
      }
    })();
    await new Promise((go) => setTimeout(go, 300));
    await alice.leave();
    await saying;
    await until("all heard", () => dora.said().length >= before + 60);
    await new Promise((go) => setTimeout(go, 300));
    expect(dora.said().slice(before)).toEqual(Array.from({ length: 60 }, (_, count) => `Bob: more ${count}`));
    expect(dora.nicks()).toEqual(["Bob", "Dora"]);
    await bob.expect(
      /<presence[^>]*from='talk@muc.other.example\/Alicia'[^>]*type='unavailable'|<presence[^>]*type='unavailable'[^>]*from='talk@muc.other.example\/Alicia'/,
    );
  });
});
