// Content-Type and Accept values (RFC 3261 §20.15, RFC 2045 §5.1).
import { type Params, param, parseParams } from "./params.ts";

export interface MediaType {
  /** `type/subtype`, lower case. */
  readonly type: string;
  readonly params: Params;
}

/** Reads a media type; undefined when malformed. */
export function parseMediaType(text: string): MediaType | undefined {
  const match = /^([A-Za-z0-9\-.!%*_+`'~]+)\s*\/\s*([A-Za-z0-9\-.!%*_+`'~]+)\s*/.exec(text);
  if (!match?.[1] || !match[2]) return undefined;
  const params = parseParams(text.slice(match[0].length));
  return params === undefined ? undefined : { type: `${match[1]}/${match[2]}`.toLowerCase(), params };
}

/** The charset, lower case; `utf-8` when none is given (RFC 3428 §6). */
export const charsetOf = (media: MediaType): string =>
  param(media.params, "charset")?.toLowerCase() || "utf-8";
