// Rooms for a browser: every kind of event as several viewers see it, requests as commands, the README's tables.
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Participant, type RoomChange, RoomConfig, RoomEvent } from "#bus-schemas/events/room.ts";
import { roomReasons } from "#bus-schemas/events/room-command.ts";
import { applyEvent, emptyView, type RoomView } from "#bus-schemas/rooms/view.ts";
import { parseFrame } from "../wire/request.ts";
import { roomChanges } from "./capabilities.ts";
import { roomErrors, roomFailure } from "./errors.ts";
import { concerned, happening, lineOf, seesAddresses, type Viewer } from "./room-from-bus.ts";
import { acceptedFrame, historyFrames, recentFrame, rosterPages, saidSince } from "./room-picture.ts";
import { type CommandRequest, commandsOf, roomMessageDraft } from "./room-to-bus.ts";

const room = { local: "lobby", domain: "rooms.example" };
const address = (local: string) => ({ local, domain: "web.example" });
const person = (local: string, role: Participant["role"] = "speaker"): Participant => ({
  key: `${local}@web.example`,
  nick: local.toUpperCase(),
  address: address(local),
  assurance: "verified",
  role,
  affiliation: role === "moderator" ? "owner" : "none",
  endpoints: [
    { id: `web:${local}`, carrier: "web", address: address(local), state: "connected", since: 0 },
    { id: `sip:${local}`, carrier: "sip", address: address(local), state: "connected", since: 0 },
    { id: `web:${local}/2`, carrier: "web", address: address(local), state: "connected", since: 0 },
  ],
  joined: 0,
});
const config = RoomConfig.parse({
  persistent: false,
  listed: true,
  membersOnly: false,
  moderated: false,
  openAddresses: false,
  subjectBy: "speakers",
  invitesBy: "everybody",
  privateMessages: "everybody",
  password: "S3CRET",
  maxParticipants: 100,
  history: 100,
});
const actor = (local: string) => ({
  key: `${local}@web.example`,
  nick: local.toUpperCase(),
  address: address(local),
});
const saying = (text: string, rest: object = {}): RoomChange => ({
  kind: "said",
  message: {
    from: actor("dave"),
    origin: { carrier: "web", messageId: "m1", endpoint: "web:dave" },
    kind: "chat",
    action: false,
    text,
    ...rest,
  },
});

/** A room in which all of this happened, one after the other. */
function roomWith(...changes: RoomChange[]): { view: RoomView; last: RoomEvent } {
  const view = emptyView(room);
  const before: RoomChange[] = [
    { kind: "owner", instance: "c-1" },
    { kind: "created", config },
    { kind: "joined", participant: person("dave", "moderator") },
    { kind: "joined", participant: person("erin") },
    { kind: "joined", participant: person("fred") },
  ];
  const events = [...before, ...changes].map((change, at) =>
    RoomEvent.parse({
      id: `e${at + 1}`,
      type: "room.event",
      version: 1,
      room,
      epoch: change.kind === "owner" ? at + 1 : 1,
      number: at + 1,
      time: 1_767_225_600_000 + at,
      change,
    }),
  );
  for (const event of events) expect(applyEvent(view, event)).toBe(true);
  const last = events.at(-1);
  if (last === undefined) throw new Error("nothing happened");
  return { view, last };
}
const idOf = (key: string): string => `#${key.split("@")[0]}`;
const viewer = (local: string, view: RoomView): Viewer => {
  const key = `${local}@web.example`;
  return { key, idOf, seesAddresses: seesAddresses(view, key) };
};

/** What Dave (moderator), Erin and Fred are told. */
const told = (...changes: RoomChange[]) => {
  const { view, last } = roomWith(...changes);
  return ["dave", "erin", "fred"].map((local) => happening(last, view, viewer(local, view)));
};
const gone = { key: "erin@web.example", nick: "ERIN", address: address("erin") };

