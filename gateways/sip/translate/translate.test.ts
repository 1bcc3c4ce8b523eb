// MESSAGE and events, both ways: golden pairs, what is refused, and the law that what is called carried comes back unchanged.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { MessageEvent } from "#bus-schemas/events/message.ts";
import type { OutcomeEvent } from "#bus-schemas/events/outcome.ts";
import { farId } from "#bus-schemas/ids.ts";
import { reasons } from "#bus-schemas/reason.ts";
import { printImdn } from "../wire/imdn.ts";
import { SipRequest } from "../wire/message.ts";
import { field } from "../wire/print.ts";
import { addressIn, uriText } from "./address.ts";
import { bestReason, statusOf, verdictOf } from "./errors.ts";
import { fromBus } from "./from-bus.ts";
import { toBus } from "./to-bus.ts";

const alice = { local: "alice", domain: "sip.example", assurance: "verified" as const };
const bob = { local: "bob", domain: "xmpp.example" };
const view = { from: alice, to: bob, speaksFor: () => false };

const request = (
  type: string | undefined,
  body: string | Uint8Array,
  fields: Record<string, string> = {},
): SipRequest =>
  new SipRequest(
    "MESSAGE",
    "sip:bob@xmpp.example",
    [
      ...(type === undefined ? [] : [field("content-type", type)]),
      ...Object.entries(fields).map(([key, value]) => field(key, value)),
    ],
    Buffer.from(body),
  );
const drawn = (...given: Parameters<typeof request>) => {
  const result = toBus(request(...given), view);
  if (result.do !== "message") throw new Error(JSON.stringify(result));
  return result.draft;
};

describe("MESSAGE to the bus", () => {
  test.each([
    ["plain text", drawnOf("text/plain", "hello"), { text: "hello", kind: "chat", action: false }],
    ["no type at all", drawnOf(undefined, "hello"), { text: "hello" }],
    [
      "Latin-1",
      drawnOf("text/plain;charset=ISO-8859-1", Buffer.from("gr\u00fc\u00df", "latin1")),
      { text: "gr\u00fc\u00df" },
    ],
    [
      "UTF-16",
      drawnOf("text/plain; charset=utf-16le", Buffer.from("\u{1f600}", "utf16le")),
      { text: "\u{1f600}" },
    ],
    ["bytes that are no UTF-8", drawnOf("text/plain", Buffer.from([0x61, 0xff])), { text: "a\ufffd" }],
    ["control characters", drawnOf("text/plain", "a\u0000\u0001b\r\nc\td\u001b"), { text: "ab\nc\td" }],
    ["what XML cannot say", drawnOf("text/plain", "a\ufffeb"), { text: "a\ufffdb" }],
    ["/me", drawnOf("text/plain", "/me waves"), { text: "waves", action: true }],
    ["/me alone is text", drawnOf("text/plain", "/me"), { text: "/me", action: false }],
    [
      "Subject and language",
      drawnOf("text/plain", "x", { subject: "S", "content-language": "de, en" }),
      { subject: "S", language: "de" },
    ],
    ["Expires", drawnOf("text/plain", "x", { expires: "60" }), { lifetimeMs: 60_000 }],
    ["Expires 0 still has a moment", drawnOf("text/plain", "x", { expires: "0" }), { lifetimeMs: 5_000 }],
    ["how often it passed a Parley", drawnOf("text/plain", "x", { "parley-hops": "3" }), { hops: 3 }],
  ])("%s", (_, draw, expected) => {
    expect(draw()).toMatchObject(expected);
  });
  test.each([
    ["html", "text/html", "x", 415],
    ["an unknown charset", "text/plain;charset=x", "x", 415],
    ["nothing", "text/plain", "", 488],
    ["controls only", "text/plain", "\u0001", 488],
    ["/me and nothing", "text/plain", "/me ", 488],
    ["too much text", "text/plain", "x".repeat(65_537), 413],
    ["a malformed type", "text", "x", 400],
    ["malformed CPIM", "message/cpim", "x", 400],
    ["a malformed notification", "message/imdn+xml", "<x", 400],
  ])("refused: %s", (_, type, body, status) => {
    expect(toBus(request(type, body), view)).toMatchObject({ do: "refuse", answer: { status } });
  });
  test.each([
    ["delivered", "delivery", { outcome: "delivered" }],
    ["displayed", "display", { outcome: "displayed" }],
    ["failed", "delivery", { outcome: "bounced", reason: "unreachable" }],
    ["error", "display", undefined],
    ["processed", "processing", undefined],
  ] as const)("notification %s", (status, kind, expected) => {
    const messageId = farId({ event: "e".repeat(26), carrier: "irc-demo", messageId: "x y" });
    const body = printImdn({
      messageId,
      kind,
      status,
      dateTime: "2026-01-01T00:00:00Z",
      recipient: "sip:a@b",
    });
    const result = toBus(request("message/imdn+xml", body), view);
    if (expected === undefined) expect(result).toEqual({ do: "nothing", why: "unknown-notification" });
    else
      expect(result).toMatchObject({
        do: "report",
        report: { ...expected, message: "e".repeat(26), messageId: "x y", origin: "irc-demo", to: bob },
      });
  });
  test("a notification of something that we did not write is dropped", () => {
    const body = printImdn({
      messageId: "other",
      kind: "delivery",
      status: "delivered",
      dateTime: "2026-01-01T00:00:00Z",
      recipient: "sip:a@b",
    });
    expect(toBus(request("message/imdn+xml", body), view)).toEqual({
      do: "nothing",
      why: "unknown-notification",
    });
  });
});

