// What happens to one item between its queue and its end: handed over by the gateway, and whoever sent it told the end.
import { bareKey } from "../address.ts";
import { encode } from "../codec.ts";
import type { Event } from "../event.ts";
import type { MessageEvent } from "../events/message.ts";
import type { OutcomeEvent } from "../events/outcome.ts";
import type { Reason } from "../reason.ts";
import type { Counter, Histogram, Service } from "../service/service.ts";
import { mailboxSubject, messageSubject } from "../subject.ts";
import type { Attempt, CourierOptions, Delivery, Gateway } from "./courier.ts";
import { answerHold } from "./hold.ts";
import { type Done, mayGoOn, nextHome, routeTo } from "./homes.ts";
import { type Conclusion, type Ending, type Item, parkedHeader } from "./item.ts";
import type { End, LedgerWriter } from "./ledger.ts";
import { outcomeOf } from "./outcomes.ts";
import { awaited, placement } from "./placement.ts";
import type { Streams } from "./streams.ts";

/** A gateway that has not answered by then: nobody knows what became of the message. Above SIP's Timer F (32 s). */
export const attemptMs = 40_000;

/** What the unit lends to one hand-over. */
export interface Leave {
  readonly signal: AbortSignal;
  readonly mayAct: () => boolean;
  readonly beforeWriting: (item: Item) => Promise<void>;
  /** He has been seen on this other carrier: what is his goes there, if it is a home of his. */
  readonly elsewhere?: string;
  /** He has been found away here: what has another home to be tried goes on there, without a try of its own. */
  readonly absent?: boolean;
}

export class Carrying {
  readonly service: Service;
  readonly carrier: string;
  readonly ledger: LedgerWriter;
  readonly holds: (unit: string, epoch: number) => boolean;
  readonly #options: CourierOptions;
  readonly #gateway: Gateway;
  readonly #streams: Streams;
  readonly #ended: Counter;
  readonly #seconds: Histogram;

