import { describe, expect, test } from "vitest";
import { farId } from "#bus-schemas/ids.ts";
import { parseElement } from "../wire/read.ts";
import { type Heard, messageToBus, type View } from "./to-bus.ts";

const event = "abcdefghijklmnopqrstuvwxyz";
const ours = farId({ event, carrier: "sip", messageId: "call-1" });
const bob = { local: "bob", domain: "xmpp.example", device: "desk" };
const alice = { local: "alice", domain: "sip.example" };
const view: View = {
  behind: (address) => (address.domain === "face.example" ? { ...address, domain: "sip.example" } : address),
  sentTo: () => undefined,
  ours: (domain) => domain === "gw.example",
};
const omemo = "eu.siacs.conversations.axolotl";

const heard = (
  inside: string,
  attributes = "type='chat' id='m1'",
  from = "bob@xmpp.example/desk",
  lent = view,
): readonly Heard[] => {
  const parsed = parseElement(
    `<message xmlns='jabber:component:accept' from='${from}' to='alice@sip.example' ${attributes}>${inside}</message>`,
  );
  if (!parsed.ok) throw new Error(parsed.error);
  return messageToBus(parsed.value, lent);
};

describe("messages", () => {
  const plain = {
    from: { ...bob, assurance: "server" },
    to: alice,
    kind: "chat",
    action: false,
    text: "hi",
    messageId: "m1",
  };
  const none = { handed: false, delivered: false, displayed: false };

  test.each<[string, string, string | undefined, object]>([
    ["chat", "<body>hi</body>", undefined, { ...plain, receipts: none }],
    ["normal by default", "<body>hi</body>", "id='m1'", { kind: "normal" }],
    ["normal by name", "<body>hi</body>", "type='normal'", { kind: "normal", messageId: undefined }],
    ["an unknown type is normal (RFC 6121 §5.2.2)", "<body>hi</body>", "type='odd'", { kind: "normal" }],
    ["headline with a body", "<body>hi</body>", "type='headline'", { kind: "notice" }],
    [
      "subject and thread",
      "<subject>s</subject><body>hi</body><thread>t</thread>",
      undefined,
      { subject: "s", thread: "t" },
    ],
    ["language of the stanza", "<body>hi</body>", "xml:lang='de'", { language: "de" }],
    [
      "the body in the stanza's language",
      "<body xml:lang='en'>hi</body><body>hallo</body>",
      "xml:lang='de'",
      { text: "hallo", language: "de" },
    ],
    [
      "else the first body",
      "<body xml:lang='en'>hi</body><body xml:lang='fr'>salut</body>",
      "xml:lang='de'",
      { text: "hi", language: "en" },
    ],
    ["/me", "<body>/me waves</body>", undefined, { action: true, text: "waves" }],
    ["/me needs its space", "<body>/meow</body>", undefined, { action: false, text: "/meow" }],
    ["/me not at the start", "<body> /me waves</body>", undefined, { action: false, text: " /me waves" }],
    [
      "a delay",
      "<body>hi</body><delay xmlns='urn:xmpp:delay' stamp='2002-09-10T23:08:25Z'/>",
      undefined,
      { written: Date.UTC(2002, 8, 10, 23, 8, 25) },
    ],
    [
      "a broken delay",
      "<body>hi</body><delay xmlns='urn:xmpp:delay' stamp='yesterday'/>",
      undefined,
      { written: undefined },
    ],
    [
      "a correction",
      "<body>hi</body><replace xmlns='urn:xmpp:message-correct:0' id='m0'/>",
      undefined,
      { correctionOf: "m0" },
    ],
    [
      "a receipt asked for",
      "<body>hi</body><request xmlns='urn:xmpp:receipts'/>",
      undefined,
      { receipts: { ...none, delivered: true } },
    ],
    [
      "a marker asked for",
      "<body>hi</body><markable xmlns='urn:xmpp:chat-markers:0'/>",
      undefined,
      { receipts: { ...none, displayed: true } },
    ],
    [
      "a receipt that could not be named",
      "<body>hi</body><request xmlns='urn:xmpp:receipts'/>",
      "type='chat'",
      { receipts: none },
    ],
    [
      "a chat state beside the text",
      "<body>hi</body><active xmlns='http://jabber.org/protocol/chatstates'/>",
      undefined,
      { text: "hi" },
    ],
    [
      "a fallback of a mapped feature is taken out",
      "<body>&gt; old\nhi</body><fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:message-correct:0'><body start='0' end='6'/></fallback>",
      undefined,
      { text: "hi" },
    ],
    [
      "offsets count code points",
      "<body>😀😀hi</body><fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:message-correct:0'><body start='0' end='2'/></fallback>",
      undefined,
      { text: "hi" },
    ],
    [
      "a fallback of what is not mapped stays",
      "<body>&gt; old\nhi</body><fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reply:0'><body start='0' end='6'/></fallback>",
      undefined,
      { text: "> old\nhi" },
    ],
    [
      "a fallback of the subject only",
      "<body>hi</body><fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:receipts'><subject/></fallback>",
      undefined,
      { text: "hi" },
    ],
    ["an id too long to be kept", "<body>hi</body>", `id='${"x".repeat(2_000)}'`, { messageId: undefined }],
    ["white space is text", "<body>  \n </body>", undefined, { text: "  \n " }],
  ])("%s", (_, inside, attributes, draft) => {
    expect(heard(inside, attributes)).toMatchObject([{ kind: "message", draft }]);
  });

  test("to a face: to the person behind it", () => {
    const parsed = parseElement(
      "<message xmlns='jabber:component:accept' from='bob@xmpp.example' to='alice@face.example'><body>x</body></message>",
    );
    expect(parsed.ok && messageToBus(parsed.value, view)).toMatchObject([{ draft: { to: alice } }]);
  });

  test("an escaped sender is unescaped", () => {
    expect(heard("<body>x</body>", "", "o\\27malley@xmpp.example")).toMatchObject([
      { draft: { from: { local: "o'malley" } } },
    ]);
  });

  test("a forwarded sender is never believed", () => {
    const carbon =
      "<sent xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' from='eve@x.example'><body>x</body></message></forwarded></sent>";
    expect(heard(carbon)).toEqual([{ kind: "dropped", why: "no text" }]);
  });
});

