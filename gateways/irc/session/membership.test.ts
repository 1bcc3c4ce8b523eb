// A connection's place in a channel: one row per arrow.
import { describe, expect, test } from "vitest";
import { type Input, type Membership, membershipLimits, notThere, step } from "./membership.ts";

const wanted: Membership = { ...notThere, wanted: true, connected: true };
const places = {
  out: notThere,
  wanted: { ...notThere, wanted: true },
  joining: { ...wanted, place: { at: "joining" } },
  in: { ...wanted, place: { at: "in" } },
  refused: { ...wanted, place: { at: "refused", code: "473", text: "+i" }, tries: 1 },
  kicked: { ...wanted, place: { at: "kicked", by: "zoe", text: "enough" } },
} as const satisfies Record<string, Membership>;

const join = { do: "join" } as const;
const wait = (ms: number): { do: "start-timer"; ms: number } => ({ do: "start-timer", ms });
const { answerMs, firstRetryMs, lastRetryMs } = membershipLimits;
const stop = { do: "stop-timer" } as const;
const changed = { do: "changed" } as const;
const part = { do: "part" } as const;
const kick: Input = { kind: "kicked", by: "zoe", text: "enough" };
const refuse: Input = { kind: "refused", code: "474", text: "banned" };

describe("arrows", () => {
  test.each<[keyof typeof places, Input, Membership["place"]["at"], readonly unknown[]]>([
    ["out", { kind: "want" }, "out", []],
    ["out", { kind: "connected" }, "out", []],
    ["wanted", { kind: "connected" }, "joining", [join, wait(answerMs)]],
    ["joining", { kind: "entered" }, "in", [stop, changed]],
    ["joining", { kind: "timer" }, "joining", [join, wait(answerMs)]],
    ["joining", refuse, "refused", [wait(firstRetryMs), changed]],
    ["joining", { kind: "unwant" }, "out", [part, stop]],
    ["joining", { kind: "lost" }, "out", [stop, changed]],
    ["in", { kind: "unwant" }, "out", [part, stop]],
    ["in", kick, "kicked", [stop, changed]],
    ["in", { kind: "left" }, "out", [wait(firstRetryMs), changed]],
    ["in", { kind: "lost" }, "out", [stop, changed]],
    ["in", { kind: "act" }, "in", []],
    ["in", refuse, "in", []],
    ["refused", { kind: "timer" }, "joining", [join, wait(answerMs)]],
    ["refused", { kind: "invited" }, "joining", [join, wait(answerMs)]],
    ["refused", { kind: "unwant" }, "out", [stop]],
    ["kicked", { kind: "timer" }, "kicked", []],
    ["kicked", { kind: "want" }, "kicked", []],
    ["kicked", { kind: "lost" }, "kicked", [stop, changed]],
    ["kicked", { kind: "connected" }, "kicked", []],
    ["kicked", { kind: "act" }, "joining", [join, wait(answerMs)]],
    ["kicked", { kind: "invited" }, "joining", [join, wait(answerMs)]],
    ["out", { kind: "entered" }, "in", [part, stop]],
  ])("%s: %j leads to %s", (from, input, at, outputs) => {
    const [state, done] = step(places[from], input);
    expect(state.place.at).toBe(at);
    expect(done).toEqual(outputs);
  });
});

test("refused again and again it asks more and more seldom", () => {
  let state: Membership = places.joining;
  const waits: number[] = [];
  for (let tries = 0; tries < 12; tries++) {
    const [refused, outputs] = step({ ...state, place: { at: "joining" } }, refuse);
    waits.push(...outputs.flatMap((output) => (output.do === "start-timer" ? [output.ms] : [])));
    state = refused;
  }
  expect(waits.slice(0, 3)).toEqual([firstRetryMs, 2 * firstRetryMs, 4 * firstRetryMs]);
  expect(waits.at(-1)).toBe(lastRetryMs);
});
