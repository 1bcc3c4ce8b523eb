// What this gateway does with every event, and with every part of a message: carried, reduced (how) or dropped (why).
import type { EventType } from "#bus-schemas/event.ts";
import type { MessageEvent } from "#bus-schemas/events/message.ts";
import type { Outcome } from "#bus-schemas/events/outcome.ts";
import type { RoomChangeKind } from "#bus-schemas/events/room.ts";

export type Fate =
  | { readonly is: "carried" }
  | { readonly is: "reduced"; readonly how: string }
  | { readonly is: "dropped"; readonly why: string };

const carried: Fate = { is: "carried" };
const reduced = (how: string): Fate => ({ is: "reduced", how });
const dropped = (why: string): Fate => ({ is: "dropped", why });

export const events = {
  "message.sent": reduced("see messageParts"),
  "message.outcome": reduced("a NOTICE for failures; see outcomes"),
} as const satisfies Record<EventType, Fate>;

export const messageParts = {
  id: dropped("an IRC line has no id that its receiver sees"),
  type: carried,
  version: carried,
  time: dropped("the server stamps the line"),
  from: reduced("the puppet's nick; address in its real name"),
  to: carried,
  origin: dropped("not shown on IRC"),
  kind: reduced("notice is NOTICE, chat and normal are PRIVMSG"),
  action: carried,
  text: reduced("split into lines; empty lines and control characters but TAB are left out"),
  spans: reduced("bold, italic, underline, strike and mono are carried; quote and link have no code"),
  language: dropped("IRC has no place for it"),
  subject: reduced("before the text, in brackets"),
  thread: dropped("IRC has no threads"),
  written: dropped("the server stamps the line"),
  correctionOf: reduced("the corrected text behind an asterisk"),
  invitation: reduced("in words"),
  replyTo: reduced(
    "in a channel `nick: text`, and as a reply tag where the message is known there; else a quotation in the text stays",
  ),
  leg: carried,
  room: carried,
  receipts: dropped("nobody on IRC can confirm; handed is the most there is"),
  expires: carried,
  hops: carried,
  route: carried,
} as const satisfies Record<keyof MessageEvent, Fate>;

export const outcomes = {
  handed: dropped("an IRC client shows its line as sent at once"),
  refused: reduced("NOTICE with reason and excerpt"),
  expired: reduced("NOTICE with reason and excerpt"),
  uncertain: reduced("NOTICE with reason and excerpt"),
  bounced: reduced("NOTICE with reason and excerpt"),
  delivered: dropped("IRC has no receipts"),
  displayed: dropped("IRC has no receipts"),
} as const satisfies Record<Outcome, Fate>;

/** What happens in a room, in a channel that is a leg of it. */
export const roomChanges = {
  owner: dropped("nobody in a room sees who sequences it"),
  created: dropped("the channel is there already"),
  configured: dropped("a channel has modes of its own, which are its operators' to set"),
  joined: reduced("his own nick joins; with mode `bot`, and for people of other channels, nothing is shown"),
  endpoint: dropped("one nick, however many devices"),
  "endpoint-gone": dropped("one nick, however many devices"),
  left: reduced("his nick parts, with the reason; somebody of the channel is kicked if the bot is operator"),
  renamed: reduced("NICK, in what the network takes as a nick; with mode `bot` the name before his words"),
  status: reduced("AWAY with the text; available and chat are the same"),
  role: reduced("+o for moderators, +v for speakers of a moderated channel, if the bot is operator"),
  affiliation: reduced("+b and -b for people of the network, if the bot is operator"),
  said: reduced("PRIVMSG, NOTICE or ACTION in lines; corrections and answers in words; see messageParts"),
  subject: reduced("TOPIC on one line, cut at 250 octets"),
  retracted: dropped("what was said in a channel cannot be unsaid; the servers here have no redaction"),
  reacted: reduced(
    "a reaction tag of his own nick where the server passes tags on and the message is known; else nothing",
  ),
  invited: reduced("INVITE and a NOTICE, to people of the network"),
  declined: dropped("told to the one who invited, who is not on IRC"),
  roster: dropped("people of other channels are not shown; their words are spoken by the bot"),
  rekeyed: dropped("nobody in a channel sees keys"),
  notice: reduced("NOTICE of the bot, unless it is for one person or came from this channel"),
  destroyed: reduced("NOTICE of the bot; everybody parts"),
} as const satisfies Record<RoomChangeKind, Fate>;
