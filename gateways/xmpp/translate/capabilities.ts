// What of the canonical vocabulary XMPP carries, reduces or drops, and why; complete by type. README.md shows it to people.
import type { MessageEvent } from "#bus-schemas/events/message.ts";
import type { Outcome } from "#bus-schemas/events/outcome.ts";
import type { RoomChangeKind } from "#bus-schemas/events/room.ts";
import { deedTable, type SaidPart } from "#bus-schemas/rooms/capabilities.ts";

/** `carried`: comes back unchanged through toBus(fromBus(e)). */
export type Carried =
  | { readonly is: "carried"; readonly as: string }
  | { readonly is: "reduced"; readonly how: string }
  | { readonly is: "dropped"; readonly why: string };

const carried = (as: string): Carried => ({ is: "carried", as });
const reduced = (how: string): Carried => ({ is: "reduced", how });
const dropped = (why: string): Carried => ({ is: "dropped", why });

/** What happens in a room. */
export const room = {
  owner: dropped("which process has the room is nobody's business"),
  created: carried("status 201 to whoever entered first"),
  configured: carried("status 104, 170 to 173"),
  joined: carried("presence; to the newcomer the whole picture, ended by the subject"),
  endpoint: carried("the whole picture to that device; the others see nobody new"),
  "endpoint-gone": carried("unavailable to that device"),
  left: carried("unavailable, with 301, 307, 321, 322, 332, 333 by its cause"),
  renamed: carried("unavailable with 303, presence under the new nick"),
  rekeyed: reduced("presence with another occupant id"),
  status: carried("show and status; priority, caps and other parts of a presence are not passed on"),
  role: carried("presence with role, actor, reason"),
  affiliation: carried(
    "presence; of somebody who is not in, a message to moderators and status 101 to himself",
  ),
  said: reduced("groupchat, or chat to one; formatting stays in the text (XEP-0393)"),
  subject: carried("subject"),
  retracted: carried("retract, with moderated if it was a moderator (XEP-0424, XEP-0425)"),
  reacted: carried("reactions (XEP-0444)"),
  invited: carried("the room's invitation, as a message to the invited"),
  declined: carried("decline"),
  roster: carried("a presence for each, and the notice"),
  notice: carried("a groupchat message of the room itself"),
  destroyed: carried("unavailable with destroy, and where to go on"),
} satisfies Record<RoomChangeKind, Carried>;

/** What can be in something said in a room. */
const saidInRoom = {
  kind: reduced("a notice is a message like any other"),
  action: carried("/me at the start of the body (XEP-0245)"),
  text: reduced("body; lines end in LF; what XML cannot carry becomes U+FFFD"),
  spans: dropped("no formatting that all clients show; the plain text is complete"),
  language: carried("xml:lang"),
  thread: carried("thread"),
  written: dropped("the room's time is shown to everybody"),
  to: carried("a private message (XEP-0045 §7.5)"),
  corrects: carried("replace (XEP-0308)"),
  repliesTo: carried("reply (XEP-0461), with a quotation for those who do not know it"),
} satisfies Record<SaidPart, Carried>;

/** Everything done in a room, as somebody on XMPP meets it. */
export const deedsInRoom = deedTable(room, saidInRoom, carried("chat states (XEP-0085)"));

// What only the bus is concerned with.
type Envelope = "id" | "type" | "version" | "time" | "origin" | "expires" | "hops" | "route" | "leg" | "room";

/** Every part of a message. */
export const message = {
  from: carried("from: the face of the person on XMPP, the device as resource"),
  to: carried("to"),
  kind: carried("type chat, normal, headline"),
  action: carried("/me at the start of the body (XEP-0245)"),
  text: reduced(
    "body; lines end in LF; what XML cannot carry becomes U+FFFD; a plain text that begins with /me shows as an action",
  ),
  spans: dropped("no formatting that all clients show; the plain text is complete"),
  language: carried("xml:lang"),
  subject: carried("subject"),
  thread: carried("thread"),
  written: carried("delay (XEP-0203)"),
  correctionOf: reduced(
    "replace (XEP-0308), while the corrected message is remembered; then a message like any other",
  ),
  invitation: carried("an invitation of the room (XEP-0045 §7.8.2, XEP-0249), and the same in words"),
  replyTo: dropped("between two people the quotation in the text stays"),
  receipts: carried("request (XEP-0184) and markable (XEP-0333); handed is not asked for, silence means it"),
} satisfies Record<Exclude<keyof MessageEvent, Envelope>, Carried>;

/** How a sender on XMPP is told what became of his message. */
export const outcome = {
  handed: dropped("XMPP has no such report, and silence means it"),
  refused: carried("an error stanza with his own id"),
  expired: carried("an error stanza with his own id: remote-server-timeout"),
  uncertain: carried("an error stanza with his own id: undefined-condition, may not have arrived"),
  delivered: carried("received (XEP-0184), if he asked and the message had an id"),
  displayed: carried("displayed (XEP-0333), if he asked and the message had an id"),
  bounced: carried("an error stanza with his own id"),
} satisfies Record<Outcome, Carried>;

/** What XMPP users send and the bus does not know. */
export const heard = {
  "chat states": dropped("the bus has no typing events yet (XEP-0085)"),
  "an empty body": reduced(
    "refused not-supported; dropped beside a chat state, receipt, marker or correction",
  ),
  "messages without a body": dropped("nothing in them for a person"),
  "headline without a text": dropped("a notification for programs"),
  "end-to-end encrypted text": reduced("refused not-supported with a sentence that says why (XEP-0380)"),
  "key exchange without text": dropped("nobody wrote anything; an error would trouble the user (XEP-0384)"),
  groupchat: reduced("to a person: refused not-supported; to a room: see there (XEP-0045)"),
  "invitations into rooms": carried("by the room, if it is one of ours; else only the words (XEP-0249)"),
  carbons: dropped("no stranger may say what others wrote (XEP-0280)"),
  reactions: reduced("the fallback text, if there is one (XEP-0444)"),
  replies: reduced("the text with its quotation (XEP-0461)"),
  retractions: reduced("the fallback text, if there is one (XEP-0424)"),
  files: reduced("the address in the body (XEP-0066)"),
  formatting: reduced("the plain body (XEP-0071, XEP-0393)"),
  presence: reduced("answered without state, and not carried: see Decisions in the README"),
} as const satisfies Record<string, Carried>;
