// Why a room refuses, as stanza errors: XEP-0045 §7.2, §7.4, §8 to §10; RFC 6120 §8.3.

import { type RoomReason, roomReasonText } from "#bus-schemas/events/room-command.ts";
import type { Reason } from "#bus-schemas/reason.ts";
import { type Element, element, elements, ns } from "../../wire/element.ts";

interface Condition {
  readonly type: "cancel" | "auth" | "modify" | "wait";
  readonly condition: string;
}

/** Every reason of a room as a stanza error. */
export const roomErrors: Readonly<Record<RoomReason, Condition>> = {
  "no-such-room": { type: "cancel", condition: "item-not-found" },
  "not-joined": { type: "modify", condition: "not-acceptable" },
  "nick-taken": { type: "cancel", condition: "conflict" },
  "nick-invalid": { type: "modify", condition: "jid-malformed" },
  banned: { type: "auth", condition: "forbidden" },
  "members-only": { type: "auth", condition: "registration-required" },
  password: { type: "auth", condition: "not-authorized" },
  full: { type: "wait", condition: "service-unavailable" },
  forbidden: { type: "auth", condition: "forbidden" },
  "creation-forbidden": { type: "cancel", condition: "not-allowed" },
  "no-such-person": { type: "cancel", condition: "item-not-found" },
  "no-such-message": { type: "cancel", condition: "item-not-found" },
  "no-private-messages": { type: "cancel", condition: "not-allowed" },
  "too-large": { type: "modify", condition: "policy-violation" },
  "not-supported": { type: "cancel", condition: "feature-not-implemented" },
  "rate-limited": { type: "wait", condition: "resource-constraint" },
  gone: { type: "cancel", condition: "gone" },
  // What clients take for a reason to try the room again later.
  unreachable: { type: "wait", condition: "remote-server-timeout" },
};

/** A message's refusal, told in the bus's closed list, as the room's own reason where that says more on XMPP. */
export const roomReasonOf: Readonly<Record<Reason, RoomReason>> = {
  "unknown-user": "no-such-person",
  "unknown-domain": "no-such-room",
  unreachable: "unreachable",
  forbidden: "forbidden",
  "not-authorised": "not-joined",
  "needs-account": "members-only",
  blocked: "forbidden",
  "too-large": "too-large",
  "not-supported": "not-supported",
  "rate-limited": "rate-limited",
  "mailbox-full": "rate-limited",
  loop: "forbidden",
  policy: "forbidden",
  expired: "unreachable",
  uncertain: "unreachable",
  internal: "unreachable",
};

/** The `<error/>` of a room. */
export function roomError(reason: RoomReason, by: string, text?: string): Element {
  const { type, condition } = roomErrors[reason];
  return element(
    "error",
    ns.component,
    { type, by },
    element(condition, ns.stanzas),
    element("text", ns.stanzas, { "xml:lang": "en" }, text ?? roomReasonText[reason]),
  );
}

// What an error repeats of the stanza, so that the client knows what failed (RFC 6120 §8.3.1); never a whole text.
const repeated: ReadonlySet<string> = new Set([ns.muc, ns.mucUser]);

/** The error stanza for one that came: same id, addresses swapped. Undefined for what is itself an answer. */
export function refuse(stanza: Element, error: Element): Element | undefined {
  const { type, from, to, id } = stanza.attrs;
  if (type === "error" || type === "result" || from === undefined) return undefined;
  const again = elements(stanza).filter(
    (one) => repeated.has(one.xmlns) || (one.name === "subject" && one.xmlns === ns.component),
  );
  return element(
    stanza.name,
    ns.component,
    { type: "error", from: to, to: from, id },
    ...(stanza.name === "iq" ? [] : again),
    error,
  );
}
