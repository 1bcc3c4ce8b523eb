// Messages and outcomes from the bus to stanzas: RFC 6121 §5, RFC 7572 §5, XEP-0184, 0308, 0333, 0334, 0359.
import type { Address } from "#bus-schemas/address.ts";
import { toJid } from "#bus-schemas/addresses/jid.ts";
import type { MessageEvent } from "#bus-schemas/events/message.ts";
import type { OutcomeEvent } from "#bus-schemas/events/outcome.ts";
import { farId } from "#bus-schemas/ids.ts";
import { type Reason, reasonText } from "#bus-schemas/reason.ts";
import { bad, ok, type Result } from "#bus-schemas/result.ts";
import { type Element, element, type Node, ns } from "../wire/element.ts";
import { errorElement } from "./errors.ts";
import { occupantJid, roomJid } from "./rooms/names.ts";
import { printStamp } from "./stamp.ts";

/** What the edge lends to translation. */
export interface Faces {
  /** As which address this person of ours appears on XMPP. */
  faceOn(address: Address): Address;
  /** The id under which an earlier message of this sender was shown, if it is still remembered (for corrections). */
  shownAs(event: MessageEvent): string | undefined;
}

/** A stanza for the connection of `domain`. */
export interface Outgoing {
  readonly domain: string;
  readonly id: string;
  readonly stanza: Element;
}

// A message that waited so long shows when it was written (XEP-0203); less is the ordinary way.
const delayedMs = 10_000;

/** The stanza id of a message of the bus: the same whenever it is sent again. */
export const stanzaId = (event: MessageEvent): string =>
  farId({ event: event.id, carrier: event.origin.carrier, messageId: event.origin.messageId });

/** The message stanza. `now` is the time of writing, for the delay stamp. Errors: an address that no JID can hold. */
export function messageFromBus(event: MessageEvent, faces: Faces, now: number): Result<Outgoing> {
  const face = faces.faceOn(event.from);
  const from = toJid(face);
  if (!from.ok) return bad(`sender: ${from.error}`);
  const to = toJid(event.to);
  if (!to.ok) return bad(`recipient: ${to.error}`);
  const id = stanzaId(event);
  const type = event.kind === "notice" ? "headline" : event.kind;
  const attrs = { from: from.value, to: to.value, id, type, "xml:lang": event.language };
  return ok({
    domain: face.domain,
    id,
    stanza: element("message", ns.component, attrs, ...contents(event, faces, id, now)),
  });
}

// Servers write a carriage return as it is, and the next parser takes it for a line feed (XML 1.0 §2.11).
const lines = (text: string): string => text.replace(/\r\n?/g, "\n");

function contents(event: MessageEvent, faces: Faces, id: string, now: number): (Node | undefined)[] {
  const plain = (name: string, value: string | undefined): Element | undefined =>
    value === undefined ? undefined : element(name, ns.component, {}, value);
  const written = event.written ?? (now - event.time > delayedMs ? event.time : undefined);
  const stamp = written === undefined ? undefined : printStamp(written);
  const earlier = event.correctionOf === undefined ? undefined : faces.shownAs(event);
  return [
    plain("subject", event.subject && lines(event.subject)),
    plain("body", `${event.action ? "/me " : ""}${lines(event.text)}`),
    plain("thread", event.thread),
    element("origin-id", ns.ids, { id }),
    ...(event.invitation ? invitationElements(event.invitation, faces) : []),
    earlier === undefined ? undefined : element("replace", ns.correct, { id: earlier }),
    stamp === undefined ? undefined : element("delay", ns.delay, { stamp }),
    event.receipts.delivered ? element("request", ns.receipts) : undefined,
    event.receipts.displayed ? element("markable", ns.markers) : undefined,
    element("store", ns.hints),
  ];
}

// As the room itself says it (XEP-0045 §7.8.2), and once more for clients that know only the other form (XEP-0249 §2).
function invitationElements(
  { room, by, reason, password }: NonNullable<MessageEvent["invitation"]>,
  faces: Pick<Faces, "faceOn">,
): Element[] {
  const jid = roomJid(room);
  const host = by.address && toJid(faces.faceOn(by.address));
  const from = by.nick === undefined ? (host?.ok ? host.value : jid) : occupantJid(room, { nick: by.nick });
  const why = reason === undefined ? undefined : element("reason", ns.mucUser, {}, reason);
  const secret = password === undefined ? undefined : element("password", ns.mucUser, {}, password);
  return [
    element("x", ns.mucUser, {}, element("invite", ns.mucUser, { from }, why), secret),
    element("x", ns.conference, { jid, password, reason }),
  ];
}

/**
 * What tells a sender what became of his message, or undefined where there is nothing that his protocol would say:
 * `handed` is what silence means on XMPP, and a message without an id can have no receipt.
 */
export function outcomeFromBus(
  event: OutcomeEvent,
  faces: Pick<Faces, "faceOn">,
): Result<Outgoing> | undefined {
  const face = faces.faceOn(event.from);
  const from = toJid(face);
  const to = toJid(event.to);
  if (!from.ok || !to.ok) return bad("an address that no JID can hold");
  const told = tell(event);
  if (!told) return undefined;
  const failed = told.name === "error";
  const attrs = failed
    ? { from: from.value, to: to.value, type: "error", id: event.messageId }
    : { from: from.value, to: to.value, type: "chat", id: event.id };
  const hint = failed ? undefined : element("store", ns.hints);
  return ok({
    domain: face.domain,
    id: event.id,
    stanza: element("message", ns.component, attrs, told, hint),
  });
}

function tell(event: OutcomeEvent): Element | undefined {
  switch (event.outcome) {
    case "handed":
      return undefined;
    case "delivered":
      return event.messageId && event.asked?.delivered !== false
        ? element("received", ns.receipts, { id: event.messageId })
        : undefined;
    case "displayed":
      return event.messageId && event.asked?.displayed !== false
        ? element("displayed", ns.markers, { id: event.messageId })
        : undefined;
    case "refused":
    case "bounced":
      return failure(event, event.reason ?? "internal");
    case "expired":
      return failure(event, "expired");
    case "uncertain":
      return failure(event, "uncertain");
  }
}

function failure(event: OutcomeEvent, reason: Reason): Element {
  const words = event.text ? `${reasonText[reason]}: ${event.text}` : reasonText[reason];
  // Without an id the sender's client cannot tell which message is meant: the first words say it.
  return errorElement(reason, event.messageId || !event.excerpt ? words : `${words} ("${event.excerpt}")`);
}
