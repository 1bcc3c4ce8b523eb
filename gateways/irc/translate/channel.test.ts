// Rooms and channels, golden pairs: what a room says as lines, what a channel says as drafts, and the tables.
import { describe, expect, test } from "vitest";
import type { MessageEvent } from "#bus-schemas/events/message.ts";
import type { Participant, RoomEvent } from "#bus-schemas/events/room.ts";
import { roomReasons } from "#bus-schemas/events/room-command.ts";
import { parse } from "../wire/parse.ts";
import { roomChanges } from "./capabilities.ts";
import { channelFromBus } from "./channel-from-bus.ts";
import { channelToBus } from "./channel-to-bus.ts";
import { awayText, hasOwnNick, historyLine } from "./leg-notes.ts";
import { isJoinError, notInRoom, refusedNote, roomErrors } from "./room-errors.ts";

const said: MessageEvent = {
  id: "e1",
  type: "message.sent",
  version: 1,
  time: 0,
  from: { local: "alice", domain: "web.example", display: "Alice", assurance: "server" },
  to: { local: "#lobby", domain: "irc.example" },
  origin: { carrier: "rooms" },
  kind: "chat",
  action: false,
  text: "hello",
  leg: "irc-demo/#lobby",
  receipts: { handed: false, delivered: false, displayed: false },
  expires: 1,
  hops: 1,
};
const mask = `alice!alice@${"h".repeat(63)}`;
const there: Readonly<Record<string, string>> = { bob: "bob_" };
const view = { mask, target: "#lobby", maxLines: 5, nickThere: (nick: string) => there[nick] ?? nick };

describe("from the room", () => {
  test.each<[string, Partial<MessageEvent>, string | undefined, string, string]>([
    ["plain", {}, undefined, "PRIVMSG", "hello"],
    ["by a bot", {}, "Alice", "PRIVMSG", "<Alice> hello"],
    ["an action", { action: true }, undefined, "PRIVMSG", "\x01ACTION hello\x01"],
    ["an action by a bot", { action: true }, "Alice", "PRIVMSG", "* Alice hello"],
    ["a notice", { kind: "notice" }, undefined, "NOTICE", "hello"],
    ["a correction", { correctionOf: "e0" }, undefined, "PRIVMSG", "* hello"],
    ["an answer", { replyTo: { id: "e0", nick: "bob" } }, undefined, "PRIVMSG", "bob_: hello"],
    [
      "an answer that says so itself",
      { replyTo: { nick: "bob" }, text: "bob: hello" },
      undefined,
      "PRIVMSG",
      "bob_: hello",
    ],
    ["a mention", { text: "bob: hello" }, undefined, "PRIVMSG", "bob_: hello"],
    ["a word with a colon", { text: "note: hello" }, undefined, "PRIVMSG", "note: hello"],
    ["bold", { spans: [{ from: 0, to: 2, style: "bold" }] }, "Alice", "PRIVMSG", "<Alice> \x02he\x02llo"],
    ["a subject", { subject: "tea" }, undefined, "PRIVMSG", "[tea] hello"],
  ])("%s", (_what, more, spokenFor, command, text) => {
    const drawn = channelFromBus(
      { ...said, ...more },
      { ...view, ...(spokenFor !== undefined && { spokenFor }) },
    );
    expect(drawn.ok && drawn.lines.map((line) => [line.command, ...line.params])).toEqual([
      [command, "#lobby", text],
    ]);
  });

  test("too long is refused, and nothing is no message", () => {
    expect(channelFromBus({ ...said, text: "x".repeat(5000) }, view)).toMatchObject({
      ok: false,
      reason: "too-large",
    });
    expect(channelFromBus({ ...said, text: "\n \n" }, view)).toMatchObject({
      ok: false,
      reason: "not-supported",
    });
  });
});

