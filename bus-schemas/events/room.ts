// room.event: one thing that happened in a hosted room, in the room's own order. conference-svc alone writes them; the log of
// a room is its history, and every gateway that has members in it keeps a replica made from it (rooms/view.ts).
import { z } from "zod";
import { Address, Assurance } from "../address.ts";
import { Carrier, Span } from "./message.ts";

export const roomLimits = {
  /** Octets of a nick in UTF-8 (RFC 7701 §7: at most 1,023; shorter here, so that every protocol can show it). */
  nickBytes: 255,
  subjectBytes: 4_096,
  reasonBytes: 1_024,
  /** Participants of one room, unless its configuration says less. */
  participants: 5_000,
  /** Devices of one participant in one room. */
  endpoints: 16,
  /** Different emoji of one person on one message. */
  reactions: 16,
  /** Addresses on the lists of one room (owners, admins, members, outcasts). */
  affiliations: 10_000,
} as const;

/** What somebody may do now (XEP-0045 §5.1): observers read, speakers speak, moderators rule. */
export const Role = z.enum(["observer", "speaker", "moderator"]);
export type Role = z.infer<typeof Role>;

/** What somebody is to the room, whether he is there or not (XEP-0045 §5.2). */
export const Affiliation = z.enum(["owner", "admin", "member", "none", "outcast"]);
export type Affiliation = z.infer<typeof Affiliation>;

/** One device or session through which a participant is in the room. */
export const Endpoint = z.object({
  /** Unique in the room: made by the gateway, the same for the same device and session. */
  id: z.string().min(1).max(1023),
  carrier: Carrier,
  /** The process (`courier.process`) that holds its connection, where it dies with it (sip, web); absent where another takes over unseen. */
  instance: z.string().max(255).optional(),
  /** The address with its device. */
  address: Address,
  /** `disconnected`: its connection broke, it is expected back for a while. */
  state: z.enum(["connected", "disconnected"]),
  since: z.number(),
  /** What its gateway needs to find it again (a SIP Contact): opaque to everybody else. */
  contact: z.string().max(2048).optional(),
});
export type Endpoint = z.infer<typeof Endpoint>;

/** Availability that a participant shows inside the room. */
export const RoomStatus = z.object({
  show: z.enum(["available", "chat", "away", "xa", "dnd"]),
  text: z.string().max(1024).optional(),
});
export type RoomStatus = z.infer<typeof RoomStatus>;

/** Somebody who is in the room: one person, however many devices, however many protocols. */
export const Participant = z.object({
  /** Who it is for the room's life: the bare key of the person; for people mirrored from a leg `<leg>/<name there>`. */
  key: z.string().min(1).max(2100),
  nick: z.string().min(1).max(1023),
  /** His real bare address. */
  address: Address,
  assurance: Assurance,
  role: Role,
  affiliation: Affiliation,
  endpoints: z.array(Endpoint).max(roomLimits.endpoints),
  status: RoomStatus.optional(),
  /** The leg that he is mirrored from; he has no endpoints then. */
  leg: z.string().max(512).optional(),
  joined: z.number(),
});
export type Participant = z.infer<typeof Participant>;

/** Who did it, as he was named at that moment. The service itself has no key. */
export const Actor = z.object({
  key: z.string().max(2100).optional(),
  nick: z.string().max(1023).optional(),
  address: Address.optional(),
});
export type Actor = z.infer<typeof Actor>;

export const RoomConfig = z.object({
  title: z.string().max(1024).optional(),
  description: z.string().max(4096).optional(),
  /** Stays when the last one has left. */
  persistent: z.boolean(),
  /** Shown in the list of rooms. */
  listed: z.boolean(),
  membersOnly: z.boolean(),
  /** Newcomers may only listen until somebody gives them a voice. */
  moderated: z.boolean(),
  /** Everybody sees real addresses; else only moderators do. */
  openAddresses: z.boolean(),
  subjectBy: z.enum(["speakers", "moderators"]),
  invitesBy: z.enum(["everybody", "moderators"]),
  privateMessages: z.enum(["everybody", "speakers", "moderators", "nobody"]),
  /** The secret asked for at the door, also a PIN; absent for none. */
  password: z.string().max(256).optional(),
  maxParticipants: z.int().positive().max(roomLimits.participants),
  /** Messages kept as history. */
  history: z.int().nonnegative().max(100_000),
  language: z.string().max(100).optional(),
});
export type RoomConfig = z.infer<typeof RoomConfig>;

/** What was said in a room. Ids are event ids: the message's id is that of the event that carries it. */
export const RoomMessage = z.object({
  from: Actor,
  /** The leg it came from, if it did. */
  leg: z.string().max(512).optional(),
  /** Where it entered, and the id that the sender's own client gave it: shown to everybody again (XEP-0045 §7.4). */
  origin: z.object({
    carrier: Carrier,
    messageId: z.string().max(1023).optional(),
    endpoint: z.string().max(1023).optional(),
  }),
  kind: z.enum(["chat", "notice"]),
  action: z.boolean(),
  text: z.string(),
  spans: z.array(Span).max(500).optional(),
  language: z.string().max(100).optional(),
  thread: z.string().max(1023).optional(),
  written: z.number().optional(),
  /** For one participant only: his key. Not part of the history. */
  to: z.object({ key: z.string().max(2100), nick: z.string().max(1023) }).optional(),
  /** The room's message that this one replaces (XEP-0308), by event id. */
  corrects: z.string().max(64).optional(),
  /** The room's message that this one answers (XEP-0461), by event id. */
  repliesTo: z
    .object({
      id: z.string().max(64),
      nick: z.string().max(1023).optional(),
      excerpt: z.string().max(200).optional(),
    })
    .optional(),
});
export type RoomMessage = z.infer<typeof RoomMessage>;

