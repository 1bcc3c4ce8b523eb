// Escaped addresses: anybody of any domain, reachable under a gateway domain of ours (`carol\40sip.example@gw.example`).
import type { Address } from "../address.ts";
import type { Reason } from "../reason.ts";
import { bad, ok, type Result } from "../result.ts";
import { toAsciiDomain } from "./domain.ts";
import { partLimit, utf8Length } from "./text.ts";

/** What unwrapping needs to know of the house. */
export interface GatewayDomains {
  readonly gateway: ReadonlySet<string>;
  /** Domains whose people are met under their own address: wrapping one of them is a way in circles. */
  readonly isLocal: (domain: string) => boolean;
}

export type Unwrapped =
  | { readonly ok: true; readonly value: Address }
  | { readonly ok: false; readonly reason: Extract<Reason, "loop" | "unknown-user">; readonly error: string };

/**
 * The address under which this one is met at the gateway domain; the device stays. An address of the gateway domain is
 * returned as it is, never escaped twice. Errors: longer than a local part may be.
 */
export function wrap(address: Address, gatewayDomain: string): Result<Address> {
  if (address.domain === gatewayDomain) return ok(address);
  const local = `${address.local}@${address.domain}`;
  if (utf8Length(local) > partLimit) return bad("the address is too long to be escaped");
  return ok({ ...address, local, domain: gatewayDomain });
}

/**
 * The address that is meant: an address of a gateway domain is opened once, any other is returned as it is. Errors:
 * `loop` for a wrapped address of the gateway itself or of a local domain, `unknown-user` if there is none inside.
 */
export function unwrap(address: Address, domains: GatewayDomains): Unwrapped {
  if (!domains.gateway.has(address.domain)) return { ok: true, value: address };
  const at = address.local.lastIndexOf("@");
  if (at <= 0) return { ok: false, reason: "unknown-user", error: "no address inside a gateway address" };
  const domain = toAsciiDomain(address.local.slice(at + 1));
  if (!domain.ok) return { ok: false, reason: "unknown-user", error: domain.error };
  if (domains.gateway.has(domain.value))
    return { ok: false, reason: "loop", error: "a gateway address inside another" };
  if (domains.isLocal(domain.value)) {
    return { ok: false, reason: "loop", error: "a person of this house has an address of his own" };
  }
  return { ok: true, value: { ...address, local: address.local.slice(0, at), domain: domain.value } };
}
