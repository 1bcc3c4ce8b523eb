// A message from the bus as lines for IRC, each within the real byte budget of its connection.
import type { MessageEvent } from "#bus-schemas/events/message.ts";
import type { Reason } from "#bus-schemas/reason.ts";
import { actionCost, printCtcp } from "../wire/ctcp.ts";
import { type Style, type StyledPiece, styleMask, styles } from "../wire/format.ts";
import { type Message, message } from "../wire/message.ts";
import { split, textBudget } from "../wire/split.ts";

export interface View {
  /** Our own `nick!user@host` as others see it, or the longest it may be. */
  readonly mask: string;
  readonly target: string;
  readonly maxLines: number;
  /** Whether tags may be sent (IRCv3 message-tags). */
  readonly tags?: boolean;
}

export type Lines =
  | { readonly ok: true; readonly lines: readonly Message[] }
  | { readonly ok: false; readonly reason: Reason; readonly text: string };

const isStyle = (style: string): style is Style => styles.some((each) => each === style);

/** The spans that IRC has codes for, moved along by what stands before the text. */
export const spansOf = (event: MessageEvent, before: number): StyledPiece[] =>
  (event.spans ?? []).flatMap(({ from, to, style }) =>
    isStyle(style) ? [{ from: from + before, to: to + before, style }] : [],
  );

/** The text with what stands before it, and the spans moved along. */
function composed(event: MessageEvent): { text: string; spans: StyledPiece[] } {
  const correction = event.correctionOf === undefined ? "" : "* ";
  const subject = event.subject === undefined || event.subject === "" ? "" : `[${event.subject}] `;
  const before = correction + subject;
  return { text: before + event.text, spans: spansOf(event, before.length) };
}

/** The lines for one event, or why there are none: `too-large` above `maxLines`, `not-supported` without any text. */
export function fromBus(event: MessageEvent, view: View): Lines {
  const command = event.kind === "notice" ? "NOTICE" : "PRIVMSG";
  const { text, spans } = composed(event);
  const action = event.action && command === "PRIVMSG";
  const budget = textBudget(view.mask, command, view.target, action ? actionCost : 0);
  const pieces =
    event.text.trim() === "" ? [] : split(text, styleMask(text.length, spans), budget, view.maxLines);
  if (pieces === undefined)
    return { ok: false, reason: "too-large", text: `more than ${view.maxLines} lines on IRC` };
  if (pieces.length === 0) return { ok: false, reason: "not-supported", text: "no text" };
  const lines = pieces.map((piece) =>
    message(command, [view.target, action ? printCtcp("ACTION", piece) : piece]),
  );
  return { ok: true, lines };
}
