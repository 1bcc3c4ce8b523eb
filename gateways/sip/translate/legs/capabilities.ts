// What of our room a conference elsewhere is shown that is a leg of it, by sessions of ours there: RFC 4579, RFC 7701; and what is published
// of SIP. Complete by type.
import type { RoomChangeKind } from "#bus-schemas/events/room.ts";
import {
  type CarrierCapabilities,
  deedTable,
  type Fate,
  publishedTable,
  type SaidPart,
} from "#bus-schemas/rooms/capabilities.ts";
import { deedsInRooms } from "../capabilities.ts";

const carried = (as: string): Fate => ({ is: "carried", as });
const reduced = (how: string): Fate => ({ is: "reduced", how });
const dropped = (why: string): Fate => ({ is: "dropped", why });

const theirRanks = dropped("ranks there are given by that conference");

/** What happens in our room, as the conference sees it. */
const toConference = {
  owner: dropped("which process has our room is nobody's business"),
  created: dropped("the conference is another's"),
  configured: dropped("each room has its own settings"),
  joined: reduced("a call of his own into the conference; people of other legs are not shown"),
  endpoint: dropped("one call, however many devices"),
  "endpoint-gone": dropped("one call, however many devices"),
  left: reduced("his call ends; who puts somebody of theirs out here does not put him out there"),
  renamed: reduced("NICKNAME, where the conference knows nicks"),
  rekeyed: dropped("keys are those of our room"),
  status: dropped("a conference has no word for away and busy"),
  role: theirRanks,
  affiliation: theirRanks,
  said: reduced("message/cpim by his own session"),
  subject: dropped("a conference has no way to be given one by those in it"),
  retracted: dropped("what was shown in a session cannot be taken back there"),
  reacted: dropped("each would be one more line of the conversation"),
  invited: dropped("told to the one who is invited"),
  declined: dropped("told to the one who invited"),
  roster: dropped("people of other legs are not shown"),
  notice: dropped("for people of our room"),
  destroyed: reduced("our calls end; the conference stays"),
} satisfies Record<RoomChangeKind, Fate>;

const said = {
  kind: reduced("a notice reads as a message"),
  action: carried("/me at the start of the text"),
  text: carried("text/plain in UTF-8"),
  spans: dropped("clients show text/plain; the plain text is complete"),
  language: carried("Content-Language"),
  thread: dropped("legs are given no threads"),
  written: dropped("DateTime is when our room heard it"),
  to: carried("a message to that participant by his own session (RFC 7701 §6)"),
  corrects: reduced("a new message that begins with *"),
  repliesTo: reduced("the beginning of what is answered, behind >, before the answer"),
} satisfies Record<SaidPart, Fate>;

/** Everything done in our room, as people of a conference elsewhere meet it. */
export const deedsElsewhere = deedTable(
  toConference,
  said,
  carried("isComposing by his own session (RFC 3994)"),
);

/** What is published of SIP. Everybody speaks for himself there. */
export const published = {
  carrier: "sip",
  people: publishedTable(deedsInRooms),
  legs: { puppets: publishedTable(deedsElsewhere) },
} satisfies CarrierCapabilities;
