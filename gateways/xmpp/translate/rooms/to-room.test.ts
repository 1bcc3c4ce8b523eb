import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { elements, ns } from "../../wire/element.ts";
import { parseElement } from "../../wire/read.ts";
import { coven } from "./coven-for-test.ts";
import { readArrival } from "./presence-in.ts";
import { directInvitation, messageToRoom, type Wish } from "./to-room.ts";

const vectors =
  process.env.PARLEY_VECTORS ?? fileURLToPath(new URL("../../../../../shared/vectors", import.meta.url));
const corpus = join(vectors, "xmpp/xep-examples.jsonl");
if (!existsSync(corpus)) console.warn(`SKIPPED: no ${corpus}`);
const lines = existsSync(corpus) ? readFileSync(corpus, "utf8").trim().split("\n") : [];
const examples = lines.map((line) => JSON.parse(line) as { xep: string; n: number; xml: string });
const example = (xep: string, n: number): string =>
  examples.find((one) => one.xep === xep && one.n === n)?.xml ?? "";

const from = { local: "hag66", domain: "shakespeare.lit", device: "pda" };
const parse = (xml: string): ReturnType<typeof elements> => {
  const parsed = parseElement(`<x xmlns='${ns.component}'>${xml}</x>`);
  if (!parsed.ok) throw new Error(parsed.error);
  return elements(parsed.value);
};
function wishes(xml: string, nick?: string): Wish[] {
  const [stanza] = parse(xml);
  if (!stanza) throw new Error("no stanza");
  return messageToRoom(stanza, from, coven, nick);
}
const groupchat = (inside: string, attributes = "id='m1'"): string =>
  `<message type='groupchat' ${attributes}>${inside}</message>`;

describe("messages to a room, as the XEPs write them", () => {
  test.skipIf(lines.length === 0).each<[string, string, number, object[], string?]>([
    [
      "a message to all",
      "0045",
      44,
      [
        {
          kind: "say",
          draft: { text: "Harpier cries: 'tis time, 'tis time.", messageId: "hysf1v37", to: coven },
        },
      ],
    ],
    [
      "a private message",
      "0045",
      46,
      [{ kind: "say", draft: { text: "I'll give thee a wind.", to: { ...coven, device: "firstwitch" } } }],
      "firstwitch",
    ],
    ["groupchat to one", "0045", 48, [{ kind: "refuse", reason: "not-supported" }], "firstwitch"],
    [
      "an invitation",
      "0045",
      56,
      [
        {
          kind: "do",
          do: {
            kind: "invite",
            to: { local: "hecate", domain: "shakespeare.lit" },
            reason: "Hey Hecate, this is the place for all good witches!",
          },
        },
      ],
    ],
    [
      "a decline",
      "0045",
      58,
      [
        {
          kind: "do",
          do: { kind: "decline", to: { local: "crone1", domain: "shakespeare.lit" } },
        },
      ],
    ],
    [
      "two invitations",
      "0045",
      63,
      [{ do: { to: { local: "wiccarocks" } } }, { do: { to: { local: "hag66" } } }],
    ],
    ["a request for a voice", "0045", 79, [{ kind: "voice" }]],
    ["an answer to it", "0045", 108, [{ kind: "voice" }]],
    [
      "a subject",
      "0045",
      84,
      [{ kind: "do", do: { kind: "subject", text: "Fire Burn and Cauldron Bubble!" } }],
    ],
    ["an empty subject", "0045", 87, [{ kind: "do", do: { kind: "subject", text: "" } }]],
  ])("%s", (_, xep, n, expected, nick) => {
    expect(wishes(example(xep, n), nick)).toMatchObject(expected);
  });

  test.skipIf(lines.length === 0).each<[string, string, number, object]>([
    [
      "a correction",
      "0308",
      4,
      { draft: { correctionOf: "bad1", text: "But soft, what light through yonder window breaks?" } },
    ],
    ["a retraction", "0424", 4, { do: { kind: "retract", message: "wrong-recipient-1" } }],
    [
      "reactions",
      "0444",
      6,
      { do: { kind: "react", message: "744f6e18-a57a-11e9-a656-4889e7820c76", emoji: ["👋", "🐢"] } },
    ],
    ["no reactions any more", "0444", 7, { do: { kind: "react", emoji: [] } }],
  ])("%s, said to a room", (_, xep, n, expected) => {
    const xml = example(xep, n)
      .replace(/type='chat'/, "")
      .replace("<message ", "<message type='groupchat' ");
    expect(wishes(xml)).toMatchObject([expected]);
  });

  test("law: whatever the examples of all XEPs say to a room, it is read", () => {
    for (const { xml } of examples) {
      const parsed = parseElement(`<x xmlns='${ns.component}'>${xml}</x>`);
      if (!parsed.ok) continue;
      for (const one of elements(parsed.value)) {
        for (const type of ["groupchat", "chat", undefined])
          messageToRoom(
            { ...one, attrs: { ...one.attrs, ...(type && { type }) } },
            from,
            coven,
            type === "chat" ? "x" : undefined,
          );
        readArrival(one, 0);
      }
    }
  });
});

