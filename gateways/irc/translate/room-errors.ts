// What somebody in a channel is told when the room does not do what he did there; total over all of a room's reasons.
import { type RoomReason, roomReasonText } from "#bus-schemas/events/room-command.ts";

/** A channel cannot take back what happened in it: the sentence says that the room did not follow. */
export const roomErrors: Record<RoomReason, string> = {
  ...roomReasonText,
  "not-joined": "you are not known in the room",
  banned: "you are banned from the room",
  "no-such-message": "that message is not known in the room, or too old",
};

export const notInRoom = (what: string, reason: RoomReason): string =>
  `The room behind this channel did not take ${what}: ${roomErrors[reason]}`;

/** Why a nick of ours is not in the channel, by the server's numeric (RFC 2812 §5.2). */
const joinErrors: Readonly<Record<string, string>> = {
  "403": "there is no such channel",
  "405": "too many channels",
  "437": "the channel is held by the network for a while",
  "470": "the channel has moved",
  "471": "the channel is full",
  "473": "the channel is for invited people only",
  "474": "banned from the channel",
  "475": "the channel wants a key",
  "476": "that cannot be a channel",
  "477": "the channel wants a registered nick",
  "479": "that cannot be a channel",
  "480": "the channel lets nobody in now",
  "489": "the channel wants a secure connection",
  "520": "the channel is for operators of the network only",
};

/** Whether this numeric says that a JOIN was refused. */
export const isJoinError = (code: string): boolean => Object.hasOwn(joinErrors, code);

export const refusedNote = (channel: string, code: string, text: string): string =>
  `You are not in ${channel}: ${joinErrors[code] ?? text}. What you say here is not heard there; it is tried again.`;

export const kickedNote = (channel: string, by: string, text: string): string =>
  `You were put out of ${channel} by ${by}${text === "" || text === by ? "" : ` (${text})`}. You are still in this room, but what you say is not heard there until you leave the room and come back, or are invited there.`;

export const botRefusedNote = (channel: string, code: string, text: string): string =>
  `A bot that listens in ${channel} is not let in: ${joinErrors[code] ?? text}. It tries again; let it in, or invite it.`;

export const botKickedNote = (channel: string, by: string, text: string): string =>
  `A bot that listens in ${channel} was put out by ${by}${text === "" || text === by ? "" : ` (${text})`}. Unless another one listens, what is said there is not heard here until it is invited again.`;
