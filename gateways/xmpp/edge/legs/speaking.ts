// What our room says in a foreign one: by the speaker's own occupant, handed when the room has said it to him too, refused when it
// says so (XEP-0045 §7.4); to one person alone when the server has taken it (§7.5).
import type { Attempt, Courier, Delivery } from "#bus-schemas/delivery/courier.ts";
import type { MessageEvent } from "#bus-schemas/events/message.ts";
import { roomReasonText } from "#bus-schemas/events/room-command.ts";
import type { Clock } from "#bus-schemas/service/service.ts";
import { readError } from "../../translate/errors.ts";
import { saidReason } from "../../translate/legs/join-errors.ts";
import type { KnownIds } from "../../translate/legs/known-ids.ts";
import { sayStanza, type ThereNames } from "../../translate/legs/to-foreign.ts";
import type { Element } from "../../wire/element.ts";
import type { Component } from "../component.ts";
import { recall } from "../recall.ts";
import type { Seat } from "./seat.ts";

export const speakingLimits = {
  /** How long a speaker may take to come in. */
  enterMs: 10_000,
  /** How long the room may take to say it to him too, after the server has taken it. */
  echoMs: 12_000,
  /** After so long without it he is asked for. */
  doubtMs: 4_000,
  /** Messages that the room has said to their speakers, remembered so that none is said twice after a restart. */
  echoed: 2_000,
  /** Private messages whose late refusal finds its way back. */
  whispers: 1_000,
} as const;

export interface SpeakingParts {
  readonly clock: Clock;
  readonly courier: () => Courier;
  readonly component: (domain: string) => Component | undefined;
  /** The occupant of this speaker, coming in if he is not there; undefined where none can be. */
  readonly seatOf: (event: MessageEvent) => Seat | undefined;
  readonly known: KnownIds;
  /** A message of ours has a name there now. */
  readonly named: (event: string) => void;
}

type Ending = "echoed" | { readonly error: Element };

export class Speaking {
  readonly #parts: SpeakingParts;
  readonly #pending = new Map<string, (ending: Ending) => void>();
  readonly #echoed = recall<true>(speakingLimits.echoed);
  readonly #whispers = recall<MessageEvent>(speakingLimits.whispers);

  constructor(parts: SpeakingParts) {
    this.#parts = parts;
  }

  async deliver(event: MessageEvent, { signal, again }: Attempt): Promise<Delivery> {
    const seat = this.#parts.seatOf(event);
    if (seat === undefined) return refused("unreachable", "he has no place of his own in that room");
    await seat.settled(speakingLimits.enterMs);
    if (signal.aborted) return { end: "away" };
    if (seat.state !== "in") return outside(seat);
    const id = idOf(event);
    if (again && this.#echoed.get(id) === true) return { end: "handed" };
    const first = await this.#say(seat, event, id);
    if (first !== "not-in") return first;
    // The room has lost him: he comes in again and says it once more.
    seat.lost();
    await seat.settled(speakingLimits.enterMs);
    if (signal.aborted) return { end: "away" };
    if (seat.state !== "in") return outside(seat);
    const second = await this.#say(seat, event, id);
    return second === "not-in" ? refused("forbidden", "the room does not let him speak") : second;
  }

  /** The room has said something of ours to one of us. */
  echoed(event: string | undefined, stanzaId: string | undefined, nick: string | undefined): void {
    if (event === undefined) return;
    if (this.#echoed.get(event) !== true) {
      this.#echoed.set(event, true);
      this.#parts.known.remember({ event, id: event, stanzaId, nick });
      this.#parts.named(event);
    }
    this.#pending.get(event)?.("echoed");
  }

  /** Whether the room is known to have said this. */
  wasEchoed(event: string): boolean {
    return this.#echoed.get(event) === true;
  }

  /** Something of ours came back as an error. */
  async failed(error: Element): Promise<void> {
    const id = error.attrs.id ?? "";
    const settle = this.#pending.get(id);
    if (settle !== undefined) return settle({ error });
    const event = this.#whispers.get(id);
    if (event === undefined) return;
    this.#whispers.delete(id);
    const { reason, text } = readError(error);
    await this.#parts.courier().report({
      outcome: "bounced",
      message: event.id,
      origin: event.origin.carrier,
      reason,
      to: event.from,
      from: event.to,
      ...(text !== undefined && { text }),
    });
  }

  async #say(seat: Seat, event: MessageEvent, id: string): Promise<Delivery | "not-in"> {
    const nick = whisperedTo(event);
    const stanza = sayStanza(seat.way, id, event, nick, this.#names);
    const component = this.#parts.component(seat.domain);
    if (stanza === undefined || component === undefined)
      return refused("unknown-user", "nobody of that name can be written to there");
    if (nick !== undefined) this.#whispers.set(id, event);
    const ending = this.#expect(id);
    try {
      const handed = await Promise.race([component.hand(id, stanza), ending]);
      if (handed === "echoed") return { end: "handed" };
      if ("error" in handed) return this.#refusal(component, id, handed.error);
      if (handed.end === "untaken") return { end: "away" };
      // The server has worked through it: a private message has no echo.
      if (nick !== undefined) return { end: "handed" };
      return await this.#echo(seat, ending);
    } finally {
      this.#pending.delete(id);
    }
  }

  async #echo(seat: Seat, ending: Promise<Ending>): Promise<Delivery | "not-in"> {
    const { clock } = this.#parts;
    const soon = await Promise.race([ending, clock.sleep(speakingLimits.doubtMs)]);
    if (soon === undefined) seat.ping();
    const end = soon ?? (await Promise.race([ending, clock.sleep(speakingLimits.echoMs)]));
    if (end === "echoed") return { end: "handed" };
    return end === undefined ? { end: "uncertain", text: "the room did not say it" } : refusalOf(end.error);
  }

  #refusal(component: Component, id: string, error: Element): Delivery | "not-in" {
    component.refuse(id, error);
    return refusalOf(error);
  }

  #expect(id: string): Promise<Ending> {
    return new Promise((settle) => this.#pending.set(id, settle));
  }

  get #names(): ThereNames {
    const { known } = this.#parts;
    return {
      idThere: (event) => known.byEvent(event)?.id ?? event,
      known: (event) => {
        const name = known.nameThere(event);
        return name === undefined ? undefined : { name, nick: known.byEvent(event)?.nick };
      },
    };
  }
}

/** The stanza id of what our room says: that of its event there, so that corrections name it with no table. */
export const idOf = (event: MessageEvent): string => event.room?.event ?? event.id;

/** To whom alone it is said there: people of a foreign room are addressed under it (crowd.ts). */
export const whisperedTo = (event: MessageEvent): string | undefined =>
  event.to.device === undefined ? undefined : event.to.local;

const refused = (reason: Extract<Delivery, { end: "refused" }>["reason"], text: string): Delivery => ({
  end: "refused",
  reason,
  text,
});

function refusalOf(error: Element): Delivery | "not-in" {
  const { reason, text, condition } = readError(error);
  // XEP-0045 §7.4: who is not an occupant.
  if (condition === "not-acceptable") return "not-in";
  return { end: "refused", reason, ...(text !== undefined && { text }) };
}

function outside(seat: Seat): Delivery {
  if (seat.state === "out" && seat.refused === undefined)
    return refused("forbidden", "he is not in that room any more");
  if (seat.refused === undefined) return { end: "away" };
  const { refusal, text } = seat.refused;
  if (seat.state === "out") return refused(saidReason[refusal.reason], text);
  return refused(saidReason[refusal.reason], text || roomReasonText[refusal.reason]);
}
