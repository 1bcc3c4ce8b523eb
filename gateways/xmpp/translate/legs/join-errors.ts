// Why a foreign room does not let one of us in, or to another nick: stanza errors as reasons of rooms; standards XEP-0045 §7.2, RFC 6120 §8.3.
import type { RoomReason } from "#bus-schemas/events/room-command.ts";
import type { Reason } from "#bus-schemas/reason.ts";

export interface JoinRefusal {
  readonly reason: RoomReason;
  /** `nick`: with another nick it may go; `later`: it is tried again; `never`: he is told. */
  readonly next: "nick" | "later" | "never";
}

const never = (reason: RoomReason): JoinRefusal => ({ reason, next: "never" });
const later = (reason: RoomReason): JoinRefusal => ({ reason, next: "later" });
const nick = (reason: RoomReason): JoinRefusal => ({ reason, next: "nick" });

/** Every condition of RFC 6120 §8.3.3. */
const refusals: Readonly<Record<string, JoinRefusal>> = {
  "bad-request": never("not-supported"),
  conflict: nick("nick-taken"),
  "feature-not-implemented": never("not-supported"),
  forbidden: never("banned"),
  gone: never("gone"),
  "internal-server-error": later("unreachable"),
  // A room that is locked, or that nobody may make (XEP-0045 §7.2.9).
  "item-not-found": never("no-such-room"),
  "jid-malformed": nick("nick-invalid"),
  // Only a nick that is reserved for him will do (XEP-0045 §7.2.11).
  "not-acceptable": nick("nick-invalid"),
  "not-allowed": never("creation-forbidden"),
  "not-authorized": never("password"),
  "policy-violation": never("forbidden"),
  "recipient-unavailable": later("unreachable"),
  redirect: never("gone"),
  "registration-required": never("members-only"),
  "remote-server-not-found": never("unreachable"),
  "remote-server-timeout": later("unreachable"),
  "resource-constraint": later("rate-limited"),
  // As many as may be are in (XEP-0045 §7.2.12); also a domain without rooms.
  "service-unavailable": later("full"),
  "subscription-required": never("members-only"),
  "undefined-condition": never("forbidden"),
  "unexpected-request": never("not-supported"),
};

/** What an error to an attempt to come in means; one of no known condition is a refusal. */
export const joinRefusal = (condition: string): JoinRefusal =>
  (Object.hasOwn(refusals, condition) ? refusals[condition] : undefined) ?? never("forbidden");

/** A room's refusal of somebody, as the refusal of what he said there. */
export const saidReason: Readonly<Record<RoomReason, Reason>> = {
  "no-such-room": "unknown-user",
  "not-joined": "forbidden",
  "nick-taken": "policy",
  "nick-invalid": "policy",
  banned: "forbidden",
  "members-only": "forbidden",
  password: "not-authorised",
  full: "unreachable",
  forbidden: "forbidden",
  "creation-forbidden": "forbidden",
  "no-such-person": "unknown-user",
  "no-such-message": "policy",
  "no-private-messages": "not-supported",
  "too-large": "too-large",
  "not-supported": "not-supported",
  "rate-limited": "rate-limited",
  gone: "unknown-user",
  unreachable: "unreachable",
};