describe("refused with a sentence", () => {
  test.each<[string, string, string | undefined, string]>([
    ["groupchat", "<body>x</body>", "type='groupchat'", "not-supported"],
    [
      "OMEMO with its fallback text",
      `<encrypted xmlns='${omemo}'><header/><payload>abc</payload></encrypted><body>I sent you an OMEMO message</body>`,
      undefined,
      "not-supported",
    ],
    [
      "OMEMO without",
      `<encrypted xmlns='${omemo}'><header/><payload>abc</payload></encrypted>`,
      undefined,
      "not-supported",
    ],
    [
      "OMEMO 0.8",
      "<encrypted xmlns='urn:xmpp:omemo:2'><header/><payload>abc</payload></encrypted>",
      undefined,
      "not-supported",
    ],
    [
      "named encryption",
      "<encryption xmlns='urn:xmpp:eme:0' namespace='x'/><body>x</body>",
      undefined,
      "not-supported",
    ],
    ["OpenPGP", "<openpgp xmlns='urn:xmpp:openpgp:0'>abc</openpgp>", undefined, "not-supported"],
    [
      "old OpenPGP",
      "<x xmlns='jabber:x:encrypted'>abc</x><body>encrypted</body>",
      undefined,
      "not-supported",
    ],
    ["OTR", "<body>?OTR:AAIDAAA.</body>", undefined, "not-supported"],
    ["an empty body", "<body/>", undefined, "not-supported"],
    ["an empty body in a normal message", "<body></body>", "id='m1'", "not-supported"],
    [
      "an empty body with what clients add to every message",
      "<body/><thread>t</thread><request xmlns='urn:xmpp:receipts'/><markable xmlns='urn:xmpp:chat-markers:0'/><origin-id xmlns='urn:xmpp:sid:0' id='m1'/>",
      undefined,
      "not-supported",
    ],
    ["a subject with an empty body", "<subject>s</subject><body/>", undefined, "not-supported"],
    ["/me and nothing", "<body>/me </body>", undefined, "not-supported"],
    ["too much text", `<body>${"ü".repeat(40_000)}</body>`, undefined, "too-large"],
    ["too long a subject", `<subject>${"x".repeat(5_000)}</subject><body>x</body>`, undefined, "too-large"],
  ])("%s", (_, inside, attributes, reason) => {
    expect(heard(inside, attributes)).toMatchObject([{ kind: "refused", reason }]);
  });

  test("from a domain of ours: it went out by ourselves, and would go round for ever", () => {
    expect(heard("<body>x</body>", undefined, "alice@gw.example")).toMatchObject([
      { kind: "refused", reason: "loop" },
    ]);
  });

  test("to a domain or a JID that is none", () => {
    for (const to of ["sip.example", "a b@sip.example", "@sip.example"]) {
      const parsed = parseElement(
        `<message xmlns='jabber:component:accept' from='bob@xmpp.example' to='${to}'><body>x</body></message>`,
      );
      expect(parsed.ok && messageToBus(parsed.value, view)).toMatchObject([
        { kind: "refused", reason: "unknown-user" },
      ]);
    }
  });
});

