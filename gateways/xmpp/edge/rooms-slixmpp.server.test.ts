// A foreign MUC client, slixmpp with its own plugins, in our rooms over a real Prosody: XEP-0045, 0085, 0199, 0249, 0308,
// 0313, 0410, 0421, 0444, 0461.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hasSlixmpp } from "#test/support/slixmpp.ts";
import { host } from "./prosody-for-test.ts";
import { openRoomsHouse, type RoomsHouse, running } from "./rooms-house-for-test.ts";
import { type Slixmpp, slixmpp } from "./slixmpp-for-test.ts";

const room = "den@rooms.example";

describe.skipIf(!hasSlixmpp())("slixmpp in a room", () => {
  let house: RoomsHouse;
  let bob: Slixmpp;
  let carol: Slixmpp;
  let dave: Slixmpp;
  let erin: Slixmpp;

  beforeAll(async () => {
    house = await openRoomsHouse(["bob", "carol", "dave", "erin"]);
    const { link } = await house.gateway("xmpp-1");
    await running(link);
    const client = (name: string): Promise<Slixmpp> =>
      slixmpp(house.prosody.clientPort, `${name}@${host}/desk`, `pw-${name}`, "rooms-slixmpp-for-test.py");
    [bob, carol, dave, erin] = (await Promise.all(["bob", "carol", "dave", "erin"].map(client))) as [
      Slixmpp,
      Slixmpp,
      Slixmpp,
      Slixmpp,
    ];
  });
  afterAll(async () => {
    for (const one of [bob, carol, dave, erin]) one?.stop();
    await house?.close();
  });

  test("joins, and the second one finds the first", async () => {
    bob.do({ do: "join", room, nick: "Bob" });
    expect(await bob.tells({ kind: "joined" })).toMatchObject({
      codes: [110, 170, 201],
      occupants: [],
      subject: "",
    });
    carol.do({ do: "join", room, nick: "Carol" });
    expect(await carol.tells({ kind: "joined" })).toMatchObject({ codes: [110, 170], occupants: ["Bob"] });
    expect(await bob.tells({ kind: "presence", sender: `${room}/Carol` })).toMatchObject({
      affiliation: "none",
      role: "participant",
      jid: `carol@${host}/desk`,
    });
    // Only moderators see who Bob really is.
    expect(await carol.tells({ kind: "presence", sender: `${room}/Bob` })).toMatchObject({
      affiliation: "owner",
      role: "moderator",
      jid: null,
    });
  });

  test("a taken nick, no nick", async () => {
    dave.do({ do: "join", room, nick: "carol" });
    expect(await dave.tells({ kind: "not-joined", nick: "carol" })).toMatchObject({ condition: "conflict" });
  });

  test("speaks, and nobody's ids are believed but the room's", async () => {
    carol.do({ do: "say", room, id: "c1", body: "hello", spoof: "forged" });
    const said = await bob.tells({ kind: "said", id: "c1" });
    expect(said).toMatchObject({ body: "hello", sender: `${room}/Carol`, by: room, origin: "c1" });
    expect(said.stanza).not.toBe("forged");
    expect(said.occupant).not.toBe("forged");
    expect((await carol.tells({ kind: "said", id: "c1" })).stanza).toBe(said.stanza);
    expect((await bob.tells({ kind: "presence", sender: `${room}/Carol` })).occupant).toBe(said.occupant);
  });

  test("corrects, answers, reacts, writes", async () => {
    carol.do({ do: "correct", room, id: "c2", of: "c1", body: "hello all" });
    expect(await bob.tells({ kind: "said", id: "c2" })).toMatchObject({ replace: "c1", body: "hello all" });
    const { stanza } = await bob.tells({ kind: "said", id: "c1" });
    bob.do({ do: "say", room, id: "b1", body: "welcome", reply: stanza, author: `${room}/Carol` });
    expect(await carol.tells({ kind: "said", id: "b1" })).toMatchObject({
      reply: stanza,
      stripped: "welcome",
    });
    bob.do({ do: "react", room, to: stanza, emoji: ["👋"] });
    await carol.tells({ kind: "reactions", sender: `${room}/Bob`, to: stanza, emoji: ["👋"] });
    bob.do({ do: "compose", room });
    await carol.tells({ kind: "composing", sender: `${room}/Bob` });
  });

  test("says it to one alone, and to nobody", async () => {
    carol.do({ do: "say", room: `${room}/Bob`, id: "p1", body: "psst", type: "chat" });
    expect(await bob.tells({ kind: "private", id: "p1" })).toMatchObject({
      sender: `${room}/Carol`,
      body: "psst",
    });
    carol.do({ do: "say", room: `${room}/Nobody`, id: "p2", body: "psst", type: "chat" });
    expect(await carol.tells({ kind: "error", id: "p2" })).toMatchObject({ condition: "item-not-found" });
  });

  test("who is not in the room cannot speak in it", async () => {
    dave.do({ do: "say", room, id: "d1", body: "hello?" });
    expect(await dave.tells({ kind: "error", id: "d1" })).toMatchObject({
      condition: "not-acceptable",
      sender: room,
    });
  });

  test("shows history as it is wished", async () => {
    dave.do({ do: "join", room, nick: "Dave", maxstanzas: 3 });
    const joined = await dave.tells({ kind: "joined", nick: "Dave" });
    expect(joined).toMatchObject({ occupants: ["Bob", "Carol"] });
    expect(joined.history).toHaveLength(3);
    await dave.tells({ kind: "said", id: "b1", delayed: true });
    dave.do({ do: "leave", room, nick: "Dave", text: "bye" });
    await bob.tells({ kind: "presence", sender: `${room}/Dave`, type: "unavailable", status: "bye" });
  });

  test("pings itself, and learns when it is out", async () => {
    bob.do({ do: "ping", to: `${room}/Bob` });
    await bob.tells({ kind: "pong" });
    // Carol's own client answers.
    bob.do({ do: "ping", to: `${room}/Carol` });
    await bob.tells({ kind: "pong", to: `${room}/Carol` });
    dave.do({ do: "ping", to: `${room}/Dave` });
    await dave.tells({ kind: "iq-error", what: "ping", condition: "not-acceptable" });
  });

  test("changes nick, status and subject", async () => {
    carol.do({ do: "nick", room, nick: "Caro" });
    expect(await bob.tells({ kind: "presence", sender: `${room}/Carol`, type: "unavailable" })).toMatchObject(
      {
        codes: [303],
        nick: "Caro",
      },
    );
    await carol.tells({ kind: "presence", sender: `${room}/Caro`, codes: [110] });
    carol.do({ do: "status", room, nick: "Caro", show: "away", text: "tea" });
    await bob.tells({ kind: "presence", sender: `${room}/Caro`, show: "away", status: "tea" });
    carol.do({ do: "subject", room, text: "tea" });
    await bob.tells({ kind: "subject", sender: `${room}/Caro`, text: "tea" });
  });

  test("reads the archive page by page", async () => {
    bob.do({ do: "archive", room, page: 2 });
    const { found } = (await bob.tells({ kind: "archive" })) as unknown as {
      found: [string, string, string][];
    };
    const texts = found.map(([, text]) => text);
    expect(texts.filter((text) => text !== "")).toEqual(["hello", "hello all", "> Carol: hello\nwelcome"]);
    expect(new Set(found.map(([id]) => id)).size).toBe(found.length);
    expect(found[0]?.[0]).toBe((await bob.tells({ kind: "said", id: "c1" })).stanza);
    dave.do({ do: "archive", room, page: 50 });
    await dave.tells({ kind: "archive" });
  });

  test("rules: voice, kick, ban, lists", async () => {
    carol.do({ do: "role", room, nick: "Bob", role: "none" });
    await carol.tells({ kind: "iq-error", what: "role", condition: "forbidden" });
    bob.do({ do: "role", room, nick: "Caro", role: "visitor", reason: "hush" });
    await bob.tells({ kind: "done", what: "role" });
    expect(await carol.tells({ kind: "presence", sender: `${room}/Caro`, role: "visitor" })).toMatchObject({
      reason: "hush",
      codes: [110],
    });
    carol.do({ do: "say", room, id: "c9", body: "mmh" });
    await carol.tells({ kind: "error", id: "c9", condition: "forbidden" });
    bob.do({ do: "roles", room, role: "visitor" });
    await bob.tells({ kind: "list", what: "visitor", nicks: ["Caro"] });
    bob.do({ do: "role", room, nick: "Caro", role: "none", reason: "enough" });
    expect(await carol.tells({ kind: "presence", type: "unavailable", codes: [110, 307] })).toMatchObject({
      reason: "enough",
      role: "none",
    });
    bob.do({ do: "affiliation", room, jid: `carol@${host}`, affiliation: "outcast", reason: "really" });
    await bob.tells({ kind: "done", what: "affiliation" });
    bob.do({ do: "affiliations", room, affiliation: "outcast" });
    await bob.tells({ kind: "list", what: "outcast", jids: [`carol@${host}`] });
    carol.do({ do: "join", room, nick: "Carol" });
    await carol.tells({ kind: "not-joined", condition: "forbidden" });
    bob.do({ do: "affiliation", room, jid: `carol@${host}`, affiliation: "member" });
    // She is told, although she is not in the room.
    expect(await carol.tells({ kind: "config" })).toMatchObject({ codes: [101] });
  });

  test("configures the room: members only, a password, other eyes", async () => {
    bob.do({
      do: "configure",
      room,
      values: {
        "muc#roomconfig_roomname": "The den",
        "muc#roomconfig_membersonly": true,
        "muc#roomconfig_whois": "anyone",
        "muc#roomconfig_persistentroom": true,
      },
    });
    await bob.tells({ kind: "done", what: "configure" });
    await bob.tells({ kind: "config", codes: [172] });
    bob.do({ do: "info", to: room });
    const info = await bob.tells({ kind: "info", to: room });
    expect(info.features).toEqual(
      expect.arrayContaining(["muc_membersonly", "muc_nonanonymous", "muc_persistent"]),
    );
    expect(info.identities).toEqual([["conference", "text", null, "The den"]]);
    dave.do({ do: "join", room, nick: "Dave2" });
    await dave.tells({ kind: "not-joined", nick: "Dave2", condition: "registration-required" });
    bob.do({
      do: "configure",
      room,
      values: {
        "muc#roomconfig_membersonly": false,
        "muc#roomconfig_passwordprotectedroom": true,
        "muc#roomconfig_roomsecret": "swordfish",
      },
    });
    await bob.tells({ kind: "config", codes: [104] });
    dave.do({ do: "join", room, nick: "Dave3" });
    await dave.tells({ kind: "not-joined", nick: "Dave3", condition: "not-authorized" });
    dave.do({ do: "join", room, nick: "Dave4", password: "swordfish" });
    expect(await dave.tells({ kind: "joined", nick: "Dave4" })).toMatchObject({ codes: [100, 110, 170] });
    await dave.tells({ kind: "presence", sender: `${room}/Bob`, jid: `bob@${host}/desk` });
  });

  test("invites, through the room and directly", async () => {
    dave.do({ do: "invite", room, jid: `erin@${host}`, reason: "come" });
    expect(await erin.tells({ kind: "invite" })).toMatchObject({
      room,
      by: `${room}/Dave4`,
      reason: "come",
    });
    await erin.tells({ kind: "direct-invite", room });
    carol.do({ do: "join", room, nick: "Carol5", password: "swordfish" });
    await carol.tells({ kind: "joined", nick: "Carol5" });
    const sip = await house.sip();
    dave.do({ do: "invite-directly", room, jid: "alice@sip.example", reason: "you too" });
    const { until } = await import("#test/servers/child.ts");
    const [invitation] = await until("the invitation", () => sip.delivered.length > 0 && sip.delivered);
    expect(invitation?.invitation).toMatchObject({
      room: { local: "den", domain: "rooms.example" },
      reason: "you too",
    });
  });

  test("finds the rooms that are listed, and their people", async () => {
    bob.do({ do: "items", to: "rooms.example" });
    await bob.tells({ kind: "items", to: "rooms.example", jids: [room] });
    bob.do({ do: "items", to: room });
    await bob.tells({ kind: "items", to: room, jids: [`${room}/Bob`, `${room}/Carol5`, `${room}/Dave4`] });
    bob.do({ do: "info", to: "rooms.example" });
    const info = await bob.tells({ kind: "info", to: "rooms.example" });
    expect(info.identities).toEqual([["conference", "text", null, "Rooms"]]);
    expect(info.features).toContain("http://jabber.org/protocol/muc");
  });

  test("destroys it", async () => {
    dave.do({ do: "destroy", room });
    await dave.tells({ kind: "iq-error", what: "destroy", condition: "forbidden" });
    bob.do({ do: "destroy", room, reason: "over", alternate: "cave@rooms.example" });
    await bob.tells({ kind: "done", what: "destroy" });
    await dave.tells({
      kind: "presence",
      sender: `${room}/Dave4`,
      type: "unavailable",
      codes: [110],
      role: "none",
    });
    bob.do({ do: "info", to: room });
    await bob.tells({ kind: "iq-error", what: "info", condition: "item-not-found" });
  });
});
