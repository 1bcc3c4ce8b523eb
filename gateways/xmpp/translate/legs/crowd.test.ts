// The people of a foreign room: whatever they do, what is told in batches leads to the same roster as looking at all of them at once.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Batch, Crowd, crowdLimits, personThere } from "./crowd.ts";
import type { ForeignPresence } from "./foreign-presence.ts";
import { joinRefusal } from "./join-errors.ts";
import { KnownIds, knownLimits } from "./known-ids.ts";

const here = (nick: string): ForeignPresence => ({
  is: "here",
  occupant: { nick, role: "speaker" },
  isSelf: false,
  codes: new Set(),
});
const gone = (nick: string, newNick?: string): ForeignPresence => ({
  is: "gone",
  nick,
  isSelf: false,
  codes: new Set(newNick === undefined ? [] : ["303"]),
  isDestroyed: false,
  ...(newNick !== undefined && { newNick }),
});
const ours = new Set(["Alice", "Dora"]);
const crowd = (...nicks: string[]): Crowd => {
  const made = new Crowd(({ nick }) => ours.has(nick));
  for (const nick of nicks) made.add(here(nick));
  made.isWhole = true;
  return made;
};
const plain = (batch: Batch | undefined): object | undefined =>
  batch && {
    joined: batch.joined.map(({ nick }) => nick),
    gone: batch.gone.map(({ name }) => name),
    renamed: batch.renamed.map(({ from, name }) => `${from}>${name}`),
  };

describe("what is told", () => {
  test.each<[string, string[], ForeignPresence[], object | undefined]>([
    ["ours are not", [], [here("Alice"), gone("Alice")], undefined],
    ["who comes", [], [here("Bob"), here("Carol")], { joined: ["Bob", "Carol"], gone: [], renamed: [] }],
    ["who goes", ["Bob"], [gone("Bob")], { joined: [], gone: ["Bob"], renamed: [] }],
    ["who was not there does not go", [], [gone("Bob")], undefined],
    [
      "a new nick, shown again under it",
      ["Bob"],
      [gone("Bob", "Rob"), here("Rob")],
      { joined: [], gone: [], renamed: ["Bob>Rob"] },
    ],
    [
      "another rank is told as coming again",
      ["Bob"],
      [{ is: "here", occupant: { nick: "Bob", role: "moderator" }, isSelf: false, codes: new Set() }],
      { joined: ["Bob"], gone: [], renamed: [] },
    ],
    ["a status is nothing", ["Bob"], [here("Bob")], undefined],
  ])("%s", (_name, before, happens, told) => {
    const made = crowd(...before);
    for (const one of happens) expect(made.add(one)).toBeUndefined();
    expect(plain(made.take())).toEqual(told);
    expect(made.take()).toBeUndefined();
  });

  test("before the picture is whole nothing is", () => {
    const made = new Crowd(() => false);
    made.add(here("Bob"));
    expect(made.take()).toBeUndefined();
    expect(made.strangers().map(({ nick }) => nick)).toEqual(["Bob"]);
  });

  test("a second change of one nick tells the first one before", () => {
    const made = crowd("Bob");
    made.add(gone("Bob"));
    expect(plain(made.add(here("Bob")))).toEqual({ joined: [], gone: ["Bob"], renamed: [] });
    expect(plain(made.take())).toEqual({ joined: ["Bob"], gone: [], renamed: [] });
  });

  test("who was shown as a stranger and is ours is taken back", () => {
    const made = new Crowd(() => false);
    made.isWhole = true;
    made.add(here("Alice"));
    made.take();
    made.isOursAfterAll("Alice");
    expect(plain(made.take())).toEqual({ joined: [], gone: ["Alice"], renamed: [] });
  });

  test("more people than the limit are there unseen", () => {
    const made = crowd();
    for (let count = 0; count <= crowdLimits.people; count += 1) made.add(here(`n${count}`));
    expect(made.people.size).toBe(crowdLimits.people);
  });

  test("the batches lead to the roster", () => {
    const nick = fc.constantFrom("Alice", "Bob", "Carol", "Eve");
    const step = fc.oneof(
      nick.map((one) => ({ go: here(one) })),
      nick.map((one) => ({ go: gone(one) })),
      fc.tuple(nick, nick).map(([from, to]) => ({ from, to })),
      fc.constant("flush" as const),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const made = crowd();
        const roster = new Set<string>();
        const apply = (batch: Batch | undefined): void => {
          for (const { from, name } of batch?.renamed ?? []) if (roster.delete(from)) roster.add(name);
          for (const { name } of batch?.gone ?? []) roster.delete(name);
          for (const one of batch?.joined ?? []) roster.add(one.nick);
        };
        for (const one of steps) {
          if (one === "flush") apply(made.take());
          else if ("go" in one) apply(made.add(one.go));
          // A room renames somebody who is there, to a nick that is free, and no stranger to one of ours.
          else if (
            made.people.has(one.from) &&
            !made.people.has(one.to) &&
            !ours.has(one.to) &&
            !ours.has(one.from)
          ) {
            apply(made.add(gone(one.from, one.to)));
            apply(made.add(here(one.to)));
          }
        }
        apply(made.take());
        expect([...roster].sort()).toEqual(
          made
            .strangers()
            .map((each) => each.nick)
            .sort(),
        );
      }),
    );
  });
});

