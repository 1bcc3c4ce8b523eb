// MSRP URIs and paths (RFC 4975 §6, §9; RFC 7977 §5.2.1 adds the transport ws).
import { isIPv6 } from "node:net";
import { bad, ok, type Result } from "#bus-schemas/result.ts";
import { msrpLimits } from "./limits.ts";

export interface MsrpUri {
  readonly scheme: "msrp" | "msrps";
  /** Ignored when URIs are compared. */
  readonly user: string | undefined;
  /** A name in lower case or an address; IPv6 without brackets. */
  readonly host: string;
  readonly port: number | undefined;
  /** Case counts. */
  readonly session: string | undefined;
  /** In lower case. */
  readonly transport: string;
  /** What follows the transport, with its semicolons. */
  readonly params: string;
}

const form =
  /^(msrps?):\/\/(?:([\w.~!$&'()*+,;=:%-]*)@)?(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,255})(?::([0-9]{1,5}))?(?:\/([\w.~+=/-]+))?;([A-Za-z0-9]+)((?:;[^;\s]+)*)$/i;

/** Reads one URI. Errors: another scheme, no transport, a port above 65,535, an IPv6 address that is none. */
export function parseMsrpUri(text: string): Result<MsrpUri> {
  if (text.length > msrpLimits.lineBytes) return bad("MSRP URI too long");
  const match = form.exec(text);
  if (match?.[1] === undefined || match[3] === undefined || match[6] === undefined)
    return bad("malformed MSRP URI");
  const port = match[4] === undefined ? undefined : Number(match[4]);
  if (port !== undefined && (port > 65_535 || port === 0)) return bad("MSRP URI with an impossible port");
  const host = match[3].startsWith("[") ? match[3].slice(1, -1) : match[3];
  if (match[3].startsWith("[") && !isIPv6(host)) return bad("MSRP URI with a malformed address");
  return ok({
    scheme: match[1].toLowerCase() === "msrps" ? "msrps" : "msrp",
    user: match[2],
    host: host.toLowerCase(),
    port,
    session: match[5],
    transport: match[6].toLowerCase(),
    params: match[7] ?? "",
  });
}

/** Prints it. */
export function printMsrpUri(uri: MsrpUri): string {
  const user = uri.user === undefined ? "" : `${uri.user}@`;
  const host = uri.host.includes(":") ? `[${uri.host}]` : uri.host;
  const port = uri.port === undefined ? "" : `:${uri.port}`;
  const session = uri.session === undefined ? "" : `/${uri.session}`;
  return `${uri.scheme}://${user}${host}${port}${session};${uri.transport}${uri.params}`;
}

/** Whether both name the same (RFC 4975 §6.1): user and parameters do not count, an absent port is equal to an absent one only. */
export const sameMsrpUri = (one: MsrpUri, other: MsrpUri): boolean =>
  one.scheme === other.scheme &&
  one.port === other.port &&
  one.session === other.session &&
  one.transport === other.transport &&
  (one.host === other.host || address(one.host) === address(other.host));

// One address has several spellings in IPv6; a URL has the shortest.
function address(host: string): string {
  return isIPv6(host) ? new URL(`http://[${host}]`).hostname : host;
}

/** Reads a path: URIs with single spaces between them (RFC 4975 §9). Errors: none, too many, a malformed one. */
export function parsePath(text: string): Result<MsrpUri[]> {
  const uris: MsrpUri[] = [];
  for (const one of text.split(" ", msrpLimits.pathUris + 1)) {
    const uri = parseMsrpUri(one);
    if (!uri.ok) return uri;
    uris.push(uri.value);
  }
  return uris.length > msrpLimits.pathUris ? bad("path with too many URIs") : ok(uris);
}

/** Whether two paths, as they are written, name the same way. */
export function samePath(one: string, other: string): boolean {
  if (one === other) return true;
  const [left, right] = [parsePath(one), parsePath(other)];
  return (
    left.ok &&
    right.ok &&
    left.value.length === right.value.length &&
    left.value.every((uri, index) => {
      const opposite = right.value[index];
      return opposite !== undefined && sameMsrpUri(uri, opposite);
    })
  );
}

/** The session id of the first URI in a path, found without reading all of it; undefined where there is none. */
export function sessionOf(path: string): string | undefined {
  const space = path.indexOf(" ");
  const uri = space < 0 ? path : path.slice(0, space);
  const slash = uri.indexOf("/", uri.indexOf("://") + 3);
  const semicolon = uri.indexOf(";", slash);
  return slash < 0 || semicolon < 0 ? undefined : uri.slice(slash + 1, semicolon);
}
