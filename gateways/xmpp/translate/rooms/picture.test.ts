import { describe, expect, test } from "vitest";
import type { RoomChange } from "#bus-schemas/events/room.ts";
import { applyEvent, type RoomView } from "#bus-schemas/rooms/view.ts";
import { ns } from "../../wire/element.ts";
import { print } from "../../wire/print.ts";
import { first, next, roomOf, second, third, world } from "./coven-for-test.ts";
import { type HistoryWish, historyOf, picture } from "./picture.ts";
import { recipientsOf } from "./stage.ts";

const actor = { key: first.key, nick: first.nick };
const said = (body: string, more: object = {}): RoomChange => ({
  kind: "said",
  message: {
    from: actor,
    origin: { carrier: "xmpp", messageId: body },
    kind: "chat",
    action: false,
    text: body,
    ...more,
  },
});

/** A room in which this has happened, a second apart. */
function roomAfter(changes: readonly RoomChange[], history = 100): RoomView {
  const view = roomOf([first, second, third], { history });
  changes.forEach(
    (change, index) => void applyEvent(view, next(view, change, `e${index}`, (index + 1) * 1_000)),
  );
  return view;
}
const bodies = (view: RoomView, wish: HistoryWish): string[] =>
  historyOf(view, wish, world).flatMap(
    (stanza) => /<body>(.*?)<\/body>/.exec(print(stanza, ns.component))?.[1] ?? "-",
  );

describe("history, as it is wished (XEP-0045 §7.2.14)", () => {
  const abc = ["a", "b", "c"].map((body) => said(body));
  test.each<[string, RoomChange[], HistoryWish, string[]]>([
    ["all there is", abc, {}, ["a", "b", "c"]],
    ["none", abc, { maxStanzas: 0 }, []],
    ["the last ones", abc, { maxStanzas: 2 }, ["b", "c"]],
    ["none that fit", abc, { maxChars: 10 }, []],
    ["since a moment", abc, { since: 2_000 }, ["b", "c"]],
    [
      "nothing private",
      [...abc, said("psst", { to: { key: third.key, nick: third.nick } })],
      {},
      ["a", "b", "c"],
    ],
    [
      "nothing taken back, but that it was",
      [...abc, { kind: "retracted", message: "e1", by: actor, moderated: true }],
      {},
      ["a", "c", "-"],
    ],
    [
      "reactions ride along",
      [...abc, { kind: "reacted", message: "e2", by: actor, emoji: ["👋"] }],
      { maxStanzas: 1 },
      ["c", "-"],
    ],
    ["the subject is not history", [said("a"), { kind: "subject", text: "s", by: actor }], {}, ["a"]],
  ])("%s", (_, changes, wish, expected) => {
    expect(bodies(roomAfter(changes), wish)).toEqual(expected);
  });

  test("a room that keeps nothing shows nothing", () => {
    expect(bodies(roomAfter([said("a")], 0), {})).toEqual([]);
  });

  test("is stamped, under its own ids", () => {
    const [stanza] = historyOf(roomAfter([said("a")]), {}, world);
    const text = stanza ? print(stanza, ns.component) : "";
    expect(text).toContain(
      "<delay xmlns='urn:xmpp:delay' from='coven@chat.shakespeare.lit' stamp='1970-01-01T00:00:01.000Z'/>",
    );
    expect(text).toContain("id='e0'");
  });
});

describe("the picture", () => {
  const [recipient] = recipientsOf(third);
  const texts = (view: RoomView, created = false): string[] =>
    recipient
      ? picture(view, { recipient, history: {}, created, renicked: false }, world).map(({ stanza }) =>
          print(stanza, ns.component),
        )
      : [];

  test("others, himself, history, subject: in this order (§7.2)", () => {
    const order = texts(
      roomAfter([{ kind: "subject", text: "Fire", by: { key: second.key, nick: second.nick } }, said("a")]),
    ).map((text) => /code='110'/.exec(text)?.[0] ?? /firstwitch|secondwitch|thirdwitch/.exec(text)?.[0]);
    expect(order).toEqual(["firstwitch", "secondwitch", "code='110'", "firstwitch", "secondwitch"]);
  });

  test("an empty subject is shown too", () => {
    expect(texts(roomAfter([])).at(-1)).toBe(
      "<message from='coven@chat.shakespeare.lit' type='groupchat'><subject></subject></message>",
    );
  });

  test("who made the room is told (201)", () => {
    expect(texts(roomAfter([]), true)[2]).toContain("<status code='201'/>");
  });

  test("an occupant is printed once for all who may see as much", () => {
    const view = roomAfter([]);
    const outs = recipientsOf(third).map((one) =>
      picture(view, { recipient: one, history: {}, created: false, renicked: false }, world),
    );
    const again = recipientsOf(third).map((one) =>
      picture(view, { recipient: one, history: {}, created: false, renicked: false }, world),
    );
    expect(outs[0]?.[0]?.stanza).toBe(again[0]?.[0]?.stanza);
  });
});
