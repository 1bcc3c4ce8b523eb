// Subjects and slots: where on the bus an event belongs.
import { hash } from "node:crypto";

/** Slots per carrier, fixed for the life of its stream: another number would reorder what is stored. */
export const slotCount = 64;

/** The slot of a person, by his bare key (address.ts). */
export const slotOf = (key: string): number => hash("sha1", key, "buffer").readUInt32BE(0) % slotCount;

/** A token for subjects and keys made from any text: 22 characters of base64url, never a dot or a wildcard. */
export const token = (text: string): string => hash("sha256", text, "base64url").slice(0, 22);

export const root = "parley.v1";
export const messageSubject = (carrier: string, slot: number | "*"): string =>
  `${root}.message.${carrier}.${slot}`;
export const outcomeSubject = (carrier: string, slot: number | "*"): string =>
  `${root}.outcome.${carrier}.${slot}`;
export const mailboxSubject = (carrier: string, unit: string, queue: string): string =>
  `${root}.mailbox.${carrier}.${unit}.${queue}`;
/** Up to which entry a queue's mail is settled. */
export const settledSubject = (carrier: string, unit: string, queue: string): string =>
  `${root}.settled.${carrier}.${unit}.${queue}`;
export const ledgerSubject = (carrier: string, instance: string): string =>
  `${root}.ledger.${carrier}.${instance}`;
/** The log of one room; `room` is the token of its bare key. */
export const roomEventSubject = (slot: number | "*", room: string): string =>
  `${root}.room.${slot}.${room}.event`;
/** Live, not stored: commands and questions to the owner of a slot of rooms. */
export const roomAskSubject = (slot: number | "*"): string => `${root}.room-ask.${slot}`;
/** Live, not stored: what is only true for a moment in one room (typing). */
export const roomLiveSubject = (slot: number | "*", room: string): string =>
  `${root}.room-live.${slot}.${room}`;
/** Live, not stored: directly to one instance. */
export const instanceSubject = (instance: string, what: string): string =>
  `${root}.instance.${instance}.${what}`;

export const streams = {
  message: (carrier: string): string => `PARLEY_MESSAGE_${carrier}`,
  outcome: (carrier: string): string => `PARLEY_OUTCOME_${carrier}`,
  mailbox: (carrier: string): string => `PARLEY_MAILBOX_${carrier}`,
  ledger: "PARLEY_LEDGER",
  settled: "PARLEY_SETTLED",
  room: "PARLEY_ROOM",
} as const;
