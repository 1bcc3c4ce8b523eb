import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type AckState, arrived, hold, openAcks } from "./acks.ts";

const stateAfter = (h: number, arrivals: number, held: readonly number[]): AckState => {
  let state = openAcks(h);
  for (let n = 0; n < arrivals; n++) state = arrived(state);
  return held.reduce(hold, state);
};

describe("what may be acknowledged", () => {
  test.each<[string, number, number, number[], number]>([
    ["nothing at first", 200, 3, [], 200],
    ["the next one", 200, 3, [201], 201],
    ["not over a gap", 200, 3, [202, 203], 200],
    ["all, when the gap closes", 200, 3, [203, 202, 201], 203],
    ["up to the next gap", 0, 5, [1, 2, 4], 2],
    ["a number twice counts once", 0, 3, [1, 1], 1],
    ["one that never came counts for nothing", 0, 1, [2, 1], 1],
    ["one of an earlier stream counts for nothing", 200, 1, [7], 200],
  ])("%s", (_, h, arrivals, held, expected) => {
    expect(stateAfter(h, arrivals, held).held).toBe(expected);
  });

  test("law: whatever the order, it ends at all, and never runs ahead of a gap", () => {
    fc.assert(
      fc.property(
        fc.shuffledSubarray(
          Array.from({ length: 30 }, (_, n) => n + 1),
          { minLength: 30 },
        ),
        (order) => {
          let state = stateAfter(0, 30, []);
          const done = new Set<number>();
          for (const n of order) {
            state = hold(state, n);
            done.add(n);
            for (let m = 1; m <= state.held; m++) expect(done.has(m)).toBe(true);
          }
          expect(state).toMatchObject({ held: 30 });
          expect(state.ahead.size).toBe(0);
        },
      ),
    );
  });
});
