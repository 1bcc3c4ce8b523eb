// Questions to rooms and their occupants, and orders: XEP-0030, 0045 §6, §8 to §10, 0199, 0313, 0410, 0425.
import type { Address } from "#bus-schemas/address.ts";
import { fromJid } from "#bus-schemas/addresses/jid.ts";
import type { Participant } from "#bus-schemas/events/room.ts";
import type { RoomDo, RoomPage, RoomQuestion, RoomReason } from "#bus-schemas/events/room-command.ts";
import type { RoomCapabilities } from "#bus-schemas/rooms/capabilities.ts";
import { affiliationOf, byEndpoint } from "#bus-schemas/rooms/view.ts";
import { infoElement } from "../session/caps.ts";
import { finElement, metadata, pageStanzas, queryForm, readQuery } from "../translate/rooms/archive.ts";
import { capabilitiesElement } from "../translate/rooms/capabilities-form.ts";
import { refuse, roomError } from "../translate/rooms/errors.ts";
import { readForm } from "../translate/rooms/form.ts";
import { askedList, listElement, readChanges } from "../translate/rooms/lists.ts";
import {
  byResource,
  endpointId,
  occupantJid,
  type RoomFaces,
  roomJid,
  shownNick,
} from "../translate/rooms/names.ts";
import { deviceToken, readdressed, readRelayId, relayable, relayId } from "../translate/rooms/relay.ts";
import { configForm, configType, readConfig, roomInfo } from "../translate/rooms/room-info.ts";
import { emptyStage, recipientsOf, seesAddresses } from "../translate/rooms/stage.ts";
import { child, childText, type Element, element, elements, ns } from "../wire/element.ts";
import type { Call, DoorParts } from "./rooms-door.ts";
import type { OccupiedRoom } from "./rooms-room.ts";

export interface IqParts extends DoorParts {
  readonly faces: RoomFaces;
  readonly behind: (address: Address) => Address;
  readonly history: (question: Extract<RoomQuestion, { ask: "history" }>) => Promise<RoomPage | undefined>;
  readonly capabilities: (room: Address) => Promise<RoomCapabilities | undefined>;
  /** Writes many, in order, before what is sent next. */
  readonly sendAll: (stanzas: readonly Element[], to: string) => Promise<void>;
}

type Answer = Element | RoomReason | "bad-request" | "service-unavailable";

/** Answers an IQ to a room or an occupant; resolves with a word for the count of stanzas. */
export async function onIq(parts: IqParts, call: Call, room: OccupiedRoom): Promise<string> {
  const { stanza, nick } = call;
  const { type } = stanza.attrs;
  if (nick !== undefined) return onOccupantIq(parts, call, room, nick);
  const [question, more] = elements(stanza);
  if (type !== "get" && type !== "set") return "dropped";
  if (question === undefined || more !== undefined) return reply(parts, call, "bad-request");
  const answer =
    type === "get" ? await get(parts, call, room, question) : await set(parts, call, room, question);
  return reply(parts, call, answer);
}

const done = (...children: Element[]): Element => element("iq", ns.component, {}, ...children);

function reply(parts: IqParts, call: Call, answer: Answer): string {
  const { from, to, id } = call.stanza.attrs;
  if (typeof answer !== "string") {
    parts.send(element("iq", ns.component, { type: "result", from: to, to: from, id }, ...answer.children));
    return "answered";
  }
  const error =
    answer === "bad-request" || answer === "service-unavailable"
      ? element(
          "error",
          ns.component,
          { type: answer === "bad-request" ? "modify" : "cancel" },
          element(answer, ns.stanzas),
        )
      : roomError(answer, roomJid(call.room));
  parts.send(refuse(call.stanza, error));
  return "refused";
}

async function get(parts: IqParts, call: Call, room: OccupiedRoom, question: Element): Promise<Answer> {
  const { view } = room;
  switch (`${question.name} ${question.xmlns}`) {
    case `ping ${ns.ping}`:
      return view.endpoints.has(endpointId(call.jid)) ? done() : "not-joined";
    case `query ${ns.discoInfo}`:
      return question.attrs.node === ns.capabilities
        ? await capabilities(parts, call, room)
        : discoInfo(call, room, question.attrs.node);
    case `query ${ns.discoItems}`:
      return discoItems(call, room);
    case `query ${ns.mucAdmin}`: {
      const list = askedList(question);
      if (list === undefined) return "bad-request";
      if (!view.exists) return "no-such-room";
      return mayList(call, room, list) ? done(listElement(view, list, parts.faces)) : "forbidden";
    }
    case `query ${ns.mucOwner}`:
      if (!view.exists || view.config === undefined) return "no-such-room";
      return standing(call, room) === "owner"
        ? done(element("query", ns.mucOwner, {}, configForm(view.config)))
        : "forbidden";
    case `query ${ns.mam}`:
      return done(queryForm());
    case `metadata ${ns.mam}`:
      return await archiveEnds(parts, call, room);
    default:
      return "service-unavailable";
  }
}

