import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import type { Participant, RoomChange, RoomConfig } from "#bus-schemas/events/room.ts";
import { applyEvent } from "#bus-schemas/rooms/view.ts";
import { type Element, elements, isElement, ns, text } from "../../wire/element.ts";
import { parseElement } from "../../wire/read.ts";
import {
  config,
  coven,
  first,
  next,
  received,
  roomOf,
  second,
  shownTo,
  third,
  witch,
  world,
} from "./coven-for-test.ts";
import { fromEvent } from "./from-event.ts";
import { type Newcomer, picture } from "./picture.ts";
import { advance, type Out, recipientsOf } from "./stage.ts";

const vectors =
  process.env.PARLEY_VECTORS ?? fileURLToPath(new URL("../../../../../shared/vectors", import.meta.url));
const corpus = join(vectors, "xmpp/xep-examples.jsonl");

const asNewcomer = (who: Participant): Newcomer => {
  const [recipient] = recipientsOf(who);
  if (!recipient) throw new Error("a newcomer has a device");
  return { recipient, history: {}, created: false, renicked: false };
};

/** What is shown of these changes, one after the other. */
function shown(
  changes: readonly RoomChange[],
  people = [first, second, third],
  part: Partial<RoomConfig> = {},
  room = coven,
): Out[] {
  const view = roomOf(people, part, room);
  const stage = shownTo(view);
  return changes.flatMap((change) => {
    const event = next(view, change);
    applyEvent(view, event);
    const outs = fromEvent({ event, stage, view, world });
    advance(stage, event, view);
    return outs;
  });
}

const actor = ({
  key,
  nick,
  address,
}: Participant): { key: string; nick: string; address: typeof address } => ({ key, nick, address });
const gone = (
  who: Participant,
  cause: "left" | "lost" | "kicked" | "banned" | "not-a-member" | "shutdown",
  more: object = {},
): RoomChange => ({
  kind: "left",
  gone: { key: who.key, nick: who.nick, address: who.address, cause, ...more },
});
const said = (who: Participant, body: string, id: string, more: object = {}): RoomChange => ({
  kind: "said",
  message: {
    from: actor(who),
    origin: { carrier: "xmpp", messageId: id },
    kind: "chat",
    action: false,
    text: body,
    ...more,
  },
});

// Ids are each one's own, real addresses are shown to moderators, actor and reason to all: the examples differ in it among themselves.
const own = new Set<string>([ns.occupantId, ns.ids, ns.carbons, ns.hints]);
function look(one: Element): unknown {
  const { id: _, jid: _1, nick: _2, "xml:lang": _3, ...attrs } = { ...one.attrs };
  const inside = one.name === "item" ? [] : elements(one).filter(({ xmlns }) => !own.has(xmlns));
  return {
    name: one.name,
    ...attrs,
    ...(one.name === "reason" || one.children.some((node) => !isElement(node) && node.trim() !== "")
      ? { text: text(one).trim() }
      : {}),
    inside: inside.map(look).sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)),
  };
}
const stanzas = (source: string): Element[] => {
  const parsed = parseElement(
    `<examples xmlns='${ns.component}'>${source.replace(/\[ \.\.\. \]/g, "")}</examples>`,
  );
  if (!parsed.ok) throw new Error(parsed.error);
  return elements(parsed.value);
};

