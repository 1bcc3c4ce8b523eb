// From the bus to the browser: a message becomes account-event message, an outcome a disposition-notification. sylkRTC-2.
import type { MessageEvent } from "#bus-schemas/events/message.ts";
import type { Outcome, OutcomeEvent } from "#bus-schemas/events/outcome.ts";
import { farId } from "#bus-schemas/ids.ts";
import type { DispositionFrame, DispositionState, MessageFrame } from "../wire/event.ts";
import { formatAddress } from "./address.ts";
import { failure } from "./errors.ts";

/** The id under which a browser knows a message. */
export const messageIdFor = (event: MessageEvent): string =>
  farId({ event: event.id, carrier: event.origin.carrier, messageId: event.origin.messageId });

/**
 * The message as a browser gets it. `positive-delivery` is always asked for: the answer to it is what ends our custody
 * with clients that do not know account-ack.
 */
export function messageFrame(event: MessageEvent): MessageFrame {
  return {
    sylkrtc: "account-event",
    account: formatAddress(event.to),
    event: "message",
    sender: {
      uri: formatAddress(event.from),
      ...(event.from.display === undefined ? {} : { display_name: event.from.display }),
    },
    timestamp: new Date(event.written ?? event.time).toISOString(),
    disposition_notification: event.receipts.displayed
      ? ["positive-delivery", "display"]
      : ["positive-delivery"],
    message_id: messageIdFor(event),
    content_type: "text/plain",
    content: event.action ? `/me ${event.text}` : event.text,
    direction: "incoming",
    assurance: event.from.assurance,
    kind: event.kind,
    ...(event.subject === undefined ? {} : { subject: event.subject }),
    ...(event.thread === undefined ? {} : { thread: event.thread }),
    ...(event.language === undefined ? {} : { language: event.language }),
    ...(event.correctionOf === undefined ? {} : { correction_of: event.correctionOf }),
    ...(event.invitation === undefined ? {} : { invitation: invitationOf(event.invitation) }),
  };
}

const invitationOf = ({
  room,
  by,
  reason,
  password,
}: NonNullable<MessageEvent["invitation"]>): NonNullable<MessageFrame["invitation"]> => ({
  room: formatAddress(room),
  originator: {
    ...(by.address === undefined ? {} : { uri: formatAddress(by.address) }),
    ...(by.nick === undefined ? {} : { nick: by.nick }),
  },
  ...(reason === undefined ? {} : { reason }),
  ...(password === undefined ? {} : { password }),
});

/** How sylkRTC-2 calls each outcome; the four that are no success are told as failed, with code and sentence. */
export const stateOf: Record<Outcome, Exclude<DispositionState, "pending" | "received">> = {
  handed: "processed",
  delivered: "delivered",
  displayed: "displayed",
  refused: "failed",
  expired: "failed",
  uncertain: "failed",
  bounced: "failed",
};

/** What became of a message, for its sender's browser; undefined if it had no id of its own, so that nothing can be said about it. */
export function dispositionFrame(event: OutcomeEvent): DispositionFrame | undefined {
  if (event.messageId === undefined) return undefined;
  const state = stateOf[event.outcome];
  return {
    sylkrtc: "account-event",
    account: formatAddress(event.to),
    event: "disposition-notification",
    message_id: event.messageId,
    message_timestamp: new Date(event.time).toISOString(),
    state,
    ...(state === "failed" ? failure(cause(event), event.text) : { code: 200, reason: event.outcome }),
  };
}

function cause(event: OutcomeEvent): NonNullable<OutcomeEvent["reason"]> {
  if (event.reason !== undefined) return event.reason;
  return event.outcome === "expired" || event.outcome === "uncertain" ? event.outcome : "internal";
}

/** The first word about a message: the bus holds it, and Parley answers for it from now on. */
export const acceptedFrame = (account: string, messageId: string, timeMs: number): DispositionFrame => ({
  sylkrtc: "account-event",
  account,
  event: "disposition-notification",
  message_id: messageId,
  message_timestamp: new Date(timeMs).toISOString(),
  state: "accepted",
  code: 202,
  reason: "accepted",
});
