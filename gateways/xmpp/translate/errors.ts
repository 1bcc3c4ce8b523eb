// The closed list of reasons <-> stanza errors: RFC 6120 §8.3, RFC 7247 §6, and what Prosody really answers.
import type { Reason } from "#bus-schemas/reason.ts";
import { reasonText } from "#bus-schemas/reason.ts";
import { child, childText, type Element, element, elements, ns } from "../wire/element.ts";

type ErrorType = "cancel" | "auth" | "modify" | "wait";

interface Condition {
  readonly type: ErrorType;
  readonly condition: string;
}

/** Every reason as a stanza error; the error types are the defaults of RFC 6120 §8.3.3. */
export const conditions: Readonly<Record<Reason, Condition>> = {
  "unknown-user": { type: "cancel", condition: "item-not-found" },
  "unknown-domain": { type: "cancel", condition: "remote-server-not-found" },
  unreachable: { type: "wait", condition: "recipient-unavailable" },
  forbidden: { type: "auth", condition: "forbidden" },
  "not-authorised": { type: "auth", condition: "not-authorized" },
  "needs-account": { type: "auth", condition: "registration-required" },
  // Told as forbidden: a blocked person learns no more than anybody else who may not.
  blocked: { type: "auth", condition: "forbidden" },
  "too-large": { type: "modify", condition: "policy-violation" },
  "not-supported": { type: "modify", condition: "not-acceptable" },
  "rate-limited": { type: "wait", condition: "resource-constraint" },
  "mailbox-full": { type: "wait", condition: "resource-constraint" },
  loop: { type: "cancel", condition: "not-acceptable" },
  policy: { type: "modify", condition: "policy-violation" },
  expired: { type: "wait", condition: "remote-server-timeout" },
  uncertain: { type: "cancel", condition: "undefined-condition" },
  internal: { type: "cancel", condition: "internal-server-error" },
};

// Every condition of RFC 6120 §8.3.3 as a reason.
const reasonsOf: Readonly<Record<string, Reason>> = {
  "bad-request": "not-supported",
  conflict: "policy",
  "feature-not-implemented": "not-supported",
  forbidden: "forbidden",
  gone: "unknown-user",
  "internal-server-error": "internal",
  "item-not-found": "unknown-user",
  "jid-malformed": "unknown-user",
  "not-acceptable": "not-supported",
  "not-allowed": "forbidden",
  "not-authorized": "not-authorised",
  "policy-violation": "policy",
  "recipient-unavailable": "unreachable",
  redirect: "unknown-user",
  "registration-required": "needs-account",
  "remote-server-not-found": "unknown-domain",
  "remote-server-timeout": "unreachable",
  "resource-constraint": "rate-limited",
  // Prosody's answer for an unknown local user, and every server's for one who is away and stores nothing.
  "service-unavailable": "unreachable",
  "subscription-required": "forbidden",
  "undefined-condition": "internal",
  "unexpected-request": "not-supported",
};

/** What a stanza error says. */
export interface StanzaError {
  readonly reason: Reason;
  readonly condition: string;
  /** The other server's own words, at most 200 characters. */
  readonly text?: string;
}

/** Reads the error of a stanza of type `error`; one without a known condition is `undefined-condition`. */
export function readError(stanza: Element): StanzaError {
  const error = elements(stanza).find((one) => one.name === "error");
  const found = error && elements(error).find((one) => one.xmlns === ns.stanzas && one.name !== "text");
  const condition = found && Object.hasOwn(reasonsOf, found.name) ? found.name : "undefined-condition";
  const told = error && childText(error, "text", ns.stanzas);
  // XEP-0191 §3.8: the server says with an extra element that the person has blocked the sender.
  const blocked = error && child(error, "blocked", "urn:xmpp:blocking:errors") !== undefined;
  return {
    reason: blocked ? "blocked" : (reasonsOf[condition] ?? "internal"),
    condition,
    ...(told ? { text: told.slice(0, 200) } : {}),
  };
}

/** The `<error/>` for a reason, in words if there are any. `by` is the address that says so. */
export function errorElement(reason: Reason, text?: string, by?: string): Element {
  const { type, condition } = conditions[reason];
  return element(
    "error",
    ns.component,
    { type, by },
    element(condition, ns.stanzas),
    element("text", ns.stanzas, { "xml:lang": "en" }, text || reasonText[reason]),
  );
}

/** The error stanza for one that was received: same id, addresses swapped (RFC 6120 §8.3.1). Never for an error. */
export function errorReply(stanza: Element, reason: Reason, text?: string): Element | undefined {
  const { type, from, to, id } = stanza.attrs;
  if (type === "error" || type === "result" || from === undefined) return undefined;
  return element(
    stanza.name,
    ns.component,
    { type: "error", from: to, to: from, id },
    errorElement(reason, text),
  );
}
