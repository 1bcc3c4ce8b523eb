import { describe, expect, test } from "vitest";
import { roomReasons } from "#bus-schemas/events/room-command.ts";
import { reasons } from "#bus-schemas/reason.ts";
import { applyEvent } from "#bus-schemas/rooms/view.ts";
import { element, elements, ns } from "../../wire/element.ts";
import { print } from "../../wire/print.ts";
import { parseElement } from "../../wire/read.ts";
import { finElement, pageStanzas, readQuery } from "./archive.ts";
import { config, coven, first, next, roomOf, second, third, world } from "./coven-for-test.ts";
import { refuse, roomError, roomErrors, roomReasonOf } from "./errors.ts";
import { readForm } from "./form.ts";
import { askedList, listElement, readChanges } from "./lists.ts";
import { byResource, occupantId, occupantJid, shownNick } from "./names.ts";
import { deviceToken, readRelayId, relayId } from "./relay.ts";
import { configForm, readConfig, roomInfo } from "./room-info.ts";
import { roomList } from "./service.ts";

const parsed = (xml: string): ReturnType<typeof element> => {
  const read = parseElement(xml);
  if (!read.ok) throw new Error(read.error);
  return read.value;
};
const text = (one: ReturnType<typeof element>): string => print(one, ns.component);

describe("errors", () => {
  // RFC 6120 §8.3.3, by the type that each condition usually has.
  test.each(roomReasons)("%s is a condition of XMPP", (reason) => {
    expect(roomErrors[reason].condition).toMatch(/^[a-z-]+$/);
    expect(text(roomError(reason, "coven@chat.shakespeare.lit"))).toContain(
      `<${roomErrors[reason].condition} xmlns='${ns.stanzas}'/>`,
    );
  });
  test.each(reasons)("a message's %s is a reason of a room", (reason) => {
    expect(roomReasons).toContain(roomReasonOf[reason]);
  });
  test.each([
    ["nick-taken", "conflict"],
    ["password", "not-authorized"],
    ["members-only", "registration-required"],
    ["banned", "forbidden"],
    ["full", "service-unavailable"],
    ["creation-forbidden", "not-allowed"],
    ["not-joined", "not-acceptable"],
    ["no-such-person", "item-not-found"],
  ] as const)("%s is %s (XEP-0045 §7)", (reason, condition) => {
    expect(roomErrors[reason].condition).toBe(condition);
  });
  test("an error is never answered, and repeats what was asked for", () => {
    const error = roomError("banned", "coven@chat.shakespeare.lit");
    expect(
      refuse(parsed(`<presence xmlns='${ns.component}' from='a@b' type='error'/>`), error),
    ).toBeUndefined();
    const answer = refuse(
      parsed(
        `<presence xmlns='${ns.component}' from='a@b/c' to='coven@chat.shakespeare.lit/a'><x xmlns='${ns.muc}'/></presence>`,
      ),
      error,
    );
    expect(answer && text(answer)).toContain(`type='error'`);
    expect(answer && text(answer)).toContain(`<x xmlns='${ns.muc}'/>`);
  });
});

describe("names", () => {
  test("a nick that no JID can hold is shown as another, and found by it", () => {
    const odd = { ...third, nick: "a\u2028b" };
    const view = roomOf([odd]);
    const shown = shownNick(coven, odd);
    expect(shown).toMatch(/^nick-[0-9a-f]{8}$/);
    expect(byResource(view, shown)?.key).toBe(third.key);
    expect(occupantJid(coven, odd)).toBe(`coven@chat.shakespeare.lit/${shown}`);
  });
  test("an occupant id is one person's in one room, and tells nothing", () => {
    const id = occupantId(coven, third.key, "s");
    expect(id).toBe(occupantId(coven, third.key, "s"));
    expect(id).not.toBe(occupantId({ ...coven, local: "den" }, third.key, "s"));
    expect(id).not.toBe(occupantId(coven, third.key, "t"));
    expect(id).not.toContain("hag66");
  });
});

