// What a sender on IRC is told of his message's end, as the text of a NOTICE.
import type { OutcomeEvent } from "#bus-schemas/events/outcome.ts";
import type { Reason } from "#bus-schemas/reason.ts";
import { outcomes } from "./capabilities.ts";
import { notTaken, sentence } from "./errors.ts";

/** The reason of an outcome that names none. */
const implied: Partial<Record<OutcomeEvent["outcome"], Reason>> = {
  expired: "expired",
  uncertain: "uncertain",
};

/** The sentence, or `undefined` where IRC has no way to tell it (capabilities.ts says why). */
export function told(event: OutcomeEvent): string | undefined {
  if (outcomes[event.outcome].is === "dropped") return undefined;
  const reason = event.reason ?? implied[event.outcome] ?? "unreachable";
  return notTaken(
    event.outcome === "uncertain" ? "Perhaps not delivered" : "Not delivered",
    sentence[reason],
    event.excerpt,
  );
}
