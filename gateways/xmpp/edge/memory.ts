// What this process remembers of the messages that it has shown to XMPP users; bounded, and never needed for delivery.
import { type Address, bareKey } from "#bus-schemas/address.ts";
import type { MessageEvent } from "#bus-schemas/events/message.ts";
import { type Recall, recall } from "./recall.ts";

export const limits = {
  /** Messages whose id and recipient are remembered, for corrections and bounces. */
  shown: 10_000,
  /** XMPP users who see people of ours as available. */
  watchers: 10_000,
} as const;

/** Somebody on XMPP who was told that a person of ours is here. */
export interface Watcher {
  /** The person of ours, as XMPP writes him. */
  readonly of: string;
  readonly watcher: string;
}

export interface Memory {
  /** Notes a message before it is written. */
  sent(event: MessageEvent, id: string): void;
  /** The id under which the message that `event` corrects was shown. */
  shownAs(event: MessageEvent): string | undefined;
  sentTo(id: string): Address | undefined;
  readonly watchers: Recall<Watcher>;
}

/** An empty memory. */
export function openMemory(): Memory {
  const shown = recall<string>(limits.shown);
  const recipients = recall<Address>(limits.shown);
  const key = (event: MessageEvent, messageId: string): string =>
    `${event.origin.carrier} ${bareKey(event.from)} ${bareKey(event.to)} ${messageId}`;
  return {
    sent(event, id) {
      recipients.set(id, event.to);
      if (event.origin.messageId !== undefined) shown.set(key(event, event.origin.messageId), id);
    },
    shownAs: (event) =>
      event.correctionOf === undefined ? undefined : shown.get(key(event, event.correctionOf)),
    sentTo: (id) => recipients.get(id),
    watchers: recall<Watcher>(limits.watchers),
  };
}
