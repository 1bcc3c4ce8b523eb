// The streams of each carrier, made when first needed, and the way of a report into them.
import { encode } from "../codec.ts";
import type { OutcomeEvent } from "../events/outcome.ts";
import type { Service } from "../service/service.ts";
import { mailboxSubject, messageSubject, outcomeSubject, root, streams } from "../subject.ts";
import { placement } from "./placement.ts";

export const streamLimits = {
  /** Bytes of each stream; a full one refuses new messages, it never drops old ones. */
  messageBytes: 2 * 1024 ** 3,
  outcomeBytes: 512 * 1024 ** 2,
  mailboxBytes: 2 * 1024 ** 3,
  ledgerBytes: 256 * 1024 ** 2,
  /** A hundred octets for each mailbox there ever was. */
  settledBytes: 256 * 1024 ** 2,
  /** How long an id is known: longer than any peer re-sends the same packet (SIP: 32 s). */
  duplicateWindowMs: 120_000,
} as const;

export class Streams {
  readonly #service: Service;
  readonly #ready = new Map<string, Promise<void>>();

  constructor(service: Service) {
    this.#service = service;
  }

  /** The carrier's streams exist; a message may be stored for a gateway that has never run yet. */
  ensure(carrier: string): Promise<void> {
    let ready = this.#ready.get(carrier);
    if (ready === undefined) {
      ready = this.#make(carrier);
      ready.catch(() => this.#ready.delete(carrier));
      this.#ready.set(carrier, ready);
    }
    return ready;
  }

  /** Stores a report for the carrier on which the sender is to be told; the same report twice is stored once. */
  async report(outcome: OutcomeEvent, headers: Readonly<Record<string, string>>): Promise<void> {
    await this.ensure(outcome.origin);
    const subject = outcomeSubject(outcome.origin, placement(outcome.origin, outcome.from, outcome.to));
    const trace = headers.traceparent;
    await this.#service.bus.store(subject, encode(outcome), {
      id: outcome.id,
      ...(trace !== undefined && { headers: { traceparent: trace } }),
    });
  }

  async #make(carrier: string): Promise<void> {
    const { bus } = this.#service;
    const { duplicateWindowMs } = streamLimits;
    const keep = "limits" as const;
    await bus.ensureStream({
      name: streams.message(carrier),
      subjects: [messageSubject(carrier, "*")],
      keep,
      maxBytes: streamLimits.messageBytes,
      duplicateWindowMs,
    });
    await bus.ensureStream({
      name: streams.outcome(carrier),
      subjects: [outcomeSubject(carrier, "*")],
      keep,
      maxBytes: streamLimits.outcomeBytes,
      duplicateWindowMs,
    });
    await bus.ensureStream({
      name: streams.mailbox(carrier),
      subjects: [mailboxSubject(carrier, "*", "*")],
      keep,
      maxBytes: streamLimits.mailboxBytes,
      duplicateWindowMs,
    });
    await bus.ensureStream({
      name: streams.settled,
      subjects: [`${root}.settled.>`],
      keep: "latest",
      maxBytes: streamLimits.settledBytes,
      duplicateWindowMs: 0,
    });
    await bus.ensureStream({
      name: streams.ledger,
      subjects: [`${root}.ledger.>`],
      keep: "latest",
      maxBytes: streamLimits.ledgerBytes,
      duplicateWindowMs: 0,
    });
  }
}
