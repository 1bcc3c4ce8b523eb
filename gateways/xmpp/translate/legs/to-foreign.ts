// What our occupants send to a foreign room: XEP-0045 §7.2, §7.4, §7.5, §7.6, §7.14, §8.1, §10.1.2; XEP-0308, 0359, 0410, 0424, 0444, 0461.
import type { Address } from "#bus-schemas/address.ts";
import { toJid } from "#bus-schemas/addresses/jid.ts";
import type { MessageEvent } from "#bus-schemas/events/message.ts";
import type { RoomStatus } from "#bus-schemas/events/room.ts";
import { type Element, element, type Node, ns } from "../../wire/element.ts";
import { printStamp } from "../stamp.ts";
import { markElement } from "./mark.ts";

/** Between whom. */
export interface Way {
  /** The full JID of our occupant. */
  readonly from: string;
  /** The foreign room. */
  readonly room: Address;
}

/** How much of what was said before is wanted. */
export type HistoryWanted =
  | { readonly most: number }
  /** All since then, milliseconds since 1970. */
  | { readonly since: number };

const plain = (name: string, value: string | undefined): Element | undefined =>
  value === undefined || value === "" ? undefined : element(name, ns.component, {}, value);

/** The JID of an occupant; undefined for a nick that no JID can hold. */
export function occupantOf(room: Address, nick: string): string | undefined {
  const jid = toJid({ local: room.local, domain: room.domain, device: nick });
  return jid.ok ? jid.value : undefined;
}

/** The room's own JID. */
export const bareRoom = (room: Address): string => {
  const jid = toJid({ local: room.local, domain: room.domain });
  return jid.ok ? jid.value : `${room.local}@${room.domain}`;
};

const statusNodes = (status: RoomStatus | undefined): (Element | undefined)[] => [
  status === undefined || status.show === "available" ? undefined : plain("show", status.show),
  plain("status", status?.text),
];

/** Asks to come in, or to be told everything again. */
export function joinStanza(
  { from }: Way,
  to: string,
  wish: {
    readonly id: string;
    readonly history: HistoryWanted;
    readonly password: string | undefined;
    readonly status: RoomStatus | undefined;
    readonly mark: string;
  },
): Element {
  const { history } = wish;
  const attrs =
    "most" in history
      ? { maxstanzas: String(history.most) }
      : { since: printStamp(history.since)?.replace(/\.\d+Z$/, "Z") };
  const x = element(
    "x",
    ns.muc,
    {},
    element("history", ns.muc, attrs),
    wish.password === undefined ? undefined : element("password", ns.muc, {}, wish.password),
  );
  return element(
    "presence",
    ns.component,
    { from, to, id: wish.id },
    ...statusNodes(wish.status),
    x,
    markElement(wish.mark),
  );
}

/** Another status, or (to another nick) a change of nick. */
export const presenceStanza = (
  { from }: Way,
  to: string,
  wish: { readonly id: string; readonly status: RoomStatus | undefined; readonly mark: string },
): Element =>
  element(
    "presence",
    ns.component,
    { from, to, id: wish.id },
    ...statusNodes(wish.status),
    markElement(wish.mark),
  );

export const leaveStanza = ({ from }: Way, to: string, reason: string | undefined): Element =>
  element("presence", ns.component, { from, to, type: "unavailable" }, plain("status", reason));

/** XEP-0410 §3. */
export const pingStanza = ({ from }: Way, to: string, id: string): Element =>
  element("iq", ns.component, { from, to, id, type: "get" }, element("ping", ns.ping));

/** A room that our coming has made is taken as it is (XEP-0045 §10.1.2). */
export const unlockStanza = ({ from, room }: Way, id: string): Element =>
  element(
    "iq",
    ns.component,
    { from, to: bareRoom(room), id, type: "set" },
    element("query", ns.mucOwner, {}, element("x", ns.forms, { type: "submit" })),
  );

export const subjectStanza = ({ from, room }: Way, id: string, subject: string): Element =>
  element(
    "message",
    ns.component,
    { from, to: bareRoom(room), id, type: "groupchat" },
    element("subject", ns.component, {}, lines(subject)),
  );

/** All that one of us shows as his reactions to the message of this id there. */
export const reactionsStanza = (
  { from, room }: Way,
  id: string,
  message: string,
  emoji: readonly string[],
): Element =>
  element(
    "message",
    ns.component,
    { from, to: bareRoom(room), id, type: "groupchat" },
    element(
      "reactions",
      ns.reactions,
      { id: message },
      ...emoji.map((one) => element("reaction", ns.reactions, {}, one)),
    ),
    element("store", ns.hints),
  );

