// How much one network address may send: a bucket that fills again (abuse control; no RFC).
import type { Clock } from "#bus-schemas/service/service.ts";

export interface Rates {
  /** Whether one more is allowed now. */
  take(key: string): boolean;
}

interface Level {
  tokens: number;
  at: number;
}

/** `perSecond` on average, two seconds' worth at once; at most `most` keys, of which the one that was seen first goes first. */
export function openRates(clock: Clock, perSecond: number, most: number): Rates {
  const levels = new Map<string, Level>();
  const full = perSecond * 2;
  return {
    take(key) {
      const now = clock.monotonic();
      let level = levels.get(key);
      if (level === undefined) {
        const oldest = levels.size >= most ? levels.keys().next().value : undefined;
        if (oldest !== undefined) levels.delete(oldest);
        level = { tokens: full, at: now };
        levels.set(key, level);
      }
      level.tokens = Math.min(full, level.tokens + ((now - level.at) * perSecond) / 1000);
      level.at = now;
      if (level.tokens < 1) return false;
      level.tokens -= 1;
      return true;
    },
  };
}
