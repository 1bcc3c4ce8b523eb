// Conferences elsewhere, translated both ways: people, words, refusals.
import { describe, expect, test } from "vitest";
import type { MessageEvent } from "#bus-schemas/events/message.ts";
import type { InfoUser } from "../../wire/conference-info.ts";
import { cpimHeader, parseCpim } from "../../wire/cpim.ts";
import { printIsComposing } from "../../wire/is-composing.ts";
import { causeOf, crowdNews, nickOf, personThere, roleOf, type Shown } from "./crowd.ts";
import { fromFocus } from "./from-focus.ts";
import { entryReason, entryText, sayingReason } from "./refusals.ts";
import { focusLetter, focusTyping, whisperedTo } from "./to-focus.ts";

const user = (entity: string, more: Partial<InfoUser> = {}): InfoUser => ({
  ...{ entity, state: "full", nick: undefined, display: undefined, aors: [], roles: [], endpoints: [] },
  ...more,
});
const endpoint = (entity: string): InfoUser["endpoints"][number] => ({
  ...{ entity, state: "full", status: "connected", method: undefined, reason: undefined },
});

describe("people", () => {
  test.each([
    [user("sip:b@x", { nick: "Bob", display: "Robert" }), "Bob"],
    [user("sip:b@x", { display: "Robert" }), "Robert"],
    [user("sip:r@x;gr=Bob%20B", {}), "Bob B"],
    [user("sip:b@x", { nick: "\u202e" }), "b"],
    [user("tel:1"), "somebody"],
  ])("their nick", (who, nick) => {
    expect(nickOf(who)).toBe(nick);
  });
  test.each([
    [["moderator"], "moderator"],
    [["participant", "Owner"], "moderator"],
    [["observer"], "observer"],
    [["participant"], "speaker"],
    [["juggler"], "speaker"],
    [[], "speaker"],
  ])("their role %j", (roles, role) => {
    expect(roleOf(user("sip:b@x", { roles }))).toBe(role);
  });
  const shown = (name: string, ...endpoints: string[]): Shown => ({ name, role: "speaker", endpoints });
  const news = (before: [string, Shown][], there: InfoUser[], most = 100) =>
    crowdNews(new Map(before), new Map(there.map((each) => [each.entity, each])), new Map(), most);
  test("who comes, goes, is renamed, and who shares his nick", () => {
    const { joined, gone, renamed } = news(
      [
        ["sip:a@x", shown("A")],
        ["sip:b@x", shown("B")],
        ["sip:c@x", shown("C (2)")],
      ],
      [user("sip:b@x", { nick: "Bee" }), user("sip:c@x", { nick: "C" }), user("sip:d@x", { nick: "bee" })],
    );
    expect([joined.map(({ name }) => name), gone.map(({ name }) => name), renamed]).toEqual([
      ["bee (2)"],
      ["A"],
      [{ from: "B", name: "Bee" }],
    ]);
  });
  test("another entity with the same device is the same person", () => {
    const { joined, gone, renamed } = news(
      [["sip:r@x;gr=A", shown("A", "sip:e1")]],
      [user("sip:r@x;gr=Z", { nick: "Z", endpoints: [endpoint("sip:e1")] })],
    );
    expect([joined, gone, renamed]).toEqual([[], [], [{ from: "A", name: "Z" }]]);
  });
  test("more than are shown are there unseen", () => {
    expect(news([], [user("sip:a@x"), user("sip:b@x")], 1).joined).toHaveLength(1);
  });
  test("how they went, and how they are named", () => {
    expect(
      ["booted", "failed", "departed", undefined].map((method) => causeOf({ method, reason: undefined })),
    ).toEqual(["kicked", "lost", "left", "left"]);
    expect(personThere({ local: "r", domain: "x" }, "Bob")).toEqual({
      name: "Bob",
      address: { local: "Bob", domain: "x", device: "r" },
    });
  });
});

const cpim = (head: string[], content = "hi", type = "text/plain"): Parameters<typeof fromFocus>[0] => ({
  ...{ messageId: "m1", contentType: "message/cpim" },
  body: Buffer.from(`${head.join("\r\n")}\r\n\r\nContent-Type: ${type}\r\n\r\n${content}`),
});
const names = ['From: "Bob" <sip:b@x>', "To: <sip:r@x>"];

