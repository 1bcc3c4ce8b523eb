// What is said in a room and what happens there, both ways: CPIM, rosters, names; complete by kind of change.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type {
  Endpoint,
  Participant,
  RoomChange,
  RoomConfig,
  RoomEvent,
  RoomMessage,
} from "#bus-schemas/events/room.ts";
import { applyEvent, emptyView, type RoomView } from "#bus-schemas/rooms/view.ts";
import { cpimHeader, parseCpim } from "../../wire/cpim.ts";
import { parseIsComposing, printIsComposing } from "../../wire/is-composing.ts";
import { parseSdp } from "../../wire/sdp/sdp.ts";
import { effectOf, entityOf, fullInfo, partialInfo } from "./conference-info.ts";
import { type FromRoomView, fromRoom, typingLetter } from "./from-room.ts";
import { answerOf, offerOf, pickMedia, setupFor } from "./media.ts";
import { isSelf, meant, type Names, type Viewer } from "./names.ts";
import { toRoom } from "./to-room.ts";

const room = { local: "lobby", domain: "rooms.example" };
const names: Names = { room, faceOn: (address) => address, behind: (address) => address };

function person(local: string, more: Partial<Participant> = {}): Participant {
  const address = { local, domain: "sip.example" };
  const endpoint: Endpoint = {
    id: `sip:${local}`,
    carrier: "sip",
    address: { ...address, device: "d" },
    state: "connected",
    since: 1_000,
  };
  return {
    ...{ key: `${local}@sip.example`, nick: local, address, assurance: "verified", role: "speaker" },
    ...{ affiliation: "none", endpoints: [endpoint], joined: 1_000 },
    ...more,
  };
}
const alice = person("alice", { role: "moderator", affiliation: "owner", nick: "Alice" });
const bob = person("bob", { nick: "Bob <&> Söhne" });
const carol = person("carol", { key: "irc-demo/#lobby/carol", leg: "irc-demo/#lobby", endpoints: [] });

let number = 0;
const event = (change: RoomChange): RoomEvent => {
  number += 1;
  return {
    id: `e${number}`,
    type: "room.event",
    version: 1,
    room,
    epoch: 1,
    number,
    time: Date.UTC(2026, 0, 2, 3, 4, 5),
    change,
  };
};

function viewOf(openAddresses = false): RoomView {
  const view = emptyView(room);
  number = 0;
  const config: RoomConfig = {
    persistent: true,
    listed: true,
    membersOnly: false,
    moderated: false,
    openAddresses,
    subjectBy: "speakers",
    invitesBy: "everybody",
    privateMessages: "everybody",
    maxParticipants: 100,
    history: 100,
  };
  applyEvent(view, event({ kind: "owner", instance: "c" }));
  const changes: RoomChange[] = [
    { kind: "created", config },
    ...[alice, bob, carol].map((participant) => ({ kind: "joined" as const, participant })),
  ];
  for (const change of changes) expect(applyEvent(view, event(change))).toBe(true);
  return view;
}
const bobs: Viewer = { key: bob.key, moderator: false };
const alices: Viewer = { key: alice.key, moderator: true };
const reader = (viewer: Viewer, openAddresses = false): FromRoomView => ({
  ...{ names, view: viewOf(openAddresses), viewer },
  endpoint: viewer === bobs ? "sip:bob" : "sip:alice",
});

const message = (more: Partial<RoomMessage> = {}): RoomMessage => ({
  from: { key: alice.key, nick: "Alice", address: alice.address },
  origin: { carrier: "sip", endpoint: "sip:alice" },
  ...{ kind: "chat", action: false, text: "hello" },
  ...more,
});
const said = (more: Partial<RoomMessage> = {}): RoomEvent => event({ kind: "said", message: message(more) });

function read(letter: ReturnType<typeof fromRoom>): {
  head: (name: string) => string | undefined;
  text: string;
} {
  const cpim = parseCpim(letter?.body() ?? Buffer.alloc(0));
  if (!cpim.ok) throw new Error(cpim.error);
  return { head: (name) => cpimHeader(cpim.value, name), text: Buffer.from(cpim.value.content).toString() };
}

