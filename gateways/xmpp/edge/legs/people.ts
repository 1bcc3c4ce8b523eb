// Our room's people in a foreign one: each by an occupant of his own, under his own address and nick; told when he is not let in.
import { type Address, bareKey, printAddress } from "#bus-schemas/address.ts";
import { toJid } from "#bus-schemas/addresses/jid.ts";
import type { Participant } from "#bus-schemas/events/room.ts";
import type { RoomView } from "#bus-schemas/rooms/view.ts";
import type { Clock } from "#bus-schemas/service/service.ts";
import { type ForeignPresence, type Occupant, removalText } from "../../translate/legs/foreign-presence.ts";
import type { LegPlace } from "./place.ts";
import type { LegRecord } from "./record.ts";
import { type Face, Seat, type SeatParts } from "./seat.ts";

export const peopleLimits = {
  /** Occupants of ours in one foreign room. */
  seats: 5_000,
  /** Who has left our room stays so long there, for his last words. */
  lingerMs: 1_000,
} as const;

export interface PeopleParts {
  readonly clock: Clock;
  readonly place: LegPlace;
  readonly seat: Omit<SeatParts, "clock" | "there" | "on"> & {
    readonly on: Pick<SeatParts["on"], "asked" | "in">;
  };
  /** As which address somebody of ours appears on XMPP. */
  readonly faceOn: (address: Address) => Address;
  /** Whether we have a stream of this domain. */
  readonly speaksFor: (domain: string) => boolean;
  /** Tells one of ours something in our room. */
  readonly tell: (person: Address, text: string) => void;
  /** Takes somebody out of our room, which is only the door to theirs. */
  readonly remove: (key: string, text: string) => void;
  /** A seat is no more; who is there has changed. */
  readonly vacated: (seat: Seat) => void;
  readonly changed: () => void;
}

interface Index {
  readonly jids: ReadonlyMap<string, Seat>;
  readonly people: ReadonlyMap<string, Seat>;
  readonly nicks: ReadonlyMap<string, Seat>;
  readonly ids: ReadonlySet<string>;
  readonly faces: ReadonlySet<string>;
}

function indexOf(seats: Iterable<Seat>): Index {
  const all = [...seats];
  const there = all.filter(({ isKnownThere }) => isKnownThere);
  return {
    jids: new Map(all.map((seat) => [seat.jid, seat])),
    people: new Map(all.map((seat) => [bareKey(seat.address), seat])),
    nicks: new Map(there.map((seat) => [seat.nick, seat])),
    ids: new Set(there.flatMap(({ occupantId }) => occupantId ?? [])),
    faces: new Set(all.map(({ face }) => face)),
  };
}

export class People {
  /** By the participant's key. */
  readonly seats = new Map<string, Seat>();
  readonly #parts: PeopleParts;
  readonly #leaving = new Map<string, () => void>();
  /** Who was told that he cannot be there, and how. */
  readonly #told = new Map<string, string>();
  #found: Index | undefined;
  readonly #kept: ReadonlyMap<string, LegRecord["seats"][number]>;

  constructor(parts: PeopleParts, kept: LegRecord["seats"]) {
    this.#parts = parts;
    this.#kept = new Map(kept.map((seat) => [seat.key, seat]));
  }

