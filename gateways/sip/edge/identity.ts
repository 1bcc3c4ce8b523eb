// Who sends: digest, a trusted proxy's word, or the flow of a registration; a bare From is never believed (RFC 3261 §22, RFC 3325, RFC 8760).
import { randomBytes } from "node:crypto";
import { type Address, bareKey, type Party, samePerson } from "#bus-schemas/address.ts";
import type { Account, Directory } from "#bus-schemas/directory.ts";
import type { Clock } from "#bus-schemas/service/service.ts";
import type { SipConfig } from "../config.ts";
import { judge, makeNonce, NonceCounts } from "../session/challenge.ts";
import { markOf, Repeats } from "../session/repeats.ts";
import type { Answer } from "../session/respond.ts";
import { addressOf } from "../translate/address.ts";
import { type Algorithm, type DigestFields, ha1, parseDigest, printChallenge } from "../wire/digest.ts";
import type { SipRequest } from "../wire/message.ts";
import { parseNameAddr } from "../wire/name-addr.ts";
import { field } from "../wire/print.ts";
import { isSip } from "../wire/uri.ts";
import type { Location } from "./location.ts";
import type { Source } from "./transport-types.ts";

export type Identity =
  /** `source`: who it is as far as proved; goes into the event's id. */
  | { readonly kind: "known"; readonly party: Party; readonly source: string }
  | { readonly kind: "answer"; readonly answer: Answer };

export interface IdentityParts {
  readonly config: SipConfig;
  readonly directory: Directory;
  readonly clock: Clock;
  readonly location: Location;
  /** The secret of nonces, shared by all instances. */
  readonly nonceKey: Uint8Array;
}

const answer = (status: number, phrase?: string): Identity => ({
  kind: "answer",
  answer: { status, phrase },
});

export class Identities {
  readonly #parts: IdentityParts;
  readonly #counts = new NonceCounts();
  readonly #repeats = new Repeats();
  readonly #trusted: ReadonlySet<string>;

  constructor(parts: IdentityParts) {
    this.#parts = parts;
    this.#trusted = new Set(parts.config.trusted);
  }

  /** Who sends this MESSAGE, or what he is answered. */
  ofSender(request: SipRequest, source: Source): Identity {
    const { directory, config } = this.#parts;
    if (this.#trusted.has(source.address)) {
      const asserted = this.#asserted(request);
      if (asserted !== undefined) return asserted;
    }
    if (request.from === undefined) return answer(400, "Malformed From");
    if (isSip(request.from.uri) && request.from.uri.scheme === "sips") return answer(416);
    const from = addressOf(request.from.uri, config);
    if (!from.ok) return answer(400, "From is no address");
    const person = directory.behind("sip", from.value);
    if (this.#isOurs(person, from.value)) return this.#ofOwn(request, source, person, from.value.domain);
    if (!config.foreign) return answer(403, "Strangers are not served");
    const display = request.from.display;
    const party: Party = { ...person, assurance: "none", ...(display === undefined ? {} : { display }) };
    return { kind: "known", party, source: `${bareKey(person)} from ${source.address}` };
  }

  #isOurs(person: Address, from: Address): boolean {
    const { directory } = this.#parts;
    if (directory.account(person) !== undefined) return true;
    return [...directory.domainsOf("sip"), ...directory.facesOf("sip")].some(
      (domain) => domain === from.domain || domain === person.domain,
    );
  }

