// What is written into the histories, and under which ids: sent, received, reported, read, removed.
import type { MessageEvent } from "#bus-schemas/events/message.ts";
import { formatAddress } from "../translate/address.ts";
import type { stateOf } from "../translate/from-bus.ts";
import type { DispositionFrame, MessageFrame } from "../wire/event.ts";
import type { RequestOf } from "../wire/request.ts";
import type { History } from "./history.ts";

/**
 * A message that this account received, when it is offered for the first time. It counts from that moment, not from when it
 * was written: a mailbox may have held it for days, and "since" a moment must still bring it.
 */
export const noteDelivered = (
  history: History,
  key: string,
  event: MessageEvent,
  frame: MessageFrame,
  timeMs: number,
): Promise<void> =>
  history.write(key, `in:${frame.message_id}`, {
    kind: "message",
    time: timeMs,
    contact: formatAddress(event.from),
    id: frame.message_id,
    direction: "incoming",
    contentType: frame.content_type,
    content: frame.content,
    disposition: [...frame.disposition_notification],
  });

/** A message that this account sent, once it is accepted. */
export const noteSent = (
  history: History,
  key: string,
  request: RequestOf<"account-message">,
  contact: string,
  timeMs: number,
): Promise<void> =>
  history.write(key, `out:${request.message_id}`, {
    kind: "message",
    time: timeMs,
    contact,
    id: request.message_id,
    direction: "outgoing",
    contentType: request.content_type,
    content: request.content,
    disposition: [],
  });

/** What became of a message that this account sent. */
export const noteOutcome = (
  history: History,
  key: string,
  frame: DispositionFrame,
  timeMs: number,
): Promise<void> =>
  history.write(key, `state:${frame.state}:${frame.message_id}`, {
    kind: "state",
    time: timeMs,
    id: frame.message_id,
    state: historyState(frame.state),
    ...(frame.state === "failed" ? { reason: frame.reason } : {}),
  });

const historyState = (state: DispositionFrame["state"]): (typeof stateOf)[keyof typeof stateOf] =>
  state === "pending" || state === "received" ? "accepted" : state;