function drawnOf(...given: Parameters<typeof request>) {
  return () => drawn(...given);
}

const event: MessageEvent = {
  id: "e".repeat(26),
  type: "message.sent",
  version: 1,
  time: Date.UTC(2026, 0, 1),
  from: { ...alice },
  to: bob,
  origin: { carrier: "xmpp", messageId: "m1" },
  kind: "chat",
  action: false,
  text: "hello",
  receipts: { handed: false, delivered: true, displayed: true },
  expires: Date.UTC(2030, 0, 1),
  hops: 2,
};
const far = {
  fromUri: "sip:alice@sip.example",
  toUri: "sip:bob@xmpp.example",
  cpim: true,
  nowMs: Date.UTC(2026, 0, 2),
};

function back(given: MessageEvent, cpim: boolean) {
  const sent = fromBus(given, { ...far, cpim });
  if (sent.do !== "send") throw new Error(sent.why);
  return toBus(new SipRequest("MESSAGE", "sip:bob@xmpp.example", sent.fields, sent.body), view);
}

describe("what is called carried comes back unchanged", () => {
  // Text as people write it: what is cleaned on the way in cannot be on the bus.
  const words = fc
    .string({ unit: "grapheme", minLength: 1, maxLength: 200 })
    .filter((text) => !/^\/me|[\x00-\x1f\x7f\ufeff\ufffe\uffff]|^\s*$/.test(text));
  const optional = { nil: undefined };
  const message = fc.record({
    text: words,
    action: fc.boolean(),
    language: fc.option(fc.constantFrom("de", "en-GB", "zh-Hant"), optional),
    subject: fc.option(
      words.map((text) => text.trim()).filter((text) => text !== ""),
      optional,
    ),
    written: fc.option(fc.integer({ min: 1_000_000_000_000, max: 2_000_000_000_000 }), optional),
  });
  test("by CPIM: text, action, language, subject, time of writing, receipts", () => {
    fc.assert(
      fc.property(message, (said) => {
        const given = { ...event, ...said };
        const result = back(given, true);
        if (result.do !== "message") throw new Error(JSON.stringify(result));
        const { text, action, language, subject, written, receipts, hops, messageId } = result.draft;
        expect({ text, action, language, subject, hops }).toEqual({ ...said, written: undefined, hops: 2 });
        expect(written).toBe(said.written ?? event.time);
        expect(receipts).toEqual(event.receipts);
        expect(messageId).toBe(farId({ event: event.id, carrier: "xmpp", messageId: "m1" }));
      }),
    );
  });
  test("as plain text: text, action, language, subject", () => {
    fc.assert(
      fc.property(message, (said) => {
        const result = back({ ...event, ...said }, false);
        if (result.do !== "message") throw new Error(JSON.stringify(result));
        const { text, action, language, subject } = result.draft;
        expect({ text, action, language, subject }).toEqual({ ...said, written: undefined });
      }),
    );
  });
});

