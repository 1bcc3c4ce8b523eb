// Addresses as JIDs and back (XEP-0106), as an XMPP client does it; own code.

const escapes = /\\(20|22|26|27|2f|3a|3c|3e|40|5c)/gi;

const escapeLocal = (local: string): string =>
  local
    .replace(escapes, (found) => `\\5c${found.slice(1)}`)
    .replace(/[ "&'/:<>@]/g, (c) => `\\${c.charCodeAt(0).toString(16).padStart(2, "0")}`);

/** The local part under which an XMPP server keeps this person: escaped, and in lower case (RFC 7622 §3.3). */
export const jidLocal = (local: string): string => escapeLocal(local).toLowerCase();

const unescapeLocal = (local: string): string =>
  local.replace(escapes, (_found, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));

/** `local@domain` -> the JID that names it. */
export function jidOf(address: string): string {
  const at = address.lastIndexOf("@");
  return `${escapeLocal(address.slice(0, at))}@${address.slice(at + 1)}`;
}

/** The bare address behind a JID. */
export function addressOf(jid: string): string {
  const bare = jid.split("/", 1)[0] ?? "";
  const at = bare.indexOf("@");
  return at < 0 ? bare : `${unescapeLocal(bare.slice(0, at))}${bare.slice(at)}`;
}