export const leaveCauses = [
  /** Of his own will, or his last device vanished for good. */
  "left",
  "lost",
  "kicked",
  "banned",
  /** No longer a member of a room that has become or is for members only. */
  "not-a-member",
  "destroyed",
  /** A leg that he was mirrored from broke in two or went away. */
  "netsplit",
  "leg-gone",
  "shutdown",
] as const;
export const LeaveCause = z.enum(leaveCauses);
export type LeaveCause = z.infer<typeof LeaveCause>;

const reason = z.string().max(1024).optional();
const Gone = z.object({
  key: z.string(),
  nick: z.string(),
  address: Address.optional(),
  cause: LeaveCause,
  by: Actor.optional(),
  reason,
});

/** Each kind of thing that can happen in a room. Changes only by adding. */
export const RoomChange = z.discriminatedUnion("kind", [
  /** A process has become the room's sequencer: events of lower epochs that follow in the log are void. */
  z.object({ kind: z.literal("owner"), instance: z.string() }),
  z.object({
    kind: z.literal("created"),
    config: RoomConfig,
    by: Actor.optional(),
    legs: z.array(z.string()).optional(),
  }),
  z.object({ kind: z.literal("configured"), config: RoomConfig, by: Actor.optional() }),
  /** `endpoint`: the one that entered; `created`: the room was made by this; `renicked`: he had asked for another nick. */
  z.object({
    kind: z.literal("joined"),
    participant: Participant,
    endpoint: z.string().optional(),
    created: z.boolean().optional(),
    renicked: z.boolean().optional(),
  }),
  /** Another device of somebody who is there already, or one that came back or broke. */
  z.object({ kind: z.literal("endpoint"), key: z.string(), nick: z.string(), endpoint: Endpoint }),
  /** A device left while others of the same person stay. */
  z.object({ kind: z.literal("endpoint-gone"), key: z.string(), nick: z.string(), endpoint: z.string() }),
  z.object({ kind: z.literal("left"), gone: Gone }),
  z.object({ kind: z.literal("renamed"), key: z.string(), from: z.string(), nick: z.string() }),
  /** Somebody mirrored from a leg has another name there, and with it another key. */
  z.object({ kind: z.literal("rekeyed"), key: z.string(), to: z.string(), address: Address }),
  z.object({ kind: z.literal("status"), key: z.string(), nick: z.string(), status: RoomStatus }),
  z.object({
    kind: z.literal("role"),
    key: z.string(),
    nick: z.string(),
    role: Role,
    by: Actor.optional(),
    reason,
  }),
  /** `key` and `nick` if he is in the room; his role then is the one given. An outcast is also told as `left`. */
  z.object({
    kind: z.literal("affiliation"),
    address: Address,
    affiliation: Affiliation,
    key: z.string().optional(),
    nick: z.string().optional(),
    role: Role.optional(),
    by: Actor.optional(),
    reason,
  }),
  z.object({ kind: z.literal("said"), message: RoomMessage }),
  z.object({ kind: z.literal("subject"), text: z.string().max(4096), by: Actor }),
  /** `moderated`: by somebody else than its author (XEP-0425). */
  z.object({ kind: z.literal("retracted"), message: z.string(), by: Actor, moderated: z.boolean(), reason }),
  /** The whole set of one person's reactions to one message; empty for none any more (XEP-0444). */
  z.object({
    kind: z.literal("reacted"),
    message: z.string(),
    by: Actor,
    emoji: z.array(z.string().max(64)).max(roomLimits.reactions),
    origin: z.object({ carrier: Carrier, messageId: z.string().max(1023).optional() }).optional(),
  }),
  z.object({ kind: z.literal("invited"), to: Address, by: Actor, reason, password: z.string().optional() }),
  z.object({ kind: z.literal("declined"), from: Address, to: Actor, reason }),
  /** Many at once, told once: a netsplit, a leg that came or went. */
  z.object({
    kind: z.literal("roster"),
    leg: z.string(),
    joined: z.array(Participant),
    gone: z.array(Gone),
    text: z.string().optional(),
  }),
  /** Something people should read, that nobody said: a leg lost, lines that may be missing. `to`: only this one. */
  z.object({
    kind: z.literal("notice"),
    text: z.string().max(1024),
    to: z.string().optional(),
    leg: z.string().optional(),
  }),
  z.object({ kind: z.literal("destroyed"), by: Actor.optional(), reason, alternate: Address.optional() }),
]);
export type RoomChange = z.infer<typeof RoomChange>;
export type RoomChangeKind = RoomChange["kind"];

export const RoomEvent = z.object({
  /** Event id: of the message or command that caused it, with a suffix if that caused several. Unique in the room. */
  id: z.string().max(64),
  type: z.literal("room.event"),
  version: z.literal(1),
  room: Address,
  /** The sequencer's epoch: the fence (rooms/README.md). */
  epoch: z.int().nonnegative(),
  /** The room's own count of what happened, rising by one with each event that is not void; `owner` says 0 and is counted by who reads it. */
  number: z.int().nonnegative(),
  /** When it was sequenced, milliseconds since 1970; never falls inside one room. */
  time: z.number(),
  change: RoomChange,
});
export type RoomEvent = z.infer<typeof RoomEvent>;