describe("what is said, to one who reads", () => {
  test("from a nick, to the room, at its time", () => {
    const { head, text } = read(fromRoom(said(), reader(bobs)));
    expect([head("from"), head("to"), head("datetime"), text]).toEqual([
      '"Alice" <sip:lobby@rooms.example;gr=Alice>',
      "<sip:lobby@rooms.example>",
      "2026-01-02T03:04:05.000Z",
      "hello",
    ]);
  });
  test("where addresses are open, from the address; a moderator always sees it", () => {
    expect(read(fromRoom(said(), reader(bobs, true))).head("from")).toBe('"Alice" <sip:alice@sip.example>');
    const fromBob = said({
      from: { key: bob.key, nick: bob.nick, address: bob.address },
      origin: { carrier: "sip" },
    });
    expect(read(fromRoom(fromBob, reader(alices))).head("from")).toContain("<sip:bob@sip.example>");
  });
  test("never to the session that sent it, but to the speaker's others", () => {
    expect(fromRoom(said(), reader(alices))).toBeUndefined();
    expect(
      fromRoom(said({ origin: { carrier: "sip", endpoint: "sip:other" } }), reader(alices)),
    ).toBeDefined();
  });
  test("to one alone only he reads, and the speaker's other devices", () => {
    const to = { key: bob.key, nick: bob.nick };
    const letter = read(fromRoom(said({ to }), reader(bobs)));
    expect(letter.head("to")).toBe('"Bob <&> Söhne" <sip:lobby@rooms.example;gr=Bob%20%3C&%3E%20S%C3%B6hne>');
    expect(fromRoom(said({ to, origin: { carrier: "sip" } }), reader(alices))).toBeDefined();
    expect(
      fromRoom(said({ to: { key: "x", nick: "x" }, from: { key: "y", nick: "y" } }), reader(bobs)),
    ).toBeUndefined();
  });
  test.each<[string, Partial<RoomMessage>, string]>([
    ["an action", { action: true }, "/me hello"],
    ["a correction", { corrects: "e1" }, "* hello"],
    [
      "a reply",
      { repliesTo: { id: "e1", nick: "bob", excerpt: "how are\nyou" } },
      "> bob: how are you\nhello",
    ],
    [
      "a reply to something long",
      { repliesTo: { id: "e1", excerpt: "x".repeat(80) } },
      `> ${"x".repeat(60)}…\nhello`,
    ],
    ["a reply to something unknown", { repliesTo: { id: "e1" } }, "hello"],
  ])("%s", (_name, more, text) => {
    expect(read(fromRoom(said(more), reader(bobs))).text).toBe(text);
  });
});

describe("what happens, to one who reads", () => {
  const by = { key: alice.key, nick: "Alice" };
  test.each<[string, RoomChange, string | undefined]>([
    ["a subject", { kind: "subject", text: "the\nagenda", by }, "/me has set the subject to: the agenda"],
    ["a notice", { kind: "notice", text: "lines may be missing" }, "lines may be missing"],
    ["a notice for another", { kind: "notice", text: "x", to: "x" }, undefined],
    ["a netsplit", { kind: "roster", leg: "l", joined: [], gone: [], text: "5 have gone" }, "5 have gone"],
    ["a silent one", { kind: "roster", leg: "l", joined: [], gone: [] }, undefined],
    [
      "a refusal to come",
      { kind: "declined", from: { local: "d", domain: "x" }, to: { key: bob.key }, reason: "busy" },
      "d@x does not want to come: busy",
    ],
    ["somebody comes", { kind: "joined", participant: person("d") }, undefined],
    ["somebody reacts", { kind: "reacted", message: "e1", by, emoji: ["👍"] }, undefined],
    ["something is taken back", { kind: "retracted", message: "e1", by, moderated: false }, undefined],
  ])("%s", (_name, change, text) => {
    const letter = fromRoom(event(change), reader(bobs));
    expect(letter && read(letter).text).toBe(text);
  });
  test("typing", () => {
    const body = typingLetter({ key: alice.key, nick: "Alice", active: true }, reader(bobs), 0);
    const cpim = parseCpim(body);
    expect(cpim.ok && parseIsComposing(cpim.value.content)).toEqual({
      ok: true,
      value: { state: "active", refresh: 90 },
    });
  });
});

