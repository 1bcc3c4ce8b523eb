// The rooms in which browsers of this process sit: one follower per room, its seats, and the way in and out. Port: bus-schemas/rooms.
import { createHmac } from "node:crypto";
import { type Address, bareKey, type Party } from "#bus-schemas/address.ts";
import type { RoomAnswer, RoomDo } from "#bus-schemas/events/room-command.ts";
import type { Followed, Rooms } from "#bus-schemas/rooms/port.ts";
import { byEndpoint } from "#bus-schemas/rooms/view.ts";
import type { Clock, Log } from "#bus-schemas/service/service.ts";
import type { Connection } from "./connection.ts";
import { printOnce, Seat } from "./seat.ts";

// A room that could not be told that somebody is gone is told again so often, with this pause: its process may be starting.
const farewellTries = 60;
const farewellPauseMs = 5000;
// Ids of participants worked out already; beyond it the table is begun anew.
const mostIds = 100_000;

export interface Entrance {
  readonly session: string;
  readonly connection: Connection;
  readonly room: Address;
  readonly party: Party;
  readonly nick: string | undefined;
  readonly password: string | undefined;
  readonly since: number | undefined;
  readonly history: number;
  /** It has a seat, that may be given up from now on; the room has not taken it yet. */
  readonly seated: (seated: Seated) => void;
  /** The room has taken it; called before anything of the room is told. */
  readonly taken: () => void;
  readonly ended: () => void;
}

export interface Place {
  readonly room: Address;
  readonly followed: Followed;
  readonly seats: Set<Seat>;
}

/** Somebody who sits in a room. */
export interface Seated {
  readonly seat: Seat;
  readonly place: Place;
}

export interface Places {
  /** Follows the room, then enters it. Errors: BusTimeout when the room cannot be followed. */
  enter(entrance: Entrance): Promise<RoomAnswer>;
  /** Leaves of his own will. */
  leave(seated: Seated, reason: string | undefined): Promise<RoomAnswer>;
  /** The connection is gone: the room expects the device back for a while. */
  lost(seated: Seated): void;
  readonly rooms: Rooms;
  /** Browsers that sit in rooms here. */
  seats(): number;
}

export interface PlacesParts {
  readonly rooms: Rooms;
  readonly clock: Clock;
  readonly log: Log;
  /** This process, by the name under which its endpoints are known (courier.process). */
  readonly process: string;
  /** Known to all instances: makes ids of participants that say nothing about their addresses (XEP-0421 in meaning). */
  readonly secret: Uint8Array;
  readonly signal: AbortSignal;
}

/** The id of a device in every room. */
export const endpointId = (party: Address): string => `web:${bareKey(party)}/${party.device ?? ""}`;

