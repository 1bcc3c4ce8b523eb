import fc from "fast-check";
import { expect, test } from "vitest";
import { parseStamp, printStamp } from "./stamp.ts";

test.each([
  ["XEP-0082 §3.2", "1969-07-21T02:56:15Z", Date.UTC(1969, 6, 21, 2, 56, 15)],
  ["with a zone", "1969-07-20T21:56:15-05:00", Date.UTC(1969, 6, 21, 2, 56, 15)],
  ["with fractions", "2026-01-01T00:00:00.123456Z", Date.UTC(2026, 0, 1, 0, 0, 0, 123)],
  ["around white space", " 2026-01-01T00:00:00Z\n", Date.UTC(2026, 0, 1)],
  ["without a zone", "2026-01-01T00:00:00", undefined],
  ["the old form of XEP-0091", "20260101T00:00:00", undefined],
  ["no such day", "2026-13-01T00:00:00Z", undefined],
  ["empty", "", undefined],
  ["absent", undefined, undefined],
])("%s", (_, text, time) => {
  expect(parseStamp(text)).toBe(time);
});

test("law: printed and parsed is the same moment", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 4_000_000_000_000 }), (time) => {
      expect(parseStamp(printStamp(time))).toBe(time);
    }),
  );
});

test.each([-1, Number.NaN, Number.POSITIVE_INFINITY, 1e15])("%d is no moment", (time) => {
  expect(printStamp(time)).toBeUndefined();
});
