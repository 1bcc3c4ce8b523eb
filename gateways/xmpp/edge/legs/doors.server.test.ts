// Who is not let in, and who is put out, by rooms that others host: each is told why, and is not left half in. Against Prosody's MUC.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { until } from "#test/servers/child.ts";
import { host } from "../prosody-for-test.ts";
import { rawClient } from "../raw-for-test.ts";
import { type LegsHouse, muc, openLegsHouse, type Visitor, visit } from "./house-for-test.ts";

/** What the owner sets his room to (XEP-0045 §10.2). */
const configure = (room: string, fields: Readonly<Record<string, string>>): string =>
  `<iq type='set' id='set-${room}' to='${room}'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#roomconfig</value></field>${Object.entries(
    fields,
  )
    .map(([name, value]) => `<field var='${name}'><value>${value}</value></field>`)
    .join("")}</x></query></iq>`;

const admin = (room: string, item: string): string =>
  `<iq type='set' id='admin' to='${room}'><query xmlns='http://jabber.org/protocol/muc#admin'>${item}</query></iq>`;

describe("doors that are not open to everybody", () => {
  let house: LegsHouse;
  const owners: Visitor[] = [];

  beforeAll(async () => {
    house = await openLegsHouse(["bob", "carol"], {
      conference: {
        rooms: {
          lobby: { legs: [{ carrier: "xmpp", channel: `tied@${muc}` }] },
          safe: { legs: [{ carrier: "xmpp", channel: `vault@${muc}`, password: "sesame" }] },
        },
      },
    });
    await house.gateway("xmpp-1");
  });
  afterAll(async () => {
    for (const owner of owners) owner.end();
    await house?.close();
  });

  const owned = async (name: string, fields: Readonly<Record<string, string>> = {}): Promise<Visitor> => {
    const owner = await visit(house, "bob", `${name}@${muc}`, "Bob");
    owners.push(owner);
    if (Object.keys(fields).length === 0) return owner;
    owner.write(configure(`${name}@${muc}`, fields));
    await owner.expect(new RegExp(`type='result'[^>]*id='set-${name}@|id='set-${name}@[^>]*type='result'`));
    return owner;
  };

  test.each([
    ["a password is needed", { "muc#roomconfig_roomsecret": "sesame" }, "", /password|not.authori/i],
    [
      "another password is needed",
      { "muc#roomconfig_roomsecret": "sesame" },
      "wrong",
      /password|not.authori/i,
    ],
    ["for members only", { "muc#roomconfig_membersonly": "1" }, "", /member|registration/i],
  ])("%s: he is taken out again and told why", async (name, fields, password, why) => {
    const place = name.replaceAll(" ", "-");
    await owned(place, fields);
    const alice = await house.web("alice", { local: place, domain: muc }, "Alice", password || undefined);
    await until("he is out", () => alice.events("left").length === 1);
    expect(alice.notices().join()).toMatch(why);
    expect(alice.view.exists).toBe(false);
  });

  test("with the right password he is in", async () => {
    const bob = await owned("secret", { "muc#roomconfig_roomsecret": "sesame" });
    const alice = await house.web("alice", { local: "secret", domain: muc }, "Alice", "sesame");
    await bob.expect(/from='secret@muc.other.example\/Alice'/);
    await until("Bob is shown", () => alice.nicks().join() === "Alice,Bob");
    await alice.leave();
  });

  test("banned before, and banned while he is in: he is out of the room, with the reason", async () => {
    const bob = await owned("strict");
    const alice = await house.web("alice", { local: "strict", domain: muc }, "Alice");
    await bob.expect(/from='strict@muc.other.example\/Alice'/);
    bob.write(
      admin(
        `strict@${muc}`,
        "<item jid='alice@web.example' affiliation='outcast'><reason>enough</reason></item>",
      ),
    );
    await until("he is out", () => alice.events("left").length === 1);
    expect(alice.notices().at(-1)).toMatch(/banned you.*enough/);
    const again = await house.web("alice", { local: "strict", domain: muc }, "Alice");
    await until("he is out again", () => again.events("left").length >= 1);
    expect(again.notices().at(-1)).toMatch(/not let into strict@muc\.other\.example/);
  });

  test("a nick that is taken there is changed, and he is told", async () => {
    const bob = await owned("nicks");
    const alice = await house.web("alice", { local: "nicks", domain: muc }, "Bob");
    await bob.expect(/from='nicks@muc.other.example\/Bob \(2\)'/);
    await until("told", () => alice.notices().length === 1);
    expect(alice.notices()[0]).toBe(`You are Bob (2) in nicks@${muc}`);
    await alice.say("who am I");
    await bob.expect(/from='nicks@muc.other.example\/Bob \(2\)'[^>]*><body>who am I/);
    await alice.leave();
  });

  test("a room that nobody has made yet is made, and others can come", async () => {
    const alice = await house.web("alice", { local: "fresh", domain: muc }, "Alice");
    await until("he is in", async () => (await alice.say("first"))?.outcome === "handed");
    const bob = await owned("fresh");
    await until("Bob is shown", () => alice.nicks().join() === "Alice,Bob");
    await bob.expect(/<body>first<\/body>/);
    await alice.leave();
  });

  test("who leaves and comes again at once is in", async () => {
    const bob = await owned("again");
    const alice = await house.web("alice", { local: "again", domain: muc }, "Alice");
    await alice.leave();
    const back = await house.web("alice", { local: "again", domain: muc }, "Alice");
    expect(await back.say("back at once")).toMatchObject({ outcome: "handed" });
    await bob.expect(/<body>back at once<\/body>/);
    await until("Bob is shown", () => back.nicks().join() === "Alice,Bob");
    await new Promise((go) => setTimeout(go, 1_500));
    await back.say("still here");
    await bob.expect(/<body>still here<\/body>/);
    await back.leave();
  });

  test("one of ours asks somebody of theirs in, through their room", async () => {
    const bob = await owned("party");
    const carol = await rawClient(house.prosody.clientPort, host, "carol");
    const alice = await house.web("alice", { local: "party", domain: muc }, "Alice");
    await bob.expect(/from='party@muc.other.example\/Alice'/);
    await alice.do({ kind: "invite", to: { local: "carol", domain: host }, reason: "cake" });
    const [invitation] = await carol.expect(/<message[^>]*from='party@muc.other.example'[\s\S]*?<\/message>/);
    expect(invitation).toContain("<invite from='party@muc.other.example/Alice'");
    expect(invitation).toContain("<reason>cake</reason>");
    carol.end();
    await alice.leave();
  });

  test("the secret of a tied room is the configuration's", async () => {
    const bob = await owned("vault", { "muc#roomconfig_roomsecret": "sesame" });
    const alice = await house.web("alice", { local: "safe", domain: "rooms.example" }, "Alice");
    await bob.expect(/from='vault@muc.other.example\/Alice'/);
    await until("Bob is shown", () => alice.nicks().join() === "Alice,Bob");
    // What was said before is theirs: our room has its own history.
    await alice.leave();
    await until("nobody of theirs is shown", () => alice.nicks().join() === "");
  });

  test("put out of a room that is tied to ours he stays in ours, and is told once", async () => {
    const bob = await owned("tied");
    const lobby = { local: "lobby", domain: "rooms.example" };
    const alice = await house.web("alice", lobby, "Alice");
    await bob.expect(/from='tied@muc.other.example\/Alice'/);
    await until("Bob is shown", () => alice.nicks().join() === "Alice,Bob");
    expect(alice.said()).toEqual([]);
    bob.say("k1", "out with you");
    await until("heard", () => alice.said().includes("Bob: out with you"));
    bob.write(admin(`tied@${muc}`, "<item nick='Alice' role='none'><reason>quiet please</reason></item>"));
    await until("told", () => alice.notices().some((text) => /put you out.*quiet please/.test(text)));
    expect(alice.nicks()).toContain("Alice");
    await alice.say("nobody hears this there");
    await until("told again, in a word", () =>
      alice.notices().some((text) => text.startsWith("Not said in")),
    );
    expect(bob.text().includes("nobody hears this there")).toBe(false);
    // With nobody of ours in it there is nobody who hears it.
    await until("nobody of theirs is shown", () => alice.nicks().join() === "Alice");
    await alice.leave();
  });
});
