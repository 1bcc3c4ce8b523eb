// A clock that stands until a test moves it: timers run in the order of their time, then of their making.
import { sleepBy } from "#bus-schemas/service/clock.ts";
import type { Clock } from "#bus-schemas/service/service.ts";

export interface FakeClock extends Clock {
  /**
   * Moves the time on by `ms`. Every timer due on the way runs at its own moment, and before each the promises of the
   * one before have settled, so that a timer set by them in time runs too.
   */
  advance(ms: number): Promise<void>;
  /** Lets all promises that need no time settle. */
  settle(): Promise<void>;
  /** Steps `now()` alone, as a corrected system clock does; `monotonic()` and timers do not notice. */
  jump(ms: number): void;
  /** How many timers are waiting. */
  readonly waiting: number;
}

interface Timer {
  readonly at: number;
  readonly order: number;
  readonly call: () => void;
}

/** A standing clock that shows `start` (milliseconds since 1970). */
export function fakeClock(start = Date.UTC(2026, 0, 1)): FakeClock {
  const timers = new Set<Timer>();
  let elapsed = 0;
  let offset = start;
  let order = 0;
  const after = (delayMs: number, call: () => void): (() => void) => {
    order += 1;
    const timer = { at: elapsed + Math.max(0, delayMs), order, call };
    timers.add(timer);
    return () => timers.delete(timer);
  };
  const next = (until: number): Timer | undefined => {
    let first: Timer | undefined;
    for (const timer of timers) {
      if (timer.at > until) continue;
      if (!first || timer.at < first.at || (timer.at === first.at && timer.order < first.order))
        first = timer;
    }
    return first;
  };
  const advance = async (ms: number): Promise<void> => {
    const until = elapsed + ms;
    await settle();
    for (let timer = next(until); timer; timer = next(until)) {
      timers.delete(timer);
      elapsed = timer.at;
      timer.call();
      await settle();
    }
    elapsed = until;
  };
  return {
    now: () => offset + elapsed,
    monotonic: () => elapsed,
    after,
    sleep: sleepBy(after),
    advance,
    settle,
    jump: (ms) => {
      offset += ms;
    },
    get waiting() {
      return timers.size;
    },
  };
}

// Two rounds of the loop: one for promise chains, one for what they handed to setImmediate.
async function settle(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
  await new Promise((resolve) => setImmediate(resolve));
}