async function set(parts: IqParts, call: Call, room: OccupiedRoom, question: Element): Promise<Answer> {
  switch (`${question.name} ${question.xmlns}`) {
    case `query ${ns.mucAdmin}`: {
      const wishes = readChanges(question, room.view, parts.behind);
      return typeof wishes === "string" ? wishes : await all(parts, call, room, wishes);
    }
    case `query ${ns.mucOwner}`:
      return await own(parts, call, room, question);
    case `query ${ns.mam}`:
      return await archive(parts, call, room, question);
    case `moderate ${ns.moderate}`: {
      const message = question.attrs.id ?? "";
      if (message === "" || message.length > 64 || !child(question, "retract", ns.retract))
        return "bad-request";
      const reason = childText(question, "reason", ns.moderate)?.trim().slice(0, 1_024);
      return await all(parts, call, room, [{ kind: "retract", message, ...(reason ? { reason } : {}) }]);
    }
    default:
      return "service-unavailable";
  }
}

/** Several orders, until one is refused. */
async function all(
  parts: IqParts,
  call: Call,
  room: OccupiedRoom,
  wishes: readonly RoomDo[],
): Promise<Answer> {
  for (const [index, wish] of wishes.entries()) {
    const one = index === 0 ? call : { ...call, transportId: `${call.transportId}#${index}` };
    const answer = await parts.command(one, wish);
    if (!answer.ok) return answer.reason;
    await room.reached(answer.number);
  }
  return done();
}

async function own(parts: IqParts, call: Call, room: OccupiedRoom, query: Element): Promise<Answer> {
  const destroy = child(query, "destroy", ns.mucOwner);
  if (destroy) {
    const reason = childText(destroy, "reason", ns.mucOwner)?.trim().slice(0, 1_024);
    const alternate = fromJid(destroy.attrs.jid ?? "");
    const there = alternate.ok && {
      alternate: { local: alternate.value.local, domain: alternate.value.domain },
    };
    return await all(parts, call, room, [{ kind: "destroy", ...(reason ? { reason } : {}), ...there }]);
  }
  const form = readForm(query);
  if (form === undefined) return "bad-request";
  // The room was there with its first occupant; whoever does not want to configure it has it as it is (XEP-0045 §10.1.2).
  if (form.action === "cancel") return done();
  if (form.type !== undefined && form.type !== configType) return "bad-request";
  return await all(parts, call, room, [{ kind: "configure", config: readConfig(form) }]);
}

const selfOf = (call: Call, room: OccupiedRoom): Participant | undefined =>
  byEndpoint(room.view, endpointId(call.jid));

const standing = (call: Call, room: OccupiedRoom): Participant["affiliation"] =>
  selfOf(call, room)?.affiliation ?? affiliationOf(room.view, call.from);

/** Lists are for those who rule; those with a place in it may see who is a member (XEP-0045 §9.5). */
function mayList(call: Call, room: OccupiedRoom, list: ReturnType<typeof askedList>): boolean {
  const affiliation = standing(call, room);
  if (affiliation === "owner" || affiliation === "admin") return true;
  if (list !== undefined && "role" in list) return selfOf(call, room)?.role === "moderator";
  return (
    affiliation === "member" && list !== undefined && "affiliation" in list && list.affiliation === "member"
  );
}

function discoInfo(call: Call, room: OccupiedRoom, node: string | undefined): Answer {
  const { view } = room;
  if (!view.exists || view.config === undefined) return "no-such-room";
  if (node === "x-roomuser-item") {
    const self = selfOf(call, room);
    const identity = { category: "conference", type: "text", name: self && shownNick(view.room, self) };
    return done(
      element("query", ns.discoInfo, { node }, self && element("identity", ns.discoInfo, identity)),
    );
  }
  if (node !== undefined && node !== "") return "no-such-person";
  return done(infoElement(roomInfo(view, view.config), node));
}

