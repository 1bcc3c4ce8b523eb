// INVITE as its users see it: one that we answer, one that we send (RFC 3261 §13).
import type { Answer } from "../session/respond.ts";
import type { SipResponse } from "../wire/message.ts";

/** An INVITE that waits for its answer. */
export interface Serving {
  /** Provisional or final; after a final answer nothing more. Answers false when it was too late: it is answered, or cancelled. */
  answer(answer: Answer): boolean;
  /** The ACK of the 2xx has come: it is not repeated any more. */
  acknowledged(): void;
  /** Set by whom it concerns: the caller has given up; 487 is answered already. */
  onCancel: () => void;
  /** Set by whom it concerns: no ACK came for the 2xx (§13.3.1.4). */
  onUnacknowledged: () => void;
}

/** What becomes of an INVITE of ours. */
export interface InviteHandlers {
  provisional?(response: SipResponse): void;
  /** Each 2xx, also when it comes again: each is to be acknowledged. */
  accepted(response: SipResponse): void;
  /** Once, if it was not accepted. */
  refused(end: SipResponse | "timeout" | "transport"): void;
}

/** An INVITE of ours that is under way. */
export interface Inviting {
  /** Gives up: CANCEL goes as soon as a provisional response has come (§9.1). What happens then is told to the handlers. */
  cancel(): void;
}
