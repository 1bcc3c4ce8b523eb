// What comes in: which requests are served, and a MESSAGE's way to the bus and its answer (RFC 3261 §8.2, RFC 3428 §7).
import { type Address, bareKey } from "#bus-schemas/address.ts";
import { BusFull, BusTimeout } from "#bus-schemas/bus/port.ts";
import type { Acceptance, Courier, MessageDraft } from "#bus-schemas/delivery/courier.ts";
import type { Directory } from "#bus-schemas/directory.ts";
import type { Log, Metrics, Trail } from "#bus-schemas/service/service.ts";
import type { SipConfig } from "../config.ts";
import { type Answer, phraseOf } from "../session/respond.ts";
import { addressOf } from "../translate/address.ts";
import { statusOf } from "../translate/errors.ts";
import { acceptedTypes, toBus } from "../translate/to-bus.ts";
import { optionTags } from "../wire/check.ts";
import type { SipRequest } from "../wire/message.ts";
import { tagOf } from "../wire/name-addr.ts";
import { field } from "../wire/print.ts";
import { isSip, parseUri } from "../wire/uri.ts";
import { Answers } from "./answers.ts";
import type { Identities } from "./identity.ts";
import type { Registrar } from "./registrar.ts";
import type { Source } from "./transport-types.ts";

export interface InboundParts {
  readonly config: SipConfig;
  readonly directory: Directory;
  readonly log: Log;
  readonly trail: Trail;
  readonly metrics: Metrics;
  readonly identities: Identities;
  readonly registrar: Registrar;
  readonly courier: () => Pick<Courier, "accept" | "report"> | undefined;
  readonly after: (delayMs: number, call: () => void) => void;
  /** Rooms, once they are open. */
  readonly rooms: RoomAnswers;
  /** The process is to end: take nothing new. */
  readonly stopping: () => boolean;
  /** This person's client at `source` has sent CPIM: it reads it, too. */
  readonly readsCpim: (person: string, source: Source) => void;
}

type Accepted = Extract<Acceptance, { accepted: true }>;

const allow = "MESSAGE, REGISTER, OPTIONS, CANCEL";
/** What a room does with a request, if it is one's business. */
export type RoomAnswers = (request: SipRequest, source: Source) => Promise<Answer | undefined>;
const allowField = field("allow", allow);
// Methods that exist but not here (RFC 3261 §8.2.1): 405. Calls, presence and files come with their own rooms.
const knownMethods = new Set([
  "INVITE",
  "BYE",
  "SUBSCRIBE",
  "NOTIFY",
  "PUBLISH",
  "REFER",
  "INFO",
  "UPDATE",
  "PRACK",
]);
const supported = new Set(["path", "outbound", "gruu", "timer", "norefersub"]);

export class Inbound {
  readonly #parts: InboundParts;
  readonly #dropped;
  readonly #answers: Answers;

