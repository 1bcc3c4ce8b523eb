// The view of one room: what its log, read from the beginning or from a snapshot on, says about it. Pure. conference-svc decides
// over it, and every gateway with members in the room keeps the same one, so that all see the same roster in the same order.
import { z } from "zod";
import { Address, bareKey } from "../address.ts";
import {
  Actor,
  Affiliation,
  type Participant,
  Participant as ParticipantSchema,
  RoomConfig,
  type RoomEvent,
  RoomEvent as RoomEventSchema,
} from "../events/room.ts";
import { nickKey } from "./nick.ts";

/** Of what has been said, so many events are kept in the view: what a newcomer is shown, and what ids are looked up in. */
export const recentLimit = 200;
/** And no more than so many octets of them: a view must fit into one answer on the bus. */
const recentBytes = 256 * 1024;

/** A view as it is stored and sent. */
export const RoomSnapshot = z.object({
  room: Address,
  /** False until it is created, and after it is destroyed. */
  exists: z.boolean(),
  epoch: z.int(),
  number: z.int(),
  time: z.number(),
  config: RoomConfig.optional(),
  subject: z.object({ text: z.string(), by: Actor, time: z.number() }).optional(),
  participants: z.array(ParticipantSchema),
  affiliations: z.array(
    z.object({ address: Address, affiliation: Affiliation, reason: z.string().optional() }),
  ),
  /** Said, subject, reacted, retracted: oldest first. */
  recent: z.array(RoomEventSchema),
});
export type RoomSnapshot = z.infer<typeof RoomSnapshot>;

export interface RoomView {
  readonly room: Address;
  exists: boolean;
  epoch: number;
  number: number;
  time: number;
  config: RoomConfig | undefined;
  subject: { text: string; by: Actor; time: number } | undefined;
  /** By key, in the order in which they came. */
  readonly participants: Map<string, Participant>;
  /** Nick (nickKey) to participant's key. */
  readonly nicks: Map<string, string>;
  /** Endpoint id to participant's key. */
  readonly endpoints: Map<string, string>;
  /** Bare key of an address, or a domain, to what it is here. */
  readonly affiliations: Map<
    string,
    { address: Address; affiliation: Affiliation; reason?: string | undefined }
  >;
  recent: RoomEvent[];
  recentBytes: number;
}

/** A room of which nothing has happened yet. */
export const emptyView = (room: Address): RoomView => ({
  room,
  exists: false,
  epoch: 0,
  number: 0,
  time: 0,
  config: undefined,
  subject: undefined,
  participants: new Map(),
  nicks: new Map(),
  endpoints: new Map(),
  affiliations: new Map(),
  recent: [],
  recentBytes: 0,
});

/** The view as it was stored. */
export function readSnapshot(snapshot: RoomSnapshot): RoomView {
  const { config, subject } = snapshot;
  const view: RoomView = {
    ...emptyView(snapshot.room),
    ...snapshot,
    config,
    subject,
    participants: new Map(),
    affiliations: new Map(),
    recent: [],
    recentBytes: 0,
  };
  for (const event of snapshot.recent) remember(view, event);
  for (const participant of snapshot.participants) enter(view, participant);
  for (const one of snapshot.affiliations) view.affiliations.set(bareKey(one.address), one);
  return view;
}

/** The view as it is to be stored. */
export const takeSnapshot = (view: RoomView): RoomSnapshot => ({
  room: view.room,
  exists: view.exists,
  epoch: view.epoch,
  number: view.number,
  time: view.time,
  ...(view.config && { config: view.config }),
  ...(view.subject && { subject: view.subject }),
  participants: [...view.participants.values()],
  affiliations: [...view.affiliations.values()],
  recent: view.recent,
});

/**
 * Applies the next event of the log. False: it is void (written by a sequencer that had lost the room, or known already) and
 * nobody may act on it.
 */
export function applyEvent(view: RoomView, event: RoomEvent): boolean {
  // A new sequencer cannot know what the old one wrote last: its first event takes the next number, whatever that is.
  const next =
    event.change.kind === "owner"
      ? event.epoch > view.epoch
      : event.epoch === view.epoch && event.number === view.number + 1;
  if (!next) return false;
  view.epoch = event.epoch;
  view.number += 1;
  view.time = event.time;
  change(view, event);
  return true;
}

/** An event of a kind that this version does not know: it is counted, so that what follows it is not void. */
export function skipEvent(view: RoomView, event: { epoch: number; number: number; time: number }): void {
  if (event.epoch !== view.epoch || event.number !== view.number + 1) return;
  view.number += 1;
  view.time = event.time;
}

/** The participant of this nick. */
export function byNick(view: RoomView, nick: string): Participant | undefined {
  const key = view.nicks.get(nickKey(nick));
  return key === undefined ? undefined : view.participants.get(key);
}

/** The participant to whom this device belongs. */
export function byEndpoint(view: RoomView, endpoint: string): Participant | undefined {
  const key = view.endpoints.get(endpoint);
  return key === undefined ? undefined : view.participants.get(key);
}

