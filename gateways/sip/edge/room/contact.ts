// Our Contact for a room: its name before the at, this process behind it; and back (RFC 4579 §5.1: isfocus).
import type { Address } from "#bus-schemas/address.ts";
import { toSipUri } from "#bus-schemas/addresses/sip-address.ts";
import { addressOf } from "../../translate/address.ts";
import type { Field } from "../../wire/message.ts";
import { field } from "../../wire/print.ts";
import { isSip, parseUri } from "../../wire/uri.ts";
import type { TransportName } from "../transport-types.ts";

export const familyOf = (address: string): 4 | 6 => (address.includes(":") ? 6 : 4);

/** The Contact of a focus: requests to it come to this process, whatever DNS says of the room's domain. */
export function focusContact(room: Address, host: string, transport: TransportName): Field {
  const user = toSipUri({ local: `${room.local}@${room.domain}`, domain: "invalid" });
  const name = user.ok ? user.value.user : "room";
  return field("contact", `<sip:${name}@${host}${transport === "tcp" ? ";transport=tcp" : ""}>;isfocus`);
}

/** The room that a Request-URI means: its own, or that of our Contact. The device, if any, is a nick (`gr`). */
export function roomIn(uri: string, hosts: (address: Address) => boolean): Address | undefined {
  const parsed = parseUri(uri);
  if (!parsed.ok || !isSip(parsed.value)) return undefined;
  const address = addressOf(parsed.value);
  if (!address.ok) return undefined;
  if (hosts(address.value)) return address.value;
  const at = address.value.local.lastIndexOf("@");
  if (at <= 0) return undefined;
  const inner = {
    ...address.value,
    local: address.value.local.slice(0, at),
    domain: address.value.local.slice(at + 1).toLowerCase(),
  };
  return inner.domain !== "" && hosts(inner) ? inner : undefined;
}
