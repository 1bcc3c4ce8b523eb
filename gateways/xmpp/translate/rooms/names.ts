// How rooms, occupants and their ranks are written on XMPP: XEP-0045 §5 and §7.2, XEP-0421 §4.
import { createHmac } from "node:crypto";
import type { Address } from "#bus-schemas/address.ts";
import { toJid } from "#bus-schemas/addresses/jid.ts";
import type { Actor, Affiliation, Participant, Role } from "#bus-schemas/events/room.ts";
import { byNick, type RoomView } from "#bus-schemas/rooms/view.ts";

/** What the edge lends to translation. */
export interface RoomFaces {
  /** As which address this person appears on XMPP. */
  faceOn(address: Address): Address;
  /** The house's secret for occupant ids: the same for ever, in all processes. */
  readonly secret: string;
}

export const roleNames = {
  observer: "visitor",
  speaker: "participant",
  moderator: "moderator",
} as const satisfies Record<Role, string>;

const rolesByName: ReadonlyMap<string, Role> = new Map([
  ["visitor", "observer"],
  ["participant", "speaker"],
  ["moderator", "moderator"],
]);
const affiliationNames: ReadonlySet<string> = new Set(["owner", "admin", "member", "none", "outcast"]);

/** The role of this name; `none` is no role but a kick. */
export const roleOf = (name: string): Role | undefined => rolesByName.get(name);
export const affiliationOfName = (name: string): Affiliation | undefined =>
  affiliationNames.has(name) ? (name as Affiliation) : undefined;

/** The room's own JID. A room is found by its JID, so it has one. */
export function roomJid(room: Address): string {
  const jid = toJid({ local: room.local, domain: room.domain });
  return jid.ok ? jid.value : room.domain;
}

const unwritable = "nick-";

/**
 * The nick as a resource. One that no JID can hold (some other protocol allowed it) is shown as a name made from the key,
 * so that its owner can be written to all the same.
 */
export function shownNick(
  room: Address,
  who: { readonly nick: string; readonly key?: string | undefined },
): string {
  const jid = toJid({ ...room, device: who.nick });
  if (jid.ok) return who.nick;
  return (
    unwritable +
    createHmac("sha256", "nick")
      .update(who.key ?? who.nick)
      .digest("hex")
      .slice(0, 8)
  );
}

/** The occupant's JID: room and nick. */
export const occupantJid = (
  room: Address,
  who: { readonly nick: string; readonly key?: string | undefined },
): string => {
  const jid = toJid({ local: room.local, domain: room.domain, device: shownNick(room, who) });
  return jid.ok ? jid.value : roomJid(room);
};

/** From whom something comes: the occupant, or the room itself where nobody is named. */
export const actorJid = (room: Address, by: Actor | undefined): string =>
  by?.nick === undefined ? roomJid(room) : occupantJid(room, { nick: by.nick, key: by.key });

/** Who is shown under this resource. */
export function byResource(view: RoomView, resource: string): Participant | undefined {
  const found = byNick(view, resource);
  if (found !== undefined || !resource.startsWith(unwritable)) return found;
  return [...view.participants.values()].find((one) => shownNick(view.room, one) === resource);
}

/** The same for one person in one room for ever, and of no use to anybody else (XEP-0421 §4). */
export const occupantId = (room: Address, key: string, secret: string): string =>
  createHmac("sha256", secret).update(`${room.local}@${room.domain} ${key}`).digest("base64url");

/** The endpoint id of a full JID. */
export const endpointId = (fullJid: string): string => `xmpp:${fullJid}`;