describe("what he sends", () => {
  const view = viewOf();
  const from = { ...bob.address, device: "d", assurance: "verified" as const };
  const send = (lines: string[], content = "hi", inner = "text/plain", contentType = "message/cpim") =>
    toRoom(
      {
        messageId: "m1",
        contentType,
        body: Buffer.from(`${lines.join("\r\n")}\r\n\r\nContent-Type: ${inner}\r\n\r\n${content}`),
      },
      { names, view, from, self: bob, own: [bob.address, { local: "bob", domain: "web.example" }] },
    );
  const me = "From: <sip:bob@sip.example>";
  const all = "To: <sip:lobby@rooms.example>";
  test.each<[string, ReturnType<typeof send>, object]>([
    [
      "to all",
      send([me, all]),
      { do: "say", isPrivate: false, draft: { to: room, text: "hi", messageId: "m1" } },
    ],
    ["by a linked address", send(["From: <sip:bob@web.example>", all]), { do: "say" }],
    [
      "by his nick",
      send(["From: <sip:lobby@rooms.example;gr=Bob%20%3C&%3E%20S%C3%B6hne>", all]),
      { do: "say" },
    ],
    [
      "to one",
      send([me, "To: <sip:lobby@rooms.example;gr=Alice>"]),
      { do: "say", isPrivate: true, draft: { to: { ...room, device: "Alice" } } },
    ],
    ["an action", send([me, all], "/me waves"), { draft: { action: true, text: "waves" } }],
    [
      "when he wrote it",
      send([me, all, "DateTime: 2026-01-01T00:00:00Z"]),
      { draft: { written: Date.UTC(2026, 0, 1) } },
    ],
    [
      "under his own id",
      send([me, all, "NS: imdn <urn:ietf:params:imdn>", "imdn.Message-ID: mine"]),
      { draft: { messageId: "mine" } },
    ],
    ["a subject", send([me, all, "Subject: agenda"], ""), { do: "subject", text: "agenda" }],
    ["nothing", send([me, all], ""), { do: "nothing", why: "empty" }],
    ["a notification", send([me, all], "<x/>", "message/imdn+xml"), { do: "nothing", why: "notification" }],
    [
      "typing",
      send(
        [me, all],
        printIsComposing({ state: "active", refresh: 90 }).toString(),
        "application/im-iscomposing+xml",
      ),
      { do: "typing", active: true, refreshMs: 90_000 },
    ],
    ["in another's name", send(["From: <sip:alice@sip.example>", all]), { do: "refuse", status: 403 }],
    ["in nobody's name", send([all]), { do: "refuse", status: 403 }],
    ["to several", send([me, all, all]), { do: "refuse", status: 403 }],
    ["to nobody", send([me]), { do: "refuse", status: 403 }],
    ["to a stranger", send([me, "To: <sip:x@sip.example>"]), { do: "refuse", status: 404 }],
    [
      "to an address that he may not know",
      send([me, "To: <sip:alice@sip.example>"]),
      { do: "refuse", status: 404 },
    ],
    ["another form", send([me, all], "x", "image/png"), { do: "refuse", status: 415 }],
    ["not in CPIM", send([me, all], "x", "text/plain", "text/plain"), { do: "refuse", status: 415 }],
    ["too much", send([me, all], "x".repeat(70_000)), { do: "refuse", status: 413 }],
    ["an unknown charset", send([me, all], "x", "text/plain;charset=klingon"), { do: "refuse", status: 415 }],
  ])("%s", (_name, found, expected) => {
    expect(found).toMatchObject(expected);
  });
  test("a moderator may write to an address", () => {
    expect(meant(names, view, alices, "sip:bob@sip.example")).toEqual({ is: "nick", nick: bob.nick });
    expect(isSelf(names, alice, [alice.address], "sip:lobby@rooms.example;gr=bob")).toBe(false);
  });
  test("no bytes make it throw", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (body) => {
        toRoom(
          { messageId: "m", contentType: "message/cpim", body },
          { names, view, from, self: bob, own: [bob.address] },
        );
        parseIsComposing(body);
      }),
    );
  });
});

