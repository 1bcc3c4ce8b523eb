// Hand-over: an event to all places of its person, or to a foreign domain; and telling a sender (EDGES §4, RFC 3428 §8).
import { type Address, bare, bareKey } from "#bus-schemas/address.ts";
import type { Attempt, Delivery, Gateway } from "#bus-schemas/delivery/courier.ts";
import type { Directory } from "#bus-schemas/directory.ts";
import type { Event } from "#bus-schemas/event.ts";
import type { MessageEvent } from "#bus-schemas/events/message.ts";
import type { OutcomeEvent } from "#bus-schemas/events/outcome.ts";
import type { Reason } from "#bus-schemas/reason.ts";
import type { Clock, Log, Metrics, Trail } from "#bus-schemas/service/service.ts";
import type { SipConfig } from "../config.ts";
import { uriText } from "../translate/address.ts";
import { bestReason, verdictOf } from "../translate/errors.ts";
import { fromBus } from "../translate/from-bus.ts";
import type { Location, Place } from "./location.ts";
import type { Letter, Sender, Sent } from "./sender.ts";

export interface OutboundParts {
  readonly config: SipConfig;
  readonly directory: Directory;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly trail: Trail;
  readonly location: Location;
  readonly sender: Sender;
  readonly after: (delayMs: number, call: () => void) => void;
}

/** How long a fork waits for a 200 when one phone has answered 202, milliseconds. */
const betterMs = 1_000;

/** What one place did with the message. */
type Branch =
  | { readonly end: "handed"; readonly delivered: boolean }
  | { readonly end: "refused"; readonly reason: Reason }
  | { readonly end: "away" | "uncertain" };

export class Outbound implements Gateway {
  readonly #parts: OutboundParts;
  readonly #branches;