describe("configuration", () => {
  test("law: a form given back as it is changes nothing", () => {
    const form = configForm({ ...config, title: "Coven", password: "p", language: "en", description: "d" });
    const read = readForm(element("query", ns.mucOwner, {}, form));
    expect(read && readConfig(read)).toEqual({
      ...config,
      title: "Coven",
      password: "p",
      language: "en",
      description: "d",
    });
  });
  test.each<[string, string, object]>([
    ["an instant room changes nothing", "", {}],
    [
      "no password any more",
      "<field var='muc#roomconfig_passwordprotectedroom'><value>0</value></field>",
      { password: null },
    ],
    ["a password", "<field var='muc#roomconfig_roomsecret'><value>x</value></field>", { password: "x" }],
    [
      "sense out of nonsense",
      "<field var='muc#roomconfig_maxusers'><value>many</value></field><field var='muc#roomconfig_membersonly'><value>maybe</value></field>",
      {},
    ],
    [
      "the limits of a room",
      "<field var='muc#roomconfig_maxusers'><value>999999</value></field>",
      { maxParticipants: 5_000 },
    ],
    [
      "true and 1 (XEP-0004 §3.3)",
      "<field var='muc#roomconfig_moderatedroom'><value>true</value></field>",
      { moderated: true },
    ],
    [
      "who sees addresses",
      "<field var='muc#roomconfig_whois'><value>anyone</value></field>",
      { openAddresses: true },
    ],
    [
      "who writes in private",
      "<field var='muc#roomconfig_allowpm'><value>moderators</value></field>",
      { privateMessages: "moderators" },
    ],
  ])("%s", (_, fields, expected) => {
    const form = readForm(
      parsed(`<query xmlns='${ns.mucOwner}'><x xmlns='jabber:x:data' type='submit'>${fields}</x></query>`),
    );
    expect(form && readConfig(form)).toEqual(expected);
  });
  test("features say what the room is like (XEP-0045 §6.4)", () => {
    const view = roomOf([first]);
    const is = roomInfo(view, {
      ...config,
      membersOnly: true,
      password: "x",
      openAddresses: true,
      moderated: true,
      listed: false,
      persistent: true,
    });
    for (const feature of [
      "muc_hidden",
      "muc_membersonly",
      "muc_moderated",
      "muc_nonanonymous",
      "muc_passwordprotected",
      "muc_persistent",
    ])
      expect(is.features).toContain(feature);
    const isnt = roomInfo(view, config);
    for (const feature of [
      "muc_public",
      "muc_open",
      "muc_unmoderated",
      "muc_semianonymous",
      "muc_unsecured",
      "muc_temporary",
    ])
      expect(isnt.features).toContain(feature);
  });
});

describe("lists", () => {
  const view = roomOf([first, second, third]);
  applyEvent(
    view,
    next(view, {
      kind: "affiliation",
      address: { local: "*", domain: "evil.example" },
      affiliation: "outcast",
      reason: "spam",
    }),
  );
  const query = (items: string): ReturnType<typeof element> =>
    parsed(`<query xmlns='${ns.mucAdmin}'>${items}</query>`);
  const changes = (items: string): unknown => readChanges(query(items), view, (address) => address);

  test("are asked for by rank or role", () => {
    expect(askedList(query("<item affiliation='outcast'/>"))).toEqual({ affiliation: "outcast" });
    expect(askedList(query("<item role='participant'/>"))).toEqual({ role: "speaker" });
    expect(askedList(query("<item role='none'/>"))).toBeUndefined();
  });
  test("name people, and whole domains", () => {
    expect(text(listElement(view, { affiliation: "outcast" }, world))).toContain(
      "<item affiliation='outcast' jid='evil.example'><reason>spam</reason></item>",
    );
    expect(text(listElement(view, { role: "speaker" }, world))).toContain(
      "<item affiliation='member' role='participant' nick='thirdwitch' jid='hag66@shakespeare.lit/pda'/>",
    );
  });
  test.each<[string, string, unknown]>([
    [
      "a kick",
      "<item nick='thirdwitch' role='none'><reason>out</reason></item>",
      [{ kind: "kick", target: { key: third.key }, reason: "out" }],
    ],
    [
      "a voice",
      "<item nick='thirdwitch' role='participant'/>",
      [{ kind: "role", target: { key: third.key }, role: "speaker" }],
    ],
    [
      "two bans are one wish (example 117)",
      "<item affiliation='outcast' jid='lordscroop@shakespeare.lit'><reason>Treason</reason></item><item affiliation='outcast' jid='evil.example'/>",
      [
        {
          kind: "affiliation",
          changes: [
            {
              address: { local: "lordscroop", domain: "shakespeare.lit" },
              affiliation: "outcast",
              reason: "Treason",
            },
            { address: { local: "*", domain: "evil.example" }, affiliation: "outcast" },
          ],
        },
      ],
    ],
    [
      "a member by nick",
      "<item affiliation='member' nick='thirdwitch'/>",
      [{ kind: "affiliation", changes: [{ address: third.address, affiliation: "member" }] }],
    ],
    ["nobody of that nick", "<item nick='nobody' role='none'/>", "no-such-person"],
    ["nothing asked", "", "bad-request"],
    ["an unknown rank", "<item affiliation='king' jid='a@b.c'/>", "bad-request"],
    ["an unknown role", "<item role='king' nick='thirdwitch'/>", "bad-request"],
  ])("%s", (_, items, expected) => {
    expect(changes(items)).toEqual(expected);
  });
});

