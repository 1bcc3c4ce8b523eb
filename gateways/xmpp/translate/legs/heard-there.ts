// What of a foreign room's life ours is shown, and what not, and why. The README of edge/legs shows it to people; the other direction is in
// capabilities.ts.
import type { Carried } from "../capabilities.ts";

const carried = (as: string): Carried => ({ is: "carried", as });
const reduced = (how: string): Carried => ({ is: "reduced", how });
const dropped = (why: string): Carried => ({ is: "dropped", why });

/** What happens in the foreign room, as ours sees it. */
export const heardThere = {
  "people who are not ours": carried("the roster, altogether at first, in groups afterwards"),
  ours: carried("known by their mark, occupant id or address, and never shown a second time"),
  "what is said": carried(
    "once, by whichever of ours reads; replies, corrections, actions and languages with it",
  ),
  "history on coming in": reduced(
    "20 messages where ours is only the door; in a room of our own only what was missed",
  ),
  "private messages": carried("to the one of ours they are for"),
  "encrypted messages": reduced("a notice, once an hour for each sender (XEP-0380)"),
  subject: carried("changes; the one found on coming in only through a door, or where ours has none"),
  reactions: carried("to messages that are remembered (1,000 of a room)"),
  retractions: reduced("by their author; what a moderator of theirs takes away stays here (XEP-0425)"),
  "nicks and ranks": reduced(
    "nicks carried; ranks through a door, or where the configuration says that they count",
  ),
  "being put out": carried("through a door he is out here too; in a room of our own he stays, and is told"),
  "chat states": carried("in both directions (XEP-0085)"),
  "receipts and markers": dropped("rooms have none that all understand (XEP-0184 §5.3)"),
  files: reduced("the address in the body (XEP-0066)"),
  invitations: reduced("to the person, in words"),
} as const satisfies Record<string, Carried>;
