// Who is in a channel, line by line; and how changes are gathered.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { beforeIsupport, isupport } from "../wire/isupport.ts";
import { modeChanges } from "../wire/modes.ts";
import { parse } from "../wire/parse.ts";
import { Crowd, type Fact } from "./crowd.ts";
import { Gathering } from "./gathering.ts";

const support = isupport(beforeIsupport, ["PREFIX=(qaohv)~&@%+", "CHANMODES=beI,k,l,imnpst"]);

/** The crowd after these lines, and what they meant. */
function heard(...lines: string[]): { crowd: Crowd; facts: Fact[] } {
  const crowd = new Crowd("#Lobby", support);
  const facts = lines.flatMap((line) => {
    const parsed = parse(line);
    return parsed.ok ? [...crowd.hear(parsed.value)] : [];
  });
  return { crowd, facts };
}
const names = (crowd: Crowd): string[] =>
  [...crowd.members.values()].map(({ nick, ranks }) => `${ranks}/${nick}`);
const start = [":s 353 me = #lobby :@&zoe +yan", ":s 353 me = #lobby :xan!x@h", ":s 366 me #lobby :End"];

describe("lines", () => {
  test("NAMES in parts, with ranks and masks", () => {
    const { crowd, facts } = heard(...start);
    expect(names(crowd)).toEqual(["oa/zoe", "v/yan", "/xan"]);
    expect(facts).toEqual([{ is: "whole" }]);
  });

  test.each<[string, string, Fact[], string[]]>([
    ["JOIN", ":a!a@h JOIN :#LOBBY", [{ is: "came", nick: "a" }], ["oa/zoe", "v/yan", "/xan", "/a"]],
    ["JOIN again", ":ZOE!a@h JOIN #lobby", [], ["/ZOE", "v/yan", "/xan"]],
    ["JOIN elsewhere", ":a!a@h JOIN #other", [], ["oa/zoe", "v/yan", "/xan"]],
    [
      "PART",
      ":Yan!y@h PART #lobby :tea",
      [{ is: "went", nick: "Yan", how: "left", reason: "tea" }],
      ["oa/zoe", "/xan"],
    ],
    [
      "KICK",
      ":zoe!z@h KICK #lobby yan :out",
      [{ is: "went", nick: "yan", how: "kicked", reason: "out", by: "zoe" }],
      ["oa/zoe", "/xan"],
    ],
    [
      "QUIT",
      ":yan!y@h QUIT :Quit: a.b c.d",
      [{ is: "went", nick: "yan", how: "lost", reason: "Quit: a.b c.d" }],
      ["oa/zoe", "/xan"],
    ],
    [
      "netsplit",
      ":yan!y@h QUIT :hub.a.net leaf.b.net",
      [{ is: "went", nick: "yan", how: "netsplit", reason: "hub.a.net leaf.b.net" }],
      ["oa/zoe", "/xan"],
    ],
    ["QUIT of somebody else", ":who!y@h QUIT :x", [], ["oa/zoe", "v/yan", "/xan"]],
    [
      "NICK",
      ":yan!y@h NICK :yannick",
      [{ is: "renamed", from: "yan", nick: "yannick" }],
      ["oa/zoe", "/xan", "v/yannick"],
    ],
    [
      "TOPIC",
      ":zoe!z@h TOPIC #lobby :tea",
      [{ is: "topic", by: "zoe", text: "tea" }],
      ["oa/zoe", "v/yan", "/xan"],
    ],
    ["a message elsewhere", ":zoe!z@h PRIVMSG me :hi", [], ["oa/zoe", "v/yan", "/xan"]],
  ])("%s", (_what, line, facts, members) => {
    const { crowd, facts: found } = heard(...start, line);
    expect(found.slice(1)).toEqual(facts);
    expect(names(crowd)).toEqual(members);
  });

  test("MODE changes ranks and the channel's own modes; lists are neither", () => {
    const { crowd } = heard(
      ...start,
      ":zoe!z@h MODE #lobby -o+vkmb zoe xan secret *!*@bad",
      ":s 324 me #lobby +nt",
    );
    expect(names(crowd)).toEqual(["a/zoe", "v/yan", "v/xan"]);
    expect([...crowd.modes].sort()).toEqual(["b", "k", "m", "n", "t"]);
  });

  test("whatever comes, it does not throw", () => {
    const commands = [
      "JOIN",
      "PART",
      "KICK",
      "QUIT",
      "NICK",
      "MODE",
      "TOPIC",
      "353",
      "366",
      "324",
      "PRIVMSG",
    ];
    const word = fc.constantFrom("#lobby", "a", "b!u@h", "+ov", "", "-b", "x y");
    fc.assert(
      fc.property(
        fc.array(fc.tuple(word, fc.constantFrom(...commands), fc.array(word, { maxLength: 4 }))),
        (lines) => {
          const crowd = new Crowd("#lobby", support);
          for (const [source, command, params] of lines)
            crowd.hear({ tags: new Map(), source, command, params });
          expect(crowd.members.size).toBeLessThan(100);
        },
      ),
    );
  });
});

test("modes: a parameter that is missing leaves the change without one", () => {
  expect(modeChanges(["+ol-k", "zoe"], support)).toEqual([
    { set: true, mode: "o", argument: "zoe" },
    { set: true, mode: "l", argument: undefined },
    { set: false, mode: "k", argument: undefined },
  ]);
});

describe("gathered", () => {
  const came = (nick: string): Fact => ({ is: "came", nick });
  const went = (nick: string, how: "left" | "netsplit" = "left"): Fact => ({
    is: "went",
    nick,
    how,
    reason: "a.b c.d",
  });

  test("a netsplit is one batch with its servers", () => {
    const gathering = new Gathering((name) => name.toLowerCase());
    for (let count = 0; count < 50; count++)
      expect(gathering.add(went(`n${count}`, "netsplit"))).toBeUndefined();
    const batch = gathering.take();
    expect(batch?.gone).toHaveLength(50);
    expect(batch?.text).toBe("netsplit: a.b c.d");
    expect(gathering.take()).toBeUndefined();
  });

  test("what happens to one name twice is told in two batches, in order", () => {
    const gathering = new Gathering((name) => name.toLowerCase());
    expect(gathering.add(came("zoe"))).toBeUndefined();
    expect(gathering.add(came("yan"))).toBeUndefined();
    expect(gathering.add(went("ZOE"))).toMatchObject({ joined: ["zoe", "yan"], gone: [] });
    expect(gathering.touches("yan")).toBe(false);
    expect(gathering.take()).toMatchObject({ joined: [], gone: [{ name: "ZOE" }] });
  });
});
