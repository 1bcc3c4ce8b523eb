// What a browser can be given of each event, and what is reduced or dropped on the way, with the reason. Data, not code paths.
import type { EventType } from "#bus-schemas/event.ts";
import type { MessageEvent } from "#bus-schemas/events/message.ts";
import type { RoomChangeKind } from "#bus-schemas/events/room.ts";
import {
  type CarrierCapabilities,
  deedTable,
  publishedTable,
  type SaidPart,
} from "#bus-schemas/rooms/capabilities.ts";

/** How one thing fares; a reason is needed wherever something is lost. */
export type Fate =
  | { readonly is: "carried" }
  | { readonly is: "reduced"; readonly how: string }
  | { readonly is: "dropped"; readonly why: string };

const carried: Fate = { is: "carried" };

export const events = {
  "message.sent": carried,
  "message.outcome": {
    is: "reduced",
    how: "refused, expired, uncertain and bounced are all `failed`; code, sentence and `cause` tell them apart",
  },
} satisfies Record<EventType, Fate>;

type Field = Exclude<keyof MessageEvent, "id" | "type" | "version" | "route" | "hops" | "leg" | "room">;

export const messageFields = {
  from: carried,
  to: { is: "reduced", how: "devices are not shown; every tab of the account gets the message" },
  origin: { is: "reduced", how: "inside message_id, from which a report finds its way back" },
  text: carried,
  action: {
    is: "reduced",
    how: "`/me ` before the text; a text that begins so by itself reads as an action",
  },
  spans: {
    is: "dropped",
    why: "the vocabulary has text/plain and text/html only, and pages here show text alone",
  },
  kind: { is: "reduced", how: "shown to browsers as `kind`; what they send is always chat" },
  language: carried,
  subject: carried,
  thread: carried,
  written: { is: "reduced", how: "is the timestamp when present, else the time of acceptance is" },
  time: { is: "reduced", how: "is the timestamp when the sender's client gave none" },
  correctionOf: carried,
  invitation: { is: "reduced", how: "only towards browsers; they invite with videoroom-invite" },
  replyTo: { is: "dropped", why: "a quotation in the text stays" },
  receipts: { is: "reduced", how: "delivered is always asked for, since the answer ends our custody" },
  expires: {
    is: "dropped",
    why: "the vocabulary has no field for it; what has expired is never handed over",
  },
} satisfies Record<Field, Fate>;

/** How what happens in a room fares on its way to a browser. */
export const roomChanges = {
  owner: { is: "dropped", why: "which process sequences a room is the house's own affair" },
  created: { is: "reduced", how: "`created` of the session that entered by it" },
  configured: { is: "reduced", how: "of the secret only that there is one" },
  joined: { is: "reduced", how: "the address for those alone who may see it; else nick and participant_id" },
  endpoint: { is: "dropped", why: "a person's devices are his own affair; the roster names their protocols" },
  "endpoint-gone": { is: "reduced", how: "ends the session of that device; nobody else is told" },
  left: carried,
  renamed: carried,
  rekeyed: { is: "reduced", how: "as participant-changed with the id before" },
  status: carried,
  role: carried,
  affiliation: {
    is: "reduced",
    how: "of somebody who is not there only to those who may see addresses",
  },
  said: {
    is: "reduced",
    how: "formatting is dropped; `/me ` before an action; to its own device as the answer",
  },
  subject: carried,
  retracted: carried,
  reacted: carried,
  invited: {
    is: "reduced",
    how: "to the one who invited; the invited person gets a message with `invitation`",
  },
  declined: { is: "reduced", how: "to the one who had invited" },
  roster: carried,
  notice: { is: "reduced", how: "a message of type status" },
  destroyed: carried,
} satisfies Record<RoomChangeKind, Fate>;

/** What can be in something said in a room. */
const saidInRoom = {
  kind: carried,
  action: { is: "reduced", how: "`/me ` before the text" },
  text: carried,
  spans: { is: "dropped", why: "pages here show text alone" },
  language: carried,
  thread: carried,
  written: { is: "dropped", why: "the room's time is shown to everybody" },
  to: carried,
  corrects: carried,
  repliesTo: carried,
} satisfies Record<SaidPart, Fate>;

/** Everything done in a room, as somebody in a browser meets it. */
export const deedsInRoom = deedTable(roomChanges, saidInRoom, carried);

/** What is published of it. */
export const published = {
  carrier: "web",
  people: publishedTable(deedsInRoom),
} satisfies CarrierCapabilities;
