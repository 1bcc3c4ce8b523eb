// Reasons as a browser is told them: a code in the manner of SIP (which published clients know) and a sentence. EDGES: closed list.
import { type RoomReason, roomReasonText } from "#bus-schemas/events/room-command.ts";
import { type Reason, reasonText } from "#bus-schemas/reason.ts";

/** The code of every reason; `blocked` is told as forbidden, so that nobody learns who has blocked him. */
export const codes: Record<Reason, number> = {
  "unknown-user": 404,
  "unknown-domain": 604,
  unreachable: 480,
  forbidden: 403,
  "not-authorised": 401,
  "needs-account": 407,
  blocked: 403,
  "too-large": 413,
  "not-supported": 415,
  "rate-limited": 429,
  "mailbox-full": 486,
  loop: 482,
  policy: 403,
  expired: 408,
  uncertain: 504,
  internal: 500,
};

/** What a browser is told: code, sentence, and the canonical name of the cause. `text`: the far side's own words, if any. */
export const failure = (reason: Reason, text?: string): { code: number; reason: string; cause: Reason } => {
  const cause = reason === "blocked" ? "forbidden" : reason;
  const words = text === undefined || text === "" || reason === "blocked" ? "" : `: ${text}`;
  return { code: codes[reason], reason: `${reasonText[cause]}${words}`.slice(0, 300), cause };
};

/** The code of every reason for which a room refuses. */
export const roomErrors: Record<RoomReason, number> = {
  "no-such-room": 404,
  "not-joined": 481,
  "nick-taken": 409,
  "nick-invalid": 422,
  banned: 403,
  "members-only": 407,
  password: 401,
  full: 486,
  forbidden: 403,
  "creation-forbidden": 403,
  "no-such-person": 404,
  "no-such-message": 404,
  "no-private-messages": 428,
  "too-large": 413,
  "not-supported": 415,
  "rate-limited": 429,
  gone: 410,
  unreachable: 503,
};

/** What a browser is told of a room's refusal. 503: try again later. */
export const roomFailure = (
  reason: RoomReason,
  text?: string,
): { code: number; reason: string; cause: RoomReason } => ({
  code: roomErrors[reason],
  reason: `${roomReasonText[reason]}${text === undefined || text === "" ? "" : `: ${text}`}`.slice(0, 300),
  cause: reason,
});
