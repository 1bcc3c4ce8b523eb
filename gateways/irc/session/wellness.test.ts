// What health says of the service nick: one row per arrow.
import { describe, expect, test } from "vitest";
import { saying, stepWellness, unknown, type Wellness, type WellnessInput } from "./wellness.ts";

const own: WellnessInput = { kind: "own", owned: true };
const disown: WellnessInput = { kind: "own", owned: false };
const ready: WellnessInput = { kind: "ready", nick: "Parley" };
const lost: WellnessInput = { kind: "lost", why: "reset" };
const opened: WellnessInput = { kind: "opened" };
const timer: WellnessInput = { kind: "timer" };

/** What it says at the end, and what the last step did. */
function after(...inputs: WellnessInput[]): [boolean, string | undefined, string] {
  let state: Wellness = unknown;
  let did = "";
  for (const input of inputs) {
    const [next, outputs] = stepWellness(state, input);
    state = next;
    did = outputs.map((output) => `${output.do}${"ms" in output ? ` ${output.ms}` : ""}`).join();
  }
  return [state.well, saying(state, "Parley"), did];
}

describe("the service nick's health", () => {
  const notYet = "service nick not on the network yet";
  test.each<[string, WellnessInput[], ReturnType<typeof after>]>([
    ["at the start", [], [false, "opening", ""]],
    ["other slots come first", [disown], [false, "opening", ""]],
    ["the courier runs", [opened], [false, "opening", "start-timer 1000"]],
    ["nothing of it is ours", [opened, timer], [true, "standing by", ""]],
    ["it is ours from the start", [own], [false, notYet, ""]],
    ["and the courier runs", [own, opened], [false, notYet, ""]],
    ["it is ours after all", [opened, own], [false, notYet, "stop-timer"]],
    ["it cannot log in", [own, lost], [false, `${notYet}: reset`, ""]],
    ["it is there", [own, ready], [true, undefined, ""]],
    [
      "under another nick",
      [own, { kind: "ready", nick: "Parley_" }],
      [true, "the service nick is in use: here as Parley_", ""],
    ],
    ["it has its nick again", [own, { kind: "ready", nick: "Parley_" }, ready], [true, undefined, ""]],
    ["it is lost", [own, ready, lost], [true, "service nick is coming back: reset", "start-timer 10000"]],
    ["and comes back", [own, ready, lost, ready], [true, undefined, "stop-timer"]],
    ["and cannot come back", [own, ready, lost, lost], [true, "service nick is coming back: reset", ""]],
    ["too long", [own, ready, lost, lost, timer], [false, `${notYet}: reset`, ""]],
    ["and is there at last", [own, ready, lost, timer, ready], [true, undefined, ""]],
    ["another takes it", [own, ready, disown], [true, "standing by", ""]],
    ["another takes it while it is lost", [own, ready, lost, disown], [true, "standing by", "stop-timer"]],
    ["it never was there, and another takes it", [own, lost, disown], [true, "standing by", ""]],
    ["taken over", [opened, timer, own], [true, "service nick is coming back", "start-timer 10000"]],
    ["taken over and not there in time", [opened, timer, own, timer], [false, notYet, ""]],
    ["ours already", [own, ready, own], [true, undefined, ""]],
    [
      "a last word of a connection that was given up",
      [own, ready, disown, lost, ready],
      [true, "standing by", ""],
    ],
  ])("%s", (_, inputs, expected) => {
    expect(after(...inputs)).toEqual(expected);
  });
});
