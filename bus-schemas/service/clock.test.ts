// The clocks: the real one, and the one that tests move.

import { describe, expect, test } from "vitest";
import { fakeClock } from "#test/support/fake-clock.ts";
import { openClock } from "./clock.ts";

describe("the real clock", () => {
  test("calls after the delay, unless it was cancelled", async () => {
    const clock = openClock();
    const called: string[] = [];
    const cancel = clock.after(1, () => called.push("cancelled"));
    const began = clock.monotonic();
    const waiting = new Promise<void>((resolve) => {
      clock.after(20, () => {
        called.push("later");
        resolve();
      });
    });
    cancel();
    await waiting;
    expect(called).toEqual(["later"]);
    // Node's timers count whole milliseconds.
    expect(clock.monotonic() - began).toBeGreaterThan(18);
    expect(Math.abs(clock.now() - Date.now())).toBeLessThan(1_000);
  });

  test("a delay longer than Node's timers reach does not fire at once", async () => {
    const clock = openClock();
    let fired = false;
    const cancel = clock.after(40 * 86_400_000, () => {
      fired = true;
    });
    await clock.sleep(5);
    expect(fired).toBe(false);
    cancel();
  });

  test("a sleep ends with the signal's reason", async () => {
    const clock = openClock();
    const ending = new AbortController();
    const sleeping = clock.sleep(60_000, ending.signal);
    ending.abort(new Error("enough"));
    await expect(sleeping).rejects.toThrow("enough");
    await expect(clock.sleep(60_000, ending.signal)).rejects.toThrow("enough");
  });
});

describe("the clock of tests", () => {
  test("runs timers in the order of their time, then of their making, each at its own moment", async () => {
    const clock = fakeClock(1_000);
    const seen: string[] = [];
    const note = (name: string) => () => seen.push(`${name} ${clock.monotonic()} ${clock.now()}`);
    clock.after(20, note("c"));
    clock.after(10, note("a"));
    clock.after(10, note("b"));
    clock.after(30, note("never"))();
    await clock.advance(25);
    expect(seen).toEqual(["a 10 1010", "b 10 1010", "c 20 1020"]);
    expect(clock.monotonic()).toBe(25);
    expect(clock.waiting).toBe(0);
  });

  test("lets promises run between two timers, so what they start in time runs in time", async () => {
    const clock = fakeClock(0);
    const seen: number[] = [];
    const repeat = async (): Promise<void> => {
      for (let count = 0; count < 3; count += 1) {
        await clock.sleep(10);
        seen.push(clock.now());
      }
    };
    const done = repeat();
    await clock.advance(100);
    await done;
    expect(seen).toEqual([10, 20, 30]);
  });

  test("a step of the system's clock moves no timer", async () => {
    const clock = fakeClock(0);
    clock.jump(-5_000);
    expect(clock.now()).toBe(-5_000);
    expect(clock.monotonic()).toBe(0);
    expect(clock.waiting).toBe(0);
  });
});
