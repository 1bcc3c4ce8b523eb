// What deciding in a room works with: who wants something, what the house allows, and what comes of it. Pure.
import type { Address, Party } from "#bus-schemas/address.ts";
import { bareKey } from "#bus-schemas/address.ts";
import type {
  Actor,
  Affiliation,
  Participant,
  Role,
  RoomChange,
  RoomConfig,
} from "#bus-schemas/events/room.ts";
import type { RoomReason } from "#bus-schemas/events/room-command.ts";
import { affiliationOf, byEndpoint, type RoomView } from "#bus-schemas/rooms/view.ts";

/** What comes of a wish: changes for the log, in their order, or a refusal. */
export type Decision =
  | { readonly ok: true; readonly changes: readonly RoomChange[] }
  | { readonly ok: false; readonly reason: RoomReason; readonly text?: string };

/** What the configuration and the directory say. */
export interface Policy {
  /** Whether this person may make a room by entering it. */
  mayCreate(from: Party): boolean;
  /** Whether this person rules every room. */
  isAdmin(address: Address): boolean;
  /** All addresses of the person, his own first. */
  linked(address: Address): readonly Address[];
  /** What a room is like that people make. */
  readonly defaults: RoomConfig;
  /** Whether rooms of this address are somebody else's, and ours only the way into them. */
  isElsewhere(room: Address): boolean;
  /** The room's legs whose operators rule the whole room. */
  ruledByLeg(leg: string): boolean;
}

export interface Context {
  readonly view: RoomView;
  readonly now: number;
  readonly policy: Policy;
  readonly from: Party;
  readonly carrier: string;
}

export const refused = (reason: RoomReason, text?: string): Decision => ({
  ok: false,
  reason,
  ...(text !== undefined && { text }),
});
export const done = (...changes: readonly RoomChange[]): Decision => ({ ok: true, changes });

/** The one key of a person, whichever of his addresses he uses. */
export const personKey = (policy: Policy, address: Address): string =>
  policy.linked(address).map(bareKey).sort()[0] ?? bareKey(address);

/** The key under which somebody of a leg is mirrored. */
export const legKey = (leg: string, name: string): string => `${leg}/${name.toLowerCase()}`;

const weight: Record<Affiliation, number> = { outcast: -1, none: 0, member: 1, admin: 2, owner: 3 };
export const above = (a: Affiliation, b: Affiliation): boolean => weight[a] > weight[b];

/** What a person is to the room: banned by any address of his is banned, else the highest counts. */
export function standing(context: Context, address: Address): Affiliation {
  const { view, policy } = context;
  // The house itself acts as the room: its operator by `parley room`.
  if (bareKey(address) === bareKey(view.room)) return "owner";
  const all = policy.linked(address).map((one) => affiliationOf(view, one));
  if (policy.isAdmin(address)) return "owner";
  if (all.includes("outcast")) return "outcast";
  return all.reduce((best, one) => (above(one, best) ? one : best), "none");
}

/** The role that somebody of this affiliation has when he comes in (XEP-0045 §5.1.2). */
export function roleOf(config: RoomConfig, affiliation: Affiliation): Role {
  if (affiliation === "owner" || affiliation === "admin") return "moderator";
  return config.moderated && affiliation === "none" ? "observer" : "speaker";
}

/** Those in the room who are this person: himself, and whoever is mirrored from a leg under this very address. */
export function present({ view, policy }: Context, address: Address): Participant[] {
  const own = view.participants.get(personKey(policy, address));
  const key = bareKey(address);
  const mirrored = [...view.participants.values()].filter(
    (one) => one.leg !== undefined && bareKey(one.address) === key,
  );
  return own === undefined ? mirrored : [own, ...mirrored];
}

/** The participant who speaks: by his device, else by his person. */
export function speaker(context: Context, leg?: string): Participant | undefined {
  const { view, from, policy } = context;
  if (leg !== undefined) return view.participants.get(legKey(leg, from.local));
  for (const [id] of view.endpoints) {
    const participant = byEndpoint(view, id);
    const endpoint = participant?.endpoints.find((one) => one.id === id);
    if (endpoint !== undefined && sameDevice(endpoint.address, from) && endpoint.carrier === context.carrier)
      return participant;
  }
  return view.participants.get(personKey(policy, from)) ?? mirrored(view, from);
}

/** Somebody of a leg who acts without saying which: found by his address there. */
function mirrored(view: RoomView, from: Address): Participant | undefined {
  const key = bareKey(from);
  for (const participant of view.participants.values())
    if (participant.leg !== undefined && bareKey(participant.address) === key) return participant;
  return undefined;
}

const sameDevice = (a: Address, b: Address): boolean => bareKey(a) === bareKey(b) && a.device === b.device;

export const actor = ({ key, nick, address }: Participant): Actor => ({ key, nick, address });
