// Stanzas to a room, read: what their sender wants. XEP-0045 §7 and §8, XEP-0085, 0249, 0308, 0424, 0444, 0461.
import type { Address } from "#bus-schemas/address.ts";
import { fromJid } from "#bus-schemas/addresses/jid.ts";
import type { MessageDraft } from "#bus-schemas/delivery/courier.ts";
import { limits } from "#bus-schemas/events/message.ts";
import { roomLimits } from "#bus-schemas/events/room.ts";
import type { RoomDo, RoomReason } from "#bus-schemas/events/room-command.ts";
import { child, childText, type Element, elements, ns, text } from "../../wire/element.ts";
import { encryptionOf } from "../encryption.ts";
import { quotedBy, withoutFallback } from "../fallback.ts";
import { parseStamp } from "../stamp.ts";
import { type Form, readForm } from "./form.ts";

/** What a message to a room, or to somebody in it, asks for. */
export type Wish =
  | { readonly kind: "say"; readonly draft: MessageDraft }
  | { readonly kind: "do"; readonly do: RoomDo }
  | { readonly kind: "typing"; readonly state: "composing" | "paused" | "active"; readonly to?: string }
  | { readonly kind: "voice"; readonly form: Form }
  | { readonly kind: "refuse"; readonly reason: RoomReason; readonly text?: string }
  /** Nothing in it for a room. */
  | { readonly kind: "none" };

const refuse = (reason: RoomReason, why?: string): Wish => ({
  kind: "refuse",
  reason,
  ...(why !== undefined && { text: why }),
});

/**
 * Reads a message of somebody to a room; `nick` is set if it was for one occupant only. Several invitations in one are
 * several wishes, else there is one.
 */
export function messageToRoom(stanza: Element, from: Address, room: Address, nick?: string): Wish[] {
  const { type } = stanza.attrs;
  if (nick === undefined && type !== "groupchat") {
    const mediated = mediation(stanza);
    if (mediated.length > 0) return mediated;
    const form = readForm(stanza);
    if (form?.type === "http://jabber.org/protocol/muc#request") return [{ kind: "voice", form }];
    return child(stanza, "body", ns.component) === undefined
      ? [{ kind: "none" }]
      : [refuse("not-supported", "Messages to a room are of type groupchat.")];
  }
  if (nick !== undefined && type === "groupchat")
    return [refuse("not-supported", "Messages to one occupant are not of type groupchat.")];
  return [readGroupchat(stanza, from, room, nick)];
}

function readGroupchat(stanza: Element, from: Address, room: Address, nick: string | undefined): Wish {
  const encryption = encryptionOf(stanza);
  if (encryption === "keys") return { kind: "none" };
  if (encryption === "text")
    return refuse(
      "not-supported",
      "End-to-end encrypted messages cannot be read by everybody in this room. Please switch encryption off for it.",
    );
  const act = nick === undefined ? readAct(stanza) : undefined;
  if (act) return act;
  const body = childText(stanza, "body", ns.component);
  if (body !== undefined) return readSaid(stanza, from, room, nick, body);
  const subject = nick === undefined ? childText(stanza, "subject", ns.component) : undefined;
  if (subject !== undefined && child(stanza, "thread", ns.component) === undefined)
    return readSubject(subject);
  return readTyping(stanza, nick);
}

const readSubject = (subject: string): Wish =>
  Buffer.byteLength(subject, "utf8") > roomLimits.subjectBytes
    ? refuse("too-large", `The subject is longer than ${roomLimits.subjectBytes} bytes.`)
    : { kind: "do", do: { kind: "subject", text: subject } };

/** What is done to an earlier message: reactions and retraction name it by the room's id. */
function readAct(stanza: Element): Wish | undefined {
  const reactions = child(stanza, "reactions", ns.reactions);
  if (reactions) return readReactions(stanza, reactions);
  const retract = child(stanza, "retract", ns.retract);
  const message = retract?.attrs.id;
  if (message === undefined || message === "") return undefined;
  if (message.length > 64) return refuse("no-such-message");
  return { kind: "do", do: { kind: "retract", message } };
}

function readReactions(stanza: Element, reactions: Element): Wish {
  const message = reactions.attrs.id ?? "";
  if (message === "" || message.length > 64) return refuse("no-such-message");
  const emoji = elements(reactions)
    .filter((one) => one.name === "reaction")
    .map((one) => text(one).trim())
    .filter((one) => one !== "");
  if (emoji.length > roomLimits.reactions || emoji.some((one) => one.length > 64))
    return refuse("too-large", `At most ${roomLimits.reactions} reactions to one message.`);
  const messageId = short(stanza.attrs.id);
  return { kind: "do", do: { kind: "react", message, emoji, ...(messageId !== undefined && { messageId }) } };
}