  constructor(
    service: Service,
    options: CourierOptions,
    gateway: Gateway,
    ledger: LedgerWriter,
    holds: (unit: string, epoch: number) => boolean,
    streams: Streams,
  ) {
    this.service = service;
    this.carrier = options.carrier;
    this.ledger = ledger;
    this.holds = holds;
    this.#options = options;
    this.#gateway = gateway;
    this.#streams = streams;
    this.#ended = service.metrics.counter(
      "parley_messages_ended_total",
      "Messages by carrier and end: handed, refused, expired, uncertain, forwarded",
    );
    this.#seconds = service.metrics.histogram(
      "parley_hand_over_seconds",
      "From read off the bus to taken by the next hop",
    );
  }

  /** Whose mailbox the event stands in. */
  personOf(event: Event): string {
    return bareKey(awaited(this.carrier, event));
  }

  /** Hands one item over and sees to all that follows from its end. Never rejects. */
  async handOver(item: Item, leave: Leave): Promise<Conclusion> {
    const span = this.service.tracer.startSpan(`${this.carrier} hand over`, item.headers.traceparent);
    const conclusion =
      item.event.type === "message.sent"
        ? await this.#message(item, item.event, leave)
        : await this.#outcome(item, item.event, leave);
    span.end({ end: conclusion, carrier: this.carrier });
    return conclusion;
  }

  /** Refuses an item that was never tried: its mailbox is full. */
  async refuse(item: Item, reason: Reason, signal: AbortSignal): Promise<End | "stopped"> {
    if (item.event.type === "message.outcome") return "dropped";
    const conclusion = await this.#conclude(item, item.event, { end: "refused", reason }, signal);
    return conclusion === "away" ? "stopped" : conclusion;
  }

  /** Puts an item into the mailbox stream and returns its sequence there. The same item twice is stored once. */
  async park(item: Item, unit: string, signal: AbortSignal): Promise<number> {
    const subject = mailboxSubject(this.carrier, unit, item.queue);
    const id = `${item.lane}.${unit}.${item.sequence}`;
    const headers = { ...item.headers, [parkedHeader]: `${item.lane} ${item.sequence}` };
    const store = (): Promise<number> =>
      this.service.bus.store(subject, encode(item.event), { id, headers }).then((ack) => ack.sequence);
    this.service.trail.note(messageOf(item.event), "to the mailbox", { carrier: this.carrier });
    return await this.#persist(store, signal, "mailbox");
  }

  /** Something on the bus that no Parley of this version can read: counted and logged, never silently skipped. */
  unreadable(where: string, sequence: number, error: string): void {
    this.service.log.error(
      { carrier: this.carrier, where, sequence, error },
      "an event on the bus cannot be read",
    );
    this.#ended.add(1, { carrier: this.carrier, end: "unreadable" });
  }

  async #message(item: Item, event: MessageEvent, leave: Leave): Promise<Conclusion> {
    if (event.expires <= this.service.clock.now())
      return this.#conclude(item, event, { end: "expired" }, leave.signal);
    if (item.doubtful) return this.#conclude(item, event, { end: "uncertain" }, leave.signal);
    if (leave.elsewhere !== undefined) return this.#follow(item, event, leave.elsewhere, leave.signal);
    if (leave.absent && mayGoOn(event)) return this.#conclude(item, event, { end: "away" }, leave.signal);
    if (this.#options.writeAhead)
      await this.#persist(() => leave.beforeWriting(item), leave.signal, "ledger");
    if (!leave.mayAct()) return "stopped";
    this.service.trail.note(event.id, "to the far side", { carrier: this.carrier, again: item.again });
    const delivery = await this.#deliver(event, { again: item.again, signal: leave.signal });
    return this.#conclude(item, event, delivery, leave.signal);
  }

  async #outcome(item: Item, event: OutcomeEvent, leave: Leave): Promise<Conclusion> {
    if (leave.elsewhere !== undefined) return "away";
    if (event.expires <= this.service.clock.now()) return "dropped";
    if (!leave.mayAct()) return "stopped";
    const tell = this.#gateway.tell(event, { again: item.again, signal: leave.signal });
    const told = await this.#bounded(tell, "dropped" as const);
    this.service.trail.note(event.message, `sender ${told === "told" ? "told" : told}`, {
      carrier: this.carrier,
      outcome: event.outcome,
    });
    return told;
  }

  async #deliver(event: MessageEvent, attempt: Attempt): Promise<Delivery> {
    const began = this.service.clock.monotonic();
    const delivery = await this.#bounded(this.#gateway.deliver(event, attempt), {
      end: "uncertain",
    } as const);
    this.#seconds.record((this.service.clock.monotonic() - began) / 1000, {
      carrier: this.carrier,
      end: delivery.end,
    });
    return delivery;
  }

  /** A gateway that throws or does not answer leaves the end open: that is never taken for a success. */
  async #bounded<T, U>(work: Promise<T>, unknown: U): Promise<T | U> {
    let cancel = (): void => undefined;
    const late = new Promise<U>((resolve) => {
      cancel = this.service.clock.after(attemptMs, () => resolve(unknown));
    });
    try {
      return await Promise.race([work, late]);
    } catch (error) {
      this.service.log.error({ err: error, carrier: this.carrier }, "gateway failed while handing over");
      return unknown;
    } finally {
      cancel();
    }
  }

  /** Mail follows its person to another home; a person of the same name who does not live there stays away. */
  async #follow(item: Item, event: MessageEvent, home: string, signal: AbortSignal): Promise<Conclusion> {
    const { assurance, domain } = event.from;
    const from = { carrier: event.origin.carrier, assurance, domain };
    const routed = this.service.directory.route(event.to, from);
    const route = routeTo(event, this.carrier, home, this.service.clock.now());
    if (!routed.ok || !routed.homes.includes(home) || route === undefined) return "away";
    return this.#forward(item, { ...event, route }, home, signal);
  }

  /** What follows from what this home did: another home, its mailbox, or the end (homes.ts). */
  async #conclude(item: Item, event: MessageEvent, done: Done, signal: AbortSignal): Promise<Conclusion> {
    const next = nextHome(event, this.carrier, done, this.service.clock.now());
    if (next.do === "wait") return "away";
    const { tell } = next;
    if (tell !== undefined) await this.#persist(() => this.#tellSender(item, event, tell), signal, "outcome");
    if (signal.aborted) return "stopped";
    if (next.do === "end") return this.#ending(item, event, next.ending);
    return this.#forward(item, { ...event, route: next.route }, next.home, signal);
  }

  async #forward(item: Item, before: MessageEvent, home: string, signal: AbortSignal): Promise<Conclusion> {
    const event = { ...before, hops: before.hops + 1 };
    const store = async (): Promise<void> => {
      await this.#streams.ensure(home);
      const subject = messageSubject(home, placement(home, event.from, event.to));
      // It may have been in that stream before: the hop makes it a new entry, and a repeated forward the same one.
      const id = `${event.id}:${event.hops}`;
      await this.service.bus.store(subject, encode(event), { id, headers: { ...item.headers } });
    };
    await this.#persist(store, signal, "forward");
    if (signal.aborted) return "stopped";
    this.service.trail.note(event.id, "forwarded", { to: home });
    this.#ended.add(1, { carrier: this.carrier, end: "forwarded" });
    return "forwarded";
  }

  #ending(item: Item, event: MessageEvent, ending: Ending): Conclusion {
    const reason = "reason" in ending ? { reason: ending.reason } : {};
    const { traceparent: trace } = item.headers;
    const { carrier } = this;
    this.service.log.debug(
      { message: event.id, trace, carrier, end: ending.end, ...reason },
      "message ended",
    );
    this.#ended.add(1, { carrier, end: ending.end, ...reason });
    this.service.trail.note(event.id, ending.end, { carrier, ...reason });
    return ending.end;
  }

  async #tellSender(item: Item, event: MessageEvent, ending: Ending): Promise<void> {
    const early = item.box === undefined && !item.again;
    if (early && (await answerHold(this.service, item, event, ending))) return;
    for (const outcome of outcomeOf(event, ending, this.service.clock.now()))
      await this.#streams.report(outcome, item.headers);
  }

  /** The bus must hold it before the item is settled: tried until it does, or until the unit is lost. */
  async #persist<T>(work: () => Promise<T>, signal: AbortSignal, what: string): Promise<T> {
    for (;;) {
      try {
        return await work();
      } catch (error) {
        if (signal.aborted) throw error;
        this.service.log.warn(
          { err: error, carrier: this.carrier, what },
          "the bus did not take it, will try again",
        );
        await this.service.clock.sleep(500);
      }
    }
  }
}

const messageOf = (event: Event): string => (event.type === "message.sent" ? event.id : event.message);
