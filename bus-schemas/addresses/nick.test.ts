// IRC names: what a network takes, how it compares, and that any name of any protocol becomes a legal nick.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  foldIrc,
  fromNick,
  isChannel,
  isNick,
  type NickRules,
  nextNick,
  nickOf,
  sameIrc,
  toNick,
} from "./nick.ts";

const old: NickRules = { nickLength: 9, casemapping: "rfc1459", utf8: false };
const modern: NickRules = { nickLength: 30, casemapping: "ascii", utf8: false };
const wide: NickRules = { nickLength: 20, casemapping: "rfc7613", utf8: true };

test.each([
  ["ascii", "Ab[]\\~", "ab[]\\~"],
  ["rfc1459", "Ab[]\\~", "ab{}|^"],
  ["rfc1459-strict", "Ab[]\\~", "ab{}|~"],
  ["rfc7613", "ÄB[]", "äb[]"],
] as const)("under %s %s is %s", (mapping, text, folded) => {
  expect(foldIrc(text, mapping)).toBe(folded);
  expect(sameIrc(text, folded, mapping)).toBe(true);
});

test("letters beyond ASCII are not folded by the old mappings", () => {
  expect(sameIrc("Ä", "ä", "rfc1459")).toBe(false);
});

test.each([
  ["carol", old, true],
  ["[carol]", old, true],
  ["_carol-9", old, true],
  ["9carol", old, false],
  ["-carol", old, false],
  ["carolcarol", old, false],
  ["carolcarol", modern, true],
  ["caröl", modern, false],
  ["caröl", wide, true],
  ["carol!", modern, false],
  ["#carol", modern, false],
  ["", modern, false],
  ["日本語日本語日", wide, false],
] as const)("nick %s under %o: %s", (nick, rules, legal) => {
  expect(isNick(nick, rules)).toBe(legal);
  expect(nickOf({ local: nick, domain: "irc.example" }, rules).ok).toBe(legal);
});

test.each([
  ["#lobby", true],
  ["&local", true],
  ["#", false],
  ["lobby", false],
  ["#a b", false],
  ["#a,b", false],
  ["#a\u0007", false],
  ["#a:b@c'", true],
  ["+modeless", false],
])("channel %j: %s", (name, legal) => {
  expect(isChannel(name)).toBe(legal);
});

test("channel types are the network's", () => {
  expect(isChannel("+modeless", "#+")).toBe(true);
  expect(isChannel("#lobby", "")).toBe(false);
});

describe("toNick", () => {
  test.each([
    ["a plain name", "alice", modern, "alice"],
    ["cut to length", "alexandrina", old, "alexandri"],
    ["marks fall off", "José Müller", modern, "Jose_Muller"],
    ["a digit first", "007", modern, "_007"],
    ["a hyphen first", "-x", modern, "_-x"],
    ["runs become one sign", "a @ b", modern, "a_b"],
    ["letters of other scripts where they are allowed", "Ольга", wide, "Ольга"],
    ["cut inside no character", "日本語日本語日本語", wide, "日本語日本語"],
    ["ligatures are spelt out", "ﬁ", modern, "fi"],
  ])("%s", (_name, text, rules, nick) => {
    expect(toNick(text, rules)).toBe(nick);
  });

  test("a name that leaves nothing to read gets a stable number, each its own", () => {
    expect(toNick("Ольга", modern)).toMatch(/^user[0-9a-f]{6}$/);
    expect(toNick("Ольга", modern)).toBe(toNick("Ольга", modern));
    expect(toNick("Ольга", modern)).not.toBe(toNick("Борис", modern));
  });

  test("whatever the name, a legal nick, and legal ones after it", () => {
    const name = fc.string({ maxLength: 60, unit: "binary" });
    fc.assert(
      fc.property(name, fc.constantFrom(old, modern, wide), fc.nat(2000), (text, rules, attempt) => {
        const nick = toNick(text, rules);
        expect(nick).toSatisfy((made: string) => isNick(made, rules));
        expect(nextNick(nick, attempt + 1, rules)).toSatisfy((made: string) => isNick(made, rules));
      }),
      { numRuns: 1000 },
    );
  });

  test("a legal nick stays as it is", () => {
    for (const nick of ["[x]", "a-b_c", "{}|^"]) expect(toNick(nick, modern)).toBe(nick);
  });

  test("a hundred attempts give a hundred nicks", () => {
    for (const rules of [old, modern, wide]) {
      const nicks = Array.from({ length: 100 }, (_, i) => nextNick("alexandrina", i + 1, rules));
      expect(new Set(nicks).size).toBe(100);
      expect(nicks.slice(0, 3)).toEqual(
        rules === old
          ? ["alexandr_", "alexandr2", "alexandr3"]
          : ["alexandrina_", "alexandrina2", "alexandrina3"],
      );
    }
  });
});

describe("fromNick", () => {
  test("nicks and channels keep the network's spelling", () => {
    expect(fromNick("Carol[x]", "irc.example")).toEqual({
      ok: true,
      value: { local: "Carol[x]", domain: "irc.example" },
    });
    expect(fromNick("#Lobby", "irc.example")).toEqual({
      ok: true,
      value: { local: "#Lobby", domain: "irc.example" },
    });
  });

  test.each(["", "a b", "a\r\nb", "x".repeat(1024)])("refused: %j", (nick) => {
    expect(fromNick(nick, "irc.example").ok).toBe(false);
  });
});