export function openPlaces(parts: PlacesParts): Places {
  const { rooms, clock, log, process } = parts;
  const places = new Map<string, Promise<Place>>();
  const ids = new Map<string, string>();
  let seats = 0;

  const idsOf = (room: string) => (key: string) => {
    const name = `${room} ${key}`;
    const known = ids.get(name);
    if (known !== undefined) return known;
    if (ids.size >= mostIds) ids.clear();
    const made = createHmac("sha256", parts.secret).update(name).digest("base64url").slice(0, 16);
    ids.set(name, made);
    return made;
  };

  const open = async (room: Address): Promise<Place> => {
    const seats = new Set<Seat>();
    const idOf = idsOf(bareKey(room));
    const followed = await rooms.follow(room, {
      event(event, view) {
        const printed = printOnce(event, view, idOf);
        for (const seat of seats) seat.event(event, view, printed);
        const { change } = event;
        if (change.kind === "endpoint") moved(place, change.endpoint);
      },
      typing: (typing) => {
        for (const seat of seats) seat.typing(typing);
      },
    });
    const place = { room, followed, seats };
    return place;
  };

  // A device that sits here was taken over by another process, or was thought lost while it is not.
  const moved = (
    place: Place,
    endpoint: { id: string; state: string; instance?: string | undefined },
  ): void => {
    for (const seat of [...place.seats]) {
      if (seat.options.endpoint !== endpoint.id || seat.key === "") continue;
      if (endpoint.instance !== process) seat.terminate("replaced", 409);
      else if (endpoint.state === "disconnected") void again(seat, place);
    }
  };

  const again = async (seat: Seat, place: Place): Promise<void> => {
    const answer = await ask(place.room, seat.options.party, joining(seat, undefined));
    if (!answer.ok && !seat.over) log.warn({ reason: answer.reason }, "a seat could not be kept in its room");
  };

  // For what nobody waits for: a bus that fails is a room that cannot be reached.
  const ask = async (room: Address, from: Party, what: RoomDo): Promise<RoomAnswer> => {
    try {
      return await rooms.command({ room, from, do: what });
    } catch (cause) {
      log.warn({ cause: String(cause) }, "a room could not be asked");
      return { ok: false, reason: "unreachable" };
    }
  };

  const joining = (seat: Seat, entrance: Entrance | undefined): RoomDo => ({
    kind: "join",
    endpoint: {
      id: seat.options.endpoint,
      carrier: "web",
      instance: process,
      address: { ...addressOf(seat.options.party) },
      state: "connected",
      since: clock.now(),
    },
    // Who did not choose his nick is given another one where it is taken.
    mangle: entrance?.nick === undefined,
    ...(entrance?.nick === undefined ? {} : { nick: entrance.nick }),
    ...(entrance?.password === undefined ? {} : { password: entrance.password }),
  });

  const stand = (seat: Seat, place: Place): void => {
    if (!place.seats.delete(seat)) return;
    seats -= 1;
    if (place.seats.size > 0) return;
    const key = bareKey(place.room);
    places.delete(key);
    void place.followed
      .release()
      .catch((cause: unknown) => log.warn({ cause: String(cause) }, "a room was not released"));
  };

  const placeOf = async (room: Address): Promise<Place> => {
    const key = bareKey(room);
    for (;;) {
      const opening = places.get(key) ?? open(room);
      places.set(key, opening);
      const place = await opening.catch((cause: unknown) => {
        if (places.get(key) === opening) places.delete(key);
        throw cause;
      });
      // Its last seat may have been given up in this very moment.
      if (places.get(key) === opening) return place;
    }
  };

  const sits = (place: Place, endpoint: string): boolean =>
    [...place.seats].some((seat) => seat.options.endpoint === endpoint);

  // Tells the room until it knows: an endpoint that nobody takes away would stay as long as this process does.
  const farewell = async (seat: Seat, place: Place, what: RoomDo): Promise<RoomAnswer> => {
    const { room } = place;
    const tell = () => ask(room, seat.options.party, what);
    const first = await tell();
    if (first.ok || first.reason !== "unreachable") return first;
    void (async () => {
      for (let count = 0; count < farewellTries && !parts.signal.aborted; count += 1) {
        // Only the end of this process wakes it early, and with that the room is told by its silence.
        await clock.sleep(farewellPauseMs, parts.signal).catch(() => undefined);
        if (sits(place, seat.options.endpoint)) return;
        const answer = await tell();
        if (answer.ok || answer.reason !== "unreachable") return;
      }
      log.error({ endpoint: seat.options.endpoint }, "a room could not be told that a browser is gone");
    })();
    return first;
  };

  const seatFor = (entrance: Entrance, place: Place): Seat => {
    const endpoint = endpointId(entrance.party);
    const seat: Seat = new Seat({
      ...entrance,
      endpoint,
      rooms,
      idOf: idsOf(bareKey(entrance.room)),
      ended: () => {
        stand(seat, place);
        entrance.ended();
      },
    });
    seat.resumed = byEndpoint(place.followed.view, endpoint) !== undefined;
    // One device has one place: the connection that it had before is dead or forgotten.
    for (const old of [...place.seats]) if (old.options.endpoint === endpoint) old.terminate("replaced", 409);
    place.seats.add(seat);
    seats += 1;
    return seat;
  };

  return {
    rooms,
    seats: () => seats,
    async enter(entrance) {
      const place = await placeOf(entrance.room);
      const seat = seatFor(entrance, place);
      entrance.seated({ seat, place });
      const answer = await rooms.command({
        room: entrance.room,
        from: entrance.party,
        do: joining(seat, entrance),
      });
      if (!answer.ok) {
        seat.end();
        stand(seat, place);
        return answer;
      }
      if (seat.over) {
        // The connection broke meanwhile, or another one took the device over.
        if (!sits(place, seat.options.endpoint)) void farewell(seat, place, absent(seat));
        return answer;
      }
      entrance.taken();
      seat.begin(answer.number, place.followed.view);
      return answer;
    },
    async leave({ seat, place }, reason) {
      seat.end();
      stand(seat, place);
      const { endpoint } = seat.options;
      return await farewell(seat, place, {
        kind: "leave",
        endpoint,
        ...(reason === undefined ? {} : { reason }),
      });
    },
    lost({ seat, place }) {
      if (seat.over) return;
      const { endpoint } = seat.options;
      const mine = byEndpoint(place.followed.view, endpoint)?.endpoints.find(({ id }) => id === endpoint);
      const waits = seat.key === "";
      seat.end();
      stand(seat, place);
      // Another process holds it now, or it has not come in yet: the end of its coming in sees to that.
      if (waits || mine?.instance !== process || sits(place, endpoint)) return;
      void farewell(seat, place, absent(seat));
    },
  };
}

const absent = (seat: Seat): RoomDo => ({ kind: "disconnected", endpoint: seat.options.endpoint });

const addressOf = ({ local, domain, device }: Party): Address =>
  device === undefined ? { local, domain } : { local, domain, device };
