// Messages to rooms and their occupants: what is said goes to the courier, what is done to the room's owner.
import { type Address, bare, bareKey } from "#bus-schemas/address.ts";
import type { Acceptance, Courier, MessageDraft, Settled } from "#bus-schemas/delivery/courier.ts";
import {
  type RoomDo,
  type RoomReason,
  roomReasons,
  roomReasonText,
} from "#bus-schemas/events/room-command.ts";
import type { Reason } from "#bus-schemas/reason.ts";
import type { Typing } from "#bus-schemas/rooms/port.ts";
import { byEndpoint } from "#bus-schemas/rooms/view.ts";
import { refuse, roomError, roomReasonOf } from "../translate/rooms/errors.ts";
import { byResource, endpointId, roomJid } from "../translate/rooms/names.ts";
import { messageToRoom, type Wish } from "../translate/rooms/to-room.ts";
import { approval, voiceRequest } from "../translate/rooms/voice.ts";
import { type Call, type DoorParts, isError, onLost } from "./rooms-door.ts";
import type { OccupiedRoom } from "./rooms-room.ts";

/** How long the sender of a message may wait for its refusal, milliseconds. */
const holdMs = 10_000;

export interface TalkParts extends DoorParts {
  readonly accept: (draft: MessageDraft, arrival: Parameters<Courier["accept"]>[1]) => Promise<Acceptance>;
  readonly typing: (typing: Typing) => void;
  /** Whom an address is the face of. */
  readonly behind: (address: Address) => Address;
  /** Something was said: what follows it waits for its place in the room. */
  readonly said: (settled: Promise<unknown>) => void;
}

/** Answers a message; resolves with a word for the count of stanzas when the bus holds it. */
export async function onMessage(parts: TalkParts, call: Call, room: OccupiedRoom): Promise<string> {
  if (isError(call.stanza)) return await onLost(parts, call, room);
  const self = byEndpoint(room.view, endpointId(call.jid));
  const target = call.nick === undefined ? undefined : byResource(room.view, call.nick);
  const wishes = messageToRoom(call.stanza, call.from, call.room, target?.nick ?? call.nick);
  const ends: string[] = [];
  for (const [index, wish] of wishes.entries()) {
    const one = index === 0 ? call : { ...call, transportId: `${call.transportId}#${index}` };
    const isOutsider = self === undefined && wish.kind !== "do" && wish.kind !== "none";
    ends.push(isOutsider ? no(parts, call, "not-joined") : await grant(parts, one, wish, room));
  }
  return ends.join("+");
}

const no = (parts: TalkParts, call: Call, reason: RoomReason, text?: string): string => {
  parts.send(refuse(call.stanza, roomError(reason, roomJid(call.room), text)));
  return "refused";
};

async function grant(parts: TalkParts, call: Call, wish: Wish, room: OccupiedRoom): Promise<string> {
  switch (wish.kind) {
    case "say":
      return await say(parts, call, wish.draft);
    case "do": {
      const answer = await parts.command(call, meant(parts, wish.do, room));
      if (!answer.ok) return no(parts, call, answer.reason, answer.text);
      await room.reached(answer.number);
      return wish.do.kind;
    }
    case "typing":
      return typing(parts, call, wish, room);
    case "voice":
      return await voice(parts, call, wish, room);
    case "refuse":
      return no(parts, call, wish.reason, wish.text);
    case "none":
      return "dropped";
  }
}

// Invitations name people as XMPP knows them: by a face, or by their nick in the room that they invited into.
function meant(parts: TalkParts, what: RoomDo, room: OccupiedRoom): RoomDo {
  if (what.kind !== "invite" && what.kind !== "decline") return what;
  const { to } = what;
  const isHere = to.device !== undefined && bareKey(to) === bareKey(room.address);
  const occupant = isHere ? byResource(room.view, to.device ?? "") : undefined;
  return { ...what, to: occupant?.address ?? bare(parts.behind(to)) };
}

async function say(parts: TalkParts, call: Call, draft: MessageDraft): Promise<string> {
  const acceptance = await parts.accept(draft, { source: call.jid, transportId: call.transportId, holdMs });
  if (!acceptance.accepted) {
    const { reason, text } = roomReason(acceptance.reason, acceptance.text);
    return no(parts, call, reason, text);
  }
  parts.said(acceptance.settled.then((end) => told(parts, call, end)));
  return acceptance.duplicate ? "duplicate" : "accepted";
}

// A refusal that comes while its sender is waited for is his error stanza; all else he has as the echo.
function told(parts: TalkParts, call: Call, end: Settled | undefined): void {
  if (end === undefined || end.outcome === "handed") return;
  const { reason, text } = roomReason(end.reason ?? "internal", end.text);
  no(parts, call, reason, text);
}

/** The room's own reason behind a message's refusal: its words say it where the closed list of messages is too coarse. */
function roomReason(
  reason: Reason,
  text: string | undefined,
): { reason: RoomReason; text: string | undefined } {
  const named = roomReasons.find((one) => roomReasonText[one] === text);
  return { reason: named ?? roomReasonOf[reason], text };
}

function typing(
  parts: TalkParts,
  call: Call,
  { state, to }: Extract<Wish, { kind: "typing" }>,
  room: OccupiedRoom,
): string {
  const self = byEndpoint(room.view, endpointId(call.jid));
  const target = to === undefined ? undefined : byResource(room.view, to);
  if (self === undefined || self.role === "observer" || (to !== undefined && target === undefined))
    return "dropped";
  const { key, nick } = self;
  parts.typing({ room: room.address, key, nick, state, ...(target && { to: target.key }) });
  return "typing";
}

/** Somebody asks for a voice, or a moderator gives it (XEP-0045 §7.13, §8.6). */
async function voice(
  parts: TalkParts,
  call: Call,
  { form }: Extract<Wish, { kind: "voice" }>,
  room: OccupiedRoom,
): Promise<string> {
  const self = byEndpoint(room.view, endpointId(call.jid));
  if (self === undefined) return no(parts, call, "not-joined");
  const given = approval(form, room.view);
  if (given !== undefined) {
    const answer = await parts.command(call, given);
    return answer.ok ? "voice" : no(parts, call, answer.reason, answer.text);
  }
  if (self.role !== "observer") return "dropped";
  const stanza = voiceRequest(room.address, self, call.jid);
  for (const { key, jid } of room.audience.values())
    if (room.view.participants.get(key)?.role === "moderator")
      parts.send({ ...stanza, attrs: { ...stanza.attrs, to: jid } });
  return "voice";
}
