// The driver: outputs in order, timers as data, no nesting, an end on our own faults.

import { describe, expect, test } from "vitest";
import { fakeClock } from "#test/support/fake-clock.ts";
import { drive, type Step, type TimerInput, type TimerOutput } from "./drive.ts";
import { openWheel } from "./wheel.ts";

type State = "idle" | "waiting" | "done";
type Input = { kind: "start" } | { kind: "answer" } | { kind: "broken" } | { kind: "again" } | TimerInput;
type Output = { do: "send"; what: string } | { do: "feed"; input: Input } | TimerOutput;

// A request that is repeated every 500 ms until it is answered.
const step: Step<State, Input, Output> = (state, input) => {
  switch (input.kind) {
    case "start":
      return [
        "waiting",
        [
          { do: "send", what: "request" },
          { do: "start-timer", name: "E", delayMs: 500 },
        ],
      ];
    case "timer":
      return [
        state,
        [
          { do: "send", what: "repeat" },
          { do: "start-timer", name: input.name, delayMs: 500 },
        ],
      ];
    case "answer":
      return [
        "done",
        [
          { do: "stop-timer", name: "E" },
          { do: "feed", input: { kind: "start" } },
          { do: "send", what: "ack" },
        ],
      ];
    case "again":
      return [state, [{ do: "feed", input: { kind: "again" } }]];
    case "broken":
      throw new Error("an assertion");
  }
};

function driven() {
  const clock = fakeClock();
  const wheel = openWheel(clock);
  const sent: string[] = [];
  const errors: unknown[] = [];
  const driver = drive<State, Input, Output>({
    state: "idle",
    step,
    wheel,
    perform: (output) => {
      if (output.do === "feed") driver.input(output.input);
      else sent.push(`${clock.monotonic()} ${output.what}`);
    },
    failed: (error) => errors.push(error),
  });
  return { clock, wheel, driver, sent, errors };
}

describe("driver", () => {
  test("a started timer comes back as input, again and again, until it is stopped", async () => {
    const { clock, driver, sent, wheel } = driven();
    driver.input({ kind: "start" });
    await clock.advance(1_200);
    expect(sent).toEqual(["0 request", "500 repeat", "1000 repeat"]);
    driver.stop();
    await clock.advance(2_000);
    expect(sent).toHaveLength(3);
    expect(wheel.size).toBe(0);
  });

  test("what an output feeds back is stepped after the other outputs of its step", () => {
    const { driver, sent } = driven();
    driver.input({ kind: "answer" });
    expect(sent).toEqual(["0 ack", "0 request"]);
    expect(driver.state).toBe("waiting");
  });

  test("a timer started anew replaces the one before", async () => {
    const { clock, driver, sent } = driven();
    driver.input({ kind: "start" });
    await clock.advance(400);
    driver.input({ kind: "start" });
    await clock.advance(400);
    expect(sent).toEqual(["0 request", "400 request"]);
  });

  test.each([
    ["a step that throws", { kind: "broken" }, /assertion/],
    ["a machine that feeds itself for ever", { kind: "again" }, /without end/],
  ] as const)("%s ends the session, not the process", (_what, input, message) => {
    const { driver, errors, wheel, sent } = driven();
    driver.input({ kind: "start" });
    driver.input(input);
    expect(errors).toHaveLength(1);
    expect(String(errors[0])).toMatch(message);
    expect(wheel.size).toBe(0);
    driver.input({ kind: "start" });
    expect(sent).toHaveLength(1);
  });
});
