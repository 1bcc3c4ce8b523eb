// How fast one person may enter rooms: a bucket of tokens for each, as many as bookmarks ask for at once.
import type { Clock } from "#bus-schemas/service/service.ts";
import { recall } from "./recall.ts";

export const limits = {
  /** Joins at once: clients enter all their bookmarked rooms when they start. */
  burst: 100,
  /** And then so many a second. */
  perSecond: 5,
  /** People whose pace is remembered. */
  people: 10_000,
} as const;

/** Whether this source may enter one more room now. */
export function openPace(clock: Clock): (source: string) => boolean {
  const known = recall<{ tokens: number; at: number }>(limits.people);
  return (source) => {
    const now = clock.monotonic();
    const before = known.get(source) ?? { tokens: limits.burst, at: now };
    const refilled = before.tokens + ((now - before.at) / 1_000) * limits.perSecond;
    const tokens = Math.min(limits.burst, refilled);
    known.set(source, { tokens: tokens >= 1 ? tokens - 1 : tokens, at: now });
    return tokens >= 1;
  };
}