describe("messages to a room", () => {
  test.each<[string, string, object]>([
    ["an action", groupchat("<body>/me waves</body>"), { draft: { action: true, text: "waves" } }],
    ["nothing in it", groupchat("<body/>"), { kind: "refuse", reason: "not-supported" }],
    [
      "a body beside a subject is a message",
      groupchat("<subject>s</subject><body>b</body>"),
      { kind: "say" },
    ],
    ["a subject in a thread is none", groupchat("<subject>s</subject><thread>t</thread>"), { kind: "none" }],
    [
      "too long a subject",
      groupchat(`<subject>${"ä".repeat(3_000)}</subject>`),
      { kind: "refuse", reason: "too-large" },
    ],
    [
      "somebody writes",
      groupchat("<composing xmlns='http://jabber.org/protocol/chatstates'/>"),
      { kind: "typing", state: "composing" },
    ],
    [
      "nobody is gone by a chat state",
      groupchat("<gone xmlns='http://jabber.org/protocol/chatstates'/>"),
      { kind: "none" },
    ],
    [
      "an answer without its quotation (XEP-0461 §3)",
      groupchat(
        "<body>&gt; Anna: a cake\nGreat!</body><reply xmlns='urn:xmpp:reply:0' to='coven@chat.shakespeare.lit/Anna' id='e1'/><fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reply:0'><body start='0' end='15'/></fallback>",
      ),
      { draft: { text: "Great!", replyTo: { id: "e1", nick: "Anna", excerpt: "Anna: a cake" } } },
    ],
    [
      "keys of OMEMO are nothing to read",
      groupchat("<encrypted xmlns='eu.siacs.conversations.axolotl'><header/></encrypted>"),
      { kind: "none" },
    ],
    [
      "an encrypted text is refused",
      groupchat("<encrypted xmlns='eu.siacs.conversations.axolotl'><payload/></encrypted><body>OMEMO</body>"),
      { kind: "refuse", reason: "not-supported" },
    ],
    [
      "ids that the room gives are not believed",
      groupchat("<body>b</body><stanza-id xmlns='urn:xmpp:sid:0' by='x' id='y'/>"),
      { draft: { messageId: "m1" } },
    ],
    [
      "too many reactions",
      groupchat(
        `<reactions xmlns='urn:xmpp:reactions:0' id='e'>${"<reaction>x</reaction>".repeat(17)}</reactions>`,
      ),
      { reason: "too-large" },
    ],
    [
      "a reaction to nothing",
      groupchat("<reactions xmlns='urn:xmpp:reactions:0'/>"),
      { reason: "no-such-message" },
    ],
    [
      "too many invitations",
      `<message><x xmlns='${ns.mucUser}'>${"<invite to='a@b.c'/>".repeat(21)}</x></message>`,
      { reason: "too-large" },
    ],
    [
      "an invitation of nobody",
      `<message><x xmlns='${ns.mucUser}'><invite to=''/></x></message>`,
      { reason: "no-such-person" },
    ],
  ])("%s", (_, xml, expected) => {
    expect(wishes(xml)).toMatchObject([expected]);
  });

  test("law: no text makes it fail", () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (body, id) => {
        const message = { name: "message", xmlns: ns.component, attrs: { type: "groupchat", id } };
        messageToRoom(
          { ...message, children: [{ name: "body", xmlns: ns.component, attrs: {}, children: [body] }] },
          from,
          coven,
        );
      }),
    );
  });
});

describe("presence to a room", () => {
  const arrival = (xml: string): unknown => {
    const [stanza] = parse(xml);
    return stanza && readArrival(stanza, 1_000_000);
  };
  test.skipIf(lines.length === 0).each<[string, number, object]>([
    ["entering", 18, { kind: "join", history: {} }],
    ["with a password", 26, { kind: "join", password: "cauldronburn" }],
    ["so many characters", 35, { history: { maxChars: 65_000 } }],
    ["so many messages", 36, { history: { maxStanzas: 20 } }],
    ["of the last three minutes", 37, { history: { since: 1_000_000 - 180_000 } }],
    ["since the epoch", 38, { history: { since: 0 } }],
    ["no history", 39, { history: { maxChars: 0 } }],
    ["the old way", 42, { kind: "here" }],
    ["another nick", 49, { kind: "here" }],
    ["another status", 54, { kind: "here", status: { show: "xa", text: "gone where the goblins go" } }],
    ["leaving", 80, { kind: "leave" }],
    ["last words", 83, { kind: "leave", reason: "gone where the goblins go" }],
  ])("%s", (_, n, expected) => {
    expect(arrival(example("0045", n))).toMatchObject(expected);
  });

  test.each([
    ["a subscription is nothing to a room", "<presence type='subscribe'/>", { kind: "none" }],
    [
      "senseless limits are none",
      `<presence><x xmlns='${ns.muc}'><history maxchars='-1' since='now'/></x></presence>`,
      { kind: "join", history: {} },
    ],
    ["an unknown show is none", "<presence><show>party</show></presence>", { status: { show: "available" } }],
  ])("%s", (_, xml, expected) => {
    expect(arrival(xml)).toMatchObject(expected);
  });
});

test("a direct invitation (XEP-0249 example 1)", () => {
  const [stanza] = parse(
    "<message><x xmlns='jabber:x:conference' jid='darkcave@macbeth.shakespeare.lit' reason='Hey Hecate!'/></message>",
  );
  expect(stanza && directInvitation(stanza)).toEqual({
    room: { local: "darkcave", domain: "macbeth.shakespeare.lit" },
    reason: "Hey Hecate!",
  });
});
