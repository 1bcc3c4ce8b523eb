// JIDs <-> addresses (RFC 7622, XEP-0106, RFC 7247 §6 completed: all ten escapes, not three).
import type { Address } from "../address.ts";
import { bad, ok, type Result } from "../result.ts";
import { toAsciiDomain, toUnicodeDomain } from "./domain.ts";
import { isWellFormed, partLimit, utf8Length } from "./text.ts";

/** A JID in three parts: the local part still escaped and folded, the domain in A-labels. */
export interface Jid {
  readonly local?: string | undefined;
  readonly domain: string;
  readonly resource?: string | undefined;
}

const escapes: ReadonlyMap<string, string> = new Map([
  [" ", "\\20"],
  ['"', "\\22"],
  ["&", "\\26"],
  ["'", "\\27"],
  ["/", "\\2f"],
  [":", "\\3a"],
  ["<", "\\3c"],
  [">", "\\3e"],
  ["@", "\\40"],
  ["\\", "\\5c"],
]);
const characters: ReadonlyMap<string, string> = new Map([...escapes].map(([c, code]) => [code, c]));

// A backslash is escaped only where what follows would make it one of the ten (XEP-0106 §4.2).
const toEscape = /[ "&'/:<>@]|\\(?=2[0267f]|3[ace]|40|5c)/gi;
const escaped = /\\(?:2[0267f]|3[ace]|40|5c)/gi;

/** A local part as JIDs write it. Errors: a space at either end, for which XEP-0106 §4.2 has no escape. */
export function escapeLocal(text: string): Result<string> {
  if (text.startsWith(" ") || text.endsWith(" ")) return bad("the local part begins or ends with a space");
  return ok(text.replace(toEscape, (c) => escapes.get(c) ?? c));
}

/**
 * What an escaped local part means. Errors: one that the escaping rules never write (`\20` at an end, `\5c` before what
 * is no escape): it would come back as another JID, and two accounts would look like one person.
 */
export function unescapeLocal(text: string): Result<string> {
  const meaning = text.replace(escaped, (code) => characters.get(code.toLowerCase()) ?? code);
  if (meaning === text) return ok(text);
  const again = escapeLocal(meaning);
  if (!again.ok) return again;
  return again.value === text.replace(escaped, (e) => e.toLowerCase())
    ? ok(meaning)
    : bad("the local part is escaped otherwise than XEP-0106 does");
}

// Controls, separators, lone surrogates, private use, bidi and joiner signs, what is no character.
const neverInJid =
  /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}\p{Noncharacter_Code_Point}\u2ff0-\u2ffb\ufffc\ufffd]/u;
const neverInLocal = /[\p{Zs}--[ ]]/v;
// Servers with nodeprep (RFC 3454 §B.1, §B.2) spell these otherwise or leave them out, others do not: two accounts would
// look like one. Sharp s, final sigma, iota subscripts, variation selectors.
const spelledOtherwise =
  /[ßς\u1f80-\u1faf\u1fb2-\u1fb4\u1fb7\u1fc2-\u1fc4\u1fc7\u1ff2-\u1ff4\u1ff7]|\u0345|\u034f|\u1806|[\u180b-\u180d]|[\ufe00-\ufe0f]/;
// The blocks of scripts that run from right to left.
const rightToLeft = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;
const allRightToLeft =
  /^(?=[\p{L}])[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff\u{10800}-\u{10fff}\u{1e800}-\u{1efff}\u0020-\u0040\u005b-\u0060\u007b-\u007e]*(?<=[\p{L}])$/u;

// RFC 3454 §6 and RFC 5893 §2 at once: such a text has letters of no other direction, and letters at both ends.
const isOneDirection = (text: string): boolean =>
  !rightToLeft.test(text) ||
  (allRightToLeft.test(text) && rightToLeft.test(text.slice(0, 2)) && rightToLeft.test(text.slice(-2)));

