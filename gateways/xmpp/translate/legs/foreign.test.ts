// What a foreign room sends, read: the examples of XEP-0045 as it prints them, rows of its codes, and that nothing makes it throw.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Element, elements, ns } from "../../wire/element.ts";
import { parseElement } from "../../wire/read.ts";
import { readForeignMessage } from "./foreign-message.ts";
import { causeOf, readForeignPresence, removalText } from "./foreign-presence.ts";
import { markElement, markFor, markOf } from "./mark.ts";
import { presenceStanza } from "./to-foreign.ts";

const vectors =
  process.env.PARLEY_VECTORS ?? fileURLToPath(new URL("../../../../../shared/vectors", import.meta.url));
const corpus = join(vectors, "xmpp/xep-examples.jsonl");
if (!existsSync(corpus)) console.warn(`SKIPPED: no ${corpus}`);
const lines = existsSync(corpus) ? readFileSync(corpus, "utf8").trim().split("\n") : [];
const examples = lines.map((line) => JSON.parse(line) as { xep: string; n: number; xml: string });

const room = { local: "coven", domain: "chat.shakespeare.lit" };
const hosted = { local: "lobby", domain: "rooms.example" };

function parse(xml: string): Element {
  const parsed = parseElement(`<x xmlns='${ns.component}'>${xml}</x>`);
  const [stanza] = parsed.ok ? elements(parsed.value) : [];
  if (!stanza) throw new Error(parsed.ok ? "no stanza" : parsed.error);
  return stanza;
}
const presence = (nick: string, inside: string, type = ""): Element =>
  parse(
    `<presence from='coven@chat.shakespeare.lit/${nick}'${type && ` type='${type}'`}><x xmlns='${ns.mucUser}'>${inside}</x></presence>`,
  );
const message = (inside: string, attributes = "type='groupchat' id='m1'", nick = "/firstwitch"): Element =>
  parse(`<message from='coven@chat.shakespeare.lit${nick}' ${attributes}>${inside}</message>`);

describe("presence", () => {
  test.each<[string, Element, object]>([
    [
      "somebody is there",
      presence("firstwitch", "<item affiliation='owner' role='moderator'/>"),
      { is: "here", isSelf: false, occupant: { nick: "firstwitch", role: "moderator" } },
    ],
    [
      "his real address is shown",
      presence("firstwitch", "<item jid='Crone1@shakespeare.lit/desktop' role='participant'/>"),
      { is: "here", occupant: { real: "crone1@shakespeare.lit", role: "speaker" } },
    ],
    [
      "oneself, with a nick that the room chose",
      presence("thirdwitch", "<item role='visitor'/><status code='110'/><status code='210'/>"),
      { is: "here", isSelf: true, occupant: { role: "observer" } },
    ],
    [
      "another nick",
      presence("thirdwitch", "<item nick='oldhag' role='participant'/><status code='303'/>", "unavailable"),
      { is: "gone", nick: "thirdwitch", newNick: "oldhag" },
    ],
    [
      "kicked, by whom and why",
      presence(
        "pistol",
        "<item role='none'><actor nick='Fluellen'/><reason>Avaunt, you cullion!</reason></item><status code='307'/>",
        "unavailable",
      ),
      { is: "gone", by: "Fluellen", reason: "Avaunt, you cullion!", isDestroyed: false },
    ],
    [
      "the room is destroyed",
      presence(
        "firstwitch",
        "<item role='none'/><destroy jid='coven@other'><reason>Macbeth comes</reason></destroy>",
        "unavailable",
      ),
      { is: "gone", isDestroyed: true, reason: "Macbeth comes" },
    ],
    ["a refusal", presence("firstwitch", "", "error"), { is: "error", nick: "firstwitch" }],
    ["a presence of the room itself", parse("<presence from='coven@chat.shakespeare.lit'/>"), { is: "none" }],
    ["a subscription is no presence", presence("firstwitch", "", "subscribe"), { is: "none" }],
  ])("%s", (_name, stanza, read) => {
    expect(readForeignPresence(stanza)).toMatchObject(read);
  });

  test.each<[string, string[], string, RegExp]>([
    ["left", [], "left", /has shut down/],
    ["kicked", ["307"], "kicked", /has put you out/],
    ["banned", ["301", "307"], "kicked", /has banned you/],
    ["not a member", ["321"], "kicked", /members only/],
    ["members only now", ["322"], "kicked", /members only/],
    ["the service ends", ["332"], "lost", /has shut down/],
    ["his server does not answer", ["307", "333"], "kicked", /put you out/],
    ["only his server does not answer", ["333"], "lost", /shut down/],
  ])("codes: %s", (_name, codes, cause, words) => {
    const gone = { is: "gone" as const, nick: "n", isSelf: true, codes: new Set(codes), isDestroyed: false };
    expect(causeOf(gone.codes)).toBe(cause);
    expect(removalText("coven@chat", gone)).toMatch(words);
  });

  test("a mark comes back as it was sent, and is for one nick in one room only", () => {
    const mark = markFor("secret", "coven@chat", "Alice");
    const way = { from: "alice@web.example/tab", room };
    const stanza = presenceStanza(way, "coven@chat/Alice", { id: "p", status: undefined, mark });
    expect(markOf(stanza)).toBe(mark);
    expect(markFor("secret", "coven@chat", "Bob")).not.toBe(mark);
    expect(markFor("other", "coven@chat", "Alice")).not.toBe(mark);
    expect(markOf({ ...stanza, children: [markElement("x".repeat(101))] })).toBeUndefined();
  });
});

