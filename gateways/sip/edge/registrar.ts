// REGISTER: who may register, what is stored, what the 200 lists (RFC 3261 §10.3, RFC 3327).
import { type Address, bareKey } from "#bus-schemas/address.ts";
import type { Directory } from "#bus-schemas/directory.ts";
import type { Clock, Log } from "#bus-schemas/service/service.ts";
import type { SipConfig } from "../config.ts";
import { type Binding, register } from "../session/registration.ts";
import type { Answer } from "../session/respond.ts";
import { addressOf } from "../translate/address.ts";
import type { Field, SipRequest } from "../wire/message.ts";
import { type NameAddr, parseNameAddr } from "../wire/name-addr.ts";
import { field } from "../wire/print.ts";
import { isSip, parseUri, printUri } from "../wire/uri.ts";
import type { Identities } from "./identity.ts";
import type { Location, Place } from "./location.ts";
import type { Source } from "./transport-types.ts";

export interface RegistrarParts {
  readonly config: SipConfig;
  readonly directory: Directory;
  readonly clock: Clock;
  readonly log: Log;
  readonly instance: string;
  readonly location: Location;
  readonly identities: Identities;
  /** Told when a person can be reached anew. */
  readonly available: (address: Address) => void;
}

export class Registrar {
  readonly #parts: RegistrarParts;
  /** REGISTERs of one person are done one after the other. */
  readonly #queues = new Map<string, Promise<unknown>>();

  constructor(parts: RegistrarParts) {
    this.#parts = parts;
  }

  /** Answers one REGISTER. */
  async register(request: SipRequest, source: Source): Promise<Answer> {
    const { directory, identities } = this.#parts;
    const domain = parseUri(request.uri);
    if (request.to === undefined || !domain.ok || !isSip(domain.value)) return { status: 400 };
    if (!isSip(request.to.uri) || (request.from !== undefined && !isSip(request.from.uri))) {
      return { status: 400, phrase: "Unknown URI scheme in To or From" };
    }
    if (request.to.uri.scheme === "sips") return { status: 416 };
    const to = addressOf(request.to.uri, this.#parts.config);
    if (!to.ok) return { status: 400, phrase: "To is no address" };
    const person = directory.behind("sip", to.value);
    const domains = [...directory.domainsOf("sip"), ...directory.facesOf("sip")];
    if (!domains.includes(person.domain) && !domains.includes(to.value.domain)) return { status: 404 };
    const refused = identities.ofRegister(request, person, to.value.domain);
    if (refused !== undefined) return refused;
    return this.#inTurn(bareKey(person), () => this.#change(request, source, person));
  }

  async #inTurn(person: string, work: () => Promise<Answer>): Promise<Answer> {
    const before = this.#queues.get(person) ?? Promise.resolve();
    const turn = before.then(work, work);
    this.#queues.set(person, turn);
    try {
      return await turn;
    } finally {
      if (this.#queues.get(person) === turn) this.#queues.delete(person);
    }
  }

  async #change(request: SipRequest, source: Source, address: Address): Promise<Answer> {
    const { config, clock, location, log } = this.#parts;
    const person = bareKey(address);
    const contacts = readContacts(request);
    if (contacts === undefined) return { status: 400, phrase: "Malformed Contact" };
    const expires = request.first("expires");
    const path = request.list("path").map((value) => parseNameAddr(value));
    if (path.some((each) => !each.ok)) return { status: 400, phrase: "Malformed Path" };
    const current = location.of(person);
    const { min, max, default: usual, bindings } = config.registration;
    const result = register(
      current,
      {
        callId: request.callId ?? "",
        cseq: request.cseq?.number ?? 0,
        contacts,
        expires: expires === undefined ? undefined : Number(expires),
        path: path.flatMap((each) => (each.ok ? [printUri(each.value.uri)] : [])),
      },
      clock.now(),
      { least: min / 1000, usual: usual / 1000, most: max / 1000, mostBindings: bindings },
    );
    if (result.kind === "refused") {
      const fields = result.status === 423 ? [field("min-expires", String(min / 1000))] : [];
      return { status: result.status, phrase: result.phrase, fields };
    }
    const put = result.put.map((binding) => this.#place(binding, person, request, source));
    try {
      const gone = new Set(result.remove.map((binding) => binding.contact));
      await location.change(
        put,
        current.filter((place) => gone.has(place.contact)),
      );
    } catch (error) {
      log.warn({ error: String(error) }, "registration not stored");
      return { status: 500, fields: [field("retry-after", "5")] };
    }
    if (put.length > 0) this.#parts.available(address);
    return { status: 200, fields: this.#listing(result.all, request) };
  }

  #place(binding: Binding, person: string, request: SipRequest, source: Source): Place {
    const { transport, address, port, flow } = source;
    const known = this.#parts.location.of(person).find((place) => place.contact === binding.contact);
    const cpim =
      known?.cpim === true || request.list("accept").some((type) => /^message\/cpim\b/i.test(type));
    return { ...binding, person, owner: this.#parts.instance, flow, transport, address, port, cpim };
  }

  #listing(bindings: readonly Binding[], request: SipRequest): Field[] {
    const now = this.#parts.clock.now();
    const fields = bindings.map((binding) => {
      const seconds = Math.max(0, Math.round((binding.expiresAt - now) / 1000));
      const q = binding.q === undefined ? "" : `;q=${binding.q}`;
      const device = binding.instanceId === undefined ? "" : `;+sip.instance="${binding.instanceId}"`;
      const flow = binding.regId === undefined ? "" : `;reg-id=${binding.regId}`;
      return field("contact", `<${binding.contact}>;expires=${seconds}${q}${device}${flow}`);
    });
    const path = request.all("path").map((value) => field("path", value));
    return [...fields, ...path, field("date", new Date(now).toUTCString())];
  }
}

function readContacts(request: SipRequest): (NameAddr | "*")[] | undefined {
  const contacts: (NameAddr | "*")[] = [];
  for (const value of request.list("contact")) {
    if (value === "*") contacts.push("*");
    else {
      const contact = parseNameAddr(value);
      if (!contact.ok) return undefined;
      contacts.push(contact.value);
    }
  }
  return contacts;
}
