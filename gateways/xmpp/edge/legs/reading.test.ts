// Exactly one of ours reads: whatever the order in which copies come and readers change, each message is passed on once, none is lost.
import fc from "fast-check";
import { expect, test } from "vitest";
import { Reading, readingLimits } from "./reading.ts";
import type { Seat } from "./seat.ts";

const seats = [0, 1, 2].map((id) => ({ id }) as unknown as Seat);

test("each message is passed on once, in the order of each stream, whoever reads and whenever that changes", () => {
  const count = 12;
  fc.assert(
    fc.property(
      // Which of the three hears his next message now; or becomes the reader.
      fc.array(fc.record({ who: fc.nat(2), reads: fc.boolean() }), { maxLength: 200 }),
      (steps) => {
        const reading = new Reading();
        reading.change(seats[0]);
        const passed: number[] = [];
        const next = [0, 0, 0];
        const hear = (who: number): void => {
          const number = next[who] ?? count;
          const seat = seats[who];
          if (number >= count || seat === undefined) return;
          next[who] = number + 1;
          reading.hear(seat, `key ${number}`, 0, () => passed.push(number));
        };
        for (const { who, reads } of steps) {
          if (reads) reading.change(seats[who]);
          else hear(who);
        }
        // In the end everybody has heard everything.
        for (const who of [0, 1, 2]) for (let left = 0; left < count; left += 1) hear(who);
        expect([...passed].sort((a, b) => a - b)).toEqual(
          Array.from({ length: count }, (_, number) => number),
        );
        expect(passed).toEqual([...passed].sort((a, b) => a - b));
      },
    ),
  );
});

test("what an earlier process passed on is not passed on again", () => {
  const reading = new Reading();
  reading.restore(["old"]);
  reading.change(seats[0]);
  const passed: string[] = [];
  const [reader, other] = seats;
  if (!reader || !other) throw new Error("no seats");
  reading.hear(reader, "old", 0, () => passed.push("old"));
  reading.hear(other, "old", 0, () => passed.push("old"));
  reading.hear(reader, "new", 0, () => passed.push("new"));
  expect(passed).toEqual(["new"]);
});

test("a message that nothing names is passed on by the reader alone", () => {
  const reading = new Reading();
  const [reader, other] = seats;
  if (!reader || !other) throw new Error("no seats");
  reading.change(reader);
  let passed = 0;
  for (const seat of [reader, other]) reading.hear(seat, undefined, 0, () => (passed += 1));
  expect(passed).toBe(1);
});

test("a reader who does not hear what others do is deaf after a while", () => {
  const reading = new Reading();
  const [reader, other] = seats;
  if (!reader || !other) throw new Error("no seats");
  reading.change(reader);
  reading.hear(other, "k", 0, () => undefined);
  expect(reading.isDeaf(readingLimits.deafMs)).toBe(false);
  expect(reading.isDeaf(readingLimits.deafMs + 1)).toBe(true);
  reading.hear(reader, "k", 0, () => undefined);
  expect(reading.isDeaf(readingLimits.deafMs + 1)).toBe(false);
});
