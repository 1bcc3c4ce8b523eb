// Handing messages to browsers: to every tab of the account, here and on other instances; the first acknowledgement ends our custody.
import { bareKey } from "#bus-schemas/address.ts";
import type { Attempt, Delivery, Gateway } from "#bus-schemas/delivery/courier.ts";
import type { MessageEvent } from "#bus-schemas/events/message.ts";
import type { OutcomeEvent } from "#bus-schemas/events/outcome.ts";
import type { Clock, Log, Trail } from "#bus-schemas/service/service.ts";
import { dispositionFrame, messageFrame } from "../translate/from-bus.ts";
import type { MessageFrame } from "../wire/event.ts";
import type { Connection } from "./connection.ts";
import type { History } from "./history.ts";
import { noteDelivered, noteOutcome } from "./notes.ts";
import type { PeerHandlers, Peers } from "./peers.ts";
import type { Registry } from "./registry.ts";

// Acknowledgements remembered, so that one that came too late ends the next attempt at once; the oldest is forgotten first.
const mostAcknowledged = 20_000;
// Messages offered lately, with their senders: reports about others are checked against the history, which is slower.
const mostOffered = 20_000;

interface Hand {
  readonly pending: Set<Connection>;
  readonly settle: (taken: boolean) => void;
}

/** How an acknowledgement fared: it ended a hand-over, it was known, or it came when nobody waited any more. */
export type Acknowledged = "ended" | "known" | "late";

export interface HandOver {
  readonly gateway: Gateway;
  /** What other instances may ask of this one. */
  readonly peers: PeerHandlers;
  acknowledge(key: string, messageId: string): Acknowledged;
  /** Who sent this message, if it was offered here lately. */
  senderOf(key: string, messageId: string): string | undefined;
  /** A connection is gone: what waited for it alone is not taken. */
  gone(connection: Connection): void;
}

export interface HandOverParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly trail: Trail;
  readonly registry: Registry;
  readonly history: History;
  readonly peers: Peers;
  readonly ackTimeoutMs: number;
}

export function openHandOver(parts: HandOverParts): HandOver {
  const { clock, log, registry, history, peers } = parts;
  const waiting = new Map<string, Hand>();
  const acknowledged = new Set<string>();
  const offered = new Map<string, string>();
  const idOf = (key: string, messageId: string): string => `${key} ${messageId}`;

  const offer = (key: string, frame: MessageFrame): Promise<boolean> => {
    const id = idOf(key, frame.message_id);
    offered.set(id, frame.sender.uri);
    forgetOldest(offered, mostOffered);
    if (acknowledged.has(id)) return Promise.resolve(true);
    const pending = new Set(registry.local(key).filter((connection) => connection.send(frame)));
    if (pending.size === 0) return Promise.resolve(false);
    return new Promise((resolve) => {
      const cancel = clock.after(parts.ackTimeoutMs, () => settle(false));
      const settle = (taken: boolean): void => {
        cancel();
        if (waiting.get(id) === hand) waiting.delete(id);
        resolve(taken);
      };
      const hand: Hand = { pending, settle };
      waiting.get(id)?.settle(false);
      waiting.set(id, hand);
    });
  };

  const deliver = async (event: MessageEvent, attempt: Attempt): Promise<Delivery> => {
    const key = bareKey(event.to);
    const elsewhere = registry.elsewhere(key);
    const here = registry.local(key).length > 0;
    if ((!here && elsewhere.length === 0) || attempt.signal.aborted) return { end: "away" };
    const frame = messageFrame(event);
    parts.trail.note(event.id, "offered to browsers", {
      here: registry.local(key).length,
      elsewhere: elsewhere.length,
    });
    const noted = noteDelivered(history, key, event, frame, clock.now()).catch((cause: unknown) => {
      log.warn({ message: event.id, cause: String(cause) }, "a message is missing from the history");
    });
    const offers = elsewhere.map((instance) => peers.offer(instance, key, frame, parts.ackTimeoutMs));
    if (here) offers.push(offer(key, frame));
    const taken = await firstTrue(offers);
    await noted;
    // Nobody took it in time: the courier keeps it in the mailbox, and tries again by itself from time to time.
    return taken ? { end: "handed", delivered: true } : { end: "away" };
  };

  const tell = async (event: OutcomeEvent): Promise<"told" | "away" | "dropped"> => {
    const frame = dispositionFrame(event);
    if (frame === undefined) return "dropped";
    const key = bareKey(event.to);
    // Written first: a browser that misses the event reads the state from the history when it synchronises.
    await noteOutcome(history, key, frame, clock.now()).catch((cause: unknown) => {
      log.warn({ message: event.message, cause: String(cause) }, "an outcome is missing from the history");
    });
    const told = registry.local(key).filter((connection) => connection.send(frame)).length;
    const asked = await Promise.all(
      registry.elsewhere(key).map((instance) => peers.tell(instance, key, frame)),
    );
    return told > 0 || asked.includes(true) ? "told" : "away";
  };

  return {
    gateway: { deliver, tell: (event) => tell(event) },
    peers: {
      offer,
      tell: (key, frame) => registry.local(key).filter((connection) => connection.send(frame)).length > 0,
    },
    acknowledge(key, messageId) {
      const id = idOf(key, messageId);
      const known = acknowledged.has(id);
      acknowledged.add(id);
      forgetOldest(acknowledged, mostAcknowledged);
      const hand = waiting.get(id);
      hand?.settle(true);
      if (hand !== undefined) return "ended";
      return known ? "known" : "late";
    },
    senderOf: (key, messageId) => offered.get(idOf(key, messageId)),
    gone(connection) {
      for (const hand of [...waiting.values()]) {
        if (hand.pending.delete(connection) && hand.pending.size === 0) hand.settle(false);
      }
    },
  };
}

/** True as soon as one is true, false when all are false. */
const firstTrue = (offers: readonly Promise<boolean>[]): Promise<boolean> =>
  Promise.any(
    offers.map((offer) => offer.then((taken) => taken || Promise.reject(new Error("not taken")))),
  ).catch(() => false);

function forgetOldest(kept: Map<string, string> | Set<string>, most: number): void {
  const oldest = kept.keys().next();
  if (kept.size > most && !oldest.done) kept.delete(oldest.value);
}
