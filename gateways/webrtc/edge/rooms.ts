// Performs what one connection asks about rooms: in and out, things said, commands, history, lists. sylkRTC-2 videoroom requests.
import type { Address, Party } from "#bus-schemas/address.ts";
import type { Courier } from "#bus-schemas/delivery/courier.ts";
import type { Rooms } from "#bus-schemas/rooms/port.ts";
import { byNick } from "#bus-schemas/rooms/view.ts";
import type { Clock, Counter } from "#bus-schemas/service/service.ts";
import type { InRoomRequest, RoomsRequest } from "../session/rooms.ts";
import { formatAddress, parseAddress } from "../translate/address.ts";
import { failure } from "../translate/errors.ts";
import { capabilitiesFrame } from "../translate/room-capabilities.ts";
import { lineOf } from "../translate/room-from-bus.ts";
import { historyFrames } from "../translate/room-picture.ts";
import { commandsOf, configPatch } from "../translate/room-to-bus.ts";
import { limits } from "../wire/limits.ts";
import type { Request, RequestOf } from "../wire/request.ts";
import { openAnswers } from "./answers.ts";
import type { Connection } from "./connection.ts";
import type { Places, Seated } from "./places.ts";
import { say } from "./saying.ts";

// What a newcomer is shown of the history if he does not say.
const usualHistory = 50;
// Typing indications of one kind from one seat: at most one in this time goes on.
const typingEveryMs = 1000;

export interface RoomParts {
  readonly clock: Clock;
  readonly courier: Courier;
  readonly places: () => Promise<Places>;
  /** Whether a room of this address would be hosted here. */
  readonly hosts: (room: Address) => boolean;
  /** Whether the account still is in the configuration. */
  readonly exists: (address: Address) => boolean;
  /** Moves by result: accepted, again, refused. */
  readonly messages: Counter;
  readonly limits: { readonly roomCommandsPerSecond: number; readonly roomCommandsAtOnce: number };
}

/** The account that asks, with the device that it has in rooms. */
export interface Asker {
  readonly party: Party;
  /** As the client writes it. */
  readonly name: string;
}

interface Desk {
  readonly seated: Seated;
  readonly asker: Asker;
  /** What it told of its typing last, and when. */
  typing: { readonly state: string; readonly at: number } | undefined;
}

export interface ConnectionRooms {
  join(request: RequestOf<"videoroom-join">, asker: Asker): Promise<void>;
  leave(session: string, reason: string | undefined, request?: Request): Promise<void>;
  inRoom(request: InRoomRequest): Promise<void>;
  about(request: RoomsRequest, asker: Asker): Promise<void>;
  /** The connection is gone. */
  closed(): void;
}

