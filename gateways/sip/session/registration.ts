// What a REGISTER does to the bindings of one address: RFC 3261 §10.3, RFC 3327, RFC 5626 §6 in its smallest form.
import type { NameAddr } from "../wire/name-addr.ts";
import { param } from "../wire/params.ts";
import { isSip, parseUri, printUri, sameUri } from "../wire/uri.ts";

/** One place where a person can be reached. All of it is stored. */
export interface Binding {
  /** The contact URI, with all its parameters. */
  readonly contact: string;
  readonly callId: string;
  readonly cseq: number;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
  readonly q?: string | undefined;
  /** `+sip.instance` and `reg-id`: the same device on the same flow, whatever its contact (RFC 5626). */
  readonly instanceId?: string | undefined;
  readonly regId?: string | undefined;
  /** URIs of the Path that the request came by, first hop first (RFC 3327). */
  readonly path: readonly string[];
}

export interface RegisterFacts {
  readonly callId: string;
  readonly cseq: number;
  /** All Contact values; `*` as the word. */
  readonly contacts: readonly (NameAddr | "*")[];
  /** The Expires field, in seconds. */
  readonly expires?: number | undefined;
  readonly path: readonly string[];
}

export interface RegisterPolicy {
  /** Seconds: asked for less is refused with 423, for more is cut; default when nothing is asked. */
  readonly least: number;
  readonly usual: number;
  readonly most: number;
  /** Bindings of one address. */
  readonly mostBindings: number;
}

export type RegisterResult =
  | { readonly kind: "refused"; readonly status: number; readonly phrase: string }
  | {
      readonly kind: "done";
      readonly put: readonly Binding[];
      readonly remove: readonly Binding[];
      /** All bindings afterwards: what the 200 lists. */
      readonly all: readonly Binding[];
    };

const refused = (status: number, phrase: string): RegisterResult => ({ kind: "refused", status, phrase });

/** All or nothing: one contact that cannot be taken refuses the whole request. `current` holds no expired bindings. */
export function register(
  current: readonly Binding[],
  facts: RegisterFacts,
  nowMs: number,
  policy: RegisterPolicy,
): RegisterResult {
  if (facts.contacts.includes("*")) return removeAll(current, facts);
  const put: Binding[] = [];
  const remove: Binding[] = [];
  for (const contact of facts.contacts) {
    if (contact === "*") continue;
    const seconds = lifetime(contact, facts, policy);
    if (seconds > 0 && seconds < policy.least) return refused(423, "Interval Too Brief");
    const binding = draw(contact, facts, nowMs + Math.min(seconds, policy.most) * 1000);
    if (binding === undefined) return refused(400, "Contact that cannot be reached by SIP");
    const old = current.find((other) => sameBinding(other, binding));
    if (old && old.callId === facts.callId && old.cseq >= facts.cseq) return refused(500, "Out of Order");
    if (old && (seconds === 0 || old.contact !== binding.contact)) remove.push(old);
    if (seconds > 0) put.push(binding);
  }
  const gone = (binding: Binding) =>
    remove.includes(binding) || put.some((other) => sameBinding(other, binding));
  const all = [...current.filter((binding) => !gone(binding)), ...put];
  if (all.length > policy.mostBindings && put.length > 0) return refused(403, "Too Many Bindings");
  return { kind: "done", put, remove, all };
}

// §10.3 step 6: `*` alone, with Expires 0, and newer than what it removes.
function removeAll(current: readonly Binding[], facts: RegisterFacts): RegisterResult {
  if (facts.contacts.length !== 1 || facts.expires !== 0)
    return refused(400, "Contact * needs Expires 0 and no other");
  const newer = current.some((binding) => binding.callId === facts.callId && binding.cseq >= facts.cseq);
  return newer ? refused(500, "Out of Order") : { kind: "done", put: [], remove: current, all: [] };
}

function lifetime(contact: NameAddr, facts: RegisterFacts, policy: RegisterPolicy): number {
  const own = param(contact.params, "expires");
  return own !== undefined ? Number(own) : (facts.expires ?? policy.usual);
}

function draw(contact: NameAddr, facts: RegisterFacts, expiresAt: number): Binding | undefined {
  if (!isSip(contact.uri) || contact.uri.scheme !== "sip") return undefined;
  return {
    contact: printUri(contact.uri),
    callId: facts.callId,
    cseq: facts.cseq,
    expiresAt,
    q: param(contact.params, "q"),
    instanceId: param(contact.params, "+sip.instance"),
    regId: param(contact.params, "reg-id"),
    path: facts.path,
  };
}

/** Whether both are the same place: same device and flow (RFC 5626 §6), else equal contacts (RFC 3261 §19.1.4). */
function sameBinding(a: Binding, b: Binding): boolean {
  if (a.instanceId !== undefined && a.regId !== undefined && b.regId !== undefined) {
    return a.instanceId === b.instanceId && a.regId === b.regId;
  }
  if (a.contact === b.contact) return true;
  const left = parseUri(a.contact);
  const right = parseUri(b.contact);
  return left.ok && right.ok && sameUri(left.value, right.value);
}
