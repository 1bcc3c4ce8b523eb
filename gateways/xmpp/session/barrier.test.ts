import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type BarrierInput, type BarrierOutput, type BarrierState, openBarrier, step } from "./barrier.ts";

const run = (inputs: readonly BarrierInput[]): { state: BarrierState; outputs: BarrierOutput[] } => {
  let state = openBarrier;
  const outputs: BarrierOutput[] = [];
  for (const input of inputs) {
    const [next, out] = step(state, input);
    state = next;
    outputs.push(...out);
  }
  return { state, outputs };
};
const wrote = (id: string): BarrierInput => ({ kind: "wrote", id });
const answered = (n: number): BarrierInput => ({ kind: "answered", token: `parley-barrier-${n}` });
const barrier = (n: number): BarrierOutput => ({ do: "send-barrier", token: `parley-barrier-${n}` });

describe("one row per arrow", () => {
  test.each<[string, BarrierInput[], BarrierOutput[]]>([
    ["the first message raises a barrier", [wrote("a")], [barrier(1)]],
    ["more wait for the next one", [wrote("a"), wrote("b"), wrote("c")], [barrier(1)]],
    [
      "an answer: what was before it is taken",
      [wrote("a"), answered(1)],
      [barrier(1), { do: "taken", ids: ["a"] }],
    ],
    [
      "what was written meanwhile is covered by one next barrier",
      [wrote("a"), wrote("b"), wrote("c"), answered(1), answered(2)],
      [barrier(1), { do: "taken", ids: ["a"] }, barrier(2), { do: "taken", ids: ["b", "c"] }],
    ],
    ["an answer to an old barrier says nothing", [wrote("a"), answered(7)], [barrier(1)]],
    [
      "the same answer twice counts once",
      [wrote("a"), answered(1), answered(1)],
      [barrier(1), { do: "taken", ids: ["a"] }],
    ],
    [
      "an error before the answer refuses that one alone",
      [wrote("a"), wrote("b"), { kind: "error", id: "b" }, answered(1)],
      [barrier(1), { do: "refused", id: "b" }, { do: "taken", ids: ["a"] }],
    ],
    [
      "an error for what is in front of the barrier",
      [wrote("a"), { kind: "error", id: "a" }, answered(1)],
      [barrier(1), { do: "refused", id: "a" }],
    ],
    [
      "an error after the answer is for somebody else",
      [wrote("a"), answered(1), { kind: "error", id: "a" }],
      [barrier(1), { do: "taken", ids: ["a"] }],
    ],
    ["an error for nothing of ours", [{ kind: "error", id: "x" }], []],
    [
      "a lost stream: all that is pending is unknown, in its order",
      [wrote("a"), wrote("b"), wrote("c"), { kind: "lost" }],
      [barrier(1), { do: "unknown", ids: ["a", "b", "c"] }],
    ],
    ["a lost stream with nothing pending", [{ kind: "lost" }], []],
    [
      "an answer from the lost stream does not count on the next",
      [wrote("a"), { kind: "lost" }, wrote("a"), answered(1)],
      [barrier(1), { do: "unknown", ids: ["a"] }, barrier(2)],
    ],
  ])("%s", (_, inputs, outputs) => {
    expect(run(inputs).outputs).toEqual(outputs);
  });
});

describe("laws", () => {
  const input: fc.Arbitrary<BarrierInput> = fc.oneof(
    fc.integer({ min: 0, max: 1_000_000 }).map((n) => wrote(`m${n}`)),
    fc.integer({ min: 1, max: 8 }).map(answered),
    fc.integer({ min: 0, max: 20 }).map((n): BarrierInput => ({ kind: "error", id: `m${n}` })),
    fc.constant<BarrierInput>({ kind: "lost" }),
  );

  test("every written id comes out exactly once, and at most one barrier is under way", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(input, { maxLength: 40, selector: (one) => JSON.stringify(one) }),
        (inputs) => {
          const { state, outputs } = run(inputs);
          const put = inputs.filter((one) => one.kind === "wrote").map((one) => one.id);
          const ends = outputs.flatMap((one) =>
            one.do === "refused" ? [one.id] : one.do === "taken" || one.do === "unknown" ? [...one.ids] : [],
          );
          expect([...ends, ...state.covered, ...state.written].sort()).toEqual(put.sort());
          if (state.written.length > 0) expect(state.token).toBeDefined();
        },
      ),
      { numRuns: 500 },
    );
  });
});
