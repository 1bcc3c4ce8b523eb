// What of the canonical vocabulary SIP carries, reduces or drops, and why; complete by type. README.md shows it to people.
import type { EventType } from "#bus-schemas/event.ts";
import type { MessageEvent } from "#bus-schemas/events/message.ts";
import type { Outcome } from "#bus-schemas/events/outcome.ts";
import type { RoomChangeKind } from "#bus-schemas/events/room.ts";
import { deedTable, type SaidPart } from "#bus-schemas/rooms/capabilities.ts";

/** `carried`: comes back unchanged through toBus(fromBus(e)). */
export type Fate =
  | { readonly is: "carried"; readonly as: string }
  | { readonly is: "reduced"; readonly how: string }
  | { readonly is: "dropped"; readonly why: string };

const carried = (as: string): Fate => ({ is: "carried", as });
const reduced = (how: string): Fate => ({ is: "reduced", how });
const dropped = (why: string): Fate => ({ is: "dropped", why });

// What only the bus is concerned with.
type Envelope = "id" | "type" | "version" | "time" | "expires" | "hops" | "route" | "leg" | "room";

/** Every part of a message. */
const message = {
  from: reduced("From: the face of the person on SIP, with his name; the device is left out"),
  to: reduced("To; the Request-URI is the phone's contact; all phones of the person get it"),
  origin: carried("the id under which a report finds its way back: imdn.Message-ID (CPIM phones)"),
  kind: reduced("SIP has one kind of MESSAGE; all come back as chat"),
  action: carried("/me at the start of the text"),
  text: carried("the body, text/plain in UTF-8; a plain text that begins with /me shows as an action"),
  spans: dropped("phones show text/plain; the plain text is complete"),
  language: carried("Content-Language"),
  subject: carried("Subject"),
  thread: dropped("phones make a new Call-ID for every MESSAGE: it says nothing about threads"),
  written: reduced("DateTime of CPIM; nothing for a phone that does not read CPIM"),
  correctionOf: reduced("a new message that begins with *"),
  invitation: reduced("in words"),
  replyTo: dropped("CPIM has no place for it; a quotation in the text stays"),
  receipts: reduced(
    "asked for by IMDN of a phone that reads CPIM; of any other its 200 is the delivered report",
  ),
} satisfies Record<Exclude<keyof MessageEvent, Envelope>, Fate>;

/** How a sender on SIP is told what became of his message. */
const outcome = {
  handed: reduced("200 within the hold; afterwards IMDN processed, to one who asked for it"),
  refused: reduced("the final response within the hold; then IMDN failed, else one MESSAGE in words"),
  expired: reduced("IMDN failed, else one MESSAGE in words"),
  uncertain: reduced("IMDN error, else one MESSAGE in words: may not have arrived"),
  delivered: reduced("IMDN delivered, to one who asked; a plain phone has no way to show it"),
  displayed: reduced("IMDN displayed, to one who asked; a plain phone has no way to show it"),
  bounced: reduced("IMDN failed, else one MESSAGE in words"),
} satisfies Record<Outcome, Fate>;

/** What SIP users send and the bus does not know. */
const heard = {
  "is-composing": dropped("answered 200; the bus has no typing events yet (RFC 3994)"),
  "notifications of others' messages": dropped("answered 200; only ids that this house gave are reported on"),
  "text/html, multipart, S/MIME": reduced("refused 415 with Accept"),
  "empty messages": reduced("refused 488: nothing in them for a person"),
  "control characters": reduced("dropped but LF and TAB; what XML cannot say becomes U+FFFD"),
} satisfies Record<string, Fate>;

const roster = (how: string): Fate =>
  reduced(`${how} in the NOTIFY of the roster (RFC 4575); no line in the session`);

/** What happens in a room, as a participant with an MSRP session and a subscription meets it. */
export const inRooms = {
  owner: dropped("which process keeps a room is nobody's business"),
  created: roster("all"),
  configured: roster("title, description, who is seen: all anew"),
  joined: roster("the new user"),
  endpoint: roster("his devices and whether they are connected"),
  "endpoint-gone": roster("his devices; the device itself gets BYE"),
  left: reduced("deleted user with disconnection-method and reason; he himself gets BYE with Reason"),
  renamed: roster("the new nick, under which the user may have a new entity"),
  rekeyed: roster("all anew"),
  status: dropped("conference-info has no word for away and busy; a status text would be shown as presence"),
  role: roster("observer, participant or moderator"),
  affiliation: roster("owner and administrator beside the role; lists are not shown"),
  said: reduced(
    "message/cpim with From, To, DateTime; never to the session that sent it, but to his others. /me, * before a correction, > before what it answers; formatting is dropped",
  ),
  subject: reduced("a line with Subject, and the subject in the roster"),
  retracted: dropped("what was shown in a session cannot be taken back there"),
  reacted: dropped("each would be one more line of the conversation"),
  invited: dropped("told to the one who is invited, by a MESSAGE in words"),
  declined: reduced("a line for the one who invited"),
  roster: reduced("one NOTIFY of everything, and one line if there are words"),
  notice: reduced("a line from the room"),
  destroyed: reduced("the deleted roster, terminated;reason=noresource, and BYE with Reason"),
} satisfies Record<RoomChangeKind, Fate>;

/** What can be in something said in a room. */
const saidInRooms = {
  kind: reduced("a notice reads as a message"),
  action: carried("/me at the start of the text"),
  text: carried("text/plain in UTF-8"),
  spans: dropped("phones show text/plain; the plain text is complete"),
  language: carried("Content-Language"),
  thread: dropped("a chat room of RFC 7701 has one conversation"),
  written: carried("DateTime"),
  to: carried("a message to his nick, shown on all devices of both (RFC 7701 §6)"),
  corrects: reduced("a new message that begins with *"),
  repliesTo: reduced("the beginning of what is answered, behind >, before the answer"),
} satisfies Record<SaidPart, Fate>;

/** Everything done in a room, as somebody on SIP meets it. */
export const deedsInRooms = deedTable(inRooms, saidInRooms, carried("isComposing (RFC 3994)"));

/** By event; a new event type does not compile until it is decided here. */
export const capabilities = {
  "message.sent": message,
  "message.outcome": outcome,
} satisfies Record<EventType, Readonly<Record<string, Fate>>>;

/** By what is heard on SIP only. */
export const onlyOnSip: Readonly<Record<string, Fate>> = heard;

/** One row as the README shows it. */
export function row(name: string, fate: Fate): string {
  return `| ${name} | ${fate.is} | ${"as" in fate ? fate.as : "how" in fate ? fate.how : fate.why} |`;
}
