// How fast a connection may speak: the penalty clock of RFC 1459 §8.10. `off` for servers that do not count.

export interface PacingRule {
  /** Lines that may go at once. */
  readonly burst: number;
  /** Milliseconds that each line costs. */
  readonly lineMs: number;
  /** What a barrier's PING costs, as part of a line: 1 by the letter of the RFC. */
  readonly barrierCost: number;
}

/** The moment, on the caller's clock in milliseconds, up to which everything said so far is paid for. */
export type Pacing = number;

export const unpaid: Pacing = 0;

/** How long to wait before a line may go: 0 when it may go now. */
export function waitMs(state: Pacing, rule: PacingRule | undefined, now: number): number {
  if (rule === undefined) return 0;
  return Math.max(0, state - now - (rule.burst - 1) * rule.lineMs);
}

/** The state after something of this cost (1 is a line) was said. */
export const paid = (state: Pacing, rule: PacingRule | undefined, now: number, cost: number): Pacing =>
  rule === undefined ? state : Math.max(state, now) + cost * rule.lineMs;
