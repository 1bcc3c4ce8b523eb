// What of our room a room elsewhere is shown that is a leg of it, by occupants of ours there: XEP-0045; complete by type.
import type { RoomChangeKind } from "#bus-schemas/events/room.ts";
import {
  type CarrierCapabilities,
  deedTable,
  type Fate,
  publishedTable,
  type SaidPart,
} from "#bus-schemas/rooms/capabilities.ts";
import { deedsInRoom } from "../capabilities.ts";

const carried = (as: string): Fate => ({ is: "carried", as });
const reduced = (how: string): Fate => ({ is: "reduced", how });
const dropped = (why: string): Fate => ({ is: "dropped", why });

const changes = {
  owner: dropped("which process has our room is nobody's business"),
  created: dropped("the room there is another's"),
  configured: dropped("the room there is configured by its own owners"),
  joined: reduced("his own occupant comes in; people of other legs are not shown until they speak"),
  endpoint: dropped("one occupant, however many devices"),
  "endpoint-gone": dropped("one occupant, however many devices"),
  left: reduced("his occupant goes; somebody of theirs is put out if who put him out may do that there"),
  renamed: reduced("his occupant takes that nick, or one like it where it is taken"),
  rekeyed: dropped("keys are those of our room"),
  status: carried("show and status of his occupant"),
  role: dropped("ranks there are given by that room's own moderators"),
  affiliation: dropped("lists there are kept by that room's own owners"),
  said: reduced("groupchat by his own occupant"),
  subject: reduced("set by his own occupant, if the room there lets him"),
  retracted: reduced("by who had said it (XEP-0424); what a moderator of ours takes back stays there"),
  reacted: carried("reactions by his own occupant (XEP-0444)"),
  invited: dropped("told to the one who is invited"),
  declined: dropped("told to the one who invited"),
  roster: dropped("people of other legs are not shown until they speak"),
  notice: dropped("notes of our room are for its own people"),
  destroyed: reduced("our occupants go"),
} satisfies Record<RoomChangeKind, Fate>;

const said = {
  kind: reduced("a notice is a message like any other"),
  action: carried("/me at the start of the body (XEP-0245)"),
  text: reduced("body; lines end in LF; what XML cannot carry becomes U+FFFD"),
  spans: dropped("no formatting that all clients show; the plain text is complete"),
  language: carried("xml:lang"),
  thread: dropped("legs are given no threads"),
  written: dropped("that room's time is shown to everybody"),
  to: carried("a private message by his own occupant (XEP-0045 §7.5)"),
  corrects: reduced("replace (XEP-0308), while the corrected message is remembered"),
  repliesTo: reduced("reply (XEP-0461) where the message is known there; else the quotation alone"),
} satisfies Record<SaidPart, Fate>;

/** Everything done in our room, as people of a room elsewhere meet it. */
export const deedsElsewhere = deedTable(changes, said, carried("chat states by his own occupant (XEP-0085)"));

/** What is published of XMPP. Everybody speaks for himself there, also where the configuration asks for a bot. */
export const published = {
  carrier: "xmpp",
  people: publishedTable(deedsInRoom),
  legs: { puppets: publishedTable(deedsElsewhere) },
} satisfies CarrierCapabilities;