describe("what happens, as each is told", () => {
  it.each<[string, RoomChange, readonly (object | undefined)[]]>([
    ["an owner", { kind: "owner", instance: "c-2" }, [undefined, undefined, undefined]],
    ["a creation", { kind: "created", config }, [undefined, undefined, undefined]],
    [
      "somebody who comes",
      { kind: "joined", participant: person("gus") },
      [
        { event: "participant-joined", participant: { uri: "gus@web.example", carriers: ["web", "sip"] } },
        { participant: { participant_id: "#gus", nick: "GUS" } },
        {},
      ],
    ],
    [
      "somebody who goes",
      { kind: "left", gone: { ...gone, cause: "left", reason: "bye" } },
      [
        { event: "participant-left", nick: "ERIN", cause: "left", reason: "bye" },
        { event: "session-state", state: "terminated", cause: "left", code: 200 },
        { event: "participant-left" },
      ],
    ],
    [
      "somebody thrown out",
      { kind: "left", gone: { ...gone, cause: "banned", by: actor("dave") } },
      [
        { by: { participant_id: "#dave", nick: "DAVE", uri: "dave@web.example" } },
        { state: "terminated", cause: "banned", code: 403 },
        { by: { participant_id: "#dave", nick: "DAVE" } },
      ],
    ],
    [
      "a nick",
      { kind: "renamed", key: gone.key, from: "ERIN", nick: "Rin" },
      [{ what: "nick", from: "ERIN", participant: { nick: "Rin", uri: "erin@web.example" } }, {}, {}],
    ],
    [
      "another key",
      { kind: "rekeyed", key: gone.key, to: "rin@web.example", address: address("rin") },
      [{ what: "identity", was: "#erin", participant: { participant_id: "#rin" } }, {}, {}],
    ],
    [
      "a status",
      { kind: "status", key: gone.key, nick: "ERIN", status: { show: "away", text: "tea" } },
      [{ what: "status", participant: { show: "away", status: "tea" } }, {}, {}],
    ],
    [
      "a role",
      { kind: "role", key: gone.key, nick: "ERIN", role: "observer", by: actor("dave"), reason: "calm" },
      [{ what: "role", participant: { role: "observer" }, reason: "calm" }, {}, {}],
    ],
    [
      "an affiliation of somebody there",
      { kind: "affiliation", address: address("erin"), affiliation: "member", key: gone.key, nick: "ERIN" },
      [{ what: "affiliation", participant: { affiliation: "member" } }, {}, {}],
    ],
    [
      "an affiliation of somebody away",
      { kind: "affiliation", address: address("gus"), affiliation: "outcast" },
      [{ event: "affiliation", uri: "gus@web.example", affiliation: "outcast" }, undefined, undefined],
    ],
    [
      "a configuration",
      { kind: "configured", config: { ...config, title: "Tea" }, by: actor("dave") },
      [{ event: "configure", settings: { title: "Tea", needs_password: true } }, {}, {}],
    ],
    [
      "something said",
      saying("hi", { thread: "t", language: "en", kind: "notice", leg: "irc-demo/#lobby" }),
      [
        { event: "message", content: "hi", own: true, message_id: "m1", sender: { uri: "dave@web.example" } },
        { kind: "notice", thread: "t", language: "en", leg: "irc-demo/#lobby", sender: { nick: "DAVE" } },
        {},
      ],
    ],
    ["an action", saying("waves", { action: true }), [{ content: "/me waves" }, {}, {}]],
    [
      "something said to one",
      saying("psst", { to: { key: gone.key, nick: "ERIN" } }),
      [{ own: true, to: { participant_id: "#erin", nick: "ERIN" } }, { content: "psst" }, undefined],
    ],
    [
      "a correction and an answer",
      saying("hello", { corrects: "e9", repliesTo: { id: "e8", nick: "ERIN", excerpt: "hm" } }),
      [{ corrects: "e9", reply_to: { event_id: "e8", nick: "ERIN", excerpt: "hm" } }, {}, {}],
    ],
    [
      "a subject",
      { kind: "subject", text: "Tea", by: actor("dave") },
      [{ event: "subject", text: "Tea" }, {}, {}],
    ],
    [
      "something taken back",
      { kind: "retracted", message: "e6", by: actor("dave"), moderated: true, reason: "spam" },
      [{ event: "retracted", retracts: "e6", moderated: true, reason: "spam" }, {}, {}],
    ],
    [
      "a reaction",
      { kind: "reacted", message: "e6", by: actor("erin"), emoji: ["👍"] },
      [{ event: "reacted", reacts_to: "e6", emoji: ["👍"] }, {}, {}],
    ],
    [
      "an invitation",
      { kind: "invited", to: address("gus"), by: actor("erin"), password: "S3CRET" },
      [undefined, { event: "invited", uri: "gus@web.example" }, undefined],
    ],
    [
      "a refusal of one",
      { kind: "declined", from: address("gus"), to: actor("erin"), reason: "no" },
      [undefined, { event: "declined", uri: "gus@web.example", reason: "no" }, undefined],
    ],
    [
      "many at once",
      {
        kind: "roster",
        leg: "irc-demo/#lobby",
        joined: [person("gus")],
        gone: [{ ...gone, cause: "netsplit" }],
        text: "the network broke in two",
      },
      [
        {
          event: "participants-changed",
          joined: [{ uri: "gus@web.example" }],
          left: [{ cause: "netsplit" }],
        },
        { text: "the network broke in two" },
        {},
      ],
    ],
    ["a notice", { kind: "notice", text: "lines may be missing" }, [{ type: "status" }, {}, {}]],
    [
      "a notice for one",
      { kind: "notice", text: "x", to: gone.key },
      [undefined, { type: "status" }, undefined],
    ],
    [
      "the end",
      { kind: "destroyed", reason: "over", alternate: { local: "tea", domain: "rooms.example" } },
      [{ state: "terminated", cause: "destroyed", code: 410, alternate: "tea@rooms.example" }, {}, {}],
    ],
    [
      "a device that goes",
      { kind: "endpoint-gone", key: gone.key, nick: "ERIN", endpoint: "web:erin" },
      [undefined, undefined, undefined],
    ],
  ])("%s", (_name, change, expected) => {
    const frames = told(change);
    for (const [at, frame] of expected.entries())
      if (frame === undefined) expect(frames[at]).toBeUndefined();
      else expect(frames[at]).toMatchObject(frame);
    // Only a moderator sees addresses that are not his own; nobody sees the secret.
    expect(JSON.stringify(frames)).not.toContain("S3CRET");
    expect(JSON.stringify(frames[2] ?? {})).not.toMatch(/"(dave|erin)@web\.example"/);
  });

  it("is the same for all whom it does not concern: one text serves them", () => {
    const { view, last } = roomWith(saying("psst", { to: { key: gone.key, nick: "ERIN" } }));
    expect(concerned(last)).toEqual(["dave@web.example", "erin@web.example"]);
    expect(happening(last, view, { key: "", idOf, seesAddresses: true })).toBeUndefined();
  });
});

