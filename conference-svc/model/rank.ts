// Who may do what: roles, affiliations, kicks and bans. XEP-0045 §8, §9, §10; the same rules whatever protocol asks.
import { type Address, bareKey } from "#bus-schemas/address.ts";
import {
  type Affiliation,
  type Participant,
  type Role,
  type RoomChange,
  roomLimits,
} from "#bus-schemas/events/room.ts";
import type { RoomDo, Target } from "#bus-schemas/events/room-command.ts";
import { byNick } from "#bus-schemas/rooms/view.ts";
import {
  above,
  actor,
  type Context,
  type Decision,
  done,
  present,
  refused,
  roleOf,
  speaker,
  standing,
} from "./decision.ts";
import { closeIfEmpty } from "./door.ts";

/** Who asks: somebody in the room, or an owner or admin from outside. */
interface Ruler {
  readonly affiliation: Affiliation;
  readonly role: Role | undefined;
  readonly by: ReturnType<typeof actor>;
}

export function ruler(context: Context): Ruler {
  const here = speaker(context);
  const affiliation = standing(context, context.from);
  const by =
    here === undefined
      ? { address: { local: context.from.local, domain: context.from.domain } }
      : actor(here);
  return { affiliation, role: here?.role, by };
}

function aim(context: Context, target: Target): Participant | undefined {
  const { view } = context;
  if (target.key !== undefined) return view.participants.get(target.key);
  if (target.nick !== undefined) return byNick(view, target.nick);
  return target.address === undefined ? undefined : present(context, target.address)[0];
}

/** Gives or takes a voice, makes or unmakes a moderator (XEP-0045 §8.3, §8.4, §9.6, §9.7). */
export function role(context: Context, wish: Extract<RoomDo, { kind: "role" }>): Decision {
  const who = ruler(context);
  const target = aim(context, wish.target);
  if (target === undefined) return refused("no-such-person");
  const isVoice = wish.role !== "moderator" && target.role !== "moderator";
  const mayVoice = who.role === "moderator" || above(who.affiliation, "member");
  const mayRank = above(who.affiliation, "member") && !above(target.affiliation, "member");
  if (!(isVoice ? mayVoice : mayRank)) return refused("forbidden");
  if (target.role === wish.role) return done();
  const { key, nick } = target;
  return done({
    kind: "role",
    key,
    nick,
    role: wish.role,
    by: who.by,
    ...(wish.reason !== undefined && { reason: wish.reason }),
  });
}

/** Puts somebody out; he may come again (XEP-0045 §8.2). */
export function kick(context: Context, wish: Extract<RoomDo, { kind: "kick" }>): Decision {
  const who = ruler(context);
  const target = aim(context, wish.target);
  if (target === undefined) return refused("no-such-person");
  if (who.role !== "moderator" && !above(who.affiliation, "member")) return refused("forbidden");
  // Nobody puts out his superior (XEP-0045 §8.2).
  if (above(target.affiliation, "member") && !above(who.affiliation, target.affiliation))
    return refused("forbidden");
  return done(gone(target, "kicked", who, wish.reason), ...closeIfEmpty(context.view, [target.key]));
}

const gone = (
  target: Participant,
  cause: "kicked" | "banned" | "not-a-member",
  who: Ruler | undefined,
  reason: string | undefined,
): RoomChange => ({
  kind: "left",
  gone: {
    key: target.key,
    nick: target.nick,
    address: target.address,
    cause,
    ...(who && { by: who.by }),
    ...(reason !== undefined && { reason }),
  },
});

/** Changes the lists: owners, admins, members, outcasts. All of it or nothing. */
export function affiliation(context: Context, wish: Extract<RoomDo, { kind: "affiliation" }>): Decision {
  const { view } = context;
  const { config } = view;
  if (!view.exists || config === undefined) return refused("no-such-room");
  const who = ruler(context);
  const changes: RoomChange[] = [];
  const left: string[] = [];
  for (const one of wish.changes) {
    if (!mayRank(context, who, one.address, one.affiliation)) return refused("forbidden");
    const { affiliation: to, reason } = one;
    // Ranks of a room are not for people of a leg, whom nobody vouches for; a ban is.
    const found = present(context, one.address).filter(({ leg }) => leg === undefined || to === "outcast");
    const [target] = found;
    const said = reason === undefined ? {} : { reason };
    const here = target && { key: target.key, nick: target.nick, role: roleAfter(context, target, to) };
    changes.push({
      kind: "affiliation",
      address: one.address,
      affiliation: to,
      ...here,
      by: who.by,
      ...said,
    });
    const isOut = to === "outcast" || (to === "none" && config.membersOnly);
    if (target === undefined || !isOut) continue;
    for (const each of found) {
      changes.push(gone(each, to === "outcast" ? "banned" : "not-a-member", who, reason));
      left.push(each.key);
    }
  }
  if (view.affiliations.size + wish.changes.length > roomLimits.affiliations)
    return refused("too-large", "the lists of this room are full");
  if (!ownerStays(context, wish.changes)) return refused("forbidden", "a room needs an owner");
  return done(...changes, ...(left.length > 0 ? closeIfEmpty(view, left) : []));
}

function mayRank(context: Context, who: Ruler, address: Address, to: Affiliation): boolean {
  if (who.affiliation === "owner") return true;
  if (who.affiliation !== "admin") return false;
  return !above(to, "member") && !above(standing(context, address), "member");
}

function roleAfter({ view }: Context, target: Participant, to: Affiliation): Role {
  if (view.config === undefined) return target.role;
  if (above(to, "member")) return "moderator";
  // Who is no ruler any more is no moderator either; a voice once given stays.
  return target.role === "moderator" ? roleOf(view.config, to) : to === "member" ? "speaker" : target.role;
}

function ownerStays(
  { view }: Context,
  changes: readonly { address: Address; affiliation: Affiliation }[],
): boolean {
  const owners = new Set(
    [...view.affiliations].filter(([, { affiliation }]) => affiliation === "owner").map(([key]) => key),
  );
  if (owners.size === 0) return true;
  for (const { address, affiliation } of changes) {
    if (affiliation === "owner") owners.add(bareKey(address));
    else owners.delete(bareKey(address));
  }
  return owners.size > 0;
}