test("somebody of theirs is never taken for the room itself", () => {
  const room = { local: "talk", domain: "muc.other.example" };
  expect(personThere(room, "talk").address).toEqual({
    local: "talk",
    domain: "muc.other.example",
    device: "talk",
  });
});

describe("refusals at a door (XEP-0045 §7.2)", () => {
  test.each([
    ["not-authorized", "password", "never"],
    ["forbidden", "banned", "never"],
    ["item-not-found", "no-such-room", "never"],
    ["not-allowed", "creation-forbidden", "never"],
    ["not-acceptable", "nick-invalid", "nick"],
    ["registration-required", "members-only", "never"],
    ["conflict", "nick-taken", "nick"],
    ["service-unavailable", "full", "later"],
    ["gone", "gone", "never"],
    ["remote-server-timeout", "unreachable", "later"],
    ["remote-server-not-found", "unreachable", "never"],
    ["something new", "forbidden", "never"],
    ["__proto__", "forbidden", "never"],
  ])("%s", (condition, reason, next) => {
    expect(joinRefusal(condition)).toEqual({ reason, next });
  });
});

describe("names on both sides", () => {
  test("by event, by the room's id, by the sender's id", () => {
    const known = new KnownIds();
    known.remember({ event: "e1", stanzaId: "S1", id: "m1", nick: "Bob" });
    expect(known.eventOf("S1")).toBe("e1");
    expect(known.eventOf("m1")).toBe("e1");
    expect(known.nameThere("e1")).toBe("S1");
    known.remember({ event: "e1", id: "m2" });
    expect([known.eventOf("S1"), known.eventOf("m2"), known.nameThere("e1")]).toEqual([
      undefined,
      "e1",
      "m2",
    ]);
  });

  test("the oldest go first, and leave nothing behind", () => {
    const known = new KnownIds();
    for (let count = 0; count <= knownLimits.messages; count += 1)
      known.remember({ event: `e${count}`, stanzaId: `S${count}` });
    expect(known.eventOf("S0")).toBeUndefined();
    expect(known.newest(knownLimits.messages * 2)).toHaveLength(knownLimits.messages);
    expect(known.newest(1)[0]?.event).toBe(`e${knownLimits.messages}`);
  });

  test("an id that somebody repeats names the newer message", () => {
    const known = new KnownIds();
    known.remember({ event: "e1", id: "m" });
    known.remember({ event: "e2", id: "m" });
    expect(known.eventOf("m")).toBe("e2");
    known.remember({ event: "e1", id: "other" });
    expect(known.eventOf("m")).toBe("e2");
  });
});