describe("the roster", () => {
  const info = (viewer: Viewer, version = 7) => ({ names, view: viewOf(), viewer, version });
  test("whole: everybody with role and devices, real addresses only to whom they are shown", () => {
    const text = fullInfo(info(bobs)).toString();
    expect(text).toContain('entity="sip:lobby@rooms.example" state="full" version="7"');
    expect(text).toContain("<user-count>3</user-count>");
    expect(text).toContain("<roles><entry>moderator</entry><entry>owner</entry></roles>");
    expect(text).toContain('<user entity="sip:bob@sip.example"');
    expect(text).not.toContain("alice@");
    expect(text).toContain("<display-text>Bob &#60;&#38;&#62; Söhne</display-text>");
    expect(fullInfo(info(alices)).toString()).toContain('<user entity="sip:bob@sip.example"');
  });
  test("a part: who is new, who is gone and how", () => {
    const gone = new Map([
      ["sip:lobby@rooms.example;gr=Dave", { method: "booted" as const, reason: "removed by a moderator" }],
    ]);
    const text = partialInfo(info(bobs), {
      users: new Set([alice.key, "unknown"]),
      gone,
      description: false,
    }).toString();
    expect(text).toContain('state="partial" version="7"');
    expect(text).toContain('<user entity="sip:lobby@rooms.example;gr=Dave" state="deleted"><endpoint');
    expect(text).toContain("<disconnection-method>booted</disconnection-method>");
    expect(text.match(/<user /g)).toHaveLength(2);
    expect(text).not.toContain("conference-description");
  });
  test("whoever is there is not gone under the same entity", () => {
    const entity = entityOf(info(bobs), alice);
    const text = partialInfo(info(bobs), {
      users: new Set([alice.key]),
      gone: new Map([[entity, undefined]]),
      description: true,
    }).toString();
    expect(text).not.toContain("deleted");
    expect(text).toContain("conference-description");
  });
  test.each<[string, RoomChange, object]>([
    [
      "a device breaks",
      { kind: "endpoint", key: bob.key, nick: "b", endpoint: person("bob").endpoints[0] as Endpoint },
      { is: "part", users: [bob.key] },
    ],
    ["his own role", { kind: "role", key: bob.key, nick: "b", role: "moderator" }, { is: "full" }],
    [
      "another's role",
      { kind: "role", key: alice.key, nick: "a", role: "speaker" },
      { is: "part", users: [alice.key] },
    ],
    [
      "kicked",
      { kind: "left", gone: { key: "k", nick: "n", cause: "kicked", reason: "noise" } },
      { is: "part", gone: [{ how: { method: "booted", reason: "removed by a moderator: noise" } }] },
    ],
    ["a netsplit", { kind: "roster", leg: "l", joined: [], gone: [] }, { is: "full" }],
    ["its end", { kind: "destroyed" }, { is: "deleted" }],
    ["talk", { kind: "said", message: message() }, { is: "nothing" }],
  ])("%s", (_name, change, expected) => {
    expect(effectOf(change, bob.key)).toMatchObject(expected);
  });
});

describe("media", () => {
  const own = {
    path: ["msrp://192.0.2.1:2855/abc;tcp"],
    fingerprint: "sha-256 AB",
    maxSize: 1000,
    session: "5",
    version: 2,
  };
  const parse = (...lines: string[]) => {
    const sdp = parseSdp(Buffer.from(["v=0", "o=- 1 1 IN IP4 h", "s=-", ...lines].join("\r\n")));
    if (!sdp.ok) throw new Error(sdp.error);
    return sdp.value;
  };
  const chat = ["m=message 1 TCP/TLS/MSRP *", "a=accept-types:*", "a=path:msrps://h:1/s;tcp"];
  test("an answer of TLS shows our fingerprint, and port 0 for all else", () => {
    const offer = parse("m=audio 5 RTP/AVP 0", ...chat);
    const picked = pickMedia(offer, true);
    expect(picked).toMatchObject({ ok: true, value: { index: 1 } });
    const text = picked.ok ? answerOf(offer, picked.value, own).toString() : "";
    for (const line of [
      "m=audio 0 RTP/AVP 0",
      "m=message 2855 TCP/TLS/MSRP *",
      "a=fingerprint:sha-256 AB",
      "o=- 5 2 IN IP4 192.0.2.1",
    ])
      expect(text).toContain(`${line}\r\n`);
  });
  test("TLS is refused where we have none", () => {
    expect(pickMedia(parse(...chat), false)).toMatchObject({ ok: false, error: "no TLS here" });
  });
  test("who connects (RFC 6135 §4.2)", () => {
    const setup = (line: string) => {
      const picked = pickMedia(parse(...chat, line), true);
      return picked.ok && setupFor(picked.value.media);
    };
    expect(["a=setup:active", "a=setup:actpass", "a=x", "a=setup:passive"].map(setup)).toEqual([
      "passive",
      "passive",
      "passive",
      "active",
    ]);
    expect(offerOf(own, false).toString()).toContain("a=setup:actpass\r\n");
  });
});