describe("the picture of a room", () => {
  it("names the newcomer, the settings, the subject", () => {
    const { view } = roomWith({ kind: "subject", text: "Tea", by: actor("dave") });
    expect(acceptedFrame(view, viewer("erin", view), { resumed: false, created: false })).toMatchObject({
      self: { nick: "ERIN", uri: "erin@web.example" },
      total: 3,
      subject: { text: "Tea", by: { nick: "DAVE" } },
    });
    expect(acceptedFrame(view, viewer("gus", view), { resumed: false, created: false })).toBeUndefined();
  });
  it("gives 5,000 people in pages that one can read", () => {
    const joined = Array.from({ length: 5000 }, (_, at) => person(`guest${at}`));
    const { view } = roomWith({ kind: "roster", leg: "x", joined, gone: [] });
    const pages = rosterPages(view, viewer("dave", view));
    expect(pages.length).toBe(21);
    expect(pages.filter((page) => page.event === "roster" && page.last).length).toBe(1);
    expect(Math.max(...pages.map((page) => JSON.stringify(page).length))).toBeLessThan(100_000);
  });
  it("leaves out what is private to others and what was taken back", () => {
    const { view } = roomWith(
      saying("gone"),
      saying("secret", { to: { key: gone.key, nick: "ERIN" } }),
      saying("open"),
      { kind: "retracted", message: "e6", by: actor("dave"), moderated: false },
    );
    const shown = (local: string) => JSON.stringify(recentFrame(view, viewer(local, view), 50));
    expect(shown("erin")).toContain("secret");
    expect(shown("fred")).not.toContain("secret");
    expect(shown("fred")).not.toContain('"gone"');
    expect(recentFrame(view, viewer("fred", view), 1)).toMatchObject({
      entries: [{ entry: "retracted" }],
      more: true,
    });
    expect(recentFrame(view, viewer("fred", view), 0)).toMatchObject({ entries: [], more: true });
    expect(recentFrame(view, viewer("fred", view), 50)).toMatchObject({ more: false });
    const { view: long } = roomWith(...Array.from({ length: 9 }, () => saying("x".repeat(60_000))));
    expect(recentFrame(long, viewer("fred", long), 50)).toMatchObject({ more: true });
    const { view: many } = roomWith(...Array.from({ length: 250 }, () => saying("x")));
    expect(recentFrame(many, viewer("fred", many), 500)).toMatchObject({ more: true });
  });
  it("knows whether it reaches back far enough", () => {
    const { view } = roomWith(saying("one"), saying("two"));
    expect(saidSince(view, viewer("fred", view), 6)).toMatchObject([{ entries: [{ content: "two" }] }]);
    expect(saidSince(view, viewer("fred", view), 7)).toMatchObject([{ entries: [] }]);
    expect(saidSince(view, viewer("fred", view), 3)).toBeUndefined();
  });
  it("gives a long history in several frames", () => {
    const { recent } = roomWith(saying("x".repeat(60_000)), saying("x".repeat(60_000))).view;
    const { view } = roomWith();
    const frames = historyFrames([...recent, ...recent], viewer("fred", view), { more: false });
    expect(frames.map((frame) => frame.event === "history" && frame.entries.length)).toEqual([2, 2]);
  });
});

