// Requests that were taken with their credentials, to know the very same one when it comes again (RFC 3261 §17.1.4, RFC 7616 §5.4).
import { hash } from "node:crypto";
import type { SipRequest } from "../wire/message.ts";
import { lifeMs } from "./timers.ts";

/** How long one is known: twice as long as its sender may wait. It must stay below the bus's memory for ids (120 s). */
export const knownMs = 2 * lifeMs;
/** Requests that are known at once (100 bytes each); at the limit the oldest is forgotten, and is challenged if it comes again. */
const mostKnown = 200_000;

/** What other hops, or another way, may write differently: all else must be the same. */
const hopByHop: ReadonlySet<string> = new Set([
  "via",
  "route",
  "record-route",
  "max-forwards",
  "content-length",
]);

/**
 * Names one request: method, Request-URI, all fields but those of the way, body. Two requests of one mark differ in nothing that a
 * person or the bus would notice; digest itself protects neither Call-ID nor recipient nor (with `auth`) the body.
 */
export function markOf(request: SipRequest): string {
  const fields = request.fields.filter((field) => !hopByHop.has(field.key));
  const head = JSON.stringify([request.method, request.uri, fields.map(({ key, value }) => [key, value])]);
  return hash("sha256", Buffer.concat([Buffer.from(`${head}\n`), request.body]), "base64url");
}

export class Repeats {
  /** Mark -> until when, oldest first. */
  readonly #known = new Map<string, number>();

  /** A request was taken. */
  note(mark: string, nowMs: number): void {
    for (const [oldest, until] of this.#known) {
      if (until >= nowMs && this.#known.size < mostKnown) break;
      this.#known.delete(oldest);
    }
    // The first time counts: by coming again it does not live longer.
    if (!this.#known.has(mark)) this.#known.set(mark, nowMs + knownMs);
  }

  /** Whether it was taken, not long ago. */
  has(mark: string, nowMs: number): boolean {
    return (this.#known.get(mark) ?? Number.NEGATIVE_INFINITY) >= nowMs;
  }
}