function readSaid(
  stanza: Element,
  from: Address,
  room: Address,
  nick: string | undefined,
  body: string,
): Wish {
  const whole = withoutFallback(stanza, body, true);
  if (whole === "" || whole === "/me ")
    return body === "" ? refuse("not-supported", "The message is empty.") : { kind: "none" };
  if (Buffer.byteLength(whole, "utf8") > limits.textBytes)
    return refuse("too-large", `The text is longer than ${limits.textBytes} bytes.`);
  const action = whole.startsWith("/me ");
  const reply = readReply(stanza, body);
  return {
    kind: "say",
    draft: {
      from: { ...from, assurance: "server" },
      to: { local: room.local, domain: room.domain, ...(nick !== undefined && { device: nick }) },
      kind: "chat",
      action,
      text: action ? whole.slice(4) : whole,
      messageId: short(stanza.attrs.id),
      ...(reply && { replyTo: reply }),
      ...optional({
        language: short(
          child(stanza, "body", ns.component)?.attrs["xml:lang"] ?? stanza.attrs["xml:lang"],
          100,
        ),
        thread: short(childText(stanza, "thread", ns.component)),
        correctionOf: short(child(stanza, "replace", ns.correct)?.attrs.id),
        written: parseStamp(child(stanza, "delay", ns.delay)?.attrs.stamp),
      }),
    },
  };
}

/** The entries that have a value. */
const optional = <T extends Record<string, unknown>>(
  parts: T,
): { [K in keyof T]?: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(parts).filter(([, value]) => value !== undefined)) as never;

function readReply(stanza: Element, body: string): MessageDraft["replyTo"] {
  const reply = child(stanza, "reply", ns.reply);
  const id = short(reply?.attrs.id);
  if (id === undefined) return undefined;
  const author = fromJid(reply?.attrs.to ?? "");
  const excerpt = quotedBy(stanza, body).replace(/^> ?/gm, "").replace(/\s+/g, " ").trim();
  return {
    id,
    ...optional({
      nick: author.ok ? author.value.device : undefined,
      excerpt: excerpt === "" ? undefined : [...excerpt].slice(0, 80).join(""),
    }),
  };
}

// XEP-0085 §5.5: in rooms only these three.
function readTyping(stanza: Element, nick: string | undefined): Wish {
  for (const { name, xmlns } of elements(stanza))
    if (xmlns === ns.chatStates && (name === "composing" || name === "paused" || name === "active"))
      return { kind: "typing", state: name, ...(nick !== undefined && { to: nick }) };
  return { kind: "none" };
}

/** The most invitations in one stanza. */
const mostInvited = 20;

/** Invitations and refusals that the room passes on (XEP-0045 §7.8.2). */
function mediation(stanza: Element): Wish[] {
  const x = child(stanza, "x", ns.mucUser);
  if (!x) return [];
  const passed = elements(x).filter(({ name }) => name === "invite" || name === "decline");
  if (passed.length > mostInvited)
    return [refuse("too-large", `At most ${mostInvited} invitations at once.`)];
  return passed.map((one): Wish => {
    const to = fromJid(one.attrs.to ?? "");
    if (!to.ok) return refuse("no-such-person", "This is nobody's address.");
    const reason = childText(one, "reason", ns.mucUser)?.trim().slice(0, 1_024);
    const kind = one.name === "invite" ? "invite" : "decline";
    return { kind: "do", do: { kind, to: to.value, ...(reason ? { reason } : {}) } };
  });
}

/** A room that somebody is invited into, and why. */
export interface Invitation {
  readonly room: Address;
  readonly reason?: string;
}

/** A direct invitation into a room, which goes from person to person (XEP-0249 §2). */
export function directInvitation(stanza: Element): Invitation | undefined {
  const x = child(stanza, "x", ns.conference);
  const room = fromJid(x?.attrs.jid ?? "");
  if (x === undefined || !room.ok) return undefined;
  const reason = x.attrs.reason?.slice(0, 1_024);
  return { room: { local: room.value.local, domain: room.value.domain }, ...(reason ? { reason } : {}) };
}

const short = (value: string | undefined, most = 1023): string | undefined =>
  value === undefined || value === "" || value.length > most ? undefined : value;
