// What our people do in our room beside talking, done in the foreign one by their own occupants: the subject, reactions, what they take
// back, whom they put out, that they are writing. No promise is made for these: nobody is told when one is lost.
import type { Actor, RoomEvent } from "#bus-schemas/events/room.ts";
import type { RoomView } from "#bus-schemas/rooms/view.ts";
import type { KnownIds } from "../../translate/legs/known-ids.ts";
import {
  kickStanza,
  reactionsStanza,
  retractStanza,
  subjectStanza,
  writingStanza,
} from "../../translate/legs/to-foreign.ts";
import type { Element } from "../../wire/element.ts";
import type { Component } from "../component.ts";
import { recall } from "../recall.ts";
import type { People } from "./people.ts";
import { type Seat, seatLimits } from "./seat.ts";

export const actingLimits = {
  /** Messages on their way there to which something has been done already, and how much to each. */
  messages: 200,
  ofOne: 50,
} as const;

const kickId = "leg-kick-";

export interface ActingParts {
  readonly leg: string;
  readonly people: People;
  readonly known: KnownIds;
  readonly component: (domain: string) => Component | undefined;
}

export class Acting {
  readonly #parts: ActingParts;
  /** What is to be done to messages that have no name there yet. */
  readonly #waiting = recall<readonly ((name: string) => void)[]>(actingLimits.messages);

  constructor(parts: ActingParts) {
    this.#parts = parts;
  }

  /** Something happened in our room. */
  room(event: RoomEvent): void {
    const { change, id } = event;
    switch (change.kind) {
      case "subject":
        return this.#by(change.by, ({ way }) => subjectStanza(way, id, change.text));
      case "reacted":
        return this.#onMessage(change.message, (name) =>
          this.#by(change.by, ({ way }) => reactionsStanza(way, id, name, change.emoji)),
        );
      case "retracted":
        // What a moderator of ours takes away is not his to take away there (XEP-0425).
        if (change.moderated) return;
        return this.#onMessage(change.message, (name) =>
          this.#by(change.by, ({ way }) => retractStanza(way, id, name)),
        );
      case "left": {
        const { gone } = change;
        const nick = gone.address?.local;
        if (!gone.key.startsWith(`${this.#parts.leg}/`) || gone.by === undefined || nick === undefined)
          return;
        return this.#by(gone.by, ({ way }) => kickStanza(way, `${kickId}${id}`, nick, gone.reason));
      }
      default:
        return;
    }
  }

  /** A message of ours, or one of theirs, has a name there now. */
  named(event: string): void {
    const name = this.#parts.known.nameThere(event);
    const waiting = this.#waiting.get(event);
    this.#waiting.delete(event);
    if (name !== undefined) for (const act of waiting ?? []) act(name);
  }

  typing(
    key: string,
    state: "composing" | "paused" | "active",
    to: string | undefined,
    view: RoomView,
  ): void {
    const seat = this.#parts.people.seats.get(key);
    const other = to === undefined ? undefined : view.participants.get(to);
    if (seat?.state !== "in" || (to !== undefined && other?.leg !== this.#parts.leg)) return;
    const stanza = writingStanza(seat.way, other?.address.local, state);
    if (stanza) this.#parts.component(seat.domain)?.send(stanza);
  }

  /** Whether this IQ says that theirs keep somebody whom ours wished out. */
  wasRefused({ attrs }: Element): boolean {
    return attrs.type === "error" && attrs.id?.startsWith(kickId) === true;
  }

  #onMessage(event: string, act: (name: string) => void): void {
    const name = this.#parts.known.nameThere(event);
    if (name !== undefined) return act(name);
    const waiting = this.#waiting.get(event) ?? [];
    if (waiting.length < actingLimits.ofOne) this.#waiting.set(event, [...waiting, act]);
  }

  /** Done there by the occupant of whoever did it here; nothing for what was done there. */
  #by(by: Actor, make: (seat: Seat) => Element): void {
    const seat = by.key === undefined ? undefined : this.#parts.people.seats.get(by.key);
    if (seat) void this.#whenIn(seat, make);
  }

  async #whenIn(seat: Seat, make: (seat: Seat) => Element): Promise<void> {
    await seat.settled(seatLimits.joinMs);
    if (seat.state === "in") this.#parts.component(seat.domain)?.send(make(seat));
  }
}
