// Digest authentication: fields and arithmetic (RFC 7616, RFC 8760, RFC 3261 §22.4).
import { hash as digestOf } from "node:crypto";
import { bad, ok, type Result } from "#bus-schemas/result.ts";
import { endOfQuoted, isToken, quote, skipSpace, unquote } from "./params.ts";

/** Best first: the order in which we challenge (RFC 8760 §2.3). SHA-512-256 is that of FIPS 180-4; RFC 7616's example is not. */
export const algorithms = ["SHA-512-256", "SHA-256", "MD5"] as const;
export type Algorithm = (typeof algorithms)[number];

const hashNames: Record<Algorithm, string> = { "SHA-512-256": "sha512-256", "SHA-256": "sha256", MD5: "md5" };

const hash = (algorithm: Algorithm, text: string | Uint8Array): string =>
  digestOf(hashNames[algorithm], text, "hex");

/** H(user:realm:password), what a server may store instead of the password. */
export const ha1 = (algorithm: Algorithm, username: string, realm: string, password: string): string =>
  hash(algorithm, `${username}:${realm}:${password}`);

/** What an Authorization or a challenge says, by name in lower case. */
export interface DigestFields {
  readonly scheme: string;
  readonly values: ReadonlyMap<string, string>;
}

/** Reads `Digest name=value, …`, of credentials or challenge. Errors: no scheme, a malformed or repeated parameter. */
export function parseDigest(text: string): Result<DigestFields> {
  const scheme = /^([^\s,="]+)\s+/.exec(text);
  if (!scheme?.[1]) return bad("no authentication scheme");
  const values = new Map<string, string>();
  let at = scheme[0].length;
  while (at < text.length) {
    const name = /^([A-Za-z0-9_-]{1,64})\s*=\s*/.exec(text.slice(at, at + 128));
    if (!name?.[1]) return bad("malformed authentication parameter");
    at += name[0].length;
    const end = text[at] === '"' ? endOfQuoted(text, at) + 1 : text.slice(at).search(/[\s,]|$/) + at;
    if (end <= at) return bad("malformed authentication value");
    const raw = text.slice(at, end);
    const key = name[1].toLowerCase();
    if (values.has(key)) return bad("repeated authentication parameter");
    values.set(key, raw.startsWith('"') ? unquote(raw.slice(1, -1)) : raw);
    at = skipSpace(text, end);
    if (at < text.length && text[at] !== ",") return bad("no comma between authentication parameters");
    at = skipSpace(text, at + 1);
  }
  return ok({ scheme: scheme[1].toLowerCase(), values });
}

/** The algorithm named, MD5 when none is; undefined for one that we do not do (all -sess forms). */
export function algorithmOf(fields: DigestFields): Algorithm | undefined {
  const name = (fields.values.get("algorithm") ?? "MD5").toUpperCase();
  return algorithms.find((algorithm) => algorithm === name);
}

export interface DigestInput {
  readonly algorithm: Algorithm;
  readonly ha1: string;
  readonly method: string;
  readonly uri: string;
  readonly nonce: string;
  readonly nc?: string | undefined;
  readonly cnonce?: string | undefined;
  readonly qop?: string | undefined;
  readonly body: Uint8Array;
}

/** The response, lower-case hex (RFC 7616 §3.4.1); without qop by RFC 2069's formula. */
export function digestResponse(input: DigestInput): string {
  const bodyPart = input.qop === "auth-int" ? `:${hash(input.algorithm, input.body)}` : "";
  const ha2 = hash(input.algorithm, `${input.method}:${input.uri}${bodyPart}`);
  if (input.qop === undefined) return hash(input.algorithm, `${input.ha1}:${input.nonce}:${ha2}`);
  const middle = `${input.nonce}:${input.nc ?? ""}:${input.cnonce ?? ""}:${input.qop}`;
  return hash(input.algorithm, `${input.ha1}:${middle}:${ha2}`);
}

/** Prints one challenge: one field each, never combined by commas (RFC 3261 §20.44, RFC 8760 §2.3). */
export function printChallenge(challenge: {
  readonly realm: string;
  readonly nonce: string;
  readonly algorithm: Algorithm;
  readonly stale: boolean;
}): string {
  const stale = challenge.stale ? ", stale=true" : "";
  return `Digest realm=${quote(challenge.realm)}, nonce=${quote(challenge.nonce)}, algorithm=${challenge.algorithm}, qop="auth"${stale}`;
}

/** Prints credentials, for tests and for servers that challenge us. */
export function printCredentials(values: Readonly<Record<string, string>>): string {
  const bare = new Set(["algorithm", "nc", "qop", "stale"]);
  const parts = Object.entries(values).map(
    ([name, value]) => `${name}=${bare.has(name) && isToken(value) ? value : quote(value)}`,
  );
  return `Digest ${parts.join(", ")}`;
}