describe("from the channel", () => {
  const room = { local: "lobby", domain: "rooms.example" };
  const toBus = (text: string, accounts = false): unknown => {
    const line = parse(text);
    const nickInRoom = (nick: string): string | undefined => (nick === "bob_" ? "bob" : undefined);
    const eventOf = (msgid: string): string | undefined => (msgid === "m1" ? "e1" : undefined);
    const around = { domain: "irc.example", room, leg: "irc-demo/#lobby", accounts, nickInRoom, eventOf };
    return line.ok ? channelToBus(line.value, around) : undefined;
  };
  const zoe = { local: "zoe", domain: "irc.example", display: "zoe", assurance: "none" };

  test.each<[string, string, object]>([
    [
      "plain",
      ":zoe!z@h PRIVMSG #lobby :hi",
      { from: zoe, to: room, kind: "chat", text: "hi", leg: "irc-demo/#lobby" },
    ],
    ["an action", ":zoe!z@h PRIVMSG #lobby :\x01ACTION waves\x01", { action: true, text: "waves" }],
    ["a notice", ":zoe!z@h NOTICE #lobby :psst", { kind: "notice" }],
    [
      "italic",
      ":zoe!z@h PRIVMSG #lobby :\x1dhi\x1d",
      { text: "hi", spans: [{ from: 0, to: 2, style: "italic" }] },
    ],
    ["an id", "@msgid=m9 :zoe!z@h PRIVMSG #lobby :hi", { messageId: "m9" }],
    ["an answer to what is known", "@+draft/reply=m1 :zoe!z@h PRIVMSG #lobby :hi", { replyTo: { id: "e1" } }],
    ["an answer to what is not", "@+draft/reply=m2 :zoe!z@h PRIVMSG #lobby :hi", { replyTo: { id: "m2" } }],
    ["a mention of one of ours", ":zoe!z@h PRIVMSG #lobby :bob_, hi", { text: "bob, hi" }],
    ["a word with a colon", ":zoe!z@h PRIVMSG #lobby :note: hi", { text: "note: hi" }],
  ])("%s", (_what, line, draft) => expect(toBus(line)).toMatchObject(draft));

  test("an account counts only where the server vouches for it", () => {
    const line = "@account=zed :zoe!z@h PRIVMSG #lobby :hi";
    expect(toBus(line)).toMatchObject({ from: { assurance: "none" } });
    expect(toBus(line, true)).toMatchObject({ from: { assurance: "server" } });
  });

  test.each([":zoe!z@h PRIVMSG #lobby :\x01VERSION\x01", ":zoe!z@h PRIVMSG #lobby :\x02 \x02"])(
    "%j is nothing",
    (line) => expect(toBus(line)).toBeUndefined(),
  );
});

describe("words", () => {
  test("what is not carried is decided, with how or why", () => {
    for (const fate of Object.values(roomChanges))
      if (fate.is !== "carried") expect(fate.is === "dropped" ? fate.why : fate.how).not.toBe("");
  });

  test("every reason of a room has a sentence", () => {
    for (const reason of roomReasons) expect(roomErrors[reason]).not.toBe("");
    expect(notInRoom("the topic", "forbidden")).toContain("you may not do this here");
  });

  test("refused JOINs", () => {
    expect(isJoinError("473")).toBe(true);
    expect(isJoinError("482")).toBe(false);
    expect(refusedNote("#lobby", "474", "x")).toContain("banned from the channel");
  });

  test.each([
    [undefined, undefined],
    [{ show: "chat", text: "hi" }, undefined],
    [{ show: "dnd" }, "do not disturb"],
    [{ show: "xa", text: "gone\nfishing" }, "gone fishing"],
  ] as const)("status %j is AWAY %j", (status, away) => expect(awayText(status)).toBe(away));

  test("history: said and subjects, nothing private", () => {
    const event = (change: object): RoomEvent =>
      ({
        id: "e",
        type: "room.event",
        version: 1,
        room: { local: "r", domain: "d" },
        epoch: 1,
        number: 1,
        time: 0,
        change,
      }) as RoomEvent;
    const message = {
      from: { nick: "bob" },
      origin: { carrier: "web" },
      kind: "chat",
      action: false,
      text: "a\nb",
    };
    expect(historyLine(event({ kind: "said", message }))).toBe("[00:00:00] <bob> a b");
    expect(historyLine(event({ kind: "said", message: { ...message, action: true } }))).toBe(
      "[00:00:00] * bob a b",
    );
    expect(
      historyLine(event({ kind: "said", message: { ...message, to: { key: "k", nick: "n" } } })),
    ).toBeUndefined();
    expect(historyLine(event({ kind: "subject", text: "tea", by: { nick: "bob" } }))).toBe(
      "[00:00:00] bob set the subject: tea",
    );
    expect(historyLine(event({ kind: "owner", instance: "i" }))).toBeUndefined();
  });

  test("who has a nick of his own", () => {
    const one = { address: { local: "a", domain: "web.example" }, endpoints: [{}] } as unknown as Participant;
    expect(hasOwnNick(one, "irc.example")).toBe(true);
    expect(hasOwnNick({ ...one, leg: "irc-other/#x" }, "irc.example")).toBe(false);
    expect(hasOwnNick({ ...one, endpoints: [] }, "irc.example")).toBe(false);
    expect(hasOwnNick({ ...one, address: { local: "a", domain: "irc.example" } }, "irc.example")).toBe(false);
  });
});