  constructor(parts: OutboundParts) {
    this.#parts = parts;
    this.#branches = parts.metrics.counter(
      "sip_branches_total",
      "Requests of ours to one place each, by their end",
    );
  }

  async deliver(event: MessageEvent, attempt: Attempt): Promise<Delivery> {
    const local = this.#isHome(event.to);
    const places = this.#parts.location.of(bareKey(event.to));
    if (attempt.signal.aborted || (local && places.length === 0)) return { end: "away" };
    if (!local) return this.#abroad(event, attempt);
    return this.#fork(places.map((place) => this.#toPlace(event, event.from, event.to, place, attempt)));
  }

  // The first 200 decides; after a 202 the others have a moment to do better; a dead phone holds nobody up (EDGES §4).
  #fork(branches: readonly Promise<Branch>[]): Promise<Delivery> {
    return new Promise((resolve) => {
      const ended: Branch[] = [];
      const decide = (): void => resolve(together(ended));
      for (const branch of branches) {
        void branch.then((end) => {
          ended.push(end);
          if (ended.length === branches.length || (end.end === "handed" && end.delivered)) decide();
          else if (end.end === "handed") this.#parts.after(betterMs, decide);
        });
      }
    });
  }

  #isHome(address: Address): boolean {
    return this.#parts.directory.domainsOf("sip").includes(address.domain);
  }

  async #toPlace(event: Event, from: Address, to: Address, place: Place, attempt: Attempt): Promise<Branch> {
    const letter = this.#letter(event, from, to, place.cpim);
    if (letter === undefined) return { end: "refused", reason: "not-supported" };
    let sent = await this.#parts.sender.toPlace(letter, place);
    const plain = place.cpim && isMediaRefusal(sent) ? this.#letter(event, from, to, false) : undefined;
    if (plain !== undefined) sent = await this.#parts.sender.toPlace(plain, place);
    const branch = judge(sent, attempt.again, true);
    this.#note(event, branch, sent);
    return branch;
  }

  async #abroad(event: MessageEvent, attempt: Attempt): Promise<Delivery> {
    const letter = this.#letter(event, event.from, event.to, false);
    if (letter === undefined) return { end: "refused", reason: "not-supported" };
    const sent = await this.#parts.sender.toDomain(letter);
    const branch = judge(sent, attempt.again, false);
    this.#note(event, branch, sent);
    return branch;
  }

  #letter(event: Event, from: Address, to: Address, cpim: boolean): Letter | undefined {
    const { config, directory, clock } = this.#parts;
    const fromUri = uriText(directory.faceOn("sip", bare(from)), config);
    const toUri = uriText(bare(to), config);
    if (fromUri === undefined || toUri === undefined) return undefined;
    const content = fromBus(event, { fromUri, toUri, cpim, nowMs: clock.now() });
    if (content.do === "nothing") return undefined;
    const display = event.type === "message.sent" ? event.from.display : undefined;
    return { id: event.id, fromUri, toUri, display, fields: content.fields, body: content.body };
  }

  #note(event: Event, branch: Branch, sent: Sent): void {
    this.#branches.add(1, { end: branch.end });
    const status = sent.kind === "final" ? sent.status : 0;
    this.#parts.trail.note(event.type === "message.sent" ? event.id : event.message, "sip answer", {
      end: branch.end,
      status,
      kind: sent.kind,
    });
  }

  async tell(event: OutcomeEvent, attempt: Attempt): Promise<"told" | "away" | "dropped"> {
    const places = this.#parts.location.of(bareKey(event.to));
    const local = this.#isHome(event.to);
    if (this.#letter(event, event.from, event.to, true) === undefined) return "dropped";
    if (attempt.signal.aborted || (local && places.length === 0)) return "away";
    const { end } = await this.#fork(
      local
        ? places.map((place) => this.#toPlace(event, event.from, event.to, place, attempt))
        : [this.#tellAbroad(event, attempt)],
    );
    if (end === "handed") return "told";
    // A client that refuses the report will refuse it again; one that did not answer may have it, or gets it later.
    return end === "refused" || !local ? "dropped" : "away";
  }

  async #tellAbroad(event: OutcomeEvent, attempt: Attempt): Promise<Branch> {
    const letter = this.#letter(event, event.from, event.to, false);
    if (letter === undefined) return { end: "refused", reason: "not-supported" };
    return judge(await this.#parts.sender.toDomain(letter), attempt.again, false);
  }
}

const isMediaRefusal = (sent: Sent): boolean =>
  sent.kind === "final" && [406, 415, 488].includes(sent.status);

// EDGES §4, one row each. `here`: registered with us, so a mailbox can keep it.
function judge(sent: Sent, again: boolean, here: boolean): Branch {
  const absent: Branch = here ? { end: "away" } : { end: "refused", reason: "unreachable" };
  switch (sent.kind) {
    case "too-large":
      return { end: "refused", reason: "too-large" };
    case "unknown-host":
      return here ? absent : { end: "refused", reason: "unknown-domain" };
    case "no-target":
    case "transport":
      return absent;
    case "timeout":
    case "broken":
      return here ? absent : { end: "uncertain" };
    case "final": {
      const verdict = verdictOf(sent.status, again);
      if (verdict.kind === "handed") return { end: "handed", delivered: verdict.delivered };
      return verdict.kind === "refused" ? { end: "refused", reason: verdict.reason } : absent;
    }
  }
}

/** The end of a fork: one that took it is enough; one that may take it later keeps it; else the most useful refusal. */
function together(branches: readonly Branch[]): Delivery {
  const handed = branches.filter((branch) => branch.end === "handed");
  if (handed.length > 0) return { end: "handed", delivered: handed.some((branch) => branch.delivered) };
  if (branches.some((branch) => branch.end === "away")) return { end: "away" };
  if (branches.some((branch) => branch.end === "uncertain")) return { end: "uncertain" };
  return {
    end: "refused",
    reason: bestReason(branches.flatMap((branch) => (branch.end === "refused" ? [branch.reason] : []))),
  };
}
