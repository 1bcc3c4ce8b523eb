import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Tracker } from "./tracker.ts";

describe("the cursor of a lane", () => {
  it("moves only over what is settled without a gap", () => {
    const tracker = new Tracker(10, []);
    for (const sequence of [12, 15, 20]) tracker.read(sequence);
    tracker.settle(15);
    expect([tracker.cursor, tracker.above(), tracker.open]).toEqual([10, [15], 2]);
    tracker.settle(12);
    expect([tracker.cursor, tracker.above(), tracker.open]).toEqual([15, [], 1]);
  });

  it("does not hand out again what a predecessor had settled beyond its cursor", () => {
    const tracker = new Tracker(10, [15]);
    expect([tracker.read(12), tracker.read(15), tracker.read(20)]).toEqual([true, false, true]);
    tracker.settle(12);
    expect([tracker.cursor, tracker.open]).toEqual([15, 1]);
  });

  it("for any order of settling: every one is settled once, or still to be handed out by a successor, never both", () => {
    const plan = fc
      .tuple(
        fc.uniqueArray(fc.integer({ min: 1, max: 500 }), { maxLength: 80 }),
        fc.integer({ min: 0, max: 80 }),
      )
      .chain(([sequences, settled]) =>
        fc.tuple(
          fc.constant(sequences.sort((a, b) => a - b)),
          fc.shuffledSubarray(sequences),
          fc.constant(settled),
        ),
      );
    fc.assert(
      fc.property(plan, ([sequences, order, settled]) => {
        const tracker = new Tracker(0, []);
        for (const sequence of sequences) tracker.read(sequence);
        const done = order.slice(0, settled);
        for (const sequence of done) tracker.settle(sequence);
        const successor = new Tracker(tracker.cursor, tracker.above());
        const again = sequences.filter((sequence) => sequence > tracker.cursor && successor.read(sequence));
        expect(again).toEqual(sequences.filter((sequence) => !done.includes(sequence)));
        expect(tracker.open).toBe(sequences.length - done.length);
      }),
    );
  });
});
