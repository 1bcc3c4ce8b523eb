// Law: whoever has been shown a room as it was, and then what he missed, knows the room as it is.
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Participant } from "#bus-schemas/events/room.ts";
import { applyEvent } from "#bus-schemas/rooms/view.ts";
import { received, roomOf, shownTo, witch, world } from "./coven-for-test.ts";
import { picture } from "./picture.ts";
import { missedPresence, newcomers } from "./resume.ts";
import { type Out, recipientsOf } from "./stage.ts";

const names = ["a", "b", "c", "d", "e"];
const person = fc.record({
  local: fc.constantFrom(...names),
  nick: fc.constantFrom("n1", "n2", "n3", "n4", "n5", "n6", "n7"),
  role: fc.constantFrom("observer", "speaker", "moderator"),
  affiliation: fc.constantFrom("none", "member", "owner"),
  show: fc.constantFrom("available", "away", undefined),
});
const people = fc
  .uniqueArray(person, { maxLength: 5, selector: ({ local }) => local })
  .filter((all) => new Set(all.map(({ nick }) => nick)).size === all.length)
  .map((all) =>
    all.map(
      ({ local, nick, role, affiliation, show }): Participant =>
        witch(local, "x", nick, {
          role,
          affiliation,
          ...(show && { status: { show } }),
        } as Partial<Participant>),
    ),
  );

/** A client that believes what it is shown. */
function believe(roster: Map<string, string>, outs: readonly Out[], jid: string): void {
  for (const { to, text, stanza } of received(outs)) {
    if (to !== jid || stanza.name !== "presence") continue;
    const nick = stanza.attrs.from?.split("/")[1] ?? "";
    if (stanza.attrs.type === "unavailable") roster.delete(nick);
    else roster.set(nick, text.replace(/<status code='\d+'\/>/g, "").replace(/ jid='[^']*'/, ""));
  }
}

test("what was missed brings everybody who stays up to date", () => {
  fc.assert(
    fc.property(people, people, (before, after) => {
      const old = roomOf(before);
      const view = roomOf(after);
      const stage = shownTo(old);
      const stays = after.filter(({ key }) => before.some((one) => one.key === key));
      const missed = missedPresence({ stage, view, world });
      for (const one of stays) {
        const [recipient] = recipientsOf(one);
        if (!recipient) throw new Error("a device");
        const newcomer = { recipient, history: {}, created: false, renicked: false };
        const [knows, should] = [new Map<string, string>(), new Map<string, string>()];
        believe(knows, picture(old, newcomer, world), recipient.jid);
        believe(knows, missed, recipient.jid);
        believe(should, picture(view, newcomer, world), recipient.jid);
        expect(Object.fromEntries(knows)).toEqual(Object.fromEntries(should));
      }
    }),
  );
});

test("who is out meanwhile learns it; who came meanwhile is to be shown the room", () => {
  const [ann, ben, cid] = [witch("a", "x", "ann"), witch("b", "x", "ben"), witch("c", "x", "cid")];
  const stage = shownTo(roomOf([ann, ben]));
  const view = roomOf([ann, cid]);
  const missed = received(missedPresence({ stage, view, world }));
  const farewell = missed.find(({ to }) => to === "b@shakespeare.lit/x")?.text;
  expect(farewell).toContain("type='unavailable'");
  expect(farewell).toContain("code='110'");
  expect(newcomers({ stage, view, world }).map(({ jid }) => jid)).toEqual(["c@shakespeare.lit/x"]);
});

test("a room that is no more says so", () => {
  const before = roomOf([witch("a", "x", "ann")]);
  const stage = shownTo(before);
  const view = roomOf([]);
  applyEvent(view, {
    id: "d",
    type: "room.event",
    version: 1,
    room: view.room,
    epoch: 0,
    number: view.number + 1,
    time: 0,
    change: { kind: "destroyed" },
  });
  expect(received(missedPresence({ stage, view, world }))[0]?.text).toContain("<destroy/>");
});
