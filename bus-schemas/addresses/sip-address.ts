// SIP, im and pres URIs <-> addresses (RFC 7247 §5-6 completed; RFC 3261 §19.1, RFC 5627 §3 for `gr`).
import type { Address } from "../address.ts";
import { bad, ok, type Result } from "../result.ts";
import { toAsciiDomain } from "./domain.ts";
import { isWellFormed, partLimit, utf8Length } from "./text.ts";

/** The pieces of a URI as they stand on the wire, still percent-encoded. */
export interface SipUriParts {
  /** `sip` if left out. */
  readonly scheme?: string | undefined;
  /** All before the `@`: may hold `;` legally (RFC 4475 §3.1.1.11), and a password after `:`. */
  readonly user: string | undefined;
  readonly host: string;
  /** URI parameters, names in lower case: a Map, or pairs. Only `gr` is looked at. */
  readonly params?: Iterable<readonly [name: string, value?: string | undefined]> | undefined;
}

/**
 * Proxies exist that refuse `%40` in the user part; then another character stands for the inner `@`, only in the user
 * parts of our own gateway domains, where it cannot be part of a name: `sip:bob*xmpp.example@gw.example`.
 */
export interface SipAddressOptions {
  readonly separator?: { readonly sign: string; readonly domains: ReadonlySet<string> } | undefined;
}

/** What the writer returns: parts ready to be joined, nothing left to escape. */
export interface PrintableSipUri {
  readonly user: string;
  readonly host: string;
  /** The value of `gr`, percent-encoded; undefined: no such parameter. */
  readonly gr: string | undefined;
}

/**
 * The address behind a URI. The password is left out; `gr` without a value (a temporary GRUU) is no device. Errors:
 * `sips` (RFC 7247 §8: no secure way beyond this hop can be promised), `tel`, no user, a bad escape, a bad host.
 */
export function fromSipUri(uri: SipUriParts, options: SipAddressOptions = {}): Result<Address> {
  const scheme = uri.scheme?.toLowerCase() ?? "sip";
  if (scheme === "sips") return bad("sips cannot be promised beyond this hop");
  if (scheme === "tel") return bad("tel numbers are nobody's address here");
  if (scheme !== "sip" && scheme !== "im" && scheme !== "pres") return bad("not a scheme of SIP addresses");
  const password = uri.user?.indexOf(":") ?? -1;
  const user = password < 0 ? uri.user : uri.user?.slice(0, password);
  if (!user) return bad("the URI names no user");
  const domain = toAsciiDomain(uri.host);
  if (!domain.ok) return domain;
  const local = decodePart(readSeparator(user, domain.value, options), "user");
  if (!local.ok) return local;
  const gr = grOf(uri.params);
  if (!gr) return ok({ local: local.value, domain: domain.value });
  const device = decodePart(gr, "gr");
  return device.ok ? ok({ local: local.value, domain: domain.value, device: device.value }) : device;
}

function grOf(params: SipUriParts["params"]): string | undefined {
  for (const [name, value] of params ?? []) if (name === "gr") return value;
  return undefined;
}

// Read before decoding: a sign that is meant as itself comes escaped from us; an inner `@` behind it goes before it.
function readSeparator(user: string, domain: string, { separator }: SipAddressOptions): string {
  if (!separator?.domains.has(domain)) return user;
  const at = user.lastIndexOf(separator.sign);
  if (at < 0 || /@|%40/.test(user.slice(at))) return user;
  return `${user.slice(0, at)}@${user.slice(at + separator.sign.length)}`;
}

function decodePart(text: string, what: string): Result<string> {
  let decoded = text;
  if (text.includes("%")) {
    try {
      decoded = decodeURIComponent(text);
    } catch {
      return bad(`the ${what} has a bad percent escape or is not UTF-8`);
    }
  }
  if (!isWellFormed(decoded)) return bad(`the ${what} is not Unicode`);
  if (utf8Length(decoded) > partLimit) return bad(`the ${what} is longer than ${partLimit} octets`);
  return ok(decoded);
}

// RFC 3261 §25.1: user = unreserved / user-unreserved; a `gr` value = param-unreserved / unreserved.
const notInUser = /[^A-Za-z0-9\-_.!~*'()&=+$,;?/]+/gu;
const notInParam = /[^A-Za-z0-9\-_.!~*'()[\]/:&+$]+/gu;

const percent = (text: string): string =>
  // encodeURIComponent leaves only letters, digits and marks alone: the rest of a run that reached here is written out.
  encodeURIComponent(text).replace(/[!'()*~]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);

/** The URI of an address, always for the scheme `sip`. Errors: text that has no UTF-8 form, or is too long. */
export function toSipUri(address: Address, options: SipAddressOptions = {}): Result<PrintableSipUri> {
  if (!isWellFormed(address.local) || !isWellFormed(address.device ?? ""))
    return bad("the address is not Unicode");
  if (utf8Length(address.local) > partLimit) return bad(`the local part is longer than ${partLimit} octets`);
  const user = printUser(address, options);
  return ok({ user, host: address.domain, gr: address.device?.replace(notInParam, percent) });
}

function printUser(address: Address, { separator }: SipAddressOptions): string {
  const escaped = (text: string): string => text.replace(notInUser, percent);
  if (!separator?.domains.has(address.domain)) return escaped(address.local);
  const plain = (text: string): string => escaped(text).replaceAll(separator.sign, percent(separator.sign));
  const at = address.local.lastIndexOf("@");
  if (at < 0) return plain(address.local);
  return `${plain(address.local.slice(0, at))}${separator.sign}${plain(address.local.slice(at + 1))}`;
}

/** Joined: `sip:user@host;gr=device`. */
export const printSipUri = (uri: PrintableSipUri): string =>
  `sip:${uri.user}@${uri.host}${uri.gr === undefined ? "" : `;gr=${uri.gr}`}`;