/** The rooms of one connection. `told` moves its machine: a session was taken, or is over. */
export function openConnectionRooms(
  connection: Connection,
  parts: RoomParts,
  told: (what: "room-joined" | "room-ended", session: string) => void,
): ConnectionRooms {
  const desks = new Map<string, Desk>();
  const { clock, courier } = parts;
  const mayCommand = openPace(clock, parts.limits);

  const answers = openAnswers(connection);
  const { ack, refuse, refuseRoom } = answers;
  const saying = { clock, courier, messages: parts.messages, answers };

  /** The room of a request, if one of this address would be here. */
  const roomOf = (request: Request & { uri: string }): Address | undefined => {
    const room = parseAddress(request.uri);
    if (room.ok && parts.hosts(room.value)) return room.value;
    refuseRoom(request, "no-such-room");
    return undefined;
  };

  const join: ConnectionRooms["join"] = async (request, asker) => {
    const { session } = request;
    const ended = (): void => {
      desks.delete(session);
      told("room-ended", session);
    };
    const room = roomOf(request);
    if (room === undefined) return ended();
    if (!mayCommand()) {
      ended();
      return refuseRoom(request, "rate-limited");
    }
    try {
      const { enter } = await parts.places();
      const answer = await enter({
        session,
        connection,
        room,
        party: asker.party,
        nick: request.nick,
        password: request.password,
        since: request.since,
        history: request.history ?? usualHistory,
        seated: (seated) => {
          desks.set(session, { seated, asker, typing: undefined });
          if (!connection.open) closed();
        },
        taken: () => {
          told("room-joined", session);
          ack(request);
        },
        ended,
      });
      if (answer.ok) return;
      ended();
      refuseRoom(request, answer.reason, answer.text);
    } catch (cause) {
      ended();
      throw cause;
    }
  };

  const leave: ConnectionRooms["leave"] = async (session, reason, request) => {
    const desk = desks.get(session);
    desks.delete(session);
    if (desk === undefined) return;
    const places = await parts.places();
    const answer = await places.leave(desk.seated, reason);
    if (request === undefined) return;
    // Who was thrown out in the same moment has left all the same.
    if (answer.ok || answer.reason === "not-joined" || answer.reason === "gone") ack(request);
    else refuseRoom(request, answer.reason, answer.text);
    desk.seated.seat.tell({ event: "session-state", state: "terminated", cause: "left", code: 200 });
  };

  const inRoom: ConnectionRooms["inRoom"] = async (request) => {
    const desk = desks.get(request.session);
    if (desk === undefined) return refuseRoom(request, "not-joined");
    if (!parts.exists(desk.asker.party)) return refuse(request, failure("not-authorised"));
    switch (request.sylkrtc) {
      case "videoroom-message":
        return await say(request, { seated: desk.seated, party: desk.asker.party }, saying);
      case "videoroom-composing-indication":
        return await typing(request, desk);
      case "videoroom-history":
        return await history(request, desk);
      case "videoroom-affiliations":
        return affiliations(request, desk);
      case "videoroom-capabilities":
        return await capabilities(request, desk);
      default:
        return await command(request, desk);
    }
  };

  const typing = async (request: RequestOf<"videoroom-composing-indication">, desk: Desk): Promise<void> => {
    const { seat, place } = desk.seated;
    const { view } = place.followed;
    const self = view.participants.get(seat.key);
    const to = request.to === undefined ? undefined : byNick(view, request.to);
    if (self === undefined) return refuseRoom(request, "not-joined");
    if (request.to !== undefined && to === undefined) return refuseRoom(request, "no-such-person");
    if (self.role === "observer") return refuseRoom(request, "forbidden");
    ack(request);
    const now = clock.monotonic();
    const { typing: last } = desk;
    if (last !== undefined && last.state === request.state && now - last.at < typingEveryMs) return;
    desk.typing = { state: request.state, at: now };
    const { rooms } = await parts.places();
    rooms.typing({
      room: place.room,
      key: seat.key,
      nick: self.nick,
      state: request.state === "active" ? "composing" : "paused",
      ...(to === undefined ? {} : { to: to.key }),
    });
  };

  const history = async (request: RequestOf<"videoroom-history">, { seated }: Desk): Promise<void> => {
    const { before, after, since } = request;
    const { rooms } = await parts.places();
    const page = await rooms.history({
      ask: "history",
      room: seated.place.room,
      reader: seated.seat.key,
      max: request.limit ?? usualHistory,
      ...(after === undefined && since === undefined ? { last: true } : {}),
      ...(before === undefined ? {} : { before }),
      ...(after === undefined ? {} : { after }),
      ...(since === undefined ? {} : { since }),
    });
    if (page === undefined) return refuseRoom(request, "unreachable");
    const more = { more: !page.complete, request: request.transaction };
    for (const frame of historyFrames(page.events, seated.seat.viewer, more)) {
      seated.seat.tell(frame);
      await connection.drained();
    }
    ack(request);
  };

  const affiliations = (request: RequestOf<"videoroom-affiliations">, { seated }: Desk): void => {
    const { view } = seated.place.followed;
    const self = view.participants.get(seated.seat.key);
    // Who is banned or a member is told to those who rule (XEP-0045 §9, §10).
    const rules =
      self?.affiliation === "owner" || self?.affiliation === "admin" || self?.role === "moderator";
    if (!rules) return refuseRoom(request, "forbidden");
    const entries = [...view.affiliations.values()].map(({ address, affiliation, reason }) => ({
      uri: formatAddress(address),
      affiliation,
      ...(reason === undefined ? {} : { reason }),
    }));
    for (let at = 0; at === 0 || at < entries.length; at += limits.rooms)
      seated.seat.tell({
        event: "affiliations",
        request: request.transaction,
        entries: entries.slice(at, at + limits.rooms),
      });
    ack(request);
  };

  const capabilities = async (
    request: RequestOf<"videoroom-capabilities">,
    { seated }: Desk,
  ): Promise<void> => {
    if (!mayCommand()) return refuseRoom(request, "rate-limited");
    const { rooms } = await parts.places();
    const found = await rooms.capabilities(seated.place.room);
    if (found === undefined) return refuseRoom(request, "gone");
    seated.seat.tell(capabilitiesFrame(found, request.about, request.transaction));
    ack(request);
  };

  const command = async (
    request: Parameters<typeof commandsOf>[0],
    { seated, asker }: Desk,
  ): Promise<void> => {
    const { place } = seated;
    if (!mayCommand()) return refuseRoom(request, "rate-limited");
    const drawn = commandsOf(request, place.followed.view);
    if (!drawn.ok) return refuseRoom(request, drawn.reason, drawn.text);
    const { rooms } = await parts.places();
    let number: number | undefined;
    for (const one of drawn.commands) {
      const answer = await rooms.command({ room: place.room, from: asker.party, do: one });
      if (!answer.ok) return refuseRoom(request, answer.reason, answer.text);
      number = answer.number;
    }
    ack(request, number === undefined ? {} : { number });
  };

  const about: ConnectionRooms["about"] = async (request, asker) => {
    const { rooms } = await parts.places();
    if (request.sylkrtc === "videoroom-list") return await list(request, asker, rooms);
    const room = roomOf(request);
    if (room === undefined) return;
    if (!mayCommand()) return refuseRoom(request, "rate-limited");
    const what = aboutOf(request);
    if (what === undefined) return refuseRoom(request, "no-such-person");
    const answer = await rooms.command({ room, from: asker.party, do: what });
    if (answer.ok) ack(request, { number: answer.number });
    else refuseRoom(request, answer.reason, answer.text);
  };

  const list = async (request: RequestOf<"videoroom-list">, { name }: Asker, rooms: Rooms): Promise<void> => {
    const found = await rooms.list(request.domain === undefined ? {} : { domain: request.domain });
    const listed = found.filter((one) => one.listed).sort((a, b) => b.participants - a.participants);
    connection.send({
      sylkrtc: "account-event",
      account: name,
      event: "room-list",
      request: request.transaction,
      rooms: listed.slice(0, limits.rooms).map(lineOf),
      more: listed.length > limits.rooms,
    });
    ack(request);
  };

  const closed = (): void => {
    const open = [...desks.values()];
    desks.clear();
    if (open.length === 0) return;
    void parts.places().then((places) => {
      for (const { seated } of open) places.lost(seated);
    });
  };

  return { join, leave, inRoom, about, closed };
}

/** So many at once, then so many per second. */
function openPace(clock: Clock, limits: RoomParts["limits"]): () => boolean {
  let level = limits.roomCommandsAtOnce;
  let filledAt = clock.monotonic();
  return () => {
    const now = clock.monotonic();
    const gained = ((now - filledAt) / 1000) * limits.roomCommandsPerSecond;
    level = Math.min(limits.roomCommandsAtOnce, level + gained);
    filledAt = now;
    if (level < 1) return false;
    level -= 1;
    return true;
  };
}

const aboutOf = (request: Exclude<RoomsRequest, { sylkrtc: "videoroom-list" }>) => {
  if (request.sylkrtc === "videoroom-create")
    return {
      kind: "create" as const,
      ...(request.config === undefined ? {} : { config: configPatch(request.config) }),
    };
  const to = parseAddress(request.to);
  if (!to.ok) return undefined;
  const { reason } = request;
  return { kind: "decline" as const, to: to.value, ...(reason === undefined ? {} : { reason }) };
};