describe("dropped without a word", () => {
  test.each<[string, string, string | undefined]>([
    ["nothing at all", "", undefined],
    ["a chat state alone", "<composing xmlns='http://jabber.org/protocol/chatstates'/>", undefined],
    [
      "an empty body beside a chat state",
      "<body/><active xmlns='http://jabber.org/protocol/chatstates'/>",
      undefined,
    ],
    ["an empty body beside a receipt", "<body/><received xmlns='urn:xmpp:receipts' id='abc'/>", undefined],
    [
      "an empty body beside a marker",
      "<body/><acknowledged xmlns='urn:xmpp:chat-markers:0' id='abc'/>",
      undefined,
    ],
    [
      "an empty body beside a correction",
      "<body/><replace xmlns='urn:xmpp:message-correct:0' id='m0'/>",
      undefined,
    ],
    [
      "a body that is all fallback",
      "<body>is typing</body><fallback xmlns='urn:xmpp:fallback:0' for='http://jabber.org/protocol/chatstates'/>",
      undefined,
    ],
    ["a headline with an empty body", "<body/>", "type='headline'"],
    ["a subject alone", "<subject>x</subject>", undefined],
    ["a body of another namespace", "<body xmlns='http://www.w3.org/1999/xhtml'>x</body>", undefined],
    ["OMEMO keys", `<encrypted xmlns='${omemo}'><header/></encrypted>`, undefined],
    ["a receipt for a foreign id", "<received xmlns='urn:xmpp:receipts' id='abc'/>", undefined],
    ["a receipt without id", "<received xmlns='urn:xmpp:receipts'/>", undefined],
  ])("%s", (_, inside, attributes) => {
    // A receipt for nothing of ours is dropped for itself, and the body for itself.
    expect([...new Set(heard(inside, attributes).map((each) => each.kind))]).toEqual(["dropped"]);
  });

  test("from a server, which is no person", () => {
    expect(heard("<body>maintenance at noon</body>", "", "xmpp.example")).toMatchObject([
      { kind: "dropped" },
    ]);
  });
});

describe("reports", () => {
  const draft = { message: event, messageId: "call-1", origin: "sip", to: alice, from: bob };
  const received = `<received xmlns='urn:xmpp:receipts' id='${ours}'/>`;

  test.each<[string, string, string]>([
    ["received", received, "delivered"],
    ["displayed", `<displayed xmlns='urn:xmpp:chat-markers:0' id='${ours}'/>`, "displayed"],
  ])("%s", (_, inside, outcome) => {
    expect(heard(inside)).toEqual([{ kind: "report", draft: { ...draft, outcome } }]);
  });

  test("with a text: both", () => {
    expect(heard(`${received}<body>hi</body>`)).toMatchObject([
      { kind: "report", draft: { outcome: "delivered" } },
      { kind: "message", draft: { text: "hi" } },
    ]);
  });

  test("by somebody else than the one who got the message: nothing", () => {
    const lent = { ...view, sentTo: () => ({ local: "carol", domain: "xmpp.example" }) };
    expect(heard(received, undefined, undefined, lent)).toMatchObject([{ kind: "dropped" }]);
  });
});

describe("errors", () => {
  const error = (condition: string, words = ""): string =>
    `<error type='cancel'><${condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>${words}</error>`;

  test("for a message of ours", () => {
    const words = "<text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>no such user</text>";
    expect(heard(error("item-not-found", words), `type='error' id='${ours}'`)).toEqual([
      {
        kind: "error",
        id: ours,
        reason: "unknown-user",
        draft: {
          outcome: "bounced",
          message: event,
          messageId: "call-1",
          origin: "sip",
          reason: "unknown-user",
          text: "no such user",
          to: alice,
          from: bob,
        },
      },
    ]);
  });

  test("by a server in the name of one of its people, as long as it is remembered", () => {
    const lent = { ...view, sentTo: (id: string) => (id === ours ? bob : undefined) };
    const [one] = heard(error("service-unavailable"), `type='error' id='${ours}'`, "xmpp.example", lent);
    expect(one).toMatchObject({ kind: "error", reason: "unreachable", draft: { from: bob } });
  });

  test("for anything else: no report, and never an answer", () => {
    const [one] = heard(`${error("item-not-found")}<body>x</body>`, "type='error' id='m9'");
    expect(one).toEqual({ kind: "error", id: "m9", reason: "unknown-user" });
  });
});