  constructor(parts: InboundParts) {
    this.#parts = parts;
    this.#answers = new Answers(parts.after);
    this.#dropped = parts.metrics.counter(
      "sip_events_dropped_total",
      "What was answered 200 and goes no further, by reason",
    );
  }

  /** Handles one new request; answers once, whatever happens. */
  readonly handle = (request: SipRequest, source: Source, answer: (answer: Answer) => void): void => {
    this.#answerTo(request, source).then(answer, (error) => {
      const busy = error instanceof BusFull || error instanceof BusTimeout;
      if (busy) this.#parts.log.warn({ error: error.name }, "bus does not take a message");
      else this.#parts.log.error({ error }, "request failed");
      // Not 503: a peer would shun the whole gateway. The client may ask again: the same id is not stored twice.
      answer({ status: 500, ...(busy ? { fields: [field("retry-after", "10")] } : {}) });
    });
  };

  async #answerTo(request: SipRequest, source: Source): Promise<Answer> {
    const { method } = request;
    const fault = wayFault(request);
    if (fault !== undefined) return fault;
    const room = await this.#parts.rooms(request, source);
    if (room !== undefined) return room;
    if (method !== "MESSAGE" && method !== "REGISTER" && method !== "OPTIONS") {
      return { status: knownMethods.has(method) ? 405 : 501, fields: [allowField] };
    }
    if (method === "REGISTER") return this.#parts.registrar.register(request, source);
    if (method === "OPTIONS") return this.#options(request);
    return this.#message(request, source);
  }

  #options(request: SipRequest): Answer {
    const uri = parseUri(request.uri);
    const address = uri.ok ? addressOf(uri.value, this.#parts.config) : undefined;
    // Asked of the gateway itself when there is no user part; of a person: only whether the domain is served.
    if (address?.ok && !this.#serves(address.value.domain)) return { status: 404 };
    const fields = [
      allowField,
      field("accept", acceptedTypes),
      field("accept-encoding", "identity"),
      field("accept-language", "*"),
      field("supported", [...supported].join(", ")),
      field("allow-events", ""),
    ];
    return { status: 200, fields };
  }

  #serves(domain: string): boolean {
    const { directory } = this.#parts;
    return directory.domainsOf("sip").includes(domain) || directory.facesOf("sip").includes(domain);
  }

  async #message(request: SipRequest, source: Source): Promise<Answer> {
    const { config, directory, identities } = this.#parts;
    if (request.to !== undefined && tagOf(request.to) !== undefined) return { status: 481 };
    if (request.first("max-forwards") === "0") return { status: 483 };
    if (request.body.length > config.maxMessageBytes) return { status: 413 };
    if (this.#parts.stopping())
      return { status: 500, phrase: "Going down", fields: [field("retry-after", "5")] };
    const uri = parseUri(request.uri);
    const to = uri.ok ? addressOf(uri.value, config) : undefined;
    if (!to?.ok) return { status: 404 };
    const identity = identities.ofSender(request, source);
    if (identity.kind === "answer") return identity.answer;
    const { party } = identity;
    const speaksFor = (address: Address): boolean =>
      bareKey(directory.behind("sip", address)) === bareKey(party);
    const person = directory.behind("sip", to.value);
    const { separator } = config;
    const translated = toBus(request, { from: party, to: person, speaksFor, separator });
    switch (translated.do) {
      case "refuse":
        return translated.answer;
      case "nothing":
        this.#dropped.add(1, { reason: translated.why });
        return { status: 200 };
      case "report":
        await this.#courier().report(translated.report);
        return { status: 200 };
      case "message":
        if (translated.cpim && party.assurance === "verified") this.#parts.readsCpim(bareKey(party), source);
        return this.#accept(translated.draft, identity.source, request);
    }
  }

  #courier(): Pick<Courier, "accept" | "report"> {
    const courier = this.#parts.courier();
    if (courier === undefined) throw new BusTimeout("not open yet");
    return courier;
  }

  async #accept(draft: MessageDraft, source: string, request: SipRequest): Promise<Answer> {
    const tag = request.from === undefined ? undefined : tagOf(request.from);
    const transportId = `${tag ?? ""} ${request.callId} ${request.cseq?.number}`;
    const holdMs = this.#parts.config.holdResponse;
    const accepted = await this.#courier().accept(draft, { source, transportId, holdMs });
    if (!accepted.accepted) return { status: statusOf[accepted.reason], phrase: phraseFor(accepted.text) };
    return this.#answers.of(accepted.id, () => this.#settled(accepted.settled));
  }

  async #settled(settling: Accepted["settled"]): Promise<Answer> {
    const settled = await settling;
    if (settled === undefined) return { status: 202 };
    if (settled.outcome === "handed") return { status: 200 };
    const reason = settled.reason ?? (settled.outcome === "refused" ? "unreachable" : settled.outcome);
    return { status: statusOf[reason], phrase: phraseFor(settled.text) ?? phraseOf(statusOf[reason]) };
  }
}

/** What no request may have, whatever it wants: a scheme that is not served, an extension that must be and is not. */
export function wayFault(request: SipRequest): Answer | undefined {
  const uri = parseUri(request.uri);
  if (!uri.ok) return { status: 400 };
  // sips promises TLS on every hop, which no gateway to other networks can (RFC 7247 §8).
  if (!isSip(uri.value) || uri.value.scheme !== "sip") return { status: 416 };
  const unknown = optionTags(request, "require").filter((tag) => !supported.has(tag.toLowerCase()));
  return unknown.length === 0
    ? undefined
    : { status: 420, fields: [field("unsupported", unknown.join(", "))] };
}

// The reason's own words go into the phrase, where phones show them; printable and short.
const phraseFor = (text: string | undefined): string | undefined =>
  text === undefined || text === "" ? undefined : text.replace(/[\x00-\x1f\x7f]+/g, " ").slice(0, 100);
