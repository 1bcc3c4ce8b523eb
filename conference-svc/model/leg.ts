// People of a leg (an IRC channel) as they are mirrored in the room: many changes at once are told once.
import type { Participant, RoomChange } from "#bus-schemas/events/room.ts";
import { roomLimits } from "#bus-schemas/events/room.ts";
import type { RoomDo } from "#bus-schemas/events/room-command.ts";
import { cleanNick, freeNick, nickKey } from "#bus-schemas/rooms/nick.ts";
import { type Context, type Decision, done, legKey, refused, standing } from "./decision.ts";

type LegRoster = Extract<RoomDo, { kind: "leg-roster" }>;
type Newcomer = LegRoster["joined"][number];
type Gone = Extract<RoomChange, { kind: "roster" }>["gone"][number];

/** What the reader of a leg saw there. Nicks that are taken here are changed here, never there. */
export function legRoster(context: Context, wish: LegRoster): Decision {
  const { view } = context;
  if (!view.exists) return refused("no-such-room");
  const mirrored = new Map([...view.participants].filter(([, { leg }]) => leg === wish.leg));
  const changes: RoomChange[] = [];
  const taken = new Set(view.nicks.keys());
  for (const { from, name, address } of wish.renamed)
    changes.push(...rename(wish.leg, mirrored, taken, from, name, address, context));
  const gone = leaving(wish, mirrored);
  for (const { key, nick } of gone) {
    mirrored.delete(key);
    taken.delete(nickKey(nick));
  }
  const joined: Participant[] = [];
  for (const newcomer of wish.joined) {
    const participant = mirror(context, wish.leg, newcomer, taken);
    const isBanned = standing(context, participant.address) === "outcast";
    const here = mirrored.get(participant.key);
    // Ranks change there while he is here: they count only where the leg's operators rule the room.
    if (here !== undefined && here.role !== participant.role && context.policy.ruledByLeg(wish.leg))
      changes.push({ kind: "role", key: here.key, nick: here.nick, role: participant.role });
    if (mirrored.has(participant.key) || participant.nick === "" || isBanned) continue;
    mirrored.set(participant.key, participant);
    taken.add(nickKey(participant.nick));
    joined.push(participant);
  }
  const text = wish.text === undefined ? {} : { text: wish.text };
  if (gone.length > 0 || joined.length > 0)
    changes.push({ kind: "roster", leg: wish.leg, joined, gone, ...text });
  return done(...changes);
}

function leaving(wish: LegRoster, mirrored: ReadonlyMap<string, Participant>): Gone[] {
  const said = new Map(
    wish.gone.map(({ name, cause, reason }) => [legKey(wish.leg, name), { cause, reason }]),
  );
  const present = new Set(wish.joined.map(({ name }) => legKey(wish.leg, name)));
  return [...mirrored.values()].flatMap(({ key, nick, address }) => {
    const told = said.get(key);
    if (told !== undefined)
      return [
        { key, nick, address, cause: told.cause, ...(told.reason !== undefined && { reason: told.reason }) },
      ];
    return wish.whole && !present.has(key) ? [{ key, nick, address, cause: "left" as const }] : [];
  });
}

function mirror(context: Context, leg: string, newcomer: Newcomer, taken: ReadonlySet<string>): Participant {
  const nick = cleanNick(newcomer.name, roomLimits.nickBytes);
  return {
    key: legKey(leg, newcomer.name),
    nick: nick === undefined ? "" : freeNick(nick, (key) => taken.has(key)),
    address: newcomer.address,
    assurance: "none",
    // The ranks of a leg hold in the leg; here its people speak like anybody.
    role:
      newcomer.role === "moderator" && !context.policy.ruledByLeg(leg)
        ? "speaker"
        : (newcomer.role ?? "speaker"),
    affiliation: "none",
    endpoints: [],
    leg,
    joined: context.now,
  };
}

/** A new name there is a new key here: the person goes and comes under it at one moment, told as a change of nick. */
function rename(
  leg: string,
  mirrored: Map<string, Participant>,
  taken: Set<string>,
  from: string,
  name: string,
  address: Participant["address"],
  context: Context,
): RoomChange[] {
  const before = mirrored.get(legKey(leg, from));
  if (before === undefined) return [];
  taken.delete(nickKey(before.nick));
  const after: Participant = {
    ...mirror(context, leg, { name, address }, taken),
    role: before.role,
    joined: before.joined,
  };
  if (after.nick === "") return [];
  taken.add(nickKey(after.nick));
  mirrored.delete(before.key);
  mirrored.set(after.key, after);
  const renamed: RoomChange[] =
    after.nick === before.nick
      ? []
      : [{ kind: "renamed", key: before.key, from: before.nick, nick: after.nick }];
  return [...renamed, { kind: "rekeyed", key: before.key, to: after.key, address: after.address }];
}
