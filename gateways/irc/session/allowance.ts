// How much a nick may send, or how often we answer: a bucket that fills again. For floods and for CTCP.

export interface AllowanceRule {
  readonly burst: number;
  readonly perSecond: number;
}

interface Bucket {
  readonly left: number;
  readonly at: number;
}

/** By nick. A bucket that is full again is forgotten; beyond `tableLimit` names the oldest goes first. */
export interface Allowances {
  readonly buckets: Map<string, Bucket>;
}

export const tableLimit = 10_000;

export const allowances = (): Allowances => ({ buckets: new Map() });

/** Takes one from the bucket of `name`, if it is there. `now` in milliseconds. */
export function take(state: Allowances, rule: AllowanceRule, name: string, now: number): boolean {
  const before = state.buckets.get(name) ?? { left: rule.burst, at: now };
  const left = Math.min(rule.burst, before.left + ((now - before.at) / 1000) * rule.perSecond);
  const granted = left >= 1;
  state.buckets.delete(name);
  state.buckets.set(name, { left: granted ? left - 1 : left, at: now });
  if (state.buckets.size > tableLimit) {
    const oldest = state.buckets.keys().next().value;
    if (oldest !== undefined) state.buckets.delete(oldest);
  }
  return granted;
}