/** What this address is to the room; a domain's entry holds for all its people who have none of their own. */
export function affiliationOf(view: RoomView, address: Address): Affiliation {
  const own = view.affiliations.get(bareKey(address));
  if (own !== undefined) return own.affiliation;
  return view.affiliations.get(domainKey(address.domain))?.affiliation ?? "none";
}

/** A whole domain stands in the lists as an address with the local part `*`. */
const domainKey = (domain: string): string => bareKey({ local: "*", domain });

function change(view: RoomView, event: RoomEvent): void {
  const { change: what } = event;
  switch (what.kind) {
    case "created":
      view.exists = true;
      view.config = what.config;
      return;
    case "configured":
      view.config = what.config;
      return;
    case "joined":
      return enter(view, what.participant);
    case "endpoint":
      return void endpoint(view, what.key, (list) => [
        ...list.filter((one) => one.id !== what.endpoint.id),
        what.endpoint,
      ]);
    case "endpoint-gone":
      view.endpoints.delete(what.endpoint);
      return void endpoint(view, what.key, (list) => list.filter((one) => one.id !== what.endpoint));
    case "left":
      return leave(view, what.gone.key);
    case "roster":
      for (const gone of what.gone) leave(view, gone.key);
      for (const participant of what.joined) enter(view, participant);
      return;
    case "renamed":
      return rename(view, what.key, what.nick);
    case "rekeyed":
      return rekey(view, what.key, what.to, what.address);
    case "status":
      return amend(view, what.key, { status: what.status });
    case "role":
      return amend(view, what.key, { role: what.role });
    case "affiliation":
      return affiliation(view, what);
    case "subject":
      view.subject = { text: what.text, by: what.by, time: event.time };
      return remember(view, event);
    case "said":
    case "reacted":
    case "retracted":
      return remember(view, event);
    case "destroyed":
      return clear(view);
    case "owner":
    case "invited":
    case "declined":
    case "notice":
      return;
    default:
      return what satisfies never;
  }
}

function enter(view: RoomView, participant: Participant): void {
  leave(view, participant.key);
  view.participants.set(participant.key, participant);
  view.nicks.set(nickKey(participant.nick), participant.key);
  for (const one of participant.endpoints) view.endpoints.set(one.id, participant.key);
}

function leave(view: RoomView, key: string): void {
  const participant = view.participants.get(key);
  if (participant === undefined) return;
  view.participants.delete(key);
  view.nicks.delete(nickKey(participant.nick));
  for (const one of participant.endpoints) view.endpoints.delete(one.id);
}

function amend(view: RoomView, key: string, part: Partial<Participant>): void {
  const participant = view.participants.get(key);
  if (participant !== undefined) view.participants.set(key, { ...participant, ...part });
}

function endpoint(
  view: RoomView,
  key: string,
  edit: (list: Participant["endpoints"]) => Participant["endpoints"],
): void {
  const participant = view.participants.get(key);
  if (participant === undefined) return;
  const endpoints = edit(participant.endpoints);
  view.participants.set(key, { ...participant, endpoints });
  for (const one of endpoints) view.endpoints.set(one.id, key);
}

function rename(view: RoomView, key: string, nick: string): void {
  const participant = view.participants.get(key);
  if (participant === undefined) return;
  view.nicks.delete(nickKey(participant.nick));
  view.nicks.set(nickKey(nick), key);
  view.participants.set(key, { ...participant, nick });
}

function rekey(view: RoomView, key: string, to: string, address: Address): void {
  const participant = view.participants.get(key);
  if (participant === undefined) return;
  leave(view, key);
  enter(view, { ...participant, key: to, address });
}

function affiliation(
  view: RoomView,
  what: {
    address: Address;
    affiliation: Affiliation;
    key?: string | undefined;
    role?: Participant["role"] | undefined;
    reason?: string | undefined;
  },
): void {
  const place = bareKey(what.address);
  if (what.affiliation === "none") view.affiliations.delete(place);
  else
    view.affiliations.set(place, {
      address: what.address,
      affiliation: what.affiliation,
      ...(what.reason !== undefined && { reason: what.reason }),
    });
  if (what.key !== undefined)
    amend(view, what.key, { affiliation: what.affiliation, ...(what.role && { role: what.role }) });
}

function remember(view: RoomView, event: RoomEvent): void {
  // A private message is nobody's history but of the two; looked up by id it must be found all the same.
  view.recent.push(event);
  view.recentBytes += weight(event);
  while (view.recent.length > recentLimit || (view.recentBytes > recentBytes && view.recent.length > 1)) {
    const [oldest] = view.recent.splice(0, 1);
    if (oldest !== undefined) view.recentBytes -= weight(oldest);
  }
}

/** About how many octets an event takes: its text, and the rest at a flat rate. */
const weight = ({ change: { ...what } }: RoomEvent): number =>
  400 +
  (what.kind === "said" ? what.message.text.length * 2 : what.kind === "subject" ? what.text.length * 2 : 0);

function clear(view: RoomView): void {
  view.exists = false;
  view.config = undefined;
  view.subject = undefined;
  view.participants.clear();
  view.nicks.clear();
  view.endpoints.clear();
  view.affiliations.clear();
  view.recent = [];
  view.recentBytes = 0;
}
