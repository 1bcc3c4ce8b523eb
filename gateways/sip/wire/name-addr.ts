// `"Name" <uri>;params`: the value of From, To, Contact, Path, P-Asserted-Identity (RFC 3261 §20.10, RFC 8217).
import { bad, ok, type Result } from "#bus-schemas/result.ts";
import {
  endOfQuoted,
  type Params,
  param,
  parseParams,
  printParams,
  quote,
  skipSpace,
  unquote,
} from "./params.ts";
import { parseUri, printUri, type Uri } from "./uri.ts";

export interface NameAddr {
  readonly display?: string | undefined;
  readonly uri: Uri;
  /** Header parameters, `tag` among them. */
  readonly params: Params;
}

/** The tag of a From or To. */
export const tagOf = (address: NameAddr): string | undefined => param(address.params, "tag");

// A display name without quotes is tokens and spaces; bytes above ASCII are let through, as many phones send them.
const plainDisplay = /^[A-Za-z0-9\-.!%*_+`'~ \t\u0080-\uffff]*$/;

/** Reads one value (no comma list). */
export function parseNameAddr(text: string): Result<NameAddr> {
  const value = text.trim();
  let display: string | undefined;
  let at = 0;
  if (value.startsWith('"')) {
    const close = endOfQuoted(value, 0);
    if (close < 0) return bad("unterminated quote");
    display = unquote(value.slice(1, close));
    at = skipSpace(value, close + 1);
    if (value[at] !== "<") return bad("display name without <uri>");
  } else {
    at = value.indexOf("<");
    if (at < 0) return parseAddrSpec(value);
    const plain = value.slice(0, at).trim();
    if (!plainDisplay.test(plain)) return bad("display name that needs quotes");
    display = plain === "" ? undefined : plain;
  }
  const close = value.indexOf(">", at);
  if (close < 0) return bad("no closing >");
  const uri = parseUri(value.slice(at + 1, close));
  if (!uri.ok) return uri;
  const params = parseParams(value.slice(close + 1));
  return params === undefined ? bad("malformed parameters") : ok({ display, uri: uri.value, params });
}

// Without brackets `;` ends the URI, and `?` and `,` must not occur in it (RFC 3261 §20.10, RFC 8217).
function parseAddrSpec(value: string): Result<NameAddr> {
  const semicolon = value.indexOf(";");
  const spec = (semicolon < 0 ? value : value.slice(0, semicolon)).trimEnd();
  if (/[?,]/.test(spec)) return bad("URI that needs angle brackets");
  const uri = parseUri(spec);
  if (!uri.ok) return uri;
  const params = semicolon < 0 ? [] : parseParams(value.slice(semicolon));
  return params === undefined ? bad("malformed parameters") : ok({ uri: uri.value, params });
}

/** Prints in the form with brackets, which no reader can mistake. */
export const printNameAddr = (address: NameAddr): string =>
  `${address.display === undefined ? "" : `${quote(address.display)} `}<${printUri(address.uri)}>${printParams(address.params)}`;
