// The room's people in one channel: each by a nick of his own, held by the instance that owns his slot.
import { type Address, bareKey } from "#bus-schemas/address.ts";
import type { Participant } from "#bus-schemas/events/room.ts";
import type { RoomView } from "#bus-schemas/rooms/view.ts";
import type { Log } from "#bus-schemas/service/service.ts";
import type { Place } from "../session/membership.ts";
import { awayText, hasOwnNick } from "../translate/leg-notes.ts";
import { kickedNote, refusedNote } from "../translate/room-errors.ts";
import type { LegConfig } from "./leg-config.ts";
import type { Puppet } from "./puppet.ts";
import type { Puppets } from "./puppets.ts";

export interface PeopleParts {
  readonly leg: LegConfig;
  /** The network's domain: its own people are there by themselves. */
  readonly domain: string;
  readonly puppets: Puppets;
  readonly log: Log;
  /** Tells one of the room's people something about this leg, in the room. */
  readonly tell: (person: Address, text: string) => void;
}

export class People {
  readonly #parts: PeopleParts;
  /** Who is in the channel by us, by his key in the room. */
  readonly #here = new Map<string, { person: Address; nick: string; away: string | undefined }>();
  /** What somebody was told last of why he is not heard there. */
  readonly #told = new Map<string, string>();

  constructor(parts: PeopleParts) {
    this.#parts = parts;
  }

  /** Lets everybody in whom the room has and this instance owns, and the others out. */
  sync(view: RoomView): void {
    for (const key of view.participants.keys()) this.one(view, key, "");
    for (const key of [...this.#here.keys()]) if (!view.participants.has(key)) this.one(view, key, "");
  }

  /** The same for one of the room; `why`: his farewell, if he is gone. */
  one(view: RoomView, key: string, why: string): void {
    const participant = view.participants.get(key);
    if (participant !== undefined && this.#isOurs(participant)) this.#enter(view, participant);
    else this.#leave(key, why);
  }

  /** The one who speaks for this person there; undefined where a bot does. */
  speaker(view: RoomView, person: Address): Puppet | undefined {
    const key = bareKey(person);
    // Whose addresses are linked has the key of one of them.
    const participant =
      view.participants.get(key) ??
      [...view.participants.values()].find(({ address }) => bareKey(address) === key);
    if (participant !== undefined && !this.#isOurs(participant)) return undefined;
    if (participant !== undefined) this.#enter(view, participant);
    // He is gone already: what he said before is still his own if his nick is there.
    const puppet = this.#parts.puppets.known(person);
    return puppet?.attends(this.#parts.leg.channel) ? puppet : undefined;
  }

  /** Everybody leaves: the leg is no more. */
  close(reason: string): void {
    for (const key of [...this.#here.keys()]) this.#leave(key, reason);
  }

  #isOurs(participant: Participant): boolean {
    const { leg, domain, puppets } = this.#parts;
    return leg.mode === "puppets" && hasOwnNick(participant, domain) && puppets.owns(participant.address);
  }

  #enter(view: RoomView, participant: Participant): void {
    const { puppets, leg, log } = this.#parts;
    const { key } = participant;
    const person = { local: participant.address.local, domain: participant.address.domain };
    const shown = { nick: participant.nick, hidden: view.config?.openAddresses === false };
    const puppet = puppets.obtain(person, shown);
    if (puppet === undefined) {
      log.debug(
        { channel: leg.channel },
        "the network takes no more people of ours: a bot speaks for this one",
      );
      return;
    }
    if (!puppet.attends(leg.channel)) {
      // A new one knows nothing of what the one before it showed.
      this.#here.delete(key);
      this.#told.delete(key);
      puppet.attend(leg.channel, (place) => this.#onPlace(key, person, place));
    }
    const before = this.#here.get(key);
    const away = awayText(participant.status);
    const nick = puppets.nickFor(person, participant.nick);
    if (before?.nick !== nick) puppet.wear(nick);
    if (before?.away !== away) puppet.away(away);
    this.#here.set(key, { person, nick, away });
  }

  #leave(key: string, reason: string): void {
    const here = this.#here.get(key);
    if (here === undefined) return;
    this.#here.delete(key);
    this.#told.delete(key);
    const puppet = this.#parts.puppets.known(here.person);
    puppet?.leave(this.#parts.leg.channel, reason);
    puppet?.away(undefined);
  }

  #onPlace(key: string, person: Address, place: Place): void {
    const { channel } = this.#parts.leg;
    if (place.at === "in") this.#told.delete(key);
    if (place.at !== "kicked" && place.at !== "refused") return;
    // Told once, not at each try.
    const what = place.at === "kicked" ? place.at : place.code;
    if (this.#told.get(key) === what) return;
    this.#told.set(key, what);
    const text =
      place.at === "kicked"
        ? kickedNote(channel, place.by, place.text)
        : refusedNote(channel, place.code, place.text);
    this.#parts.tell(person, text);
  }
}
