// The order of an ending: what was opened last is closed first, each under what is left of one deadline.
import type { Clock, Log } from "./service.ts";

/** The whole ending of a process takes at most so long: supervisors send SIGKILL after 10 s or more (Docker: 10 s). */
export const stopDeadlineMs = 9_000;

export interface Stops {
  add(what: string, stop: () => Promise<void> | void): void;
  /** Runs all, last added first, and resolves with the names of those that failed or were late. A second call adds nothing. */
  run(deadlineMs?: number): Promise<string[]>;
}

/** Opens the list of what is to be stopped. Added during the ending: stopped at once, it would have no turn any more. */
export function openStops(clock: Clock, log: Log): Stops {
  const waiting: { what: string; stop: () => Promise<void> | void }[] = [];
  let running: Promise<string[]> | undefined;
  const runAll = async (until: number): Promise<string[]> => {
    const bad: string[] = [];
    for (let next = waiting.pop(); next; next = waiting.pop()) {
      const well = await stopOne(clock, log, next, until);
      if (!well) bad.push(next.what);
    }
    return bad;
  };
  return {
    add: (what, stop) => {
      waiting.push({ what, stop });
    },
    run: (deadlineMs = stopDeadlineMs) => {
      running ??= runAll(clock.monotonic() + deadlineMs);
      return running;
    },
  };
}

async function stopOne(
  clock: Clock,
  log: Log,
  { what, stop }: { what: string; stop: () => Promise<void> | void },
  until: number,
): Promise<boolean> {
  const began = clock.monotonic();
  const over = new AbortController();
  // Each gets a moment even when the deadline is over: closing a socket is quick, and leaving it open helps nobody.
  const late = clock.sleep(Math.max(50, until - began), over.signal).then(
    () => "late" as const,
    () => "cancelled" as const,
  );
  try {
    const end = await Promise.race([Promise.resolve().then(stop), late]);
    if (end === "late") log.warn({ what, ms: Math.round(clock.monotonic() - began) }, "did not stop in time");
    return end !== "late";
  } catch (error) {
    log.error({ what, error }, "could not be stopped in order");
    return false;
  } finally {
    over.abort();
  }
}
