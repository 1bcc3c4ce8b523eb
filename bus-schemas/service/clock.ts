// The real clock: the one door through which time comes in (STYLE "One way of doing each thing").
import { performance } from "node:perf_hooks";
import type { Clock } from "./service.ts";

// setTimeout fires at once for anything longer, so a longer delay is waited out in pieces.
const longestTimerMs = 2_147_483_647;

/** A clock on the process's own timers. A pending timer keeps the process alive; cancel it when it is no longer wanted. */
export function openClock(): Clock {
  const after = (delayMs: number, call: () => void): (() => void) => {
    let timer: NodeJS.Timeout;
    const wait = (leftMs: number): void => {
      timer =
        leftMs > longestTimerMs
          ? setTimeout(() => wait(leftMs - longestTimerMs), longestTimerMs)
          : setTimeout(call, Math.max(0, leftMs));
    };
    wait(delayMs);
    return () => clearTimeout(timer);
  };
  return { now: () => Date.now(), monotonic: () => performance.now(), after, sleep: sleepBy(after) };
}

/** `sleep` made from `after`, for any clock. */
export function sleepBy(after: Clock["after"]): Clock["sleep"] {
  return (delayMs, signal) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const cancel = after(delayMs, () => {
        signal?.removeEventListener("abort", stop);
        resolve();
      });
      const stop = (): void => {
        cancel();
        reject(signal?.reason);
      };
      signal?.addEventListener("abort", stop, { once: true });
    });
}
