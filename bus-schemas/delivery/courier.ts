// The courier: what a gateway's edge sees of delivery. It accepts what came from the gateway's people, and calls the
// gateway with what is to be handed over to them. Slots, claims, ledger, mailboxes and expiry are behind it.
import type { Address } from "../address.ts";
import type { Carrier, MessageEvent } from "../events/message.ts";
import type { Outcome, OutcomeEvent } from "../events/outcome.ts";
import type { Reason } from "../reason.ts";

type Optional<T, K extends keyof T> = Omit<T, K> & Partial<Pick<T, K>>;

/** A message as translation draws it: without id, time and expiry, which the courier stamps. */
export type MessageDraft = Optional<
  Omit<MessageEvent, "id" | "type" | "version" | "time" | "origin" | "route" | "expires">,
  "hops" | "receipts" | "action"
> & {
  /** The id that the sender's own client gave it, for reports. */
  readonly messageId?: string | undefined;
  /** Time to live in milliseconds, if the sender asked for one; the house's default and maximum apply. */
  readonly lifetimeMs?: number | undefined;
};

/** What only the edge knows of an incoming message. */
export interface Arrival {
  /** Who sent it, as far as it is proved (goes into the id). */
  readonly source: string;
  /** What the transport calls this one message (goes into the id): the same for a re-sent packet, else different. */
  readonly transportId: string;
  /**
   * Wait at most so long, in milliseconds, for the message's end, to answer with it (SIP's held response). If a refusal
   * is returned through `settled` it counts as told, and is not told again.
   */
  readonly holdMs?: number;
}

/** The end of a message, if it came while its edge waited for it. */
export interface Settled {
  readonly outcome: "handed" | "refused" | "expired" | "uncertain";
  readonly reason?: Reason | undefined;
  readonly text?: string | undefined;
}

export type Acceptance =
  | {
      readonly accepted: true;
      readonly id: string;
      /** It was accepted before: answer as accepted, count nothing. */
      readonly duplicate: boolean;
      /** With `holdMs`: the end if it came in time, else undefined. Without: resolved undefined. */
      readonly settled: Promise<Settled | undefined>;
    }
  | { readonly accepted: false; readonly reason: Reason; readonly text: string };

/** What became of one hand-over. `away`: the person cannot take it now; keep it in his mailbox. */
export type Delivery =
  | { readonly end: "handed"; readonly delivered?: boolean }
  | { readonly end: "refused"; readonly reason: Reason; readonly text?: string }
  | { readonly end: "uncertain"; readonly text?: string }
  | { readonly end: "away" };

export interface Attempt {
  /** True if an earlier owner may have written this message already: send it in the form the receiver recognises. */
  readonly again: boolean;
  /** Aborted when this instance may no longer act for the slot: write nothing more. */
  readonly signal: AbortSignal;
}

/** A report that the gateway has heard from its far side about a message handed over earlier. */
export interface ReportDraft {
  readonly outcome: Extract<Outcome, "delivered" | "displayed" | "bounced">;
  /** From the far id (ids.ts). */
  readonly message: string;
  readonly messageId?: string | undefined;
  readonly origin: Carrier;
  readonly reason?: Reason;
  readonly text?: string;
  /** Whom to tell. */
  readonly to: Address;
  /** Who reports. */
  readonly from: Address;
}

/** What the gateway does for the courier. */
export interface Gateway {
  /**
   * Hands one message over to the protocol's next hop, and resolves when that has taken it by the protocol's own
   * acknowledgement. Called in order, one at a time per queue (recipient; on IRC sender and recipient), many queues at once.
   * Must answer within 40 s: later the courier counts it uncertain. Never throws for a peer's fault.
   */
  deliver(event: MessageEvent, attempt: Attempt): Promise<Delivery>;
  /**
   * Tells a sender on this gateway what became of his message, in his protocol's own way. `away`: he cannot be told now,
   * keep it. `dropped`: this protocol has no way to tell this (say why in capabilities.ts).
   */
  tell(event: OutcomeEvent, attempt: Attempt): Promise<"told" | "away" | "dropped">;
  /**
   * This instance now acts for these slots, or no longer: for those who keep something per slot. `epochs`: under which epoch
   * each is owned; told again when one rises.
   */
  owns?(slots: ReadonlySet<number>, epochs: ReadonlyMap<number, number>): void;
}

export interface CourierOptions {
  readonly carrier: Carrier;
  /** Whose slot it is: the person addressed, or (puppets) the one of our people who speaks. */
  readonly slotBy: "recipient" | "sender";
  /** `spread`: slots are shared out among the instances. `whole`: one instance has all, others stand by (a component stream). */
  readonly share: "spread" | "whole";
  /** True where the far side cannot recognise a message sent twice (IRC): what may have been written becomes uncertain. */
  readonly writeAhead: boolean;
}

export interface Courier {
  readonly carrier: Carrier;
  /**
   * Durable first: resolves `accepted` when the bus holds the message. A refusal here is before acceptance: answer it in
   * the protocol's own error. Rejects with BusTimeout or BusFull when the bus cannot take it: answer "try again later".
   */
  accept(draft: MessageDraft, arrival: Arrival): Promise<Acceptance>;
  /** Sends a report back to the sender; resolves when the bus holds it. */
  report(draft: ReportDraft): Promise<void>;
  /** This person can be reached again: his mailbox is drained, in order, before newer messages. */
  available(address: Address): void;
  /** This process, by a name that no process started later has: what dies with it is marked so (a room's `Endpoint.instance`). */
  readonly process: string;
  /** The processes that serve this carrier and are not silent, named so. */
  living(carrier: Carrier): ReadonlySet<string>;
  /** Stops accepting, finishes what is under way (at most `timeoutMs`), writes the last ledger and lets go of the slots. */
  close(timeoutMs: number): Promise<void>;
}