describe("the examples of XEP-0045 are what is shown", () => {
  if (!existsSync(corpus)) console.warn(`SKIPPED: no ${corpus}`);
  const examples = new Map(
    (existsSync(corpus) ? readFileSync(corpus, "utf8").trim().split("\n") : [])
      .map((line) => JSON.parse(line) as { xep: string; n: number; xml: string })
      .filter(({ xep }) => xep === "0045")
      .map(({ n, xml }) => [n, xml] as const),
  );
  const harfleur = { ...coven, local: "harfleur" };
  const pistol = witch("pistol", "harfleur", "pistol");
  const fluellen = witch("gower", "cell", "Fluellen", { role: "moderator" });
  const heath = { ...coven, local: "heath" };
  const reason = "A worthy witch indeed!";

  test.skipIf(!existsSync(corpus)).each<[string, number, () => Out[]]>([
    [
      "a newcomer to all others",
      21,
      () => [
        ...shown([{ kind: "joined", participant: third }], [first, second]),
        ...picture(roomOf([first, second, third], { history: 0 }), asNewcomer(third), world),
      ],
    ],
    ["the others to a newcomer", 20, () => picture(roomOf([first, second, third]), asNewcomer(third), world)],
    [
      "himself, under another nick",
      22,
      () => picture(roomOf([first, third], { history: 0 }), { ...asNewcomer(third), renicked: true }, world),
    ],
    [
      "himself, in an open room that keeps its history",
      32,
      () =>
        picture(
          roomOf([first, third], { openAddresses: true }),
          { ...asNewcomer(third), renicked: true },
          world,
        ),
    ],
    [
      "a real address to moderators",
      23,
      () => shown([{ kind: "joined", participant: { ...third, affiliation: "none" } }], [first]),
    ],
    ["what is said", 45, () => shown([said(third, "Harpier cries: 'tis time, 'tis time.", "hysf1v37")])],
    [
      "what is said to one",
      47,
      () =>
        shown([
          said(second, "I'll give thee a wind.", "hgn27af1", { to: { key: first.key, nick: first.nick } }),
        ]),
    ],
    [
      "another nick",
      50,
      () => shown([{ kind: "renamed", key: third.key, from: "thirdwitch", nick: "oldhag" }]),
    ],
    [
      "another status",
      55,
      () =>
        shown([
          {
            kind: "status",
            key: second.key,
            nick: second.nick,
            status: { show: "xa", text: "gone where the goblins go" },
          },
        ]),
    ],
    ["somebody leaves", 82, () => shown([gone(third, "left")])],
    [
      "a subject",
      85,
      () => shown([{ kind: "subject", text: "Fire Burn and Cauldron Bubble!", by: actor(second) }]),
    ],
    [
      "a kick, to the kicked",
      89,
      () =>
        shown(
          [gone(pistol, "kicked", { by: actor(fluellen), reason: "Avaunt, you cullion!" })],
          [pistol, fluellen],
          {},
          harfleur,
        ),
    ],
    ["a kick, to the others", 91, () => shown([gone(pistol, "kicked")], [pistol, fluellen], {}, harfleur)],
    [
      "a voice",
      96,
      () =>
        shown(
          [{ kind: "role", key: third.key, nick: third.nick, role: "speaker", reason }],
          [first, { ...third, role: "observer" }],
        ),
    ],
    ["no voice", 100, () => shown([{ kind: "role", key: third.key, nick: third.nick, role: "observer" }])],
    [
      "membership",
      122,
      () =>
        shown(
          [
            {
              kind: "affiliation",
              address: third.address,
              affiliation: "member",
              key: third.key,
              nick: third.nick,
              role: "speaker",
            },
          ],
          [first, { ...third, affiliation: "none" }],
        ),
    ],
    [
      "no membership",
      126,
      () =>
        shown([
          {
            kind: "affiliation",
            address: third.address,
            affiliation: "none",
            key: third.key,
            nick: third.nick,
            role: "speaker",
          },
        ]),
    ],
    [
      "a moderator",
      139,
      () => shown([{ kind: "role", key: third.key, nick: third.nick, role: "moderator" }]),
    ],
    [
      "the history is kept from now on",
      170,
      () => shown([{ kind: "configured", config }], [first], { history: 0 }),
    ],
    [
      "an affiliation of somebody who is away",
      189,
      () => shown([{ kind: "affiliation", address: second.address, affiliation: "admin" }], [first]),
    ],
    ["an error, to the others", 205, () => shown([gone(pistol, "lost")], [pistol, fluellen], {}, harfleur)],
    ["an error, to himself", 204, () => shown([gone(pistol, "lost")], [pistol, fluellen], {}, harfleur)],
  ])("%s", (_, n, make) => {
    const ours = received(make());
    for (const example of stanzas(examples.get(n) ?? "")) {
      const mine = ours
        .filter(({ to }) => to === example.attrs.to)
        .map(({ to, stanza }) => look({ ...stanza, attrs: { ...stanza.attrs, to } }));
      expect(mine).toContainEqual(look(example));
    }
  });

  test.skipIf(!existsSync(corpus))("the end of a room (110 besides)", () => {
    const alternate = coven;
    const outs = received(
      shown([{ kind: "destroyed", reason: "Macbeth doth come.", alternate }], undefined, {}, heath),
    );
    for (const example of stanzas(examples.get(201) ?? "")) {
      const mine = outs.find(({ to }) => to === example.attrs.to);
      expect(mine?.text).toContain(
        "<destroy jid='coven@chat.shakespeare.lit'><reason>Macbeth doth come.</reason></destroy>",
      );
      expect(mine?.text).toContain(`from='${example.attrs.from}'`);
      expect(mine?.text).toContain("<item affiliation='none' role='none'/>");
    }
  });
});

