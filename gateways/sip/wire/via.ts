// Via: the way back of a response (RFC 3261 §20.42, RFC 3581).
import { bad, ok, type Result } from "#bus-schemas/result.ts";
import { type Params, param, parseParams, printParams } from "./params.ts";

export interface Via {
  /** `UDP`, `TCP` …, upper case; unknown ones are let through. */
  readonly transport: string;
  readonly host: string;
  readonly port?: number | undefined;
  readonly params: Params;
}

/** Branches that begin so are unique (RFC 3261 §8.1.1.7). */
export const magicCookie = "z9hG4bK";

const pattern =
  /^SIP\s*\/\s*2\.0\s*\/\s*([A-Za-z0-9\-.!%*_+`'~]+)\s+(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+|[0-9A-Fa-f]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]+)\s*(?::\s*([0-9]{1,5}))?\s*(?=;|$)/i;

/** Reads one Via value. */
export function parseVia(text: string): Result<Via> {
  const match = pattern.exec(text);
  if (!match?.[1] || !match[2]) return bad("malformed Via");
  const port = match[3] === undefined ? undefined : Number(match[3]);
  if (port !== undefined && port > 65_535) return bad("Via with a port over 65535");
  const params = parseParams(text.slice(match[0].length));
  if (params === undefined) return bad("Via with malformed parameters");
  return ok({ transport: match[1].toUpperCase(), host: match[2].toLowerCase(), port, params });
}

export const branchOf = (via: Via): string | undefined => param(via.params, "branch");

export const printVia = (via: Via): string =>
  `SIP/2.0/${via.transport} ${via.host}${via.port === undefined ? "" : `:${via.port}`}${printParams(via.params)}`;

/**
 * What a server adds to the top Via of a request that came from `address`:`port`: `received` when the sent-by is not that
 * address, and with `rport` always both (RFC 3261 §18.2.1, RFC 3581 §4).
 */
export function stampVia(via: Via, address: string, port: number): Via {
  const asked = via.params.some(([name]) => name === "rport");
  const host = via.host.replace(/^\[|\]$/g, "");
  if (!asked && host === address) return via;
  const params = via.params.filter(([name]) => name !== "received" && name !== "rport");
  const stamped: [string, string][] = [["received", address]];
  if (asked) stamped.push(["rport", String(port)]);
  return { ...via, params: [...params, ...stamped] };
}