const neverInJidLocal = /["&'/:<>@]/;
const special = /[ "&'/:<>@\\]/g;

/**
 * The case-folded form of a local part: UsernameCaseMapped (RFC 8265 §3.3) with compatibility characters folded as the
 * older nodeprep does (RFC 6122 §A), since servers with either are in use. Errors: characters that neither allows, and
 * look-alikes that folding would turn into an `@` or a backslash.
 */
export function foldLocal(text: string): Result<string> {
  if (/^[!#$%()*+,\-.0-9;=?[\\\]^_`a-z{|}~]*$/.test(text)) return ok(text);
  const folded = fold(text);
  if (neverInJid.test(folded) || neverInLocal.test(folded)) {
    return bad("the local part has a character that no JID may have");
  }
  if (spelledOtherwise.test(folded)) {
    return bad("the local part has a letter that XMPP servers spell in two ways");
  }
  if ((text.match(special)?.join("") ?? "") !== (folded.match(special)?.join("") ?? "")) {
    return bad("the local part has a look-alike of a separator");
  }
  return ok(folded);
}

// Folding may expose what folds again; two rounds settle every character of Unicode (jid.test.ts tries them all).
const foldOnce = (text: string): string => text.normalize("NFKC").toLowerCase().normalize("NFKC");
const fold = (text: string): string => foldOnce(foldOnce(text));

/** Resources keep case (OpaqueString, RFC 8265 §4.2): every space becomes U+0020; controls and empty are errors. */
function prepareResource(text: string): Result<string> {
  const prepared = text.replace(/\p{Zs}/gu, " ").normalize("NFC");
  if (prepared === "") return bad("the resource is empty");
  if (/^[\x20-\x7e]*$/.test(prepared)) return checkLength(prepared, "resource");
  if (neverInJid.test(prepared)) return bad("the resource has a character that no JID may have");
  // Some servers fold compatibility characters before they look at the direction.
  if (!isOneDirection(prepared) || !isOneDirection(prepared.normalize("NFKC")))
    return bad("the resource mixes directions of writing");
  return checkLength(prepared, "resource");
}

const checkLength = (text: string, what: string): Result<string> =>
  utf8Length(text) > partLimit ? bad(`the ${what} is longer than ${partLimit} octets`) : ok(text);

// Looked at in the form that servers see: the inner domain of an escaped address counts.
function checkLocal(escapedText: string): Result<string> {
  if (escapedText === "") return bad("the local part is empty");
  if (!isOneDirection(escapedText)) return bad("the local part mixes directions of writing");
  return checkLength(escapedText, "local part");
}

/**
 * Reads a JID (RFC 7622 §3.2: the first `/` ends the bare JID, then the first `@` ends the local part) and folds each
 * part. Errors: empty or over-long parts, characters that the part may not have.
 */
export function parseJid(text: string): Result<Jid> {
  // Each part at most 1023 octets, hence never more characters than this.
  if (text.length > 3 * partLimit + 2) return bad("the JID is longer than 3071 octets");
  if (!isWellFormed(text)) return bad("the JID is not Unicode");
  const slash = text.indexOf("/");
  const bareText = slash < 0 ? text : text.slice(0, slash);
  const at = bareText.indexOf("@");
  const domain = toAsciiDomain(bareText.slice(at + 1));
  if (!domain.ok) return domain;
  const local = at < 0 ? ok(undefined) : parseLocal(bareText.slice(0, at));
  if (!local.ok) return local;
  const resource = slash < 0 ? ok(undefined) : prepareResource(text.slice(slash + 1));
  if (!resource.ok) return resource;
  return ok({ local: local.value, domain: domain.value, resource: resource.value });
}

function parseLocal(text: string): Result<string> {
  const folded = foldLocal(text);
  if (!folded.ok) return folded;
  if (neverInJidLocal.test(folded.value) || folded.value.includes(" ")) {
    return bad("the local part has a character that must be escaped");
  }
  return checkLocal(folded.value);
}

/** Writes a JID as XMPP wants it: the domain in U-labels. */
export const printJid = (jid: Jid): string =>
  `${jid.local === undefined ? "" : `${jid.local}@`}${toUnicodeDomain(jid.domain)}${
    jid.resource === undefined ? "" : `/${jid.resource}`
  }`;

/** The person or room behind a JID. Errors: as parseJid and unescapeLocal; a JID without a local part is nobody's. */
export function fromJid(text: string): Result<Address> {
  const jid = parseJid(text);
  if (!jid.ok) return jid;
  const { local, domain, resource } = jid.value;
  if (local === undefined) return bad("the JID names a server and nobody there");
  const name = unescapeLocal(local);
  if (!name.ok) return name;
  return ok({ local: name.value, domain, ...(resource === undefined ? {} : { device: resource }) });
}

/** The JID of an address, in parts. Errors: a name that no JID can hold (controls, spaces at an end, too long). */
export function toJidParts(address: Address): Result<Jid> {
  const folded = foldLocal(address.local);
  if (!folded.ok) return folded;
  const escapedLocal = escapeLocal(folded.value);
  const local = escapedLocal.ok ? checkLocal(escapedLocal.value) : escapedLocal;
  if (!local.ok) return local;
  const resource = address.device === undefined ? ok(undefined) : prepareResource(address.device);
  if (!resource.ok) return resource;
  return ok({ local: local.value, domain: address.domain, resource: resource.value });
}

/** The JID of an address, as text. */
export function toJid(address: Address): Result<string> {
  const parts = toJidParts(address);
  return parts.ok ? ok(printJid(parts.value)) : parts;
}