/** By which ways people are in it, and what each of them meets: for those who may come in. */
async function capabilities(parts: IqParts, call: Call, room: OccupiedRoom): Promise<Answer> {
  const barred = mayRead(call, room);
  if (barred !== undefined) return barred;
  const found = await parts.capabilities(room.address);
  return found === undefined ? "no-such-room" : done(capabilitiesElement(found));
}

/** Who is in it: for its people, and for all where the room is in the list (XEP-0045 §6.5). */
function discoItems(call: Call, room: OccupiedRoom): Answer {
  const { view } = room;
  if (!view.exists) return "no-such-room";
  const open = selfOf(call, room) !== undefined || (view.config?.listed === true && !view.config.membersOnly);
  const people = open ? [...view.participants.values()] : [];
  const items = people.map((one) => element("item", ns.discoItems, { jid: occupantJid(view.room, one) }));
  return done(element("query", ns.discoItems, {}, ...items));
}

/** Who may come in may read what was said (XEP-0313 §6.2). */
function mayRead(call: Call, room: OccupiedRoom): RoomReason | undefined {
  const { view } = room;
  if (!view.exists || view.config === undefined) return "no-such-room";
  if (selfOf(call, room) !== undefined) return undefined;
  const affiliation = standing(call, room);
  if (affiliation === "outcast") return "banned";
  if (view.config.membersOnly && affiliation === "none") return "members-only";
  return view.config.password !== undefined && affiliation === "none" ? "password" : undefined;
}

async function archive(parts: IqParts, call: Call, room: OccupiedRoom, query: Element): Promise<Answer> {
  const barred = mayRead(call, room);
  if (barred !== undefined) return barred;
  const self = selfOf(call, room);
  const question = readQuery(query, room.view);
  if (question === "bad-request") return "bad-request";
  const page = await parts.history(question);
  if (page === undefined) return "unreachable";
  const open = self !== undefined && seesAddresses(emptyStage(), room.view, self.key);
  await parts.sendAll(pageStanzas(page, room.view, query.attrs.queryid, open, parts.faces), call.jid);
  return done(finElement(page));
}

async function archiveEnds(parts: IqParts, call: Call, room: OccupiedRoom): Promise<Answer> {
  const barred = mayRead(call, room);
  if (barred !== undefined) return barred;
  const ask = { ask: "history", room: room.address, max: 1 } as const;
  const first = await parts.history(ask);
  const last = await parts.history({ ...ask, last: true });
  return done(metadata(first?.events[0], last?.events[0]));
}

/** To an occupant: about oneself it says whether one is in (XEP-0410 §3); else it is passed on to him. */
function onOccupantIq(parts: IqParts, call: Call, room: OccupiedRoom, nick: string): string {
  const { stanza } = call;
  const { type } = stanza.attrs;
  const self = selfOf(call, room);
  if (type === "result" || type === "error") return passBack(parts, call, room, self);
  if (self === undefined) return reply(parts, call, "not-joined");
  const target = byResource(room.view, nick);
  if (target === undefined) return reply(parts, call, "no-such-person");
  if (target.key === self.key && child(stanza, "ping", ns.ping)) return reply(parts, call, done());
  const device = recipientsOf(target)[0];
  if (device === undefined || !relayable(stanza)) return reply(parts, call, "service-unavailable");
  const id = relayId(deviceToken(call.jid, parts.faces.secret), stanza.attrs.id ?? "");
  parts.send(readdressed(stanza, occupantJid(room.address, self), device.jid, id));
  return "relayed";
}

function passBack(parts: IqParts, call: Call, room: OccupiedRoom, self: Participant | undefined): string {
  const asked = readRelayId(call.stanza.attrs.id);
  if (asked === undefined || self === undefined) return "dropped";
  const [token, id] = asked;
  // Only to a device of the occupant whom it is addressed to, and only as an answer.
  const asker = call.nick === undefined ? undefined : byResource(room.view, call.nick);
  const device =
    asker && recipientsOf(asker).find(({ jid }) => deviceToken(jid, parts.faces.secret) === token);
  if (device === undefined) return "dropped";
  parts.send(readdressed(call.stanza, occupantJid(room.address, self), device.jid, id));
  return "relayed";
}
