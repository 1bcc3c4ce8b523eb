// Why a room refuses, in SIP and in MSRP: total both (RFC 4579 §5, RFC 7701 §11, RFC 4975 §10; stox §5.4, §5.5).
import type { LeaveCause } from "#bus-schemas/events/room.ts";
import type { RoomReason } from "#bus-schemas/events/room-command.ts";
import type { Reason } from "#bus-schemas/reason.ts";

/** `sip`: the final response to INVITE, SUBSCRIBE, REFER; `msrp`: that to SEND or NICKNAME. */
export const roomErrors: Readonly<Record<RoomReason, { readonly sip: number; readonly msrp: number }>> = {
  "no-such-room": { sip: 404, msrp: 404 },
  // Not 481: it would say that the session is gone, and it is not.
  "not-joined": { sip: 403, msrp: 403 },
  "nick-taken": { sip: 486, msrp: 425 },
  "nick-invalid": { sip: 400, msrp: 424 },
  banned: { sip: 403, msrp: 403 },
  "members-only": { sip: 403, msrp: 403 },
  password: { sip: 403, msrp: 403 },
  full: { sip: 486, msrp: 403 },
  forbidden: { sip: 403, msrp: 403 },
  "creation-forbidden": { sip: 403, msrp: 403 },
  "no-such-person": { sip: 404, msrp: 404 },
  "no-such-message": { sip: 404, msrp: 404 },
  "no-private-messages": { sip: 403, msrp: 428 },
  "too-large": { sip: 413, msrp: 413 },
  "not-supported": { sip: 488, msrp: 415 },
  "rate-limited": { sip: 480, msrp: 413 },
  gone: { sip: 410, msrp: 404 },
  unreachable: { sip: 480, msrp: 408 },
};

/** How a SEND is answered that was not taken. 408 says of MSRP's codes that it did not get through in time. */
export const msrpStatusOf: Readonly<Record<Reason, number>> = {
  "unknown-user": 404,
  "unknown-domain": 404,
  unreachable: 408,
  forbidden: 403,
  "not-authorised": 403,
  "needs-account": 403,
  blocked: 403,
  "too-large": 413,
  "not-supported": 415,
  "rate-limited": 413,
  "mailbox-full": 413,
  loop: 403,
  policy: 403,
  expired: 408,
  uncertain: 408,
  internal: 408,
};

/** What is said to somebody whom the room has sent away: Reason of our BYE (RFC 3326) and disconnection-method of the others (RFC 4575 §5.7.6). */
export const farewells: Readonly<
  Record<
    LeaveCause,
    { readonly cause: number; readonly text: string; readonly method: "departed" | "booted" | "failed" }
  >
> = {
  left: { cause: 200, text: "left", method: "departed" },
  lost: { cause: 408, text: "connection lost", method: "failed" },
  kicked: { cause: 403, text: "removed by a moderator", method: "booted" },
  banned: { cause: 403, text: "banned", method: "booted" },
  "not-a-member": { cause: 403, text: "the room is for members only", method: "booted" },
  destroyed: { cause: 410, text: "the room has been destroyed", method: "booted" },
  netsplit: { cause: 480, text: "netsplit", method: "failed" },
  "leg-gone": { cause: 480, text: "the channel is gone", method: "failed" },
  shutdown: { cause: 480, text: "going down", method: "failed" },
};
