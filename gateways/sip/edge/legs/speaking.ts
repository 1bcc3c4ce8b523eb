// What our room says in a conference elsewhere: in the speaker's own session, handed when the focus answers 200, refused when it says
// so (RFC 7701 §6.2, RFC 4975 §7.2, stox §5.4).
import type { Delivery } from "#bus-schemas/delivery/courier.ts";
import type { MessageEvent } from "#bus-schemas/events/message.ts";
import { token } from "#bus-schemas/subject.ts";
import { entryText, sayingReason } from "../../translate/legs/refusals.ts";
import { focusLetter, idOf, whisperedTo } from "../../translate/legs/to-focus.ts";
import type { MsrpReport } from "../msrp/port.ts";
import type { LegParts, LegPlace } from "./parts.ts";
import type { Visit } from "./visit.ts";

export const speakingLimits = {
  /** How long a speaker may take to come in, milliseconds. */
  enterMs: 8_000,
  /** Messages whose late refusal finds its way back. */
  late: 1_000,
} as const;

export interface SpeakingParts extends Pick<LegParts, "courier" | "log"> {
  readonly place: LegPlace;
  /** The visit of this speaker; undefined where he has none. */
  readonly visitOf: (event: MessageEvent) => Visit | undefined;
  /** The URI of the one of theirs who is shown under this name. */
  readonly entityOf: (name: string) => string | undefined;
  /** Why he was not let in, if he was not. */
  readonly refusedOf: (visit: Visit) => number | undefined;
}

export class Speaking {
  readonly #parts: SpeakingParts;
  readonly #late = new Map<string, MessageEvent>();

  constructor(parts: SpeakingParts) {
    this.#parts = parts;
  }

  async deliver(event: MessageEvent, signal: AbortSignal): Promise<Delivery> {
    const { visitOf, refusedOf } = this.#parts;
    const visit = visitOf(event);
    if (visit === undefined) return refused("unreachable", "he has no place of his own in that conference");
    await visit.settled(speakingLimits.enterMs);
    if (signal.aborted) return { end: "away" };
    if (visit.phase === "out") {
      const status = refusedOf(visit);
      return refused(
        "forbidden",
        status === undefined ? "he is not in that conference any more" : entryText(status),
      );
    }
    if (visit.phase !== "in") return { end: "away" };
    return await this.#say(visit, event);
  }

  async #say(visit: Visit, event: MessageEvent): Promise<Delivery> {
    const { place, entityOf } = this.#parts;
    const whispered = whisperedTo(event);
    const to = whispered === undefined ? place.uri : entityOf(whispered);
    if (to === undefined) return refused("unknown-user", "nobody of that name is there");
    const body = focusLetter(event, { from: visit.face, to, nick: visit.nick });
    if (body.length > visit.maxSize) return refused("too-large", "that conference takes nothing so long");
    const messageId = messageIdOf(idOf(event));
    const end = await visit.send({ contentType: "message/cpim", body, messageId });
    if (end.status === 200) {
      this.#remember(messageId, event);
      return { end: "handed" };
    }
    if (end.status === 0 && !end.written) return { end: "away" };
    if (end.status === 0 || end.status === 408)
      return { end: "uncertain", text: "the conference did not say whether it has it" };
    // The session is known there no longer: he comes in again, and says it then.
    if (end.status === 481) return { end: "away" };
    return refused(sayingReason(end.status), end.comment ?? `answered ${end.status}`);
  }

  #remember(messageId: string, event: MessageEvent): void {
    this.#late.set(messageId, event);
    const oldest = this.#late.size > speakingLimits.late ? this.#late.keys().next().value : undefined;
    if (oldest !== undefined) this.#late.delete(oldest);
  }

  /** What was answered 200 has failed after all. */
  failed({ messageId, status, comment }: MsrpReport): void {
    const event = this.#late.get(messageId);
    if (event === undefined || status < 300) return;
    this.#late.delete(messageId);
    const { courier, log } = this.#parts;
    courier
      .report({
        ...{ outcome: "bounced", message: event.id, origin: event.origin.carrier, to: event.from },
        reason: sayingReason(status),
        from: { local: event.to.local, domain: event.to.domain },
        ...(comment !== undefined && { text: comment }),
      })
      .catch((error: unknown) => log.warn({ error: String(error) }, "a late refusal could not be told"));
  }
}

const refused = (reason: Extract<Delivery, { end: "refused" }>["reason"], text: string): Delivery => ({
  end: "refused",
  reason,
  text,
});

// 4 to 32 of letters, digits and `.-+%=`: the same for the same event, so that what comes again is known.
const messageIdOf = (event: string): string => `m${token(event).replaceAll("_", ".")}`;
