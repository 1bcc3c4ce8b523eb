// Sentences about a channel that is a leg of a room, and what a participant's status is on IRC.
import type { Participant, RoomEvent, RoomStatus } from "#bus-schemas/events/room.ts";

const clockTime = (ms: number): string => new Date(ms).toISOString().slice(11, 19);

/** Both moments in milliseconds since 1970. */
export const legGapNote = (channel: string, from: number, to: number): string =>
  `messages of ${channel} between ${clockTime(from)} and ${clockTime(to)} UTC may be missing`;

/** The text of AWAY; undefined for somebody who is there (RFC 2812 §4.1). */
export function awayText(status: RoomStatus | undefined): string | undefined {
  if (status === undefined || status.show === "available" || status.show === "chat") return undefined;
  const text = (status.text ?? "").replace(/[\x00-\x1f\x7f]+/g, " ").trim();
  const plain = { away: "away", xa: "away for longer", dnd: "do not disturb" }[status.show];
  return [...(text === "" ? plain : text)].slice(0, 100).join("");
}

/** One line of history for one person; undefined for what is no line. */
export function historyLine(event: RoomEvent): string | undefined {
  const { change } = event;
  const at = clockTime(event.time);
  if (change.kind === "subject")
    return `[${at}] ${change.by.nick ?? "somebody"} set the subject: ${oneLine(change.text)}`;
  if (change.kind !== "said" || change.message.to !== undefined) return undefined;
  const { from, action, text } = change.message;
  const nick = from.nick ?? "somebody";
  return action ? `[${at}] * ${nick} ${oneLine(text)}` : `[${at}] <${nick}> ${oneLine(text)}`;
}

const oneLine = (text: string): string => text.replace(/[\x00-\x1f\x7f]+/g, " ").slice(0, 300);

/** Who is shown in the channel by a nick of his own: people of other carriers with a device in the room. */
export const hasOwnNick = (participant: Participant, domain: string): boolean =>
  participant.leg === undefined && participant.address.domain !== domain && participant.endpoints.length > 0;