  /** Lets everybody in whom our room has, and the others out. */
  sync(view: RoomView, why?: { readonly key: string; readonly text: string | undefined }): void {
    for (const participant of view.participants.values()) {
      if (participant.leg === this.#parts.place.leg) continue;
      const seat = this.seats.get(participant.key);
      if (seat !== undefined) this.#stay(seat, participant);
      else if (participant.leg === undefined && participant.endpoints.length > 0) this.#enter(participant);
    }
    for (const seat of [...this.seats.values()])
      if (!view.participants.has(seat.key)) this.#leave(seat, why?.key === seat.key ? why.text : undefined);
  }

  /** Those whom an earlier process left behind and who are in our room no more: they leave. */
  tidy(view: RoomView, send: (jid: string, nick: string) => void): void {
    for (const { key, jid, nick } of this.#kept.values()) if (!view.participants.has(key)) send(jid, nick);
  }

  /** The occupant who speaks for this person; comes in if our room has him and he is not there. */
  speaker(view: RoomView, person: Address): Seat | undefined {
    const key = bareKey(person);
    const known = this.#index.people.get(key);
    if (known !== undefined) return known;
    const participant = [...view.participants.values()].find(
      ({ address, leg }) => leg !== this.#parts.place.leg && bareKey(address) === key,
    );
    return participant && this.#enter(participant);
  }

  byJid(jid: string): Seat | undefined {
    return this.#index.jids.get(jid);
  }

  /** The occupant of ours who has this nick there. */
  byNick(nick: string): Seat | undefined {
    return this.#index.nicks.get(nick);
  }

  /** Whether this occupant is one of ours, by nick, by occupant id (XEP-0421), or by the address that the room shows. */
  has({ nick, occupantId, real }: Occupant): boolean {
    const { nicks, ids, faces } = this.#index;
    return (
      nicks.has(nick) ||
      (occupantId !== undefined && ids.has(occupantId)) ||
      (real !== undefined && faces.has(real))
    );
  }

  /** Everybody leaves, now. */
  close(reason: string | undefined): void {
    for (const cancel of this.#leaving.values()) cancel();
    this.#leaving.clear();
    for (const seat of [...this.seats.values()]) this.#vacate(seat, reason);
  }

  /** Lets go without a word. */
  stop(): void {
    for (const cancel of this.#leaving.values()) cancel();
    for (const seat of this.seats.values()) seat.close();
    this.seats.clear();
    this.#found = undefined;
  }

  kept(): LegRecord["seats"] {
    return [...this.seats.values()]
      .filter(({ state }) => state !== "out")
      .map(({ key, jid, nick }) => ({ key, jid, nick }));
  }

  /** How seats are found; made anew when one of them has changed. */
  get #index(): Index {
    this.#found ??= indexOf(this.seats.values());
    return this.#found;
  }

  #stay(seat: Seat, participant: Participant): void {
    const leaving = this.#leaving.get(seat.key);
    leaving?.();
    this.#leaving.delete(seat.key);
    seat.follow(participant);
    if (leaving === undefined || seat.state !== "out") return;
    // He was put out there, left here, and comes again: he may try again.
    this.#vacate(seat, undefined);
    this.#enter(participant);
  }

  #enter(participant: Participant): Seat | undefined {
    const { place, seat: parts, clock, changed } = this.#parts;
    const face = this.#face(participant);
    if (face === undefined || this.seats.size >= peopleLimits.seats) {
      this.#refuse(
        participant,
        `You cannot be in ${printAddress(place.there)}: you have no address of ours there`,
      );
      return undefined;
    }
    const seat = new Seat(
      {
        ...parts,
        clock,
        there: place.there,
        on: {
          ...parts.on,
          moved: () => {
            this.#found = undefined;
          },
          in: (one, isFirst) => {
            this.#told.delete(one.key);
            parts.on.in(one, isFirst);
            changed();
          },
          renicked: (one, nick) => this.#onRenicked(one, nick),
          refused: (one, { refusal, text }) => {
            // In our own room he waits until theirs can be reached again; through a door he cannot go half.
            const isFinal = refusal.next === "never" || refusal.next === "nick" || place.isDoor;
            if (isFinal) this.#onOut(one, `You are not let into ${printAddress(place.there)}: ${text}`);
            else
              this.#tellOnce(
                one.key,
                one.address,
                `${printAddress(place.there)} cannot be entered now: ${text}`,
              );
          },
          removed: (one, presence) => this.#onRemoved(one, presence),
        },
      },
      participant,
      face,
    );
    this.seats.set(participant.key, seat);
    this.#found = undefined;
    seat.enter(this.#kept.get(participant.key)?.nick);
    changed();
    return seat;
  }

  /** His own address with a device of his, the same as before if an earlier process let him in. */
  #face(participant: Participant): Face | undefined {
    const { faceOn, speaksFor } = this.#parts;
    const { local, domain } = faceOn(participant.address);
    if (!speaksFor(domain)) return undefined;
    const face = bareKey({ local, domain });
    const kept = this.#kept.get(participant.key);
    if (kept !== undefined) return { jid: kept.jid, domain, face };
    const device = participant.endpoints[0]?.address.device ?? "room";
    for (const resource of [device, "room"]) {
      const jid = toJid({ local, domain, device: resource });
      if (jid.ok) return { jid: jid.value, domain, face };
    }
    return undefined;
  }

  #leave(seat: Seat, reason: string | undefined): void {
    if (this.#leaving.has(seat.key)) return;
    const cancel = this.#parts.clock.after(peopleLimits.lingerMs, () => {
      this.#leaving.delete(seat.key);
      this.#vacate(seat, reason);
    });
    this.#leaving.set(seat.key, cancel);
  }

  #vacate(seat: Seat, reason: string | undefined): void {
    this.seats.delete(seat.key);
    this.#found = undefined;
    seat.leave(reason);
    this.#parts.vacated(seat);
    this.#parts.changed();
  }

  #onRenicked(seat: Seat, nick: string): void {
    this.#parts.tell(seat.address, `You are ${nick} in ${printAddress(this.#parts.place.there)}`);
    this.#parts.changed();
  }

  #onRemoved(seat: Seat, presence: Extract<ForeignPresence, { is: "gone" }>): void {
    this.#onOut(seat, removalText(printAddress(this.#parts.place.there), presence));
  }

  #onOut(seat: Seat, text: string): void {
    const { place, remove, vacated, changed } = this.#parts;
    vacated(seat);
    changed();
    if (place.isDoor) remove(seat.key, text);
    else this.#tellOnce(seat.key, seat.address, `${text}. What you say here is not heard there.`);
  }

  #refuse(participant: Participant, text: string): void {
    if (this.#parts.place.isDoor) this.#parts.remove(participant.key, text);
    else this.#tellOnce(participant.key, participant.address, text);
  }

  #tellOnce(key: string, address: Address, text: string): void {
    if (this.#told.get(key) === text) return;
    this.#told.set(key, text);
    this.#parts.tell(address, text);
  }
}
