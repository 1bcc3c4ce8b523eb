// Presence to rooms: who comes in, changes, leaves; and what comes back from people who are not there any more.
import type { Address, Party } from "#bus-schemas/address.ts";
import type { RoomAnswer, RoomDo } from "#bus-schemas/events/room-command.ts";
import { byEndpoint } from "#bus-schemas/rooms/view.ts";
import { readError } from "../translate/errors.ts";
import { refuse, roomError } from "../translate/rooms/errors.ts";
import { endpointId, roomJid, shownNick } from "../translate/rooms/names.ts";
import { notHere } from "../translate/rooms/presence.ts";
import { type Arrival, meansLost, readArrival } from "../translate/rooms/presence-in.ts";
import { type Element, ns } from "../wire/element.ts";
import type { OccupiedRoom } from "./rooms-room.ts";

/** One stanza to a room, with what is known of it. */
export interface Call {
  readonly stanza: Element;
  /** The sender's full JID, in its one spelling. */
  readonly jid: string;
  readonly from: Party;
  readonly room: Address;
  /** The resource it was sent to. */
  readonly nick: string | undefined;
  readonly transportId: string;
}

/** What the door needs of the house. */
export interface DoorParts {
  readonly now: () => number;
  /** Whether he may enter one more room now. */
  readonly mayEnter: (source: Address) => boolean;
  readonly command: (call: Call, what: RoomDo) => Promise<RoomAnswer>;
  readonly send: (stanza: Element | undefined) => void;
}

/** Answers a presence; resolves with a word for the count of stanzas. */
export async function onPresence(
  parts: DoorParts,
  call: Call,
  room: () => Promise<OccupiedRoom>,
): Promise<string> {
  const { stanza } = call;
  if (stanza.attrs.type === "error") return await onLost(parts, call, await room());
  const arrival = readArrival(stanza, parts.now());
  switch (arrival.kind) {
    case "join":
      return await join(parts, call, arrival, room);
    case "here":
      return await here(parts, call, arrival, await room());
    case "leave":
      return await leave(parts, call, arrival.reason);
    case "none":
      return "dropped";
  }
}

const no = (parts: DoorParts, call: Call, answer: Extract<RoomAnswer, { ok: false }>): string => {
  parts.send(refuse(call.stanza, roomError(answer.reason, roomJid(call.room), answer.text)));
  return "refused";
};

async function join(
  parts: DoorParts,
  call: Call,
  arrival: Extract<Arrival, { kind: "join" }>,
  open: () => Promise<OccupiedRoom>,
): Promise<string> {
  const { nick, from, jid } = call;
  if (nick === undefined) return no(parts, call, { ok: false, reason: "nick-invalid" });
  if (!parts.mayEnter(from)) return no(parts, call, { ok: false, reason: "rate-limited" });
  const room = await open();
  const id = endpointId(jid);
  room.expect(id, { nick, history: arrival.history });
  const address = {
    local: from.local,
    domain: from.domain,
    ...(from.device !== undefined && { device: from.device }),
  };
  let answer: RoomAnswer;
  try {
    answer = await parts.command(call, {
      kind: "join",
      endpoint: { id, carrier: "xmpp", address, state: "connected", since: parts.now() },
      nick,
      mangle: false,
      status: arrival.status,
      ...(arrival.password !== undefined && { password: arrival.password }),
    });
  } catch (error) {
    room.unexpect(id);
    throw error;
  }
  if (!answer.ok) {
    room.unexpect(id);
    return no(parts, call, answer);
  }
  await room.reached(answer.number);
  await room.showAgain(id);
  room.unexpect(id);
  return "joined";
}

/** Without the word of entering: only of those who are in (no joins of the old kind, XEP-0045 §7.2.1). */
async function here(
  parts: DoorParts,
  call: Call,
  arrival: Extract<Arrival, { kind: "here" }>,
  room: OccupiedRoom,
): Promise<string> {
  const { nick, stanza } = call;
  const self = byEndpoint(room.view, endpointId(call.jid));
  if (self === undefined) {
    const stray = notHere(stanza.attrs.to ?? "");
    parts.send({ ...stray, attrs: { ...stray.attrs, to: call.jid } });
    return "stray";
  }
  const isRename = nick !== undefined && nick !== shownNick(room.address, self);
  const what: RoomDo = isRename
    ? { kind: "nick", nick, mangle: false }
    : { kind: "status", status: arrival.status };
  const answer = await parts.command(call, what);
  if (!answer.ok) return no(parts, call, answer);
  await room.reached(answer.number);
  return isRename ? "nick" : "status";
}

async function leave(parts: DoorParts, call: Call, reason: string | undefined): Promise<string> {
  const what: RoomDo = {
    kind: "leave",
    endpoint: endpointId(call.jid),
    ...(reason !== undefined && { reason }),
  };
  // Whoever leaves a room that he is not in is told nothing: he has what he wanted.
  return (await parts.command(call, what)).ok ? "left" : "dropped";
}

/** An error from an occupant for something that the room sent: if it says that he is gone, he is taken out (status 333). */
export async function onLost(parts: DoorParts, call: Call, room: OccupiedRoom): Promise<string> {
  const { condition, text } = readError(call.stanza);
  const endpoint = endpointId(call.jid);
  if (!meansLost(condition) || !room.view.endpoints.has(endpoint)) return "dropped";
  const reason = `lost: ${text ?? condition}`;
  const answer = await parts.command(call, { kind: "leave", endpoint, reason, lost: true });
  return answer.ok ? "lost" : "dropped";
}

/** Whether a stanza is an error that an occupant, or his server, sent back. */
export const isError = ({ attrs, xmlns }: Element): boolean =>
  attrs.type === "error" && xmlns === ns.component;
