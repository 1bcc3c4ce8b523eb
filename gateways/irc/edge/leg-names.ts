// How the people of a room are called in its channel, and those of the channel in the room.
import { bareKey } from "#bus-schemas/address.ts";
import { byNick, type RoomView } from "#bus-schemas/rooms/view.ts";
import type { LegConfig } from "./leg-config.ts";
import type { OwnNicks } from "./own-nicks.ts";

export class LegNames {
  readonly #leg: LegConfig;
  readonly #own: OwnNicks;

  constructor(leg: LegConfig, own: OwnNicks) {
    this.#leg = leg;
    this.#own = own;
  }

  /** The name in the channel of somebody of the room; a word that is nobody's nick stays as it is. */
  there(view: RoomView, nick: string): string {
    const participant = byNick(view, nick);
    if (participant === undefined) return nick;
    if (participant.leg === this.#leg.leg) return participant.address.local;
    return this.#own.nickOf(bareKey(participant.address)) ?? nick;
  }

  /** The nick in the room of a name in the channel. */
  inRoom(view: RoomView, name: string): string | undefined {
    const person = this.#own.personOf(name);
    if (person === undefined) return view.participants.get(`${this.#leg.leg}/${name.toLowerCase()}`)?.nick;
    return [...view.participants.values()].find(({ address }) => bareKey(address) === person)?.nick;
  }
}