describe("who sees what", () => {
  const texts = (outs: readonly Out[], to: string): string[] =>
    received(outs)
      .filter((one) => one.to === to)
      .map((one) => one.text);
  const crone = "crone1@shakespeare.lit/desktop";
  const wicca = "wiccarocks@shakespeare.lit/laptop";
  const hag = "hag66@shakespeare.lit/pda";

  test("real addresses: moderators, himself, nobody else; all in an open room", () => {
    const visitor = witch("nurse", "phone", "nurse");
    const status: RoomChange = { kind: "status", key: visitor.key, nick: "nurse", status: { show: "away" } };
    const closed = shown([status], [first, third, visitor]);
    expect(texts(closed, crone)[0]).toContain("jid='nurse@shakespeare.lit/phone'");
    expect(texts(closed, hag)[0]).not.toContain("jid=");
    expect(texts(closed, "nurse@shakespeare.lit/phone")[0]).toContain("jid='nurse@shakespeare.lit/phone'");
    const open = shown([status], [first, third, visitor], { openAddresses: true });
    expect(texts(open, hag)[0]).toContain("jid='nurse@shakespeare.lit/phone'");
  });

  test("what is said in private is heard by its one alone", () => {
    const outs = shown([said(second, "psst", "p", { to: { key: first.key, nick: first.nick } })]);
    expect(received(outs).map(({ to }) => to)).toEqual([crone]);
    expect(texts(outs, crone)[0]).toContain("type='chat'");
  });

  test("people of a leg have no address, people of other protocols their face", () => {
    const carol = {
      ...witch("carol", "x", "carol"),
      endpoints: [],
      leg: "irc-demo/#lobby",
      key: "irc-demo/#lobby/carol",
    };
    const alice = { ...witch("alice", "x", "alice"), endpoints: [] };
    const outs = shown([
      { kind: "joined", participant: carol },
      { kind: "joined", participant: alice },
    ]);
    expect(texts(outs, crone)[0]).not.toContain("jid=");
    expect(texts(outs, crone)[1]).toContain("jid='alice@shakespeare.lit'");
  });

  test("a ban is one leaving with 301, not a change of rank before it", () => {
    const outs = shown([
      {
        kind: "affiliation",
        address: third.address,
        affiliation: "outcast",
        key: third.key,
        nick: third.nick,
        role: "speaker",
      },
      gone(third, "banned", { by: actor(first), reason: "spam" }),
    ]);
    expect(texts(outs, wicca)).toHaveLength(1);
    expect(texts(outs, hag)[0]).toContain("<actor nick='firstwitch'/><reason>spam</reason>");
  });

  test("out of a room for members: 321 who was struck, 322 when it became one", () => {
    const members = { ...config, membersOnly: true };
    const struck = shown(
      [
        {
          kind: "affiliation",
          address: third.address,
          affiliation: "none",
          key: third.key,
          nick: third.nick,
          role: "speaker",
        },
        gone(third, "not-a-member", { by: actor(first) }),
      ],
      undefined,
      { membersOnly: true },
    );
    expect(texts(struck, hag).join()).toContain("code='321'");
    const closed = shown([
      { kind: "configured", config: members },
      gone(third, "not-a-member", { by: actor(first) }),
    ]);
    expect(texts(closed, hag).join()).toContain("code='322'");
  });

  test("somebody who got a rank while he was away is told (101), not whoever made it so", () => {
    const outs = shown([
      { kind: "affiliation", address: { local: "hecate", domain: "shakespeare.lit" }, affiliation: "member" },
    ]);
    expect(texts(outs, "hecate@shakespeare.lit")[0]).toContain("code='101'");
    const self = shown(
      [{ kind: "affiliation", address: third.address, affiliation: "owner", by: { address: third.address } }],
      [],
    );
    expect(self).toEqual([]);
  });

  test("a netsplit: the notice, then the leaving of each, without reproach", () => {
    const outs = shown([
      {
        kind: "roster",
        leg: "irc-demo/#lobby",
        joined: [],
        gone: [{ key: third.key, nick: third.nick, cause: "netsplit", reason: "a.b c.d" }],
        text: "The channel is split.",
      },
    ]);
    expect(texts(outs, crone)[0]).toContain("<body>The channel is split.</body>");
    expect(texts(outs, crone)[1]).toContain("<status>a.b c.d</status>");
    expect(texts(outs, crone)[1]).not.toContain("code=");
  });
});

