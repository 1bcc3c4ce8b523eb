// Which reports an end gives rise to. Pure.
import { bare } from "../address.ts";
import type { MessageEvent } from "../events/message.ts";
import type { Outcome, OutcomeEvent } from "../events/outcome.ts";
import type { Reason } from "../reason.ts";
import type { Ending } from "./item.ts";

/** How long a report is kept for a sender who is away himself: a week, as long as any message may live. */
const reportLifetimeMs = 7 * 24 * 3_600_000;

/** Characters of the text that help a sender without ids to know which message is meant. */
const excerptLength = 40;

/** The beginning of the text on one line, cut between characters. */
export const excerptOf = (text: string): string =>
  [...text.replace(/\s+/gu, " ")].slice(0, excerptLength).join("");

/** The reports that this end of a message owes its sender: failures always, successes only if he asked. */
export function outcomeOf(event: MessageEvent, ending: Ending, now: number): OutcomeEvent[] {
  const make = (outcome: Outcome, reason?: Reason, text?: string): OutcomeEvent => ({
    id: `${event.id}:${outcome}`,
    type: "message.outcome",
    version: 1,
    time: now,
    message: event.id,
    ...(event.origin.messageId !== undefined && { messageId: event.origin.messageId }),
    outcome,
    ...(reason !== undefined && { reason }),
    ...(text !== undefined && { text: text.slice(0, 200) }),
    to: { ...bare(event.from), ...(event.from.device !== undefined && { device: event.from.device }) },
    from: bare(event.to),
    origin: event.origin.carrier,
    excerpt: excerptOf(event.text),
    asked: event.receipts,
    expires: now + reportLifetimeMs,
  });
  switch (ending.end) {
    case "refused":
      return [make("refused", ending.reason, ending.text)];
    case "expired":
      return [make("expired", "expired")];
    case "uncertain":
      return [make("uncertain", "uncertain", "text" in ending ? ending.text : undefined)];
    case "handed": {
      const reports: OutcomeEvent[] = [];
      if (event.receipts.handed) reports.push(make("handed"));
      if (ending.delivered && event.receipts.delivered) reports.push(make("delivered"));
      return reports;
    }
    default:
      return ending satisfies never;
  }
}
