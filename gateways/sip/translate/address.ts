// SIP URIs and addresses, by the house's one mapping (RFC 7247; bus-schemas/addresses/sip-address.ts).
import type { Address } from "#bus-schemas/address.ts";
import {
  fromSipUri,
  printSipUri,
  type SipAddressOptions,
  toSipUri,
} from "#bus-schemas/addresses/sip-address.ts";
import { bad, type Result } from "#bus-schemas/result.ts";
import { isSip, parseUri, type Uri } from "../wire/uri.ts";

/** The address in a URI that was read. Errors: another scheme than sip, no user part, text that is no address. */
export const addressOf = (uri: Uri, options?: SipAddressOptions): Result<Address> =>
  isSip(uri) ? fromSipUri({ ...uri, user: uri.user }, options) : bad("not a sip URI");

/** The address in a URI's text; im: and pres: count as sip: (RFC 3860, CPIM's From and To). */
export function addressIn(text: string, options?: SipAddressOptions): Result<Address> {
  const uri = parseUri(text.replace(/^(?:im|pres):/i, "sip:"));
  return uri.ok ? addressOf(uri.value, options) : uri;
}

/** The URI text of an address; undefined when it has none (text without UTF-8 form, too long). */
export function uriText(address: Address, options?: SipAddressOptions): string | undefined {
  const uri = toSipUri(address, options);
  return uri.ok ? printSipUri(uri.value) : undefined;
}
