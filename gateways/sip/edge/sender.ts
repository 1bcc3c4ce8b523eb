// Sends one MESSAGE to one place: which way, under which Via, with which fall-back (RFC 3261 §8.1, RFC 3263 §4.3).
import type { Bus } from "#bus-schemas/bus/port.ts";
import { token } from "#bus-schemas/subject.ts";
import { type Field, SipRequest } from "../wire/message.ts";
import { param } from "../wire/params.ts";
import { field, print } from "../wire/print.ts";
import { isSip, parseUri, printUri, type SipUri } from "../wire/uri.ts";
import { magicCookie } from "../wire/via.ts";
import { askFlow, type End } from "./flows.ts";
import { edgeLimits } from "./limits.ts";
import type { Place } from "./location.ts";
import { type Dns, locate } from "./resolver.ts";
import type { Transactions } from "./transactions.ts";
import type { Target } from "./transport-types.ts";

/** One MESSAGE, not yet aimed. Call-ID, tag and branch come from `id`, so that a second sending repeats them (EDGES §3). */
export interface Letter {
  readonly id: string;
  readonly fromUri: string;
  readonly display?: string | undefined;
  readonly toUri: string;
  readonly fields: readonly Field[];
  readonly body: Uint8Array;
}

/** A letter with its number among the requests of its Call-ID. */
type Numbered = Letter & { readonly cseq: number };

export interface SenderParts {
  readonly bus: Bus;
  readonly instance: string;
  /** The name in our Via. */
  readonly viaName: string;
  readonly transactions: Transactions;
  readonly hasFlow: (flow: string) => boolean;
  readonly viaPort: (target: Target) => number | undefined;
  readonly dns: Dns;
  readonly chance: () => number;
  readonly after: (delayMs: number, call: () => void) => void;
}

export type Sent =
  | End
  | { readonly kind: "too-large" }
  | { readonly kind: "unknown-host" }
  | { readonly kind: "no-target" };

/** How long one of several targets may be silent before the next is tried, milliseconds (RFC 3263 §4.3). */
const impatienceMs = 8_000;
/** Messages whose refusals are remembered; the oldest go first. */
const mostRefusals = 20_000;
/** How long a message waits for the one before it to the same place; a place silent for longer is passed over, milliseconds. */
const patienceMs = 1_500;
/** So many targets are tried for one message, and so long: a hand-over has to be answered within 40 s. */
const mostTries = 3;
const mostMs = 36_000;

export class Sender {
  readonly #parts: SenderParts;
  /** How often a place has refused a message. Forgotten after a restart: then the old answer may come once more. */
  readonly #refusals = new Map<string, number>();
  /** What is under way to each place. */
  readonly #lines = new Map<string, Promise<Sent>>();
  constructor(parts: SenderParts) {
    this.#parts = parts;
  }

  /**
   * To a registered place: by its flow, else to its contact. A phone that has refused a message is asked again with a higher
   * CSeq, for it would only repeat its answer; one that was silent gets the very same request.
   */
  async toPlace(letter: Letter, place: Place): Promise<Sent> {
    const line = `${place.person} ${place.contact}`;
    if (!(await this.#turn(line))) return { kind: "timeout" };
    const sending = this.#numbered(letter, place);
    this.#lines.set(line, sending);
    try {
      return await sending;
    } finally {
      if (this.#lines.get(line) === sending) this.#lines.delete(line);
    }
  }

  // One MESSAGE after the other to a place, or retransmission would reorder them (RFC 3428 §8). False: it is too silent.
  async #turn(line: string): Promise<boolean> {
    let late = false;
    const patience = new Promise<void>((resolve) => {
      if (!this.#lines.has(line)) return resolve();
      this.#parts.after(patienceMs, () => {
        late = true;
        resolve();
      });
    });
    for (let before = this.#lines.get(line); before !== undefined && !late; before = this.#lines.get(line)) {
      await Promise.race([before, patience]);
    }
    return !late;
  }

  async #numbered(letter: Letter, place: Place): Promise<Sent> {
    const key = `${letter.id} ${place.contact}`;
    const before = this.#refusals.get(key) ?? 0;
    const sent = await this.#toPlace({ ...letter, cseq: 1 + before }, place);
    if (sent.kind === "final" && sent.status >= 300) this.#remember(key, before + 1);
    else this.#refusals.delete(key);
    return sent;
  }

