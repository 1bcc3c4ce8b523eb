// Where on a carrier a message belongs: its slot and its queue. Sender and receiver of the bus must agree on both.
import { type Address, bareKey } from "../address.ts";
import type { Event } from "../event.ts";
import { slotOf, token } from "../subject.ts";

/**
 * On IRC a connection belongs to our person who speaks through it (his puppet); everywhere else a flow, a socket or a
 * stream belongs to the one who is spoken to. The slot goes with the connection, so that one instance holds it.
 */
export const placedBySpeaker = (carrier: string): boolean => carrier.startsWith("irc-");

/** The slot, on `carrier`, of something that `from` says to `to`. */
export const placement = (carrier: string, from: Address, to: Address): number =>
  slotOf(bareKey(placedBySpeaker(carrier) ? from : to));

/**
 * The queue that a message stands in, as a token: order is kept inside it, and nothing waits for another's queue. One per
 * recipient; on IRC one per speaker and recipient. Reports have queues of their own beside the messages.
 */
export function queueOf(carrier: string, event: Event): string {
  const pair = placedBySpeaker(carrier) ? `${bareKey(event.from)}>${bareKey(event.to)}` : bareKey(event.to);
  return token(event.type === "message.sent" ? pair : `outcome:${pair}`);
}

/** The person whose connection the hand-over needs: the one spoken to, on IRC our person who speaks. */
export const awaited = (carrier: string, event: Event): Address =>
  placedBySpeaker(carrier) ? event.from : event.to;
