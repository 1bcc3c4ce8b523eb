// Events to what SIP people are sent: a MESSAGE with text or CPIM, an IMDN, or nothing (RFC 3428, RFC 3862, RFC 5438).
import type { Event } from "#bus-schemas/event.ts";
import type { MessageEvent } from "#bus-schemas/events/message.ts";
import type { Outcome, OutcomeEvent } from "#bus-schemas/events/outcome.ts";
import { farId } from "#bus-schemas/ids.ts";
import { reasonText } from "#bus-schemas/reason.ts";
import { printCpim } from "../wire/cpim.ts";
import { type ImdnKind, type ImdnStatus, printImdn } from "../wire/imdn.ts";
import type { Field } from "../wire/message.ts";
import { field } from "../wire/print.ts";
import { oneLine } from "./text.ts";
import { hopsField } from "./to-bus.ts";

/** What the edge knows: the URIs under which both appear on SIP, and what the far client can read. */
export interface FromBusView {
  readonly fromUri: string;
  readonly toUri: string;
  /** The far client is known to read CPIM. */
  readonly cpim: boolean;
  /** For the datetime of a notification, milliseconds since 1970. */
  readonly nowMs: number;
}

/** The content of one MESSAGE; who it is from and to, and its transaction, are the edge's. */
export type FromBus =
  | { readonly do: "send"; readonly fields: readonly Field[]; readonly body: Uint8Array }
  | { readonly do: "nothing"; readonly why: string };

/** Translates one event. */
export function fromBus(event: Event, view: FromBusView): FromBus {
  switch (event.type) {
    case "message.sent":
      return view.cpim ? inCpim(event, view) : plain(event);
    case "message.outcome":
      return outcome(event, view);
    default:
      return event satisfies never;
  }
}

const spoken = (event: MessageEvent): string =>
  `${event.action ? "/me " : ""}${event.correctionOf === undefined ? "" : "* "}${event.text}`;

function plain(event: MessageEvent): FromBus {
  return {
    do: "send",
    fields: [...common(event), field("content-type", "text/plain;charset=UTF-8")],
    body: Buffer.from(spoken(event), "utf8"),
  };
}

function common(event: MessageEvent): Field[] {
  const fields: Field[] = [];
  if (event.subject !== undefined) fields.push(field("subject", oneLine(event.subject)));
  if (event.language !== undefined) fields.push(field("content-language", event.language));
  if (event.hops > 0) fields.push(field(hopsField, String(event.hops)));
  return fields;
}

function inCpim(event: MessageEvent, view: FromBusView): FromBus {
  const { displayed } = event.receipts;
  const wishes = ["positive-delivery", "negative-delivery", ...(displayed ? ["display"] : [])];
  const { id, origin } = event;
  const headers: [string, string][] = [
    ["From", `<${view.fromUri}>`],
    ["To", `<${view.toUri}>`],
    ["DateTime", new Date(event.written ?? event.time).toISOString()],
    ...(event.subject === undefined ? [] : [["Subject", oneLine(event.subject)] as [string, string]]),
    ["NS", "imdn <urn:ietf:params:imdn>"],
    ["imdn.Message-ID", farId({ event: id, carrier: origin.carrier, messageId: origin.messageId })],
    ...(asksNothing(event) ? [] : [["imdn.Disposition-Notification", wishes.join(", ")] as [string, string]]),
  ];
  const mime: [string, string][] = [
    ["Content-Type", "text/plain;charset=UTF-8"],
    ...(event.language === undefined ? [] : [["Content-Language", event.language] as [string, string]]),
  ];
  return {
    do: "send",
    fields: [...common(event), field("content-type", "message/cpim")],
    body: printCpim(headers, mime, Buffer.from(spoken(event), "utf8")),
  };
}

const asksNothing = (event: MessageEvent): boolean => !event.receipts.delivered && !event.receipts.displayed;

// RFC 5438 §7.1.2.1: which notification says which end. `uncertain` and `expired` have no word of their own there.
const notifications: Readonly<Record<Outcome, { readonly kind: ImdnKind; readonly status: ImdnStatus }>> = {
  handed: { kind: "processing", status: "processed" },
  delivered: { kind: "delivery", status: "delivered" },
  displayed: { kind: "display", status: "displayed" },
  refused: { kind: "delivery", status: "failed" },
  expired: { kind: "delivery", status: "failed" },
  bounced: { kind: "delivery", status: "failed" },
  uncertain: { kind: "delivery", status: "error" },
};

const failures: readonly Outcome[] = ["refused", "expired", "uncertain", "bounced"];

function outcome(event: OutcomeEvent, view: FromBusView): FromBus {
  if (event.messageId !== undefined) return notification(event, event.messageId, view);
  if (!failures.includes(event.outcome)) return { do: "nothing", why: "a plain phone cannot show a report" };
  return {
    do: "send",
    fields: [field("content-type", "text/plain;charset=UTF-8")],
    body: Buffer.from(sentence(event), "utf8"),
  };
}

/** `Not delivered: <reason>: <first 40 characters>`; for uncertain the words say that it may have arrived. */
function sentence(event: OutcomeEvent): string {
  const reason = reasonText[event.reason ?? defaultReasons[event.outcome] ?? "internal"];
  return `Not delivered: ${reason}${event.excerpt ? `: ${event.excerpt}` : ""}`;
}

const defaultReasons: Partial<Record<Outcome, keyof typeof reasonText>> = {
  expired: "expired",
  uncertain: "uncertain",
  bounced: "unreachable",
};

function notification(event: OutcomeEvent, messageId: string, view: FromBusView): FromBus {
  const dateTime = new Date(view.nowMs).toISOString();
  const { kind, status } = notifications[event.outcome];
  const told = event.outcome === "refused" && event.reason === "forbidden" ? "forbidden" : status;
  const xml = printImdn({ messageId, kind, status: told, dateTime, recipient: view.fromUri });
  const headers: [string, string][] = [
    ["From", `<${view.fromUri}>`],
    ["To", `<${view.toUri}>`],
    ["DateTime", dateTime],
    ["NS", "imdn <urn:ietf:params:imdn>"],
    ["imdn.Message-ID", event.id],
  ];
  const mime: [string, string][] = [
    ["Content-Type", "message/imdn+xml"],
    ["Content-Disposition", "notification"],
  ];
  return { do: "send", fields: [field("content-type", "message/cpim")], body: printCpim(headers, mime, xml) };
}