describe("what is said, with all that belongs to it", () => {
  const one = (change: RoomChange): string => received(shown([change], [first, third]))[0]?.text ?? "";

  test.each<[string, RoomChange, string]>([
    ["an action", said(third, "waves", "m", { action: true }), "<body>/me waves</body>"],
    [
      "the room's id of it",
      said(third, "hi", "m"),
      "<stanza-id xmlns='urn:xmpp:sid:0' by='coven@chat.shakespeare.lit' id='event-4'/>",
    ],
    ["a thread and a language", said(third, "hi", "m", { thread: "t", language: "de" }), "xml:lang='de'"],
    [
      "an answer, with what it answers for others to read",
      said(third, "yes", "m", {
        repliesTo: { id: "e1", nick: "firstwitch", excerpt: "When shall we three meet" },
      }),
      "<body>&gt; firstwitch: When shall we three meet\nyes</body>",
    ],
    [
      "the range to cut off, in code points",
      said(third, "yes", "m", { repliesTo: { id: "e1", nick: "firstwitch", excerpt: "🧹" } }),
      "<body start='0' end='16'/>",
    ],
    [
      "an answer names its message and author",
      said(third, "yes", "m", { repliesTo: { id: "e1", nick: "firstwitch" } }),
      "<reply xmlns='urn:xmpp:reply:0' to='coven@chat.shakespeare.lit/firstwitch' id='e1'/>",
    ],
    [
      "a correction of what is forgotten",
      said(third, "hi", "m", { corrects: "e0" }),
      "<replace xmlns='urn:xmpp:message-correct:0' id='e0'/>",
    ],
    [
      "reactions",
      { kind: "reacted", message: "e1", by: actor(third), emoji: ["👋", "🐢"] },
      "<reactions xmlns='urn:xmpp:reactions:0' id='e1'><reaction>👋</reaction><reaction>🐢</reaction></reactions>",
    ],
    [
      "taken back",
      { kind: "retracted", message: "e1", by: actor(third), moderated: false },
      "<retract xmlns='urn:xmpp:message-retract:1' id='e1'/>",
    ],
    [
      "taken away (XEP-0425 example 5)",
      { kind: "retracted", message: "e1", by: actor(first), moderated: true, reason: "not here" },
      "<moderated xmlns='urn:xmpp:message-moderate:1' by='coven@chat.shakespeare.lit/firstwitch'>",
    ],
    ["what no XML can carry", said(third, "a\u0000b", "m"), "<body>a\ufffdb</body>"],
  ])("%s", (_, change, wanted) => {
    expect(one(change)).toContain(wanted);
  });

  test("a correction names the id under which its author sent the first one", () => {
    const view = roomOf([first, third]);
    const stage = shownTo(view);
    const show = (change: RoomChange): string => {
      const event = next(view, change);
      applyEvent(view, event);
      return received(fromEvent({ event, stage, view, world }))[0]?.text ?? "";
    };
    show(said(third, "helo", "bad1"));
    expect(show(said(third, "hello", "good1", { corrects: "event-4" }))).toContain("id='bad1'/>");
  });
});
