// What a lane and a mailbox write into the ledger reads back as what they held, also when it is nothing.
import { describe, expect, test } from "vitest";
import { Lane } from "./lane.ts";
import { freshUnit, newest, type UnitRecord } from "./ledger.ts";

const readBack = (unit: object): UnitRecord | undefined => {
  const bytes = Buffer.from(JSON.stringify({ instance: "i-1", units: { "7": unit } }));
  return newest([bytes]).units.get("7");
};

describe("a unit's record", () => {
  test("of lanes to which nothing ever came is short, and reads as fresh", () => {
    const [message, outcome] = [new Lane(freshUnit(3).message), new Lane(freshUnit(3).outcome)];
    const record = { epoch: 3, clean: true, message: message.record(), outcome: outcome.record() };
    expect(JSON.stringify(record)).toBe('{"epoch":3,"clean":true}');
    expect(readBack(record)).toEqual(freshUnit(3));
  });

  test.for([
    { name: "settled in order", read: [4, 9], settle: [4, 9], cursor: 9, above: [] },
    { name: "settled behind an open one", read: [4, 9], settle: [9], cursor: 0, above: [9] },
    { name: "only read", read: [4], settle: [], cursor: 0, above: [] },
  ])("$name is not lost", ({ read, settle, cursor, above }) => {
    const lane = new Lane(freshUnit(1).message);
    for (const sequence of read) lane.tracker.read(sequence);
    for (const sequence of settle) lane.settle(sequence, "handed");
    const message = readBack({ epoch: 1, message: lane.record() })?.message;
    const counts = settle.length > 0 ? { handed: settle.length } : {};
    expect(message).toEqual({ cursor, above, writing: [], counts });
  });

  test("being written is not lost", () => {
    const lane = new Lane(freshUnit(1).message);
    lane.tracker.read(5);
    lane.writing.add(5);
    expect(readBack({ epoch: 1, message: lane.record() })?.message.writing).toEqual([5]);
  });
});
