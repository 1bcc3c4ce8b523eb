// What a room says, as lines for a channel: by the speaker's own nick, or by one bot as `<nick> text`. Corrections and answers
// are put into words, because a channel's clients know neither.
import type { MessageEvent } from "#bus-schemas/events/message.ts";
import { actionCost, printCtcp } from "../wire/ctcp.ts";
import { type StyledPiece, styleMask } from "../wire/format.ts";
import { message } from "../wire/message.ts";
import { split, textBudget } from "../wire/split.ts";
import { type Lines, spansOf, type View } from "./from-bus.ts";

export interface ChannelView extends View {
  /** The speaker's nick in the room, where a bot speaks for him; absent where he has his own nick there. */
  readonly spokenFor?: string | undefined;
  /** What the server calls the message that is answered (IRCv3 reply). */
  readonly answers?: string | undefined;
  /** How somebody of the room is called in this channel. */
  readonly nickThere: (nick: string) => string;
}

/** What stands before the text: who speaks, that it corrects, whom it answers, its subject. */
function opening(event: MessageEvent, view: ChannelView): string {
  const who =
    view.spokenFor === undefined ? "" : event.action ? `* ${view.spokenFor} ` : `<${view.spokenFor}> `;
  const correction = event.correctionOf === undefined ? "" : "* ";
  const { nick } = event.replyTo ?? {};
  const answers = nick === undefined || addresses(event.text, nick, view) ? "" : `${view.nickThere(nick)}: `;
  const subject = event.subject === undefined || event.subject === "" ? "" : `[${event.subject}] `;
  return who + correction + answers + subject;
}

/** The lines for one event, or why there are none: `too-large` above `maxLines`, `not-supported` without any text. */
export function channelFromBus(event: MessageEvent, view: ChannelView): Lines {
  const command = event.kind === "notice" ? "NOTICE" : "PRIVMSG";
  const before = opening(event, view);
  const spans: StyledPiece[] = spansOf(event, before.length);
  const text = before + mentioned(event.text, view);
  const action = event.action && command === "PRIVMSG" && view.spokenFor === undefined;
  const budget = textBudget(view.mask, command, view.target, action ? actionCost : 0);
  const isChanged = text.length !== before.length + event.text.length;
  const pieces =
    event.text.trim() === ""
      ? []
      : // A mention that was rewritten moves what follows it: better no formatting than a wrong one.
        split(text, styleMask(text.length, isChanged ? [] : spans), budget, view.maxLines);
  if (pieces === undefined)
    return { ok: false, reason: "too-large", text: `more than ${view.maxLines} lines on IRC` };
  if (pieces.length === 0) return { ok: false, reason: "not-supported", text: "no text" };
  const tags = new Map(view.answers === undefined ? [] : [["+draft/reply", view.answers]]);
  const lines = pieces.map((piece) =>
    message(command, [view.target, action ? printCtcp("ACTION", piece) : piece], tags),
  );
  return { ok: true, lines };
}

/** Whether the text says itself whom it is for. */
const addresses = (text: string, nick: string, view: ChannelView): boolean =>
  [nick, view.nickThere(nick)].some(
    (name) => text.startsWith(name) && /^[:,\s]/.test(text.slice(name.length)),
  );

/** A text that begins by addressing somebody (`nick: …`, `nick, …`) does so by his name in the channel. */
function mentioned(text: string, view: ChannelView): string {
  const [, nick, rest] = /^([^\s:,]{1,255})([:,](?:\s[\s\S]*)?)$/.exec(text) ?? [];
  return nick === undefined || rest === undefined ? text : view.nickThere(nick) + rest;
}
