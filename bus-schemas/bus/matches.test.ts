// Filters of subjects: the server's own rules, as a table.
import { expect, test } from "vitest";
import { matches } from "./matches.ts";

const rows: [filter: string, subject: string, answer: boolean][] = [
  ["a.b", "a.b", true],
  ["a.b", "a.c", false],
  ["a.b", "a.b.c", false],
  ["a.b.c", "a.b", false],
  ["a.*", "a.b", true],
  ["a.*", "a", false],
  ["a.*", "a.b.c", false],
  ["*.b", "a.b", true],
  ["*", "a", true],
  ["a.>", "a.b", true],
  ["a.>", "a.b.c.d", true],
  ["a.>", "a", false],
  [">", "a", true],
  [">", "a.b.c", true],
  ["a.*.c.>", "a.b.c.d", true],
  ["a.*.c.>", "a.b.c", false],
  ["a.*", "a.*", true],
];

test.for(rows)("%s against %s: %s", ([filter, subject, answer]) => {
  expect(matches(filter, subject)).toBe(answer);
});