  #ofOwn(request: SipRequest, source: Source, person: Address, realmOf: string): Identity {
    const flow = this.#parts.config.trustRegisteredFlow && this.#registeredHere(person, source);
    const judged = flow ? undefined : this.#digest(request, person, realmOf, "proxy");
    if (judged !== undefined) return judged;
    const account = this.#parts.directory.account(person);
    const display = request.from?.display ?? account?.display;
    const party: Party = { ...person, assurance: "verified", ...(display === undefined ? {} : { display }) };
    return { kind: "known", party, source: bareKey(person) };
  }

  #registeredHere(person: Address, source: Source): boolean {
    return this.#parts.location
      .of(bareKey(person))
      .some((place) =>
        source.transport === "tcp"
          ? place.flow === source.flow
          : place.transport === "udp" && place.address === source.address && place.port === source.port,
      );
  }

  // The word of a proxy that we trust (RFC 3325 §9.1); its P-Asserted-Identity may be ours or foreign.
  #asserted(request: SipRequest): Identity | undefined {
    for (const value of request.list("p-asserted-identity")) {
      const name = parseNameAddr(value);
      const address = name.ok ? addressOf(name.value.uri, this.#parts.config) : undefined;
      if (!name.ok || !address?.ok) continue;
      const person = this.#parts.directory.behind("sip", address.value);
      const display = name.value.display ?? request.from?.display;
      const party: Party = { ...person, assurance: "server", ...(display === undefined ? {} : { display }) };
      return { kind: "known", party, source: bareKey(person) };
    }
    return undefined;
  }

  /** Whether a REGISTER for `person` comes from him; undefined when it does, else what it is answered. */
  ofRegister(request: SipRequest, person: Address, realm: string): Answer | undefined {
    const judged = this.#digest(request, person, realm, "registrar");
    return judged?.kind === "answer" ? judged.answer : undefined;
  }

  #digest(
    request: SipRequest,
    person: Address,
    domain: string,
    as: "proxy" | "registrar",
  ): Identity | undefined {
    const realm = this.#parts.config.realm ?? domain;
    const names = as === "proxy" ? ["proxy-authorization", "authorization"] : ["authorization"];
    for (const value of names.flatMap((name) => request.all(name))) {
      const fields = parseDigest(value);
      if (!fields.ok) return answer(400, "Malformed credentials");
      if (fields.value.scheme !== "digest" || fields.value.values.get("realm") !== realm) continue;
      return this.#judge(request, fields.value, person, realm, as);
    }
    return this.#challenge(realm, person, as, false);
  }

  #judge(
    request: SipRequest,
    fields: DigestFields,
    person: Address,
    realm: string,
    as: "proxy" | "registrar",
  ): Identity | undefined {
    const { directory, clock, nonceKey } = this.#parts;
    const username = fields.values.get("username") ?? "";
    const user = userAddress(username, person.domain);
    const account = directory.account(user);
    const context = { key: nonceKey, nowMs: clock.now(), counts: this.#counts, repeats: this.#repeats };
    // A MESSAGE that comes again has the same event id. A REGISTER would be taken anew, from wherever it comes now.
    const mark = as === "proxy" ? markOf(request) : undefined;
    const verdict = judge(
      fields,
      { method: request.method, body: request.body, mark },
      (algorithm) => secretOf(account, algorithm, username, realm),
      context,
    );
    if (verdict.kind === "stale") return this.#challenge(realm, person, as, true);
    if (verdict.kind === "wrong") return this.#challenge(realm, person, as, false);
    // The password is right, but it is another's: nobody speaks or registers in another's name.
    return samePerson(user, person) ? undefined : answer(403, "Not your address");
  }

  // All accounts are challenged alike, also those that do not exist, so that nobody learns which do.
  #challenge(realm: string, person: Address, as: "proxy" | "registrar", stale: boolean): Identity {
    const { config, clock, nonceKey, directory } = this.#parts;
    const account = directory.account(person);
    const possible = config.algorithms.filter(
      (algorithm) => account === undefined || secretOf(account, algorithm, "", realm) !== undefined,
    );
    const nonce = makeNonce(nonceKey, clock.now(), randomBytes(9));
    const key = as === "proxy" ? "proxy-authenticate" : "www-authenticate";
    const fields = (possible.length > 0 ? possible : config.algorithms).map((algorithm) =>
      field(key, printChallenge({ realm, nonce, algorithm, stale })),
    );
    return { kind: "answer", answer: { status: as === "proxy" ? 407 : 401, fields } };
  }
}

// Phones give the user part or the whole address as their name.
function userAddress(username: string, domain: string): Address {
  const at = username.lastIndexOf("@");
  if (at <= 0) return { local: username === "" ? " " : username, domain };
  return { local: username.slice(0, at), domain: username.slice(at + 1).toLowerCase() || domain };
}

function secretOf(
  account: Account | undefined,
  algorithm: Algorithm,
  username: string,
  realm: string,
): string | undefined {
  if (account === undefined) return undefined;
  if (account.password !== undefined) return ha1(algorithm, username, realm, account.password);
  if (algorithm === "MD5") return account.ha1?.md5;
  return algorithm === "SHA-256" ? account.ha1?.sha256 : undefined;
}
