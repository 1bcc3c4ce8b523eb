import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { MessageEvent } from "#bus-schemas/events/message.ts";
import type { OutcomeEvent } from "#bus-schemas/events/outcome.ts";
import { farId } from "#bus-schemas/ids.ts";
import { ns } from "../wire/element.ts";
import { print } from "../wire/print.ts";
import { parseElement } from "../wire/read.ts";
import { type Faces, messageFromBus, outcomeFromBus, stanzaId } from "./from-bus.ts";
import { messageToBus } from "./to-bus.ts";

const now = Date.UTC(2026, 0, 1);
const message: MessageEvent = {
  id: "abcdefghijklmnopqrstuvwxyz",
  type: "message.sent",
  version: 1,
  time: now,
  from: { local: "alice", domain: "sip.example", assurance: "verified" },
  to: { local: "bob", domain: "xmpp.example" },
  origin: { carrier: "sip", messageId: "call-1" },
  kind: "chat",
  action: false,
  text: "hi",
  receipts: { handed: false, delivered: false, displayed: false },
  expires: now + 60_000,
  hops: 0,
};
const faces: Faces = { faceOn: (address) => address, shownAs: () => undefined };
const id = "abcdefghijklmnopqrstuvwxyz.sip.Y2FsbC0x";
const origin = `<origin-id xmlns='urn:xmpp:sid:0' id='${id}'/>`;
const store = "<store xmlns='urn:xmpp:hints'/>";

const printed = (part: Partial<MessageEvent>, lent: Partial<Faces> = {}): string => {
  const made = messageFromBus({ ...message, ...part }, { ...faces, ...lent }, now);
  return made.ok ? print(made.value.stanza, ns.component) : made.error;
};
const open = (attributes: string): string =>
  `<message from='alice@sip.example' to='bob@xmpp.example' id='${id}' ${attributes}>`;

describe("golden messages", () => {
  test.each<[string, Partial<MessageEvent>, string]>([
    ["chat", {}, `${open("type='chat'")}<body>hi</body>${origin}${store}</message>`],
    [
      "normal with subject and thread",
      { kind: "normal", subject: "s", thread: "t" },
      `${open("type='normal'")}<subject>s</subject><body>hi</body><thread>t</thread>${origin}${store}</message>`,
    ],
    ["notice", { kind: "notice" }, `${open("type='headline'")}<body>hi</body>${origin}${store}</message>`],
    [
      "action and language",
      { action: true, language: "de" },
      `${open("type='chat' xml:lang='de'")}<body>/me hi</body>${origin}${store}</message>`,
    ],
    [
      "receipts",
      { receipts: { handed: true, delivered: true, displayed: true } },
      `${open("type='chat'")}<body>hi</body>${origin}<request xmlns='urn:xmpp:receipts'/><markable xmlns='urn:xmpp:chat-markers:0'/>${store}</message>`,
    ],
    [
      "written earlier",
      { written: Date.UTC(2002, 8, 10, 23, 8, 25) },
      `${open("type='chat'")}<body>hi</body>${origin}<delay xmlns='urn:xmpp:delay' stamp='2002-09-10T23:08:25.000Z'/>${store}</message>`,
    ],
    [
      "long in the mailbox",
      { time: now - 60_000 },
      `${open("type='chat'")}<body>hi</body>${origin}<delay xmlns='urn:xmpp:delay' stamp='2025-12-31T23:59:00.000Z'/>${store}</message>`,
    ],
    [
      "a correction of what nobody remembers",
      { correctionOf: "call-0" },
      `${open("type='chat'")}<body>hi</body>${origin}${store}</message>`,
    ],
  ])("%s", (_, part, expected) => {
    expect(printed(part)).toBe(expected);
  });

  test("a correction names the id under which the first was shown", () => {
    expect(printed({ correctionOf: "call-0" }, { shownAs: () => "earlier" })).toContain(
      "<replace xmlns='urn:xmpp:message-correct:0' id='earlier'/>",
    );
  });

  test("the sender's device is the resource, special characters are escaped", () => {
    expect(
      printed({ from: { local: "o'mal ley@x", domain: "sip.example", device: "a b", assurance: "none" } }),
    ).toContain("from='o\\27mal\\20ley\\40x@sip.example/a b'");
  });

  test("it goes out over the domain of the sender's face", () => {
    const made = messageFromBus(
      message,
      { ...faces, faceOn: (one) => ({ ...one, domain: "gw.example" }) },
      now,
    );
    expect(made.ok && made.value.domain).toBe("gw.example");
  });

  test("a name that no JID can hold is an error", () => {
    const made = messageFromBus({ ...message, to: { local: " x", domain: "xmpp.example" } }, faces, now);
    expect(made.ok).toBe(false);
  });
});

