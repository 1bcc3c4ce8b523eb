// The two tables of failure: what an IRC server's refusal means on the bus, and what people on IRC are told.
import { type Reason, reasonText } from "#bus-schemas/reason.ts";
import type { Failure } from "../session/barrier.ts";

const byCode: Readonly<Record<string, Reason>> = {
  "401": "unknown-user",
  "402": "unreachable",
  "404": "forbidden",
  "406": "unknown-user",
  "407": "policy",
  "408": "policy",
  "411": "unknown-user",
  "412": "not-supported",
  "413": "policy",
  "414": "policy",
  "415": "policy",
  "416": "policy",
  "417": "too-large",
  "421": "not-supported",
  "477": "needs-account",
  "482": "forbidden",
  "486": "needs-account",
  "489": "needs-account",
  "531": "forbidden",
  "716": "forbidden",
  // Codes of FAIL (IRCv3 standard-replies).
  ACCOUNT_REQUIRED: "needs-account",
  CANNOT_SEND: "forbidden",
  INVALID_TARGET: "unknown-user",
  INVALID_UTF8: "not-supported",
  RATE_LIMITED: "rate-limited",
};

/** The reason behind a server's refusal; a code that nobody knows is `forbidden`, because the server did refuse. */
export const reasonOf = (failure: Failure): Reason => byCode[failure.code] ?? "forbidden";

/** What the server said, fit for an outcome's text: its code and at most 180 characters. */
export const failureText = (failure: Failure): string => `${failure.code} ${failure.text}`.slice(0, 190);

/** What a person on IRC reads about his message; total over all reasons. */
export const sentence: Record<Reason, string> = {
  ...reasonText,
  "needs-account": "you need an account for that",
  blocked: reasonText.forbidden,
};

/** What a sender on IRC is told about a message that was refused before it was taken; `text` is his own. */
export const toldAtOnce = (reason: Reason, text: string): string =>
  notTaken("Not delivered", sentence[reason], text);

/** "Not delivered: why: the first 40 characters", on one line. */
export function notTaken(what: string, why: string, text: string | undefined): string {
  const excerpt = [...(text ?? "").replace(/[\x00-\x1f\x7f]/g, " ")].slice(0, 40).join("");
  return excerpt === "" ? `${what}: ${why}` : `${what}: ${why}: ${excerpt}`;
}
