// The server's side of digest: nonces that need no memory, replay check, verdict (RFC 7616 §3.3-3.4, §5.4; RFC 8760).
import { createHmac, timingSafeEqual } from "node:crypto";
import { type Algorithm, algorithmOf, type DigestFields, digestResponse } from "../wire/digest.ts";
import type { Repeats } from "./repeats.ts";

/** How long a nonce is good; after it the client is told `stale` and goes on without asking its user. */
export const nonceLifeMs = 300_000;
/** Nonces whose use is remembered: at the limit the oldest is forgotten. */
const countedMost = 100_000;
/** How far behind the highest count a request may come (UDP reorders). */
const window = 32;

/** A nonce: 6 bytes of time, 9 of chance, 16 of HMAC. `chance` comes from the edge. */
export function makeNonce(key: Uint8Array, nowMs: number, chance: Uint8Array): string {
  const stamp = Buffer.alloc(6);
  stamp.writeUIntBE(nowMs, 0, 6);
  const head = Buffer.concat([stamp, chance.subarray(0, 9)]);
  return Buffer.concat([head, seal(key, head)]).toString("base64url");
}

const seal = (key: Uint8Array, head: Uint8Array): Buffer =>
  createHmac("sha256", key).update(head).digest().subarray(0, 16);

/** When one of our nonces was made; undefined for one that is not ours. */
export function nonceTime(key: Uint8Array, nonce: string): number | undefined {
  const bytes = Buffer.from(nonce, "base64url");
  if (bytes.length !== 31 || nonce.length > 48) return undefined;
  const head = bytes.subarray(0, 15);
  return timingSafeEqual(seal(key, head), bytes.subarray(15)) ? bytes.readUIntBE(0, 6) : undefined;
}

/** Remembers which counts of a nonce were used, so that nobody can send heard credentials again. */
export class NonceCounts {
  readonly #used = new Map<string, { readonly made: number; highest: number; seen: number }>();

  /** When this nonce was made, if it is one that was used here: its seal was right then and need not be made again. */
  madeAt(nonce: string): number | undefined {
    return this.#used.get(nonce)?.made;
  }

  /** Whether this count is new for this nonce, which was made at `made`; it is used from now on. */
  use(nonce: string, count: number, made: number): boolean {
    const entry = this.#used.get(nonce);
    if (entry === undefined) {
      const oldest = this.#used.size >= countedMost ? this.#used.keys().next().value : undefined;
      if (oldest !== undefined) this.#used.delete(oldest);
      this.#used.set(nonce, { made, highest: count, seen: 1 });
      return true;
    }
    if (count > entry.highest) {
      const shift = count - entry.highest;
      entry.seen = shift >= window ? 1 : ((entry.seen << shift) | 1) >>> 0;
      entry.highest = count;
      return true;
    }
    const behind = entry.highest - count;
    if (behind >= window || (entry.seen & (1 << behind)) !== 0) return false;
    entry.seen = (entry.seen | (1 << behind)) >>> 0;
    return true;
  }
}

export type Verdict =
  | { readonly kind: "good" }
  /** The password is right, but the nonce is old, unknown or used: challenge again with stale. */
  | { readonly kind: "stale" }
  | { readonly kind: "wrong"; readonly why: string };

/** What the edge remembers and knows. */
export interface ChallengeContext {
  readonly key: Uint8Array;
  readonly nowMs: number;
  readonly counts: NonceCounts;
  readonly repeats: Repeats;
}

/**
 * Judges credentials. `mark` (repeats.ts) is given for a request that does no harm when it is done twice: the very same one is then
 * good again with its used nonce, for its sender has lost the answer. `secret` gives H(A1) by algorithm, undefined when the account has none. The digest's uri is not compared
 * with the Request-URI: proxies change that one, and common clients put the registrar there (RFC 7616 §3.4.6 leaves it open).
 */
export function judge(
  fields: DigestFields,
  request: { readonly method: string; readonly body: Uint8Array; readonly mark?: string | undefined },
  secret: (algorithm: Algorithm) => string | undefined,
  context: ChallengeContext,
): Verdict {
  const algorithm = algorithmOf(fields);
  const get = (name: string) => fields.values.get(name);
  const [nonce, uri, response] = [get("nonce"), get("uri"), get("response")];
  if (algorithm === undefined || !nonce || uri === undefined || !response)
    return { kind: "wrong", why: "incomplete" };
  const [qop, nc, cnonce] = [get("qop"), get("nc"), get("cnonce")];
  if (
    qop !== undefined &&
    ((qop !== "auth" && qop !== "auth-int") || !/^[0-9a-fA-F]{8}$/.test(nc ?? "") || !cnonce)
  ) {
    return { kind: "wrong", why: "malformed qop" };
  }
  const ha1 = secret(algorithm);
  if (ha1 === undefined) return { kind: "wrong", why: "no secret for this algorithm" };
  const expected = digestResponse({
    algorithm,
    ha1,
    nonce,
    uri,
    nc,
    cnonce,
    qop,
    method: request.method,
    body: request.body,
  });
  if (!sameText(expected, response.toLowerCase())) return { kind: "wrong", why: "response differs" };
  const { mark } = request;
  if (mark !== undefined && context.repeats.has(mark, context.nowMs)) return { kind: "good" };
  const verdict = judgeNonce(nonce, qop === undefined ? undefined : Number.parseInt(nc ?? "", 16), context);
  if (mark !== undefined && verdict.kind === "good") context.repeats.note(mark, context.nowMs);
  return verdict;
}

// Without qop there is no count: such a nonce is good once.
function judgeNonce(nonce: string, count: number | undefined, context: ChallengeContext): Verdict {
  const made = context.counts.madeAt(nonce) ?? nonceTime(context.key, nonce);
  const fresh = made !== undefined && made <= context.nowMs + 60_000 && made + nonceLifeMs >= context.nowMs;
  return fresh && context.counts.use(nonce, count ?? 1, made) ? { kind: "good" } : { kind: "stale" };
}

function sameText(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}
