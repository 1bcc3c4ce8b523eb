// Who is who in a room, as SIP people see it: the room's URI, that of a nick in it (`gr`), or a real address (RFC 4575 §5.6, stox §5.2).
import { type Address, bare, bareKey } from "#bus-schemas/address.ts";
import type { SipAddressOptions } from "#bus-schemas/addresses/sip-address.ts";
import type { Actor, Participant } from "#bus-schemas/events/room.ts";
import type { RoomView } from "#bus-schemas/rooms/view.ts";
import { addressIn, uriText } from "../address.ts";

/** What the edge knows of names. */
export interface Names extends SipAddressOptions {
  readonly room: Address;
  /** The address under which a person appears on SIP. */
  readonly faceOn: (address: Address) => Address;
  readonly behind: (address: Address) => Address;
}

/** Through whose eyes. */
export interface Viewer {
  readonly key: string;
  /** Moderators see real addresses everywhere. */
  readonly moderator: boolean;
}

/** The room's URI; a room that has none is not reachable by SIP in the first place. */
export const roomUri = (names: Names): string => uriText(bare(names.room), names) ?? "sip:invalid.invalid";

/** The URI of a nick in the room. */
export const nickUri = (names: Names, nick: string): string =>
  uriText({ ...bare(names.room), device: nick }, names) ?? roomUri(names);

const shownReal = (view: RoomView, viewer: Viewer, key: string | undefined): boolean =>
  view.config?.openAddresses === true || viewer.moderator || (key !== undefined && key === viewer.key);

/** The URI under which this viewer sees that one; the room's own for what nobody in it did. */
export function shownUri(names: Names, view: RoomView, viewer: Viewer, who: Actor): string {
  const real =
    who.address !== undefined && shownReal(view, viewer, who.key)
      ? uriText(names.faceOn(bare(who.address)), names)
      : undefined;
  if (real !== undefined) return real;
  return who.nick === undefined ? roomUri(names) : nickUri(names, who.nick);
}

/** Whom a URI in To means. */
export type Meant =
  | { readonly is: "room" }
  | { readonly is: "nick"; readonly nick: string }
  | { readonly is: "nobody" };

/** Reads a To: the room, `room;gr=nick`, or the address of a participant, if this viewer may know it. */
export function meant(names: Names, view: RoomView, viewer: Viewer, uri: string): Meant {
  const address = addressIn(uri, names);
  if (!address.ok) return { is: "nobody" };
  if (bareKey(address.value) === bareKey(names.room))
    return address.value.device === undefined ? { is: "room" } : { is: "nick", nick: address.value.device };
  const person = bareKey(names.behind(address.value));
  const found = [...view.participants.values()].find(
    (one) => shownReal(view, viewer, one.key) && bareKey(one.address) === person,
  );
  return found === undefined ? { is: "nobody" } : { is: "nick", nick: found.nick };
}

/** Whether a From in CPIM is the speaker himself: his address, or his nick here. */
export function isSelf(names: Names, self: Participant, own: readonly Address[], uri: string): boolean {
  const address = addressIn(uri, names);
  if (!address.ok) return false;
  const { value } = address;
  if (bareKey(value) === bareKey(names.room)) return value.device === self.nick;
  const person = bareKey(names.behind(value));
  return own.some((each) => bareKey(each) === person);
}