describe("the archive", () => {
  const view = roomOf([first, third]);
  const say = (body: string, id: string): void =>
    void applyEvent(
      view,
      next(
        view,
        {
          kind: "said",
          message: {
            from: { key: third.key, nick: third.nick },
            origin: { carrier: "xmpp", messageId: id },
            kind: "chat",
            action: false,
            text: body,
          },
        },
        `e-${id}`,
      ),
    );
  say("one", "1");
  say("two", "2");
  applyEvent(
    view,
    next(
      view,
      { kind: "retracted", message: "e-1", by: { key: third.key, nick: third.nick }, moderated: false },
      "e-3",
    ),
  );
  const ask = (inside: string): unknown =>
    readQuery(parsed(`<query xmlns='urn:xmpp:mam:2'>${inside}</query>`), view);
  const field = (name: string, value: string): string =>
    `<x xmlns='jabber:x:data' type='submit'><field var='${name}'><value>${value}</value></field></x>`;

  test.each<[string, string, object | string]>([
    ["all", "", { max: 50 }],
    [
      "no more than a page",
      "<set xmlns='http://jabber.org/protocol/rsm'><max>5000</max></set>",
      { max: 100 },
    ],
    ["the last page", "<set xmlns='http://jabber.org/protocol/rsm'><before/></set>", { last: true }],
    [
      "before one",
      "<set xmlns='http://jabber.org/protocol/rsm'><before>e-2</before></set>",
      { before: "e-2", last: true },
    ],
    ["after one", "<set xmlns='http://jabber.org/protocol/rsm'><after>e-1</after></set>", { after: "e-1" }],
    ["from a moment", field("start", "1970-01-01T00:00:01Z"), { from: 1_000 }],
    ["of one person", field("with", "coven@chat.shakespeare.lit/thirdwitch"), { with: third.key }],
    ["at no time", field("start", "yesterday"), "bad-request"],
  ])("%s", (_, inside, expected) => {
    if (typeof expected === "string") expect(ask(inside)).toBe(expected);
    else expect(ask(inside)).toMatchObject(expected);
  });

  test("a page: forwarded, in the clients' namespace, what was taken back as a tombstone", () => {
    const page = { events: view.recent, complete: true, total: 3 };
    const texts = pageStanzas(page, view, "f27", false, world).map(text);
    expect(texts[0]).toContain("<result xmlns='urn:xmpp:mam:2' queryid='f27' id='e-1'>");
    expect(texts[0]).toContain("<retracted ");
    expect(texts[0]).not.toContain("<body>");
    expect(texts[1]).toContain("<message xmlns='jabber:client'");
    expect(texts[1]).toContain("<body>two</body>");
    expect(text(finElement(page))).toContain("complete='true'");
    expect(text(finElement(page))).toContain("<last>e-3</last><count>3</count>");
  });
});

test("a relayed id leads back, and tells nobody whose it is; others lead nowhere", () => {
  const token = deviceToken("hag66@shakespeare.lit/pda", "s");
  const id = relayId(token, "id 'x'");
  expect(readRelayId(id)).toEqual([token, "id 'x'"]);
  expect(Buffer.from(id.slice(6), "base64url").toString("utf8")).not.toContain("hag66");
  expect(token).not.toBe(deviceToken("hag66@shakespeare.lit/pda", "t"));
  for (const odd of [
    undefined,
    "x",
    "relay:",
    "relay:!!!",
    `relay:${Buffer.from("[1]").toString("base64url")}`,
  ])
    expect(readRelayId(odd)).toBeUndefined();
});

test("the list of rooms, page by page (XEP-0059)", () => {
  const rooms = ["c", "a", "b", "hidden"].map((local) => ({
    room: { local, domain: "r.example" },
    participants: 1,
    listed: local !== "hidden",
    carriers: [],
  }));
  const jids = (set: string): string[] =>
    elements(roomList(parsed(`<query xmlns='${ns.discoItems}'>${set}</query>`), rooms)).flatMap(
      ({ attrs }) => attrs.jid ?? [],
    );
  const rsm = (inside: string): string => `<set xmlns='${ns.rsm}'>${inside}</set>`;
  expect(jids("")).toEqual(["a@r.example", "b@r.example", "c@r.example"]);
  expect(jids(rsm("<max>1</max>"))).toEqual(["a@r.example"]);
  expect(jids(rsm("<max>1</max><after>a@r.example</after>"))).toEqual(["b@r.example"]);
  expect(jids(rsm("<max>1</max><before>c@r.example</before>"))).toEqual(["b@r.example"]);
  expect(jids(rsm("<max>1</max><before/>"))).toEqual(["c@r.example"]);
  expect(jids(rsm("<max>0</max>"))).toEqual([]);
});
