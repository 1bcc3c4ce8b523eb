// What this gateway does with every event, and with every part of a message: carried, reduced (how) or dropped (why).
import type { EventType } from "#bus-schemas/event.ts";
import type { MessageEvent } from "#bus-schemas/events/message.ts";
import type { Outcome } from "#bus-schemas/events/outcome.ts";

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
  replyTo: dropped("a quotation in the text stays"),
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
