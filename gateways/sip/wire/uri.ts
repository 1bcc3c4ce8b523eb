// URIs in SIP messages: sip and sips taken apart, all other schemes kept opaque (RFC 3261 §19.1).
import { bad, ok, type Result } from "#bus-schemas/result.ts";
import { type Params, param, parseParams } from "./params.ts";

/** A sip or sips URI. `user` keeps its escapes: they are undone for comparison and use, never printed undone. */
export interface SipUri {
  readonly scheme: "sip" | "sips";
  readonly user?: string | undefined;
  readonly password?: string | undefined;
  /** Lower case; an IPv6 address with its brackets. */
  readonly host: string;
  readonly port?: number | undefined;
  readonly params: Params;
  /** What follows `?`, as it came. */
  readonly headers?: string | undefined;
}
/** Any other scheme, as it came. */
interface OtherUri {
  readonly scheme: string;
  readonly opaque: string;
}
export type Uri = SipUri | OtherUri;

export const isSip = (uri: Uri): uri is SipUri => "host" in uri;

const schemePattern = /^([A-Za-z][A-Za-z0-9+\-.]*):/;
const hostPort =
  /^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_.])?)(?::([0-9]{1,5}))?(?=[;?]|$)/;
// Everything that would end a URI, a header field or a line; and an escape that is none.
const forbidden = /[\s"<>\\^`{|}\x00-\x1f\x7f]|%(?![0-9A-Fa-f]{2})/;

/** Reads a URI without angle brackets. Errors: no scheme, white space, broken escapes, no host, port over 65535. */
export function parseUri(text: string): Result<Uri> {
  const scheme = schemePattern.exec(text)?.[1]?.toLowerCase();
  if (scheme === undefined) return bad("URI without a scheme");
  if (forbidden.test(text)) return bad("URI with a character that must be escaped");
  const rest = text.slice(scheme.length + 1);
  if (scheme !== "sip" && scheme !== "sips")
    return rest === "" ? bad("empty URI") : ok({ scheme, opaque: rest });
  return parseSip(scheme, rest);
}

function parseSip(scheme: "sip" | "sips", rest: string): Result<Uri> {
  const at = rest.indexOf("@");
  const info = at < 0 ? undefined : rest.slice(0, at);
  if (info === "") return bad("URI with an empty user part");
  const tail = at < 0 ? rest : rest.slice(at + 1);
  const match = hostPort.exec(tail);
  if (!match?.[1]) return bad("URI without a host");
  const port = match[2] === undefined ? undefined : Number(match[2]);
  if (port !== undefined && port > 65_535) return bad("URI with a port over 65535");
  const after = tail.slice(match[0].length);
  const question = after.indexOf("?");
  const params = parseParams(question < 0 ? after : after.slice(0, question));
  if (params === undefined) return bad("URI with malformed parameters");
  const colon = info?.indexOf(":") ?? -1;
  const uri: SipUri = {
    scheme,
    user: colon < 0 ? info : info?.slice(0, colon),
    password: colon < 0 ? undefined : info?.slice(colon + 1),
    host: match[1].toLowerCase(),
    port,
    params,
    headers: question < 0 ? undefined : after.slice(question + 1),
  };
  return ok(uri);
}

/** Prints what `parseUri` reads. */
export function printUri(uri: Uri): string {
  if (!isSip(uri)) return `${uri.scheme}:${uri.opaque}`;
  let text = `${uri.scheme}:`;
  if (uri.user !== undefined) text += `${uri.user}${uri.password === undefined ? "" : `:${uri.password}`}@`;
  text += uri.host;
  if (uri.port !== undefined) text += `:${uri.port}`;
  for (const [name, value] of uri.params) text += value === undefined ? `;${name}` : `;${name}=${value}`;
  if (uri.headers !== undefined) text += `?${uri.headers}`;
  return text;
}

const unescapeBytes = (text: string): string =>
  text.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));

// These count even when only one side has them (RFC 3261 §19.1.4).
const mustMatch = ["user", "ttl", "method", "maddr", "transport"];

/** RFC 3261 §19.1.4: user by case, host not, an absent port is not 5060, some parameters on both sides or on none. */
export function sameUri(a: Uri, b: Uri): boolean {
  if (!isSip(a) || !isSip(b)) return a.scheme === b.scheme && !isSip(a) && !isSip(b) && a.opaque === b.opaque;
  if (a.scheme !== b.scheme || a.host !== b.host || a.port !== b.port) return false;
  if (unescapeBytes(a.user ?? "\0") !== unescapeBytes(b.user ?? "\0")) return false;
  if ((a.password ?? "\0") !== (b.password ?? "\0")) return false;
  for (const name of mustMatch) {
    if (param(a.params, name)?.toLowerCase() !== param(b.params, name)?.toLowerCase()) return false;
  }
  for (const [name, value] of a.params) {
    const other = param(b.params, name);
    if (other !== undefined && other.toLowerCase() !== (value ?? "").toLowerCase()) return false;
  }
  return sameHeaders(a.headers, b.headers);
}

function sameHeaders(a: string | undefined, b: string | undefined): boolean {
  const sorted = (text: string | undefined) =>
    unescapeBytes((text ?? "").split("&").sort().join("&")).toLowerCase();
  return sorted(a) === sorted(b);
}
