// Domains as all of Parley compares them: lower case, A-labels (RFC 5890 §2.3.2.1), or an IP literal; and back for people.
import { isIPv4, isIPv6 } from "node:net";
import { domainToASCII, domainToUnicode } from "node:url";
import { bad, ok, type Result } from "../result.ts";

export const domainLimits = {
  /** Octets of a whole name without the root dot: RFC 1035 §2.3.4. */
  name: 253,
  /** Octets of one label: RFC 1035 §2.3.4. */
  label: 63,
} as const;

// Letters, digits and inner hyphens (RFC 1123 §2.1): no underscore, which no URI of ours may carry.
const label = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/;
const plain = /^[a-z0-9.-]+$/;
// node:url percent-decodes, cuts at `/` and completes `127.1`: only what cannot trigger that goes in.
const ascii = /^[A-Za-z0-9.-]+$/;
const asciiOrBeyond = /^(?:[A-Za-z0-9.-]|[^\x00-\x7f])+$/;

/**
 * The canonical spelling of a domain of any protocol: A-labels in lower case without the root dot, IPv4 in four numbers,
 * IPv6 in brackets and in its shortest form (RFC 5952 §4). Errors: empty, too long, not a host name, not an address.
 */
export function toAsciiDomain(text: string): Result<string> {
  if (text.startsWith("[") || text.includes(":")) return ipv6(text);
  const name = text.endsWith(".") ? text.slice(0, -1) : text;
  if (name.length === 0) return bad("the domain is empty");
  if (name.length > domainLimits.name) return bad("the domain is longer than 253 characters");
  if (ascii.test(name)) return asciiName(name.toLowerCase());
  if (!asciiOrBeyond.test(name)) return bad("the domain has a character that no host name may have");
  const converted = domainToASCII(name);
  return converted === "" ? bad("the domain is no valid internationalised name") : asciiName(converted);
}

function asciiName(name: string): Result<string> {
  if (!plain.test(name)) return bad("the domain is no valid internationalised name");
  if (name.length > domainLimits.name) return bad("the domain is longer than 253 octets");
  const labels = name.split(".");
  for (const part of labels) {
    if (part.length > domainLimits.label || !label.test(part))
      return bad("the domain has an empty, long or ill-formed label");
  }
  // A name whose last label is a number is an address or nothing (RFC 1123 §2.1).
  if (/^(?:[0-9]+|0x[0-9a-f]*)$/.test(labels[labels.length - 1] ?? "")) {
    return isIPv4(name) ? ok(name) : bad("the domain is neither a name nor an IPv4 address");
  }
  if (!labels.every(isSoundALabel)) return bad("the domain has an ill-formed A-label");
  return ok(name);
}

// One that decodes to nothing beyond ASCII, or to what encodes otherwise, names nothing (RFC 5891 §4.2.1).
function isSoundALabel(text: string): boolean {
  if (!text.startsWith("xn--")) return true;
  const shown = domainToUnicode(text);
  return shown !== text && domainToASCII(shown) === text;
}

function ipv6(text: string): Result<string> {
  const inner = text.startsWith("[") && text.endsWith("]") ? text.slice(1, -1) : text;
  // A zone (`%eth0`) means nothing beyond this machine.
  if (!isIPv6(inner) || inner.includes("%")) return bad("the domain is no IPv6 address");
  return ok(new URL(`http://[${inner}]`).hostname);
}

/** The domain as people read it and as XMPP writes it (RFC 7622 §3.2): U-labels; IP literals unchanged. */
export function toUnicodeDomain(domain: string): string {
  if (!domain.includes("xn--")) return domain;
  const shown = domainToUnicode(domain);
  // What cannot be read back alike is better shown as it travels.
  return shown !== "" && domainToASCII(shown) === domain ? shown : domain;
}

/** Whether a canonical domain is an IP literal, which no domain table and no SRV record knows. */
export const isIpLiteral = (domain: string): boolean => domain.startsWith("[") || isIPv4(domain);
