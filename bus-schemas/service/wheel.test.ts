// The timer wheel: never early, at most a step late, cheap in great numbers.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fakeClock } from "#test/support/fake-clock.ts";
import { openWheel, wheelStepMs, wheelSteps } from "./wheel.ts";

describe("timer wheel", () => {
  test("fires each timer once, never early, at most one step late, whatever the delays", async () => {
    const turn = wheelStepMs * wheelSteps;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: 2 * turn + 5_000 }), { maxLength: 30 }),
        async (delays) => {
          const clock = fakeClock();
          const wheel = openWheel(clock);
          await clock.advance(7);
          const began = clock.monotonic();
          const fired: { wanted: number; at: number }[] = [];
          for (const wanted of delays)
            wheel.after(wanted, () => fired.push({ wanted, at: clock.monotonic() - began }));
          await clock.advance(2 * turn + 6_000);
          expect(fired.map(({ wanted }) => wanted).sort((a, b) => a - b)).toEqual(
            [...delays].sort((a, b) => a - b),
          );
          for (const { wanted, at } of fired) {
            expect(at).toBeGreaterThanOrEqual(wanted);
            expect(at - wanted).toBeLessThanOrEqual(2 * wheelStepMs);
          }
          expect(wheel.size).toBe(0);
          expect(clock.waiting).toBe(0);
        },
      ),
      { numRuns: 40 },
    );
  });

  test("a cancelled timer does not fire, not even when one beside it cancels it in the same step", async () => {
    const clock = fakeClock();
    const wheel = openWheel(clock);
    const fired: string[] = [];
    const second = { cancel: () => undefined as undefined };
    wheel.after(100, () => {
      fired.push("first");
      second.cancel();
    });
    Object.assign(second, {
      cancel: (
        (timer) => () =>
          timer.cancel()
      )(wheel.after(100, () => fired.push("second"))),
    });
    const third = wheel.after(50, () => fired.push("third"));
    third.cancel();
    third.cancel();
    expect(wheel.size).toBe(2);
    await clock.advance(1_000);
    expect(fired).toEqual(["first"]);
    expect(wheel.size).toBe(0);
  });

  test("a timer started by one that fires gets its own full time", async () => {
    const clock = fakeClock();
    const wheel = openWheel(clock);
    const at: number[] = [];
    wheel.after(500, () => {
      at.push(clock.monotonic());
      wheel.after(1_000, () => at.push(clock.monotonic()));
      wheel.after(0, () => at.push(clock.monotonic()));
    });
    await clock.advance(2_000);
    expect(at).toEqual([500, 510, 1_500]);
  });

  test("an idle wheel wakes nobody", async () => {
    const clock = fakeClock();
    const wheel = openWheel(clock);
    wheel.after(60_000, () => undefined);
    expect(clock.waiting).toBe(1);
    await clock.advance(59_000);
    expect(clock.waiting).toBe(1);
    wheel.close();
    expect(clock.waiting).toBe(0);
    expect(wheel.size).toBe(0);
  });

  test("holds 100,000 timers of 32 s, started and fired in well under a second of work", async () => {
    const clock = fakeClock();
    const wheel = openWheel(clock);
    let fired = 0;
    const began = performance.now();
    for (let count = 0; count < 100_000; count += 1)
      wheel.after(32_000, () => {
        fired += 1;
      });
    expect(wheel.size).toBe(100_000);
    await clock.advance(32_000);
    expect(fired).toBe(100_000);
    expect(performance.now() - began).toBeLessThan(2_000);
  });
});
