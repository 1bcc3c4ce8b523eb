// Ids of an edge and names of instances.

import { describe, expect, test } from "vitest";
import { fakeClock } from "#test/support/fake-clock.ts";
import { instanceName, longestInstanceName, openIds } from "./ids.ts";

describe("ids", () => {
  test("sort by the time of their making, also when the clock stands or steps back", async () => {
    const clock = fakeClock();
    const next = openIds(clock);
    const ids = [next(), next()];
    await clock.advance(1);
    ids.push(next());
    clock.jump(-60_000);
    ids.push(next(), next());
    expect([...ids].sort()).toEqual(ids);
    expect(new Set(ids).size).toBe(5);
    for (const id of ids) expect(id).toMatch(/^[0-9a-z]{30}$/);
  });
});

describe("instance names", () => {
  test("the default is one token, not too long, and tells service and process", () => {
    const name = instanceName("sip", undefined);
    expect(name).toMatchObject({ ok: true, value: expect.stringMatching(/^sip-[a-z0-9-]+$/) });
    if (name.ok) {
      expect(name.value.endsWith(`-${process.pid}`)).toBe(true);
      expect(name.value.length).toBeLessThanOrEqual(longestInstanceName);
    }
  });

  test.each([
    ["sip-1", true],
    ["1", true],
    ["a".repeat(longestInstanceName), true],
    ["a".repeat(longestInstanceName + 1), false],
    ["", false],
    ["-sip", false],
    ["sip.1", false],
    ["SIP", false],
    ["sip 1", false],
    ["sip>", false],
    ["sip\n", false],
  ])("%j may be asked for: %s", (asked, well) => {
    expect(instanceName("sip", asked).ok).toBe(well);
  });
});