describe("what is said there", () => {
  test.each<[string, Parameters<typeof fromFocus>[0], object]>([
    [
      "words",
      cpim(names),
      { is: "said", from: "sip:b@x", display: "Bob", to: "sip:r@x", text: "hi", key: undefined },
    ],
    ["an action", cpim(names, "/me waves"), { action: true, text: "waves" }],
    [
      "when it was written",
      cpim([...names, "DateTime: 2026-01-01T00:00:00Z"]),
      { written: Date.UTC(2026, 0, 1), key: expect.any(String) },
    ],
    ["its own id", cpim([...names, "imdn.Message-ID: own"]), { messageId: "own", key: expect.any(String) }],
    ["nothing", { messageId: "m", contentType: "message/cpim", body: Buffer.alloc(0) }, { is: "nothing" }],
    ["no words", cpim(names, ""), { is: "nothing" }],
    ["a report", cpim(names, "<x/>", "message/imdn+xml"), { is: "nothing" }],
    ["no CPIM", { messageId: "m", contentType: "text/plain", body: Buffer.from("x") }, { status: 415 }],
    ["broken CPIM", { messageId: "m", contentType: "message/cpim", body: Buffer.from("x") }, { status: 400 }],
    ["nobody's words", cpim(["To: <sip:r@x>"]), { status: 400 }],
    ["a picture", cpim(names, "x", "image/png"), { status: 415 }],
    ["an unknown charset", cpim(names, "x", "text/plain;charset=klingon"), { status: 415 }],
    ["too much", cpim(names, "x".repeat(65_537)), { status: 413 }],
    ["what must be understood and is not", cpim([...names, "Require: Vital"]), { status: 415 }],
    [
      "typing",
      cpim(
        names,
        printIsComposing({ state: "active", refresh: 90 }).toString(),
        "application/im-iscomposing+xml",
      ),
      { is: "typing", active: true },
    ],
    ["broken typing", cpim(names, "<x", "application/im-iscomposing+xml"), { status: 400 }],
  ])("%s", (_name, message, read) => {
    expect(fromFocus(message)).toMatchObject(read);
  });
  test("the same is known again whatever its session calls it; something else is not", () => {
    const at = "DateTime: 2026-01-01T00:00:00Z";
    const key = (message: Parameters<typeof fromFocus>[0]): unknown => {
      const read = fromFocus(message);
      return read.is === "said" ? read.key : read;
    };
    const one = key(cpim([...names, at]));
    expect(key({ ...cpim([...names, at]), messageId: "m2" })).toBe(one);
    expect(key(cpim([...names, at], "ho"))).not.toBe(one);
  });
});

describe("what we say there", () => {
  const event: MessageEvent = {
    ...{
      id: "e1",
      type: "message.sent",
      version: 1,
      time: Date.UTC(2026, 0, 1),
      kind: "chat",
      action: false,
    },
    from: { local: "alice", domain: "web.example", assurance: "server", display: "Alice" },
    to: { local: "r", domain: "x" },
    origin: { carrier: "rooms" },
    text: "hi",
    receipts: { handed: false, delivered: false, displayed: false },
    ...{
      expires: Date.UTC(2030, 0, 1),
      hops: 0,
      room: { address: { local: "r", domain: "x" }, event: "r1" },
    },
  };
  const letter = (more: Partial<MessageEvent> = {}) => {
    const read = parseCpim(
      focusLetter({ ...event, ...more }, { from: "sip:alice@web.example", to: "sip:r@x", nick: "A" }),
    );
    if (!read.ok) throw new Error(read.error);
    return {
      head: (name: string) => cpimHeader(read.value, name),
      text: Buffer.from(read.value.content).toString(),
    };
  };
  test("in his own name, at its own time", () => {
    const { head, text } = letter();
    expect([head("from"), head("to"), head("datetime"), text]).toEqual([
      ...['"A" <sip:alice@web.example>', "<sip:r@x>", "2026-01-01T00:00:00.000Z", "hi"],
    ]);
  });
  test.each<[Partial<MessageEvent>, string]>([
    [{ action: true }, "/me hi"],
    [{ correctionOf: "e0" }, "* hi"],
    [{ replyTo: { id: "e0", nick: "Bob", excerpt: "how\nare you" } }, "> Bob: how are you\nhi"],
    [{ replyTo: { id: "e0", excerpt: "x".repeat(70) } }, `> ${"x".repeat(60)}…\nhi`],
    [{ replyTo: { id: "e0" } }, "hi"],
  ])("%j", (more, text) => {
    expect(letter(more).text).toBe(text);
  });
  test("to one alone; that he writes", () => {
    expect([
      whisperedTo(event),
      whisperedTo({ ...event, to: { local: "Bob", domain: "x", device: "r" } }),
    ]).toEqual([undefined, "Bob"]);
    const body = focusTyping({ from: "sip:a@x", to: "sip:r@x" }, true, 0);
    expect(fromFocus({ messageId: "m", contentType: "message/cpim", body })).toMatchObject({ active: true });
  });
});

test("refusals", () => {
  expect([403, 404, 407, 486, 488, 500, 299, 666].map(entryReason)).toEqual([
    ...[
      "forbidden",
      "no-such-room",
      "password",
      "full",
      "not-supported",
      "unreachable",
      "forbidden",
      "forbidden",
    ],
  ]);
  expect(entryText(486)).toBe("this room is full (486)");
  expect([403, 404, 408, 413, 415, 428, 481, 501, 999].map(sayingReason)).toEqual([
    ...[
      "forbidden",
      "unknown-user",
      "uncertain",
      "too-large",
      "not-supported",
      "not-supported",
      "unreachable",
    ],
    ...["not-supported", "forbidden"],
  ]);
});
