// What is said in a room, as stanzas: XEP-0045 §7.4, §7.5, §8.1; XEP-0308, 0359, 0421, 0424, 0425, 0444, 0461.
import type { Address } from "#bus-schemas/address.ts";
import type { RoomChange, RoomEvent, RoomMessage } from "#bus-schemas/events/room.ts";
import { type Element, element, type Node, ns } from "../../wire/element.ts";
import { printStamp } from "../stamp.ts";
import { actorJid, occupantJid, type RoomFaces, roomJid } from "./names.ts";
import { idElement, user } from "./presence.ts";

type Change<K extends RoomChange["kind"]> = Extract<RoomChange, { kind: K }>;

/** Finds an earlier event of the room by its id, as far as it is remembered. */
export type Find = (id: string) => RoomEvent | undefined;

/** The stanza id under which a message was shown: its sender's own, by which his corrections name it (XEP-0308 §3). */
export const shownId = (event: RoomEvent): string =>
  event.change.kind === "said" ? (event.change.message.origin.messageId ?? event.id) : event.id;

/**
 * The stanza that shows this event to whom it is for, without `to`; undefined for what nobody says. `stamped`: it is
 * history, and says when it was said (XEP-0203).
 */
export function saidStanza(
  event: RoomEvent,
  find: Find,
  faces: RoomFaces,
  stamped = false,
): Element | undefined {
  const { change, room } = event;
  const delay = stamped ? delayElement(room, event.time) : undefined;
  switch (change.kind) {
    case "said":
      return message(event, change.message, find, faces, delay);
    case "subject":
      return groupchat(event, change.by, faces, event.id, [
        element("subject", ns.component, {}, change.text),
        delay,
      ]);
    case "retracted":
      return retraction(event, change, faces, delay);
    case "reacted":
      return groupchat(event, change.by, faces, change.origin?.messageId ?? event.id, [
        element(
          "reactions",
          ns.reactions,
          { id: change.message },
          ...change.emoji.map((one) => element("reaction", ns.reactions, {}, one)),
        ),
        element("store", ns.hints),
        delay,
      ]);
    default:
      return undefined;
  }
}

/** When it was said, by the room's clock. */
export const delayElement = (room: Address, time: number): Element | undefined => {
  const stamp = printStamp(time);
  return stamp === undefined ? undefined : element("delay", ns.delay, { from: roomJid(room), stamp });
};

function groupchat(
  event: RoomEvent,
  by: { readonly key?: string | undefined; readonly nick?: string | undefined },
  faces: RoomFaces,
  id: string,
  children: readonly (Node | undefined)[],
): Element {
  const { room } = event;
  return element(
    "message",
    ns.component,
    { from: actorJid(room, by), id, type: "groupchat" },
    ...children,
    stanzaIdElement(event),
    idElement(room, by.key, faces),
  );
}

const stanzaIdElement = ({ room, id }: RoomEvent): Element =>
  element("stanza-id", ns.ids, { by: roomJid(room), id });

// Servers write a carriage return as it is, and the next parser takes it for a line feed (XML 1.0 §2.11).
const lines = (text: string): string => text.replace(/\r\n?/g, "\n");

function message(
  event: RoomEvent,
  said: RoomMessage,
  find: Find,
  faces: RoomFaces,
  delay: Element | undefined,
): Element {
  const { room } = event;
  const own = `${said.action ? "/me " : ""}${lines(said.text)}`;
  const quote = quotation(said);
  const corrected = said.corrects === undefined ? undefined : find(said.corrects);
  const replaces = corrected ? shownId(corrected) : said.corrects;
  const { carrier, messageId } = said.origin;
  const attrs = {
    from: actorJid(room, said.from),
    id: messageId ?? event.id,
    type: said.to === undefined ? "groupchat" : "chat",
    "xml:lang": said.language,
  };
  return element(
    "message",
    ns.component,
    attrs,
    element("body", ns.component, {}, quote + own),
    said.thread === undefined ? undefined : element("thread", ns.component, {}, said.thread),
    replaces === undefined ? undefined : element("replace", ns.correct, { id: replaces }),
    ...replyElements(room, said, quote),
    ...(said.to === undefined ? [] : privateElements()),
    // The sender's own client knows its message again by it (XEP-0359 §3.2).
    carrier === "xmpp" && messageId !== undefined
      ? element("origin-id", ns.ids, { id: messageId })
      : undefined,
    delay,
    stanzaIdElement(event),
    idElement(room, said.from.key, faces),
  );
}

// For clients that do not know replies: the beginning of what is answered, to be cut off by those that do (XEP-0461 §3).
function quotation({ repliesTo }: RoomMessage): string {
  if (repliesTo?.excerpt === undefined) return "";
  const author = repliesTo.nick === undefined ? "" : `${repliesTo.nick}: `;
  return `> ${author}${repliesTo.excerpt.replace(/\s*[\r\n]+\s*/g, " ")}\n`;
}

function replyElements(room: Address, { repliesTo }: RoomMessage, quote: string): (Element | undefined)[] {
  if (repliesTo === undefined) return [];
  const to = repliesTo.nick === undefined ? undefined : occupantJid(room, { nick: repliesTo.nick });
  // Offsets count code points (XEP-0426 §3).
  const range = element("body", ns.fallback, { start: "0", end: String([...quote].length) });
  return [
    element("reply", ns.reply, { to, id: repliesTo.id }),
    quote === "" ? undefined : element("fallback", ns.fallback, { for: ns.reply }, range),
  ];
}

// A private message stays with the device that got it: the server must not copy it (XEP-0045 §7.5, XEP-0280 §6.1).
const privateElements = (): Element[] => [
  user([]),
  element("private", ns.carbons),
  element("no-copy", ns.hints),
];

function retraction(
  event: RoomEvent,
  change: Change<"retracted">,
  faces: RoomFaces,
  delay: Element | undefined,
): Element {
  const { room } = event;
  if (change.moderated) {
    const moderated = element(
      "moderated",
      ns.moderate,
      { by: actorJid(room, change.by) },
      idElement(room, change.by.key, faces),
    );
    const reason = change.reason === undefined ? undefined : element("reason", ns.retract, {}, change.reason);
    return groupchat(event, {}, faces, event.id, [
      element("retract", ns.retract, { id: change.message }, moderated, reason),
      delay,
    ]);
  }
  return groupchat(event, change.by, faces, event.id, [
    element("retract", ns.retract, { id: change.message }),
    element("fallback", ns.fallback, { for: ns.retract }),
    element(
      "body",
      ns.component,
      {},
      "/me retracted a previous message, but your client does not show this.",
    ),
    element("store", ns.hints),
    delay,
  ]);
}
