// The intake: what a gateway's people say becomes an event, finds its home, and is stored before anybody says "accepted".
import { printAddress } from "../address.ts";
import { encode } from "../codec.ts";
import type { Routed } from "../directory.ts";
import { limits, type MessageEvent } from "../events/message.ts";
import { eventId } from "../ids.ts";
import { type Reason, reasonText } from "../reason.ts";
import type { Counter, Service } from "../service/service.ts";
import { messageSubject } from "../subject.ts";
import type { Acceptance, Arrival, MessageDraft } from "./courier.ts";
import { type Holds, holdHeader } from "./hold.ts";
import { placement } from "./placement.ts";
import type { Streams } from "./streams.ts";

export class Intake {
  readonly #service: Service;
  readonly #carrier: string;
  readonly #streams: Streams;
  readonly #holds: Holds;
  readonly #accepted: Counter;
  readonly #refused: Counter;

  constructor(service: Service, carrier: string, streams: Streams, holds: Holds) {
    this.#service = service;
    this.#carrier = carrier;
    this.#streams = streams;
    this.#holds = holds;
    this.#accepted = service.metrics.counter(
      "parley_messages_accepted_total",
      "Messages that the bus holds, by the carrier they came from; duplicates not counted",
    );
    this.#refused = service.metrics.counter(
      "parley_messages_refused_at_the_edge_total",
      "Messages refused before acceptance, by reason",
    );
  }

  async accept(draft: MessageDraft, arrival: Arrival): Promise<Acceptance> {
    const fault = this.#fault(draft);
    if (fault !== undefined) return this.#refuse(fault);
    const routed = this.#route(draft);
    if (!routed.ok) return this.#refuse(routed.reason, routed.text);
    const [home, ...remaining] = routed.homes;
    if (home === undefined) return this.#refuse("unreachable");
    const event = this.#event(draft, arrival, routed.to);
    const route =
      remaining.length === 0 ? {} : { route: { deliver: routed.deliver, remaining, handed: false } };
    return this.#store({ ...event, ...route }, home, arrival.holdMs ?? 0);
  }

  #route(draft: MessageDraft): Routed {
    const leg = this.#carrier === "rooms" ? draft.leg : undefined;
    // A room names the carrier itself: its leg may be a channel whose address is the room's own.
    if (leg !== undefined)
      return { ok: true, to: draft.to, homes: [leg.split("/")[0] ?? ""], deliver: "any" };
    return this.#service.directory.route(draft.to, {
      carrier: this.#carrier,
      assurance: draft.from.assurance,
      domain: draft.from.domain,
    });
  }

  #fault(draft: MessageDraft): Reason | undefined {
    if (draft.text.length === 0) return "not-supported";
    if (Buffer.byteLength(draft.text, "utf8") > limits.textBytes) return "too-large";
    if ((draft.hops ?? 0) >= limits.hops) return "loop";
    return undefined;
  }

  #refuse(reason: Reason, text: string = reasonText[reason]): Acceptance {
    this.#refused.add(1, { carrier: this.#carrier, reason });
    return { accepted: false, reason, text };
  }

  #event(draft: MessageDraft, arrival: Arrival, to: MessageEvent["to"]): MessageEvent {
    const { messageId, lifetimeMs, ...said } = draft;
    const { lifetimeMs: allowed } = this.#service.directory;
    const time = this.#service.clock.now();
    const id = eventId({
      carrier: this.#carrier,
      source: arrival.source,
      destination: printAddress(draft.to),
      transportId: arrival.transportId,
      body: draft.text,
    });
    return {
      ...said,
      id,
      type: "message.sent",
      version: 1,
      time,
      to,
      origin: { carrier: this.#carrier, ...(messageId !== undefined && { messageId }) },
      action: draft.action ?? false,
      receipts: draft.receipts ?? { handed: false, delivered: false, displayed: false },
      expires: time + Math.min(lifetimeMs ?? allowed.default, allowed.most),
      hops: (draft.hops ?? 0) + 1,
    };
  }

  async #store(event: MessageEvent, home: string, holdMs: number): Promise<Acceptance> {
    await this.#streams.ensure(home);
    const span = this.#service.tracer.startSpan(`${this.#carrier} accept`);
    const hold = holdMs > 0 ? this.#holds.wait(event.id, holdMs) : undefined;
    const headers = {
      traceparent: span.traceparent,
      ...(hold !== undefined && { [holdHeader]: hold.header }),
    };
    const { messageId } = event.origin;
    this.#service.trail.note(event.id, "received", {
      carrier: this.#carrier,
      ...(messageId !== undefined && { messageId }),
    });
    try {
      const subject = messageSubject(home, placement(home, event.from, event.to));
      const ack = await this.#service.bus.store(subject, encode(event), { id: event.id, headers });
      if (!ack.duplicate) this.#accepted.add(1, { carrier: this.#carrier, home });
      this.#service.trail.note(event.id, ack.duplicate ? "accepted before" : "accepted", { home });
      const { duplicate } = ack;
      this.#service.log.debug(
        { message: event.id, trace: span.traceparent, carrier: this.#carrier, home, duplicate },
        "message accepted",
      );
      // What was accepted before has its end already, or its sender's first copy waits for it.
      if (ack.duplicate) hold?.cancel();
      return {
        accepted: true,
        id: event.id,
        duplicate: ack.duplicate,
        settled: hold?.settled ?? Promise.resolve(undefined),
      };
    } catch (error) {
      hold?.cancel();
      throw error;
    } finally {
      span.end({ home });
    }
  }
}
