// The closed list of reasons for which a message may fail. Every gateway has one total table from it to its own codes.
import { z } from "zod";

export const reasons = [
  "unknown-user",
  "unknown-domain",
  "unreachable",
  "forbidden",
  "not-authorised",
  "needs-account",
  "blocked",
  "too-large",
  "not-supported",
  "rate-limited",
  "mailbox-full",
  "loop",
  "policy",
  "expired",
  "uncertain",
  "internal",
] as const;

export const Reason = z.enum(reasons);
export type Reason = z.infer<typeof Reason>;

/** What a person is told where his protocol has room for a sentence. */
export const reasonText: Record<Reason, string> = {
  "unknown-user": "no such user",
  "unknown-domain": "no such domain",
  unreachable: "not reachable now",
  forbidden: "not allowed",
  "not-authorised": "not authorised",
  "needs-account": "needs an account",
  blocked: "not allowed",
  "too-large": "too large",
  "not-supported": "not supported there",
  "rate-limited": "too many messages",
  "mailbox-full": "mailbox full",
  loop: "went in a circle",
  policy: "refused by policy",
  expired: "expired before it could be delivered",
  uncertain: "may not have arrived",
  internal: "internal error",
};

// Several homes or devices refuse for different reasons: the first of these that occurs is the one to tell.
const byUse: readonly Reason[] = [
  "too-large",
  "not-supported",
  "forbidden",
  "blocked",
  "policy",
  "mailbox-full",
  "rate-limited",
  "not-authorised",
  "needs-account",
  "unreachable",
  "expired",
  "uncertain",
  "loop",
  "unknown-user",
  "unknown-domain",
  "internal",
];

const absent: ReadonlySet<Reason> = new Set([
  "unreachable",
  "unknown-user",
  "unknown-domain",
  "loop",
  "internal",
]);

/** Whether a refusal says only that nobody is to be had there: no answer of the person, who may appear in another place. */
export const saysAbsent = (reason: Reason): boolean => absent.has(reason);

/** The most useful of two reasons, for a sender whose message was refused in several places. */
export const moreUseful = (a: Reason, b: Reason): Reason => (byUse.indexOf(a) <= byUse.indexOf(b) ? a : b);
