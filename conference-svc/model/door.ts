// The door of a room: who comes in, with which device and nick, who leaves, whose connection broke. XEP-0045 §7.2, §7.14; RFC 4579 §5.
import { bare } from "#bus-schemas/address.ts";
import {
  type Endpoint,
  type Participant,
  type RoomChange,
  type RoomConfig,
  roomLimits,
} from "#bus-schemas/events/room.ts";
import type { RoomDo } from "#bus-schemas/events/room-command.ts";
import { cleanNick, freeNick, nickKey } from "#bus-schemas/rooms/nick.ts";
import { byEndpoint, type RoomView } from "#bus-schemas/rooms/view.ts";
import { type Context, type Decision, done, personKey, refused, roleOf, standing } from "./decision.ts";

type Join = Extract<RoomDo, { kind: "join" }>;

/** Somebody wants to come in, to add a device, or to be told everything again. */
export function join(context: Context, wish: Join): Decision {
  const { view, policy, from } = context;
  if (view.exists && view.config !== undefined) return enter(context, wish, view.config, []);
  if (wish.onlyExisting) return refused("no-such-room");
  if (!policy.mayCreate(from)) return refused("creation-forbidden");
  const by = { address: bare(from) };
  // Whoever comes first through a door to somebody else's room does not own it; the secret he names is that room's.
  if (policy.isElsewhere(view.room)) {
    const config = { ...policy.defaults, ...(wish.password !== undefined && { password: wish.password }) };
    return enter(context, wish, config, [{ kind: "created", config, by }]);
  }
  return enter(context, wish, policy.defaults, [
    { kind: "created", config: policy.defaults, by },
    { kind: "affiliation", address: bare(from), affiliation: "owner", by },
  ]);
}

function enter(context: Context, wish: Join, config: RoomConfig, before: readonly RoomChange[]): Decision {
  const { view, policy, from } = context;
  const key = personKey(policy, from);
  const here = view.participants.get(key);
  if (here !== undefined) return addDevice(here, wish.endpoint);
  const created = before.length > 0;
  const affiliation = created && !policy.isElsewhere(view.room) ? "owner" : standing(context, from);
  const isRuler = affiliation === "owner" || affiliation === "admin";
  if (affiliation === "outcast") return refused("banned");
  if (config.membersOnly && affiliation === "none") return refused("members-only");
  if (config.password !== undefined && wish.password !== config.password && !isRuler)
    return refused("password");
  if (nativePeople(view) >= config.maxParticipants && !isRuler) return refused("full");
  const nick = chooseNick(context, wish);
  if (typeof nick !== "string") return nick;
  const participant: Participant = {
    key,
    nick,
    address: bare(from),
    assurance: from.assurance,
    role: roleOf(config, affiliation),
    affiliation,
    endpoints: [wish.endpoint],
    ...(wish.status && { status: wish.status }),
    joined: context.now,
  };
  const renicked = wish.nick !== undefined && nick !== wish.nick;
  return done(...before, {
    kind: "joined",
    participant,
    endpoint: wish.endpoint.id,
    ...(created && { created }),
    ...(renicked && { renicked }),
  });
}

/** Another device of somebody who is in, or the same one again. */
function addDevice(here: Participant, endpoint: Endpoint): Decision {
  const others = here.endpoints.filter(({ id }) => id !== endpoint.id);
  if (others.length >= roomLimits.endpoints)
    return refused("full", "too many devices of yours are in this room");
  return done({ kind: "endpoint", key: here.key, nick: here.nick, endpoint });
}

/** Mirrored people of a leg do not use up the room's places. */
function nativePeople(view: RoomView): number {
  let count = 0;
  for (const { leg } of view.participants.values()) if (leg === undefined) count += 1;
  return count;
}

function chooseNick(context: Context, wish: Join): string | Decision {
  const { view, from } = context;
  const { nickBytes } = roomLimits;
  const asked = wish.nick === undefined ? undefined : cleanNick(wish.nick, nickBytes);
  if (wish.nick !== undefined && asked === undefined && !wish.mangle) return refused("nick-invalid");
  const wanted =
    asked ?? cleanNick(from.display ?? "", nickBytes) ?? cleanNick(from.local, nickBytes) ?? "guest";
  const isTaken = (key: string): boolean => view.nicks.has(key);
  if (!isTaken(nickKey(wanted))) return wanted;
  if (asked !== undefined && !wish.mangle) return refused("nick-taken");
  return freeNick(wanted, isTaken);
}

/** One device leaves; the person stays while another device of his is in. */
export function leave(
  context: Context,
  endpoint: string,
  reason: string | undefined,
  cause: "left" | "lost" = "left",
): Decision {
  const { view } = context;
  const here = byEndpoint(view, endpoint);
  if (here === undefined) return refused("not-joined");
  if (here.endpoints.some(({ id }) => id !== endpoint))
    return done({ kind: "endpoint-gone", key: here.key, nick: here.nick, endpoint });
  const gone = {
    key: here.key,
    nick: here.nick,
    address: here.address,
    cause,
    ...(reason !== undefined && { reason }),
  };
  return done({ kind: "left", gone }, ...closeIfEmpty(view, [here.key]));
}

/** A room that is not to stay vanishes with the last of its own people; those of legs do not keep it. */
export function closeIfEmpty(view: RoomView, gone: readonly string[]): RoomChange[] {
  if (view.config?.persistent !== false) return [];
  for (const { key, leg } of view.participants.values())
    if (leg === undefined && !gone.includes(key)) return [];
  return [{ kind: "destroyed", reason: "the last one has left" }];
}

/** The connection of a device broke: he is still in, and expected back. */
export function disconnected(context: Context, id: string): Decision {
  const here = byEndpoint(context.view, id);
  const endpoint = here?.endpoints.find((one) => one.id === id);
  if (here === undefined || endpoint === undefined) return refused("not-joined");
  if (endpoint.state === "disconnected") return done();
  const broken: Endpoint = { ...endpoint, state: "disconnected", since: context.now };
  return done({ kind: "endpoint", key: here.key, nick: here.nick, endpoint: broken });
}
