// People of a conference elsewhere in our room's roster: under which name each is shown, and what has changed since it was last told
// (RFC 7702 §6.1; RFC 4575 §5.6).
import type { Role } from "#bus-schemas/events/room.ts";
import type { RoomDo } from "#bus-schemas/events/room-command.ts";
import { cleanNick, freeNick, nickKey } from "#bus-schemas/rooms/nick.ts";
import type { InfoUser } from "../../wire/conference-info.ts";
import { addressIn } from "../address.ts";

export type LegRoster = Extract<RoomDo, { kind: "leg-roster" }>;

/** Bytes of a name: what a room takes. */
const nameBytes = 255;

export interface Shown {
  /** Unique among those that are shown. */
  readonly name: string;
  readonly role: Role;
  /** By which he is known again under another entity. */
  readonly endpoints: readonly string[];
}

export interface Departed {
  readonly method: string | undefined;
  readonly reason: string | undefined;
}

export interface CrowdNews {
  /** By entity, as it is to be from now on. */
  readonly shown: ReadonlyMap<string, Shown>;
  readonly joined: readonly Shown[];
  readonly gone: readonly { readonly name: string; readonly how: Departed | undefined }[];
  readonly renamed: readonly { readonly from: string; readonly name: string }[];
}

/** The nick that a focus shows of somebody: its nickname, else his name, else that of his address. */
export function nickOf(user: InfoUser): string {
  const address = addressIn(user.entity);
  const named = [
    user.nick,
    user.display,
    address.ok ? (address.value.device ?? address.value.local) : undefined,
  ];
  for (const text of named) {
    const nick = text === undefined ? undefined : cleanNick(text, nameBytes - 8);
    if (nick !== undefined) return nick;
  }
  return "somebody";
}

/** Their words for roles, which are made for people to read: what is not known is a speaker. */
export function roleOf({ roles }: InfoUser): Role {
  const words = roles.map((role) => role.toLowerCase());
  if (words.some((word) => ["moderator", "owner", "administrator", "chair", "host"].includes(word)))
    return "moderator";
  return words.includes("observer") || words.includes("muted") ? "observer" : "speaker";
}

/** What differs between those that are shown and those who are there. `most`: so many are shown at all. */
export function crowdNews(
  shown: ReadonlyMap<string, Shown>,
  there: ReadonlyMap<string, InfoUser>,
  departed: ReadonlyMap<string, Departed>,
  most: number,
): CrowdNews {
  const after = new Map([...shown].filter(([entity]) => there.has(entity)));
  const left = new Map([...shown].filter(([entity]) => !there.has(entity)));
  const taken = new Set([...after.values()].map(({ name }) => nickKey(name)));
  const joined: Shown[] = [];
  const renamed: { from: string; name: string }[] = [];
  for (const [entity, user] of there) {
    const nick = nickOf(user);
    const endpoints = user.endpoints.map((each) => each.entity);
    const before = after.get(entity) ?? takeMoved(left, endpoints);
    if (before === undefined && after.size >= most) continue;
    if (before !== undefined) taken.delete(nickKey(before.name));
    const name =
      before !== undefined && isVariant(before.name, nick)
        ? before.name
        : freeNick(nick, (key) => taken.has(key));
    taken.add(nickKey(name));
    const now = { name, role: roleOf(user), endpoints };
    after.set(entity, now);
    if (before === undefined) joined.push(now);
    else if (before.name !== name) renamed.push({ from: before.name, name });
  }
  const gone = [...left].map(([entity, { name }]) => ({ name, how: departed.get(entity) }));
  return { shown: after, joined, gone, renamed };
}

// A focus may name somebody by his nick: with another nick he has another entity, and the same devices.
function takeMoved(left: Map<string, Shown>, endpoints: readonly string[]): Shown | undefined {
  for (const [entity, one] of left) {
    if (!one.endpoints.some((each) => each !== "" && endpoints.includes(each))) continue;
    left.delete(entity);
    return one;
  }
  return undefined;
}

/** `Bob (2)` is still Bob, who had to share his name. */
const isVariant = (name: string, nick: string): boolean =>
  name === nick || (name.startsWith(`${nick} (`) && /^ \(\d+\)$/.test(name.slice(nick.length)));

/** How it is told that somebody went. */
export const causeOf = (how: Departed | undefined): LegRoster["gone"][number]["cause"] =>
  how?.method === "booted" ? "kicked" : how?.method === "failed" ? "lost" : "left";

/** Somebody of theirs as our roster names him: under the room there as device, so that he is never taken for a room. */
export const personThere = (
  room: { readonly local: string; readonly domain: string },
  name: string,
  role?: Role,
): LegRoster["joined"][number] => ({
  name,
  address: { local: name, domain: room.domain, device: room.local },
  ...(role !== undefined && { role }),
});
