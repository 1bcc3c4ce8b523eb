// Names: nicks, the next one to try, case rules and limits from 005.
import { describe, expect, test } from "vitest";
import { beforeIsupport, foldName, isupport } from "./isupport.ts";
import { isNick, nickCandidate } from "./nick.ts";

describe("nicks", () => {
  test.each([
    ["carol", true],
    ["[c]arol-2", true],
    ["2carol", false],
    ["-carol", false],
    ["#lobby", false],
    ["carol smith", false],
    ["carol,dave", false],
    ["", false],
    ["x".repeat(65), false],
  ])("%j: %s", (name, is) => expect(isNick(name)).toBe(is));

  test.each([
    [0, 30, "alice"],
    [1, 30, "alice_"],
    [2, 30, "alice__"],
    [3, 30, "alice1"],
    [2, 5, "ali__"],
    [19, 4, "al17"],
  ])("candidate %i within %i", (attempt, length, nick) => {
    expect(nickCandidate("alice", attempt, length)).toBe(nick);
  });
});

describe("005", () => {
  test("takes what it says, and takes it back", () => {
    const told = isupport(beforeIsupport, [
      "CASEMAPPING=ascii",
      "NICKLEN=16",
      "CHANTYPES=",
      "NETWORK=A\\x20B",
      "SAFELIST",
    ]);
    expect(told).toMatchObject({ caseMapping: "ascii", nickLength: 16, channelTypes: "", network: "A B" });
    expect(isupport(told, ["-CASEMAPPING", "-NICKLEN", "-UNKNOWN"])).toMatchObject({
      caseMapping: "rfc1459",
      nickLength: 9,
    });
    expect(isupport(told, ["NICKLEN=0", "NICKLEN=x"])).toEqual(told);
  });

  test.each([
    ["ascii", "A[]\\~", "a[]\\~"],
    ["rfc1459", "A[]\\~", "a{}|^"],
    ["rfc1459-strict", "A[]\\~", "a{}|~"],
  ] as const)("%s folds %s to %s", (mapping, name, folded) => expect(foldName(name, mapping)).toBe(folded));
});