describe("outcomes to a sender", () => {
  const outcome: OutcomeEvent = {
    id: "m:refused",
    type: "message.outcome",
    version: 1,
    time: 0,
    message: "m",
    outcome: "refused",
    reason: "mailbox-full",
    to: alice,
    from: bob,
    origin: "sip",
    excerpt: "hello",
    expires: 2e12,
  };
  const plain = (change: Partial<OutcomeEvent>) => {
    const sent = fromBus({ ...outcome, ...change }, far);
    return sent.do === "send" ? Buffer.from(sent.body).toString() : sent.do;
  };
  test.each([
    [{}, "Not delivered: mailbox full: hello"],
    [
      { outcome: "expired" as const, reason: undefined },
      "Not delivered: expired before it could be delivered: hello",
    ],
    [{ outcome: "uncertain" as const, reason: undefined }, "Not delivered: may not have arrived: hello"],
    [{ outcome: "bounced" as const, reason: "unknown-user" as const }, "Not delivered: no such user: hello"],
    [{ excerpt: undefined }, "Not delivered: mailbox full"],
    [{ outcome: "handed" as const }, "nothing"],
    [{ outcome: "delivered" as const }, "nothing"],
    [{ outcome: "displayed" as const }, "nothing"],
  ])("in words: %o", (change, expected) => {
    expect(plain(change)).toBe(expected);
  });
  test.each([
    ["handed", "<processing-notification><status><processed/>"],
    ["delivered", "<delivery-notification><status><delivered/>"],
    ["displayed", "<display-notification><status><displayed/>"],
    ["refused", "<delivery-notification><status><failed/>"],
    ["expired", "<delivery-notification><status><failed/>"],
    ["bounced", "<delivery-notification><status><failed/>"],
    ["uncertain", "<delivery-notification><status><error/>"],
  ] as const)("by IMDN: %s", (end, expected) => {
    const text = plain({ outcome: end, messageId: "m17" });
    expect(text).toContain(expected);
    expect(text).toContain("<message-id>m17</message-id>");
    expect(text).toContain("From: <sip:alice@sip.example>");
  });
});

describe("reasons and statuses", () => {
  test("every reason has a final status that needs no challenge and shuns nobody", () => {
    for (const reason of reasons) {
      expect(statusOf[reason]).toBeGreaterThanOrEqual(400);
      expect([401, 407, 408, 503]).not.toContain(statusOf[reason]);
      expect(statusOf[reason]).toBeLessThan(600);
    }
  });
  test("every final status has a verdict", () => {
    for (let status = 200; status < 700; status += 1)
      expect(["handed", "refused", "absent", "again"]).toContain(verdictOf(status, false).kind);
  });
  test.each([
    [200, false, { kind: "handed", delivered: true }],
    [202, false, { kind: "handed", delivered: false }],
    [302, false, { kind: "refused", reason: "unreachable" }],
    [401, false, { kind: "refused", reason: "not-authorised" }],
    [404, false, { kind: "refused", reason: "unknown-user" }],
    [408, false, { kind: "again" }],
    [430, false, { kind: "again" }],
    [480, false, { kind: "absent" }],
    [482, false, { kind: "refused", reason: "loop" }],
    [482, true, { kind: "handed", delivered: false }],
    [499, false, { kind: "refused", reason: "not-supported" }],
    [503, false, { kind: "again" }],
    [513, false, { kind: "refused", reason: "too-large" }],
    [699, false, { kind: "again" }],
  ])("%i (again: %s)", (status, again, expected) => {
    expect(verdictOf(status, again)).toEqual(expected);
  });
  test("what refusals mean comes back as the same reason, where SIP has a word for it", () => {
    for (const reason of ["unknown-user", "forbidden", "too-large", "not-supported", "loop"] as const) {
      expect(verdictOf(statusOf[reason], false)).toEqual({ kind: "refused", reason });
    }
  });
  test("the most useful reason", () => {
    expect([bestReason([]), bestReason(["unknown-user", "too-large"])]).toEqual(["unreachable", "too-large"]);
  });
});

describe("addresses", () => {
  test.each([
    ["sip:f%C3%BC@sip.example", { local: "f\u00fc", domain: "sip.example" }],
    ["im:bob@SIP.example", { local: "bob", domain: "sip.example" }],
    ["sip:bob:pw@sip.example;gr=x", { local: "bob", domain: "sip.example", device: "x" }],
  ])("%s", (text, expected) => {
    expect(addressIn(text)).toEqual({ ok: true, value: expected });
  });
  test.each(["sips:a@b", "tel:+1", "sip:b", "mailto:a@b", "x"])("%s is none", (text) => {
    expect(addressIn(text).ok).toBe(false);
  });
  test("with a separator for the inner @", () => {
    const separator = { sign: "*", domains: new Set(["gw.example"]) };
    const bobThere = { local: "bob@xmpp.example", domain: "gw.example" };
    expect(uriText(bobThere, { separator })).toBe("sip:bob*xmpp.example@gw.example");
    for (const text of ["sip:bob*xmpp.example@gw.example", "im:bob%40xmpp.example@gw.example"])
      expect(addressIn(text, { separator })).toEqual({ ok: true, value: bobThere });
  });
  test("and back", () => {
    expect(uriText({ local: "a b@c", domain: "gw.example" })).toBe("sip:a%20b%40c@gw.example");
  });
});
