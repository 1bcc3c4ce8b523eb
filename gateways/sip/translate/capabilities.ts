// What SIP carries of each event, and what becomes of the rest. A new event type does not compile until it is decided here.
import type { EventType } from "#bus-schemas/event.ts";

/** `carried` comes back unchanged through toBus(fromBus(e)); `reduced` says how; `dropped` says why. */
export interface Capability {
  readonly carried: readonly string[];
  readonly reduced: Readonly<Record<string, string>>;
  readonly dropped: Readonly<Record<string, string>>;
}

export const capabilities = {
  "message.sent": {
    carried: [
      "from",
      "to",
      "text",
      "action",
      "language",
      "subject",
      "receipts (by CPIM)",
      "written (by CPIM)",
      "messageId (by CPIM)",
    ],
    reduced: {
      spans: "the plain text stays; MESSAGE to phones is text/plain",
      kind: "SIP has one kind of MESSAGE: all come back as chat",
      correctionOf: "the corrected text comes as a new message beginning with *",
      receipts:
        "to a phone that is not known to read CPIM none is asked for; its 200 is the delivered report",
      language: "only as Content-Language of the whole",
    },
    dropped: {
      thread:
        "Call-ID is new for every MESSAGE of most phones and says nothing about threads (RFC 7572 §4 tried it)",
      "is-composing":
        "application/im-iscomposing+xml is answered 200 and goes no further: the bus has no typing event yet",
    },
  },
  "message.outcome": {
    carried: [
      "delivered, displayed, handed, refused, expired, uncertain, bounced as IMDN to a sender who used CPIM with IMDN",
    ],
    reduced: {
      "refused, expired, uncertain, bounced":
        "to a plain phone one MESSAGE 'Not delivered: reason: first 40 characters'",
      text: "the far side's own words are not in IMDN",
    },
    dropped: {
      "handed, delivered, displayed":
        "to a plain phone: it has no way to show a report that belongs to a message",
    },
  },
} as const satisfies Record<EventType, Capability>;
