// Addresses as browsers write them: `local@domain`, plain; sylkRTC-2 leaves out the scheme, some clients put `sip:` before it.
import { Address } from "#bus-schemas/address.ts";
import { toAsciiDomain } from "#bus-schemas/addresses/domain.ts";
import { bad, ok, type Result } from "#bus-schemas/result.ts";

/** Reads an address. The domain is what follows the last `@`, so that a local part with `@` in it needs no escaping. */
export function parseAddress(text: string): Result<Address> {
  const plain = text.replace(/^sips?:/i, "").trim();
  const at = plain.lastIndexOf("@");
  if (at < 1 || at === plain.length - 1) return bad("not an address of the form user@domain");
  const domain = toAsciiDomain(plain.slice(at + 1));
  if (!domain.ok) return domain;
  const parsed = Address.safeParse({ local: plain.slice(0, at), domain: domain.value });
  return parsed.success ? ok(parsed.data) : bad("an address with a part that is too long");
}

/** Writes an address for a browser; devices are not shown. The inverse of parseAddress for every address with a valid domain. */
export const formatAddress = (address: Address): string => `${address.local}@${address.domain}`;