describe("law: what is carried comes back unchanged", () => {
  const word = fc.stringMatching(/^[a-zA-Z0-9 .,!äöü😀<>&'"-]{1,40}$/u);
  const line = fc
    .oneof(word, fc.string({ unit: "grapheme", minLength: 1, maxLength: 60 }))
    .filter((one) => one.isWellFormed() && !/[\u0000-\u0008\u000b-\u001f\ufffe\uffff]/.test(one));
  const events = fc.record({
    kind: fc.constantFrom("chat" as const, "normal" as const, "notice" as const),
    action: fc.boolean(),
    text: line.filter((one) => !one.startsWith("/me ") && !one.startsWith("?OTR")),
    subject: fc.option(line, { nil: undefined }),
    thread: fc.option(fc.stringMatching(/^[a-z0-9-]{1,36}$/), { nil: undefined }),
    language: fc.option(fc.constantFrom("de", "en-GB", "sr-Latn"), { nil: undefined }),
    written: fc.option(fc.integer({ min: 0, max: now }), { nil: undefined }),
    delivered: fc.boolean(),
    displayed: fc.boolean(),
    device: fc.option(fc.stringMatching(/^[a-zA-Z0-9._ -]{1,20}$/), { nil: undefined }),
  });

  test("toBus(fromBus(e))", () => {
    fc.assert(
      fc.property(events, ({ delivered, displayed, device, ...part }) => {
        const receipts = { handed: false, delivered, displayed };
        const from = { ...message.from, ...(device === undefined ? {} : { device }) };
        const made = messageFromBus({ ...message, ...part, from, receipts }, faces, now);
        if (!made.ok) throw new Error(made.error);
        const back = parseElement(print(made.value.stanza));
        if (!back.ok) throw new Error(back.error);
        expect(
          messageToBus(back.value, { behind: (one) => one, sentTo: () => undefined, ours: () => false }),
        ).toMatchObject([
          {
            kind: "message",
            draft: {
              ...part,
              receipts,
              to: message.to,
              messageId: made.value.id,
              from: { ...from, assurance: "server" },
            },
          },
        ]);
      }),
      { numRuns: 300 },
    );
  });
});

test("the stanza id leads back to the message", () => {
  expect(stanzaId(message)).toBe(id);
  expect(farId({ event: message.id, carrier: "sip", messageId: "call-1" })).toBe(id);
});

describe("golden outcomes", () => {
  const outcome: OutcomeEvent = {
    id: "m:refused",
    type: "message.outcome",
    version: 1,
    time: now,
    message: message.id,
    messageId: "m1",
    outcome: "refused",
    reason: "unknown-user",
    to: { local: "bob", domain: "xmpp.example", device: "desk" },
    from: { local: "carol", domain: "sip.example" },
    origin: "xmpp",
    expires: now + 60_000,
  };
  const told = (part: Partial<OutcomeEvent>): string | undefined => {
    const made = outcomeFromBus({ ...outcome, ...part }, faces);
    return made?.ok ? print(made.value.stanza, ns.component) : made?.error;
  };
  const failed = "<message from='carol@sip.example' to='bob@xmpp.example/desk' type='error' id='m1'>";
  const stanzas = "urn:ietf:params:xml:ns:xmpp-stanzas";

  test.each<[string, Partial<OutcomeEvent>, string | undefined]>([
    [
      "refused",
      {},
      `${failed}<error type='cancel'><item-not-found xmlns='${stanzas}'/><text xmlns='${stanzas}' xml:lang='en'>no such user</text></error></message>`,
    ],
    [
      "bounced, in the far side's words",
      { outcome: "bounced", reason: "too-large", text: "2 kB at most" },
      `${failed}<error type='modify'><policy-violation xmlns='${stanzas}'/><text xmlns='${stanzas}' xml:lang='en'>too large: 2 kB at most</text></error></message>`,
    ],
    [
      "expired",
      { outcome: "expired", reason: undefined },
      `${failed}<error type='wait'><remote-server-timeout xmlns='${stanzas}'/><text xmlns='${stanzas}' xml:lang='en'>expired before it could be delivered</text></error></message>`,
    ],
    [
      "uncertain",
      { outcome: "uncertain", reason: undefined },
      `${failed}<error type='cancel'><undefined-condition xmlns='${stanzas}'/><text xmlns='${stanzas}' xml:lang='en'>may not have arrived</text></error></message>`,
    ],
    [
      "delivered",
      { outcome: "delivered", id: "m:delivered" },
      `<message from='carol@sip.example' to='bob@xmpp.example/desk' type='chat' id='m:delivered'><received xmlns='urn:xmpp:receipts' id='m1'/>${store}</message>`,
    ],
    [
      "displayed",
      { outcome: "displayed", id: "m:displayed" },
      `<message from='carol@sip.example' to='bob@xmpp.example/desk' type='chat' id='m:displayed'><displayed xmlns='urn:xmpp:chat-markers:0' id='m1'/>${store}</message>`,
    ],
    ["handed", { outcome: "handed" }, undefined],
    ["delivered without an id to name", { outcome: "delivered", messageId: undefined }, undefined],
    [
      "delivered, but not asked for",
      { outcome: "delivered", asked: { handed: true, delivered: false, displayed: false } },
      undefined,
    ],
    [
      "refused without an id: the first words say which",
      { messageId: undefined, excerpt: "hello th" },
      `<message from='carol@sip.example' to='bob@xmpp.example/desk' type='error'><error type='cancel'><item-not-found xmlns='${stanzas}'/><text xmlns='${stanzas}' xml:lang='en'>no such user (&quot;hello th&quot;)</text></error></message>`,
    ],
  ])("%s", (_, part, expected) => {
    expect(told(part)).toBe(expected);
  });
});
