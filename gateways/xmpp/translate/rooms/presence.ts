// Presence of occupants: XEP-0045 §5, §7.2, §7.7, §8.2, §9.1; XEP-0421.
import type { Address } from "#bus-schemas/address.ts";
import { toJid } from "#bus-schemas/addresses/jid.ts";
import type { Actor, Affiliation, Participant, RoomStatus } from "#bus-schemas/events/room.ts";
import { type Element, element, ns } from "../../wire/element.ts";
import { occupantId, occupantJid, type RoomFaces, roleNames, roomJid } from "./names.ts";

/** Status codes of XEP-0045 §15.6 that a presence may carry. */
export type StatusCode =
  | "100"
  | "110"
  | "170"
  | "201"
  | "210"
  | "301"
  | "303"
  | "307"
  | "321"
  | "322"
  | "332"
  | "333";

/** What is shown of somebody now. */
export interface Shown {
  readonly participant: Participant;
  /** True if whoever reads it may see the real address. */
  readonly open: boolean;
  readonly codes?: readonly StatusCode[];
  readonly by?: Actor | undefined;
  readonly reason?: string | undefined;
}

/** And what is shown of somebody who goes, or takes another nick. */
export interface Gone extends Shown {
  readonly affiliation?: Affiliation;
  readonly newNick?: string;
  readonly destroy?: Element;
  /** His own last words. */
  readonly farewell?: string | undefined;
}

/** Somebody is here, and how. */
export const available = (room: Address, shown: Shown, faces: RoomFaces): Element => {
  const { participant } = shown;
  const { affiliation, role } = participant;
  return element(
    "presence",
    ns.component,
    { from: occupantJid(room, participant) },
    ...statusElements(participant.status),
    user(items(shown, { affiliation, role: roleNames[role] }, faces), shown.codes),
    idElement(room, participant.key, faces),
  );
};

/** Somebody goes; with `newNick` only this nick of his does. */
export const unavailable = (room: Address, gone: Gone, faces: RoomFaces): Element => {
  const { participant, newNick } = gone;
  const stays = newNick !== undefined;
  const rank = {
    affiliation: gone.affiliation ?? participant.affiliation,
    role: stays ? roleNames[participant.role] : "none",
    nick: newNick,
  };
  return element(
    "presence",
    ns.component,
    { from: occupantJid(room, participant), type: "unavailable" },
    gone.farewell === undefined ? undefined : element("status", ns.component, {}, gone.farewell),
    user([...items(gone, rank, faces), ...(gone.destroy ? [gone.destroy] : [])], gone.codes),
    idElement(room, participant.key, faces),
  );
};

/** To one who is no occupant and behaves as if he were: he is not (XEP-0045 §7.2.3, XEP-0410 §3.2). */
export const notHere = (occupant: string): Element =>
  element(
    "presence",
    ns.component,
    { from: occupant, type: "unavailable" },
    user([element("item", ns.mucUser, { affiliation: "none", role: "none" })], ["110", "307", "333"]),
  );

/** Says nothing, and comes back from where nobody is: groupchat to a device that is away is an error (RFC 6121 §8.5.3.2.1). */
export const probeStanza = (room: Address): Element =>
  element(
    "message",
    ns.component,
    { from: roomJid(room), type: "groupchat", id: "probe" },
    element("no-store", ns.hints),
  );

/** `<occupant-id/>` of this person. */
export const idElement = (room: Address, key: string | undefined, faces: RoomFaces): Element | undefined =>
  key === undefined ? undefined : element("occupant-id", ns.occupantId, { id: idOf(room, key, faces) });

// The hash is the dearest part of a presence: each is made once.
const ids = new Map<string, string>();
const idsLimit = 20_000;

function idOf(room: Address, key: string, faces: RoomFaces): string {
  const place = `${faces.secret} ${room.local}@${room.domain} ${key}`;
  const known = ids.get(place);
  if (known !== undefined) return known;
  if (ids.size >= idsLimit) ids.clear();
  const id = occupantId(room, key, faces.secret);
  ids.set(place, id);
  return id;
}

/** `<x xmlns='muc#user'/>` with its items and codes. */
export const user = (children: readonly Element[], codes: readonly StatusCode[] = []): Element =>
  element("x", ns.mucUser, {}, ...children, ...codes.map((code) => element("status", ns.mucUser, { code })));

/** One item for each of his devices on XMPP, if their addresses may be seen; else one without. */
function items(
  { participant, open, by, reason }: Shown,
  rank: { readonly affiliation: string; readonly role: string; readonly nick?: string | undefined },
  faces: RoomFaces,
): Element[] {
  const inside = [
    by?.nick === undefined ? undefined : element("actor", ns.mucUser, { nick: by.nick }),
    reason === undefined ? undefined : element("reason", ns.mucUser, {}, reason),
  ];
  const jids = open ? realJids(participant, faces) : [];
  if (jids.length === 0) return [element("item", ns.mucUser, rank, ...inside)];
  return jids.map((jid) => element("item", ns.mucUser, { ...rank, jid }, ...inside));
}

/** His full JIDs on XMPP; else the address under which XMPP knows him. Nobody's invention: people of a leg have none. */
export function realJids(participant: Participant, faces: RoomFaces): string[] {
  if (participant.leg !== undefined) return [];
  const devices = participant.endpoints
    .filter(({ carrier }) => carrier === "xmpp")
    .map(({ address }) => address);
  const addresses = devices.length > 0 ? devices : [faces.faceOn(participant.address)];
  return addresses.flatMap((address) => {
    const jid = toJid(address);
    return jid.ok ? [jid.value] : [];
  });
}

function statusElements(status: RoomStatus | undefined): (Element | undefined)[] {
  if (status === undefined) return [];
  const { show, text } = status;
  return [
    show === "available" ? undefined : element("show", ns.component, {}, show),
    text === undefined ? undefined : element("status", ns.component, {}, text),
  ];
}