export const retractStanza = ({ from, room }: Way, id: string, message: string): Element =>
  element(
    "message",
    ns.component,
    { from, to: bareRoom(room), id, type: "groupchat" },
    element("retract", ns.retract, { id: message }),
    element("fallback", ns.fallback, { for: ns.retract }),
    plain("body", "/me retracted a previous message, but your client does not show this."),
    element("store", ns.hints),
  );

/** Asks somebody in, through the room (XEP-0045 §7.8.2). */
export const inviteStanza = (
  { from, room }: Way,
  id: string,
  to: string,
  reason: string | undefined,
): Element =>
  element(
    "message",
    ns.component,
    { from, to: bareRoom(room), id },
    element(
      "x",
      ns.mucUser,
      {},
      element(
        "invite",
        ns.mucUser,
        { to },
        reason === undefined ? undefined : element("reason", ns.mucUser, {}, reason),
      ),
    ),
  );

/** Puts somebody out of the foreign room, if our occupant may (XEP-0045 §8.2). */
export const kickStanza = (
  { from, room }: Way,
  id: string,
  nick: string,
  reason: string | undefined,
): Element =>
  element(
    "iq",
    ns.component,
    { from, to: bareRoom(room), id, type: "set" },
    element(
      "query",
      ns.mucAdmin,
      {},
      element(
        "item",
        ns.mucAdmin,
        { nick, role: "none" },
        reason === undefined ? undefined : element("reason", ns.mucAdmin, {}, reason),
      ),
    ),
  );

/** That somebody is writing; kept nowhere (XEP-0085 §5.5). */
export const writingStanza = (
  { from, room }: Way,
  nick: string | undefined,
  state: "composing" | "paused" | "active",
): Element | undefined => {
  const to = nick === undefined ? bareRoom(room) : occupantOf(room, nick);
  if (to === undefined) return undefined;
  const type = nick === undefined ? "groupchat" : "chat";
  return element(
    "message",
    ns.component,
    { from, to, type },
    element(state, ns.chatStates),
    element("no-store", ns.hints),
  );
};

// Servers write a carriage return as it is, and the next parser takes it for a line feed (XML 1.0 §2.11).
const lines = (text: string): string => text.replace(/\r\n?/g, "\n");

/** What the foreign room calls things that have other names here. */
export interface ThereNames {
  /** The stanza id under which a message of ours was said there, for corrections. */
  idThere(event: string): string | undefined;
  /** The id by which replies name the message of this event there, and who said it there. */
  known(event: string): { readonly name: string; readonly nick: string | undefined } | undefined;
}

/** What one of us says to all; `nick`: to this occupant alone. Undefined for a nick that no JID can hold. */
export function sayStanza(
  { from, room }: Way,
  id: string,
  event: MessageEvent,
  nick: string | undefined,
  names: ThereNames,
): Element | undefined {
  const to = nick === undefined ? bareRoom(room) : occupantOf(room, nick);
  if (to === undefined) return undefined;
  const quote = quotation(event);
  const replaces = event.correctionOf === undefined ? undefined : names.idThere(event.correctionOf);
  const attrs = { from, to, id, type: nick === undefined ? "groupchat" : "chat", "xml:lang": event.language };
  const children: (Node | undefined)[] = [
    plain("body", `${quote}${event.action ? "/me " : ""}${lines(event.text)}`),
    plain("thread", event.thread),
    element("origin-id", ns.ids, { id }),
    replaces === undefined ? undefined : element("replace", ns.correct, { id: replaces }),
    ...replyNodes(room, event, quote, names),
    ...(nick === undefined
      ? []
      : [element("x", ns.mucUser), element("private", ns.carbons), element("no-copy", ns.hints)]),
  ];
  return element("message", ns.component, attrs, ...children);
}

// For clients that do not know replies: the beginning of what is answered, to be cut off by those that do (XEP-0461 §3).
function quotation({ replyTo }: MessageEvent): string {
  if (replyTo?.excerpt === undefined) return "";
  const author = replyTo.nick === undefined ? "" : `${replyTo.nick}: `;
  return `> ${author}${replyTo.excerpt.replace(/\s*[\r\n]+\s*/g, " ")}\n`;
}

function replyNodes(
  room: Address,
  { replyTo }: MessageEvent,
  quote: string,
  names: ThereNames,
): (Element | undefined)[] {
  const found = replyTo?.id === undefined ? undefined : names.known(replyTo.id);
  if (found === undefined) return [];
  const to = found.nick === undefined ? undefined : occupantOf(room, found.nick);
  // Offsets count code points (XEP-0426 §3).
  const range = element("body", ns.fallback, { start: "0", end: String([...quote].length) });
  return [
    element("reply", ns.reply, { to, id: found.name }),
    quote === "" ? undefined : element("fallback", ns.fallback, { for: ns.reply }, range),
  ];
}
