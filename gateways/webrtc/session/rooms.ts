// The room sessions of one connection: which rooms its accounts are in here, and what each room request leads to. sylkRTC-2.
import type { Request, RequestOf } from "../wire/request.ts";

/** One room on one connection. */
export interface RoomSession {
  /** The key of the account that is in it. */
  readonly account: string;
  /** The room as the client writes it, folded. */
  readonly room: string;
  /** `joining` until the room has taken it. */
  readonly phase: "joining" | "joined";
}
export type RoomSessions = ReadonlyMap<string, RoomSession>;

type Named<Name extends Request["sylkrtc"]> = RequestOf<Name>;
type WithSession = Extract<Request, { session: string }>;
/** Requests that name an account and no session. */
export type RoomsRequest = Named<"videoroom-create" | "videoroom-list" | "videoroom-decline">;
/** Requests for which a session must have been taken by its room. */
export type InRoomRequest = Exclude<WithSession, Named<"videoroom-join" | "videoroom-leave">>;

/** What the edge is to do about rooms. */
export type RoomOutput =
  | { readonly do: "join"; readonly key: string; readonly request: Named<"videoroom-join"> }
  /** `request`: to be answered, if there was one. */
  | {
      readonly do: "leave";
      readonly session: string;
      readonly reason: string | undefined;
      readonly request?: Named<"videoroom-leave">;
    }
  | { readonly do: "in-room"; readonly request: InRoomRequest }
  | { readonly do: "about-rooms"; readonly key: string; readonly request: RoomsRequest };

/** The next sessions, and what to do or why not. */
export type RoomStep =
  | { readonly ok: true; readonly rooms: RoomSessions; readonly outputs: readonly RoomOutput[] }
  | { readonly ok: false; readonly error: string; readonly code: number };

/** Rooms that one connection may be in at once; the next one is an error. */
export const mostRooms = 64;

const refuse = (error: string, code: number): RoomStep => ({ ok: false, error, code });

/** Whether this is a request about rooms that names an account and no session. */
export const isRoomRequest = (request: Request): request is RoomsRequest =>
  request.sylkrtc.startsWith("videoroom-") && !("session" in request);

/** One request with a session. `bound`: the key of the account that a join names, if it is bound to this connection. */
export function roomStep(rooms: RoomSessions, request: WithSession, bound: string | undefined): RoomStep {
  if (request.sylkrtc === "videoroom-join") return join(rooms, request, bound);
  const known = rooms.get(request.session);
  if (known === undefined) return refuse("no such session on this connection", 481);
  if (request.sylkrtc === "videoroom-leave") {
    const { session, reason } = request;
    return { ok: true, rooms: without(rooms, session), outputs: [{ do: "leave", session, reason, request }] };
  }
  if (known.phase === "joining") return refuse("the room has not taken this session yet", 409);
  return { ok: true, rooms, outputs: [{ do: "in-room", request }] };
}

function join(rooms: RoomSessions, request: Named<"videoroom-join">, key: string | undefined): RoomStep {
  if (key === undefined) return refuse("this account is not bound to this connection", 403);
  if (request.sdp !== undefined)
    return refuse("audio and video are not supported yet: join without sdp", 488);
  const room = request.uri.normalize("NFC").toLowerCase();
  if (rooms.has(request.session)) return refuse("this session is in use", 409);
  if ([...rooms.values()].some((one) => one.room === room && one.account === key))
    return refuse("this connection is in that room already", 409);
  if (rooms.size >= mostRooms) return refuse("too many rooms on one connection", 429);
  const next = new Map(rooms).set(request.session, { account: key, room, phase: "joining" });
  return { ok: true, rooms: next, outputs: [{ do: "join", key, request }] };
}

/** The room has taken this session. */
export function joined(rooms: RoomSessions, session: string): RoomSessions {
  const known = rooms.get(session);
  return known === undefined ? rooms : new Map(rooms).set(session, { ...known, phase: "joined" });
}

/** The session is over. */
export function without(rooms: RoomSessions, session: string): RoomSessions {
  const next = new Map(rooms);
  next.delete(session);
  return next;
}

/** The sessions of an account that is taken from its connection. */
export const sessionsOf = (rooms: RoomSessions, account: string): readonly string[] =>
  [...rooms].filter(([, one]) => one.account === account).map(([session]) => session);