/** A request as it comes in. */
const request = (name: string, fields: object): CommandRequest => {
  const frame = parseFrame(
    JSON.stringify({ sylkrtc: `videoroom-${name}`, transaction: "t", session: "s", ...fields }),
  );
  if (frame.kind === "wrong") throw new Error(frame.error);
  return frame.request as CommandRequest;
};

describe("requests", () => {
  const { view } = roomWith();
  it.each<[string, object, object]>([
    ["nick", { nick: "Rin" }, { kind: "nick", nick: "Rin", mangle: false }],
    ["status", { show: "away", text: "tea" }, { kind: "status", status: { show: "away", text: "tea" } }],
    ["subject", { text: "" }, { kind: "subject", text: "" }],
    [
      "role",
      { nick: "ERIN", role: "speaker", reason: "ok" },
      { kind: "role", target: { nick: "ERIN" }, role: "speaker", reason: "ok" },
    ],
    ["kick", { uri: "erin@web.example" }, { kind: "kick", target: { address: address("erin") } }],
    [
      "affiliation",
      { changes: [{ nick: "erin", affiliation: "outcast", reason: "spam" }] },
      {
        kind: "affiliation",
        changes: [{ address: address("erin"), affiliation: "outcast", reason: "spam" }],
      },
    ],
    [
      "configure",
      { config: { members_only: true, password: null, title: null } },
      { kind: "configure", config: { membersOnly: true, password: null } },
    ],
    ["retract", { event_id: "e1" }, { kind: "retract", message: "e1" }],
    [
      "react",
      { event_id: "e1", emoji: ["👍"], message_id: "m" },
      { kind: "react", message: "e1", emoji: ["👍"], messageId: "m" },
    ],
    ["destroy", { reason: "over" }, { kind: "destroy", reason: "over" }],
    [
      "invite",
      { participants: ["gus@web.example"], reason: "come" },
      { kind: "invite", to: address("gus"), reason: "come" },
    ],
  ])("%s", (name, fields, command) => {
    expect(commandsOf(request(name, fields), view)).toEqual({ ok: true, commands: [command] });
  });
  it.each<[string, object, string]>([
    ["kick", {}, "no-such-person"],
    ["affiliation", { changes: [{ nick: "nobody", affiliation: "none" }] }, "no-such-person"],
    ["affiliation", { changes: [{ uri: "a@-", affiliation: "none" }] }, "no-such-person"],
    ["configure", { active_participants: ["x"] }, "not-supported"],
    ["invite", { participants: ["a@-"] }, "no-such-person"],
    ["destroy", { alternate: "a@-" }, "no-such-room"],
  ])("%s of %j is refused: %s", (name, fields, reason) => {
    expect(commandsOf(request(name, fields), view)).toMatchObject({ ok: false, reason });
  });

  const from = { ...address("dave"), device: "d", assurance: "verified" as const };
  const message = (fields: object) =>
    roomMessageDraft(
      request("message", { message_id: "m", content: "hi", content_type: "text/plain", ...fields }) as never,
      from,
      room,
    );
  it("carries what is said, with whom it answers and corrects", () => {
    expect(
      message({
        content: "/me waves",
        to: "ERIN",
        correction_of: "m0",
        reply_to: { event_id: "e1", nick: "ERIN", excerpt: "x".repeat(300) },
        timestamp: "2026-01-01T00:00:00Z",
        thread: "t",
        language: "en",
      }),
    ).toEqual({
      ok: true,
      draft: {
        from,
        to: { ...room, device: "ERIN" },
        messageId: "m",
        kind: "chat",
        action: true,
        text: "waves",
        correctionOf: "m0",
        replyTo: { id: "e1", nick: "ERIN", excerpt: "x".repeat(200) },
        written: 1_767_225_600_000,
        thread: "t",
        language: "en",
      },
    });
  });
  it.each<[string, object, string]>([
    ["an empty text", { content: "\u0007" }, "not-supported"],
    ["a picture", { content_type: "image/png" }, "not-supported"],
    ["too much", { content: "x".repeat(65_537) }, "too-large"],
  ])("refuses %s", (_name, fields, reason) => {
    expect(message(fields)).toMatchObject({ ok: false, reason });
  });
  it("never throws, whatever stands in the fields", () => {
    const names = [
      "nick",
      "role",
      "kick",
      "affiliation",
      "configure",
      "invite",
      "react",
      "destroy",
      "join",
      "message",
    ];
    fc.assert(
      fc.property(
        fc.constantFrom(...names),
        fc.dictionary(
          fc.constantFrom(
            "nick",
            "uri",
            "role",
            "changes",
            "config",
            "participants",
            "event_id",
            "emoji",
            "reason",
          ),
          fc.jsonValue(),
        ),
        (name, fields) => {
          const frame = parseFrame(
            JSON.stringify({ ...fields, sylkrtc: `videoroom-${name}`, transaction: "t", session: "s" }),
          );
          if (frame.kind === "request" && name !== "join" && name !== "message")
            commandsOf(frame.request as CommandRequest, view);
        },
      ),
    );
  });
});

describe("the README on rooms", () => {
  const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8").replace(/ +/g, " ");
  it.each(Object.entries(roomChanges))("says how %s fares", (name, fate) => {
    const words = fate.is === "carried" ? "" : fate.is === "reduced" ? fate.how : fate.why;
    expect(readme).toContain(`| ${name} | ${fate.is} | ${words}`.trimEnd());
  });
  it.each(roomReasons)("says the code of %s", (reason) => {
    expect(readme).toContain(`| ${reason} | ${roomErrors[reason]} | ${roomFailure(reason).reason} |`);
  });
});

it("a line of the list of rooms", () => {
  const summary = { room, title: "Lobby", participants: 3, listed: true, carriers: ["web"] };
  expect(lineOf(summary)).toEqual({ uri: "lobby@rooms.example", title: "Lobby", participants: 3 });
});
