// Reasons and SIP status codes, both ways and total (EDGES §4; RFC 7247 table 2 and 3; never 503, never 408: RFC 4320).
import { moreUseful, type Reason } from "#bus-schemas/reason.ts";

/**
 * How a refusal is answered. Not 401 or 407: those need a challenge, and these are given after the sender is known. Not 503:
 * peers then shun the whole gateway. Not 6xx: that would stop the search of proxies before us for one leg's trouble.
 */
export const statusOf: Readonly<Record<Reason, number>> = {
  "unknown-user": 404,
  "unknown-domain": 404,
  unreachable: 480,
  forbidden: 403,
  "not-authorised": 403,
  "needs-account": 403,
  blocked: 403,
  "too-large": 413,
  "not-supported": 488,
  "rate-limited": 480,
  "mailbox-full": 480,
  loop: 482,
  policy: 403,
  expired: 480,
  uncertain: 500,
  internal: 500,
};

/** What a peer's final response to our MESSAGE says. `again`: try the next target or binding; it may be this one's trouble. */
export type Verdict =
  | { readonly kind: "handed"; readonly delivered: boolean }
  | { readonly kind: "refused"; readonly reason: Reason }
  | { readonly kind: "absent" }
  | { readonly kind: "again" };

const refusals: Readonly<Record<number, Reason>> = {
  401: "not-authorised",
  402: "not-authorised",
  403: "forbidden",
  404: "unknown-user",
  405: "not-supported",
  406: "not-supported",
  407: "not-authorised",
  410: "unknown-user",
  413: "too-large",
  414: "too-large",
  415: "not-supported",
  416: "not-supported",
  420: "not-supported",
  421: "not-supported",
  440: "loop",
  482: "loop",
  483: "loop",
  484: "unknown-user",
  485: "unknown-user",
  487: "unreachable",
  488: "not-supported",
  489: "not-supported",
  493: "not-supported",
  501: "not-supported",
  505: "not-supported",
  513: "too-large",
  600: "unreachable",
  603: "unreachable",
  604: "unknown-user",
  606: "not-supported",
  607: "forbidden",
  608: "forbidden",
};
// The person is known there but not to be reached now: his mailbox keeps it.
const absences = new Set([480, 486]);
// This flow or target is gone, another may stand (RFC 5626 §5.3).
const elsewhere = new Set([408, 430]);

/** Judges a final response. `again`: this MESSAGE was sent before, so 482 says that the peer knows it (EDGES §3). */
export function verdictOf(status: number, again: boolean): Verdict {
  if (status >= 200 && status < 300) return { kind: "handed", delivered: status === 200 };
  if (status === 482 && again) return { kind: "handed", delivered: false };
  if (absences.has(status)) return { kind: "absent" };
  const reason = refusals[status];
  if (reason !== undefined) return { kind: "refused", reason };
  if (elsewhere.has(status) || status >= 500) return { kind: "again" };
  if (status < 400) return { kind: "refused", reason: "unreachable" };
  return { kind: "refused", reason: "not-supported" };
}

/** The most useful of several reasons; `unreachable` when there is none. */
export const bestReason = (reasons: readonly Reason[]): Reason =>
  reasons.length === 0 ? "unreachable" : reasons.reduce(moreUseful);
