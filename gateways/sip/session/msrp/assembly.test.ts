// Messages put together: named rows, then that any order of any cut gives the message, and memory follows what came.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Flag } from "../../wire/msrp/head.ts";
import { msrpLimits } from "../../wire/msrp/limits.ts";
import { Assembly, type ChunkEnd } from "./assembly.ts";

type Chunk = readonly [start: number, body: string, flag?: Flag, end?: number, total?: number];

function run(chunks: readonly Chunk[], maxSize = 100): (string | number)[] {
  const assembly = new Assembly(maxSize);
  return chunks.map(([start, body, flag = "+", end, total]) => {
    const range = { start, end, total };
    const refused = assembly.begin(range);
    if (refused !== undefined) return refused;
    assembly.data(Buffer.from(body));
    return said(assembly.end(flag, range));
  });
}

const said = (end: ChunkEnd): string | number => (typeof end === "object" ? end.body.toString() : end);

describe("chunks", () => {
  test.each<[string, Chunk[], (string | number)[]]>([
    ["one", [[1, "abc", "$"]], ["abc"]],
    ["none", [[1, "", "$", 0, 0]], [""]],
    [
      "two in order",
      [
        [1, "abc"],
        [4, "def", "$"],
      ],
      ["more", "abcdef"],
    ],
    [
      "the last first",
      [
        [4, "def", "$"],
        [1, "abc"],
      ],
      ["more", "abcdef"],
    ],
    [
      "a gap that is filled",
      [
        [1, "a"],
        [3, "c", "$"],
        [2, "b"],
      ],
      ["more", "more", "abc"],
    ],
    [
      "overlap: the last received wins",
      [
        [1, "abcd"],
        [3, "XYZ", "$"],
      ],
      ["more", "abXYZ"],
    ],
    [
      "overlap over several",
      [
        [1, "a"],
        [3, "c"],
        [5, "e", "$"],
        [1, "12345"],
      ],
      ["more", "more", "more", "12345"],
    ],
    [
      "an empty end",
      [
        [1, "abc"],
        [4, "", "$"],
      ],
      ["more", "abc"],
    ],
    [
      "given up",
      [
        [1, "abc"],
        [4, "def", "#"],
      ],
      ["more", "aborted"],
    ],
    ["the end-line fixes the length, not the total", [[1, "abc", "$", 3, 90]], ["abc"]],
    [
      "bytes beyond the end",
      [
        [4, "d", "$"],
        [5, "e"],
      ],
      ["more", 400],
    ],
    [
      "an end before what came",
      [
        [1, "abcdef"],
        [3, "c", "$"],
      ],
      ["more", 400],
    ],
    ["more than the range says", [[1, "abc", "$", 2, 2]], [400]],
    [
      "less than the range says, broken off",
      [
        [1, "abc", "+", 9, 9],
        [4, "defghi", "$", 9, 9],
      ],
      ["more", "abcdefghi"],
    ],
    ["a total above the limit", [[1, "a", "+", 1, 101]], [413]],
    ["a start above the limit", [[102, "a", "$"]], [413]],
    ["a body that grows above the limit", [[1, "x".repeat(101), "$"]], [413]],
    ["as much as the limit", [[1, "x".repeat(100), "$"]], ["x".repeat(100)]],
  ])("%s", (_name, chunks, ends) => {
    expect(run(chunks)).toEqual(ends);
  });

  test("a body in pieces", () => {
    const assembly = new Assembly(100);
    assembly.begin({ start: 1, end: undefined, total: undefined });
    for (const piece of ["ab", "c", "def"]) assembly.data(Buffer.from(piece));
    expect(said(assembly.end("$", { start: 1, end: undefined, total: undefined }))).toBe("abcdef");
  });

  test("too many stretches", () => {
    const chunks = Array.from(
      { length: msrpLimits.stretches + 1 },
      (_, index): Chunk => [2 * index + 1, "x"],
    );
    const ends = run(chunks, 10_000);
    expect(ends.slice(0, -1).every((end) => end === "more")).toBe(true);
    expect(ends.at(-1)).toBe(413);
  });
});

test("any cut in any order, some twice, gives the message", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 300 }).chain((bytes) =>
        fc.record({
          bytes: fc.constant(Buffer.from(bytes)),
          cuts: fc.array(fc.nat({ max: bytes.length }), { maxLength: 12 }),
          seed: fc.array(fc.nat(), { minLength: 14, maxLength: 14 }),
          again: fc.array(fc.tuple(fc.nat({ max: bytes.length }), fc.nat({ max: bytes.length })), {
            maxLength: 4,
          }),
        }),
      ),
      ({ bytes, cuts, seed, again }) => {
        const at = [0, ...cuts, bytes.length].sort((a, b) => a - b);
        const parts = at.slice(1).map((to, index) => [at[index] ?? 0, to] as const);
        const all = [...again.map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const), ...parts]
          .map((part, index) => ({ part, order: seed[index % seed.length] ?? 0 }))
          .sort((a, b) => a.order - b.order);
        const assembly = new Assembly(300);
        let whole: Buffer | undefined;
        for (const { part } of all) {
          const [from, to] = part;
          const range = { start: from + 1, end: undefined, total: undefined };
          expect(assembly.begin(range)).toBeUndefined();
          assembly.data(bytes.subarray(from, to));
          const end = assembly.end(to === bytes.length ? "$" : "+", range);
          if (typeof end === "object") {
            whole = end.body;
            break;
          }
          expect(end).toBe("more");
          expect(assembly.held).toBeLessThanOrEqual(300);
        }
        expect(whole?.equals(bytes)).toBe(true);
      },
    ),
    { numRuns: 1000 },
  );
});
