// What may be a nick: RFC 2812 §2.3.1, and the names to try when one is taken.

const nickPattern = /^[A-Za-z[\]\\`_^{|}][A-Za-z0-9[\]\\`_^{|}-]{0,63}$/;

/** Whether a message may be addressed to this name as a nick; lengths beyond 64 are nobody's. */
export const isNick = (name: string): boolean => nickPattern.test(name);

/**
 * The name to try as number `attempt` (0 is the wanted one): `alice`, `alice_`, `alice__`, `alice1`, `alice2` …, never
 * longer than `maxLength`; what is wanted is cut, the suffix never is.
 */
export function nickCandidate(wanted: string, attempt: number, maxLength: number): string {
  const suffix = attempt === 0 ? "" : attempt <= 2 ? "_".repeat(attempt) : String(attempt - 2);
  return wanted.slice(0, Math.max(1, maxLength - suffix.length)) + suffix;
}