describe("messages", () => {
  const read = (stanza: Element, nick?: string): ReturnType<typeof readForeignMessage> =>
    readForeignMessage(stanza, room, hosted, nick);

  test.each<[string, Element, object]>([
    [
      "said",
      message("<body>hello</body>"),
      { nick: "firstwitch", id: "m1", isPrivate: false, wish: { kind: "say" } },
    ],
    [
      "the subject",
      message("<subject>Fire</subject>"),
      { wish: { kind: "do", do: { kind: "subject", text: "Fire" } } },
    ],
    [
      "history, stamped by the room",
      message(
        `<body>old</body><delay xmlns='${ns.delay}' from='coven@chat.shakespeare.lit' stamp='2002-10-13T23:58:37Z'/>`,
      ),
      { said: Date.UTC(2002, 9, 13, 23, 58, 37) },
    ],
    [
      "not history: kept for us by our own server",
      message(`<body>now</body><delay xmlns='${ns.delay}' from='web.example' stamp='2002-10-13T23:58:37Z'/>`),
      { said: undefined },
    ],
    [
      "the room's id",
      message(`<body>x</body><stanza-id xmlns='${ns.ids}' by='coven@chat.shakespeare.lit' id='S1'/>`),
      { stanzaId: "S1" },
    ],
    [
      "an id that somebody else wrote",
      message(
        `<body>x</body><stanza-id xmlns='${ns.ids}' by='coven@chat.shakespeare.lit/firstwitch' id='S1'/>`,
      ),
      { stanzaId: undefined },
    ],
    [
      "what the room itself says",
      message("<body>welcome</body>", "type='groupchat' id='w'", ""),
      { nick: undefined },
    ],
  ])("%s", (_name, stanza, expected) => {
    expect(read(stanza)).toMatchObject(expected);
  });

  test("a whisper is for our nick in our room", () => {
    const whisper = read(message("<body>psst</body>", "type='chat' id='p1'"), "Alice");
    expect(whisper).toMatchObject({
      isPrivate: true,
      wish: { kind: "say", draft: { to: { ...hosted, device: "Alice" } } },
    });
  });

  test.each<[string, Element]>([
    ["an error", message("<body>x</body>", "type='error' id='m1'")],
    ["a whisper of the room itself", message("<body>x</body>", "type='chat'", "")],
    ["a whisper to somebody who has no nick here", message("<body>x</body>", "type='chat'")],
  ])("nothing for our room: %s", (_name, stanza) => {
    expect(read(stanza)).toBeUndefined();
  });

  const keyOf = (inside: string, attributes?: string, nick?: string): string | undefined =>
    read(message(inside, attributes, nick))?.key;
  const sid = (id: string): string =>
    `<stanza-id xmlns='${ns.ids}' by='coven@chat.shakespeare.lit' id='${id}'/>`;

  test("a copy, and the same one as history, have one key; others have others", () => {
    const delay = `<delay xmlns='${ns.delay}' from='coven@chat.shakespeare.lit' stamp='2002-10-13T23:58:37Z'/>`;
    const key = keyOf(`<body>x</body>${sid("S1")}`);
    expect(keyOf(`<body>x</body>${sid("S1")}${delay}`)).toBe(key);
    expect(keyOf(`<body>x</body>${sid("S2")}`)).not.toBe(key);
    expect(keyOf(`<body>x</body>${sid("S1")}`, undefined, "/secondwitch")).not.toBe(key);
    expect(keyOf(`<body>y</body>${sid("S1")}`)).not.toBe(key);
    expect(keyOf("<body>x</body>")).toBe(keyOf("<body>x</body>"));
    expect(keyOf("<body>x</body>", "type='groupchat'")).toBeUndefined();
  });
});

test("every example of every XEP is read without a throw", () => {
  let count = 0;
  for (const { xml } of examples) {
    const parsed = parseElement(`<x xmlns='${ns.component}'>${xml}</x>`);
    for (const stanza of parsed.ok ? elements(parsed.value) : []) {
      readForeignPresence(stanza);
      readForeignMessage(stanza, room, hosted, "Alice");
      count += 1;
    }
  }
  expect(count).toBeGreaterThan(examples.length / 2);
});

test("nothing that a room sends makes reading throw", () => {
  const attribute = fc.oneof(
    fc.string(),
    fc.constantFrom("110", "303", "coven@chat/nick", "groupchat", "chat", "error"),
  );
  const name = fc.constantFrom(
    "presence",
    "message",
    "x",
    "item",
    "status",
    "body",
    "subject",
    "delay",
    "stanza-id",
    "reactions",
    "destroy",
  );
  const xmlns = fc.constantFrom(ns.component, ns.mucUser, ns.delay, ns.ids, ns.reactions, ns.retract);
  const { element } = fc.letrec<{ element: Element }>((tie) => ({
    element: fc.record({
      name,
      xmlns,
      attrs: fc.dictionary(
        fc.constantFrom("from", "to", "type", "id", "jid", "code", "nick", "stamp", "by", "role"),
        attribute,
      ),
      children: fc.array(fc.oneof({ depthSize: "small" }, fc.string(), tie("element")), { maxLength: 4 }),
    }) as fc.Arbitrary<Element>,
  }));
  fc.assert(
    fc.property(element, (stanza) => {
      readForeignPresence(stanza);
      readForeignMessage(stanza, room, hosted, "Alice");
    }),
  );
});