  #remember(key: string, count: number): void {
    this.#refusals.delete(key);
    this.#refusals.set(key, count);
    const oldest = this.#refusals.size > mostRefusals ? this.#refusals.keys().next().value : undefined;
    if (oldest !== undefined) this.#refusals.delete(oldest);
  }

  async #toPlace(letter: Numbered, place: Place): Promise<Sent> {
    const contact = parseUri(place.contact);
    if (!contact.ok || !isSip(contact.value)) return { kind: "no-target" };
    const uri = printUri({ ...contact.value, headers: undefined });
    const first = place.path[0];
    if (first !== undefined) return this.#viaPath(letter, uri, place.path, first);
    if (place.transport === "udp") return this.#send(letter, uri, udpTarget(place, contact.value), []);
    const target: Target = { transport: "tcp", address: place.address, port: place.port, flow: place.flow };
    if (place.owner === this.#parts.instance && this.#parts.hasFlow(place.flow))
      return this.#send(letter, uri, target, []);
    if (place.owner !== this.#parts.instance) {
      // Nobody there is known at once; a long silence may mean that it was sent, and leaves no time for another try.
      let late = false;
      this.#parts.after(impatienceMs, () => {
        late = true;
      });
      const end = await askFlow(this.#parts.bus, place.owner, this.#request(letter, uri, target, []), target);
      if (end === undefined && late) return { kind: "timeout" };
      if (end !== undefined) return end;
    }
    return this.#located(letter, uri, contact.value, []);
  }

  async #viaPath(letter: Numbered, uri: string, path: readonly string[], first: string): Promise<Sent> {
    const hop = parseUri(first);
    if (!hop.ok || !isSip(hop.value)) return { kind: "no-target" };
    return this.#located(
      letter,
      uri,
      hop.value,
      path.map((each) => field("route", `<${each}>`)),
    );
  }

  /** To a foreign domain, by DNS; the next target is tried on silence, refusal of the connection and 503. */
  async toDomain(letter: Letter): Promise<Sent> {
    const uri = parseUri(letter.toUri);
    if (!uri.ok || !isSip(uri.value)) return { kind: "no-target" };
    return this.#located({ ...letter, cseq: 1 }, letter.toUri, uri.value, []);
  }

  async #located(letter: Numbered, uri: string, next: SipUri, routes: readonly Field[]): Promise<Sent> {
    const { targets, unknown } = await locate(next, this.#parts.dns, this.#parts.chance);
    if (targets.length === 0) return { kind: unknown ? "unknown-host" : "no-target" };
    let last: Sent = { kind: "no-target" };
    const tries = targets.slice(0, mostTries);
    for (const [index, target] of tries.entries()) {
      const giveUpMs = index + 1 < tries.length ? impatienceMs : mostMs - index * impatienceMs;
      last = await this.#send(letter, uri, target, routes, giveUpMs);
      const next =
        last.kind === "timeout" ||
        last.kind === "transport" ||
        last.kind === "broken" ||
        (last.kind === "final" && last.status === 503);
      if (!next) return last;
    }
    return last;
  }

  async #send(
    letter: Numbered,
    uri: string,
    target: Target,
    routes: readonly Field[],
    giveUpMs?: number,
  ): Promise<Sent> {
    const request = this.#request(letter, uri, target, routes);
    if (target.transport === "udp" && print(request).length > edgeLimits.datagramBytes)
      return { kind: "too-large" };
    const ending = await this.#parts.transactions.request(request, target, giveUpMs);
    return ending.kind === "final" ? { kind: "final", status: ending.response.status } : ending;
  }

  #request(letter: Numbered, uri: string, target: Target, routes: readonly Field[]): SipRequest {
    const { viaName } = this.#parts;
    const port = this.#parts.viaPort(target);
    // A phone that comes back by a new connection is the same place: it gets the same branch again.
    const { transport, address, flow } = target;
    const place = transport === "tcp" && flow !== undefined ? "flow" : `${address} ${target.port}`;
    const branch = `${magicCookie}${token(`${letter.id} ${letter.cseq} ${uri} ${transport} ${place}`)}`;
    const sentBy = `${viaName}${port === undefined ? "" : `:${port}`}`;
    const name = letter.display === undefined ? "" : `${quoted(letter.display)} `;
    const fields = [
      field("via", `SIP/2.0/${transport.toUpperCase()} ${sentBy};branch=${branch};rport`),
      field("max-forwards", "70"),
      ...routes,
      field(
        "from",
        `${name}<${letter.fromUri}>;tag=${token(`tag ${letter.id}`).replace(/[-_]/g, "x").slice(0, 12)}`,
      ),
      field("to", `<${letter.toUri}>`),
      field("call-id", `${letter.id}@parley`),
      field("cseq", `${letter.cseq} MESSAGE`),
      ...letter.fields,
    ];
    return new SipRequest("MESSAGE", uri, fields, letter.body);
  }
}

const quoted = (text: string): string =>
  `"${text.replace(/[\x00-\x1f\x7f]+/g, " ").replace(/["\\]/g, "\\$&")}"`;

// Behind a NAT the contact is an address that we cannot reach: then the REGISTER's own way back is taken.
function udpTarget(place: Place, contact: SipUri): Target {
  const host = (param(contact.params, "maddr") ?? contact.host).replace(/^\[|\]$/g, "");
  const port = contact.port ?? 5060;
  if (host === place.address) return { transport: "udp", address: host, port, flow: place.flow };
  return { transport: "udp", address: place.address, port: place.port, flow: place.flow };
}
