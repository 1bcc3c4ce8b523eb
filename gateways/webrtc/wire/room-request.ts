// What a browser asks about rooms: the videoroom requests of sylkRTC-2 without audio and video, and additions of our own.
import { z } from "zod";
import { address, maybe, ownId, text, transaction } from "./fields.ts";
import { limits } from "./limits.ts";

/** A session is one room on one connection, named by the client. */
const session = ownId;
const base = { transaction, session };
const nick = z.string().min(1).max(limits.textLength);
const reason = maybe(text);
/** An id that the room gave to something said in it. */
const eventId = z.string().min(1).max(64);
const content = { content: z.string(), content_type: text };

const Config = z.object({
  title: maybe(text),
  description: maybe(z.string().max(4096)),
  persistent: maybe(z.boolean()),
  listed: maybe(z.boolean()),
  members_only: maybe(z.boolean()),
  moderated: maybe(z.boolean()),
  open_addresses: maybe(z.boolean()),
  subject_by: maybe(z.enum(["speakers", "moderators"])),
  invites_by: maybe(z.enum(["everybody", "moderators"])),
  private_messages: maybe(z.enum(["everybody", "speakers", "moderators", "nobody"])),
  /** Null takes it away. */
  password: z.string().max(256).nullable().optional(),
  max_participants: maybe(z.int().positive()),
  history: maybe(z.int().nonnegative()),
  language: maybe(z.string().max(100)),
});
/** What of a room can be configured; the names are those of the canonical configuration, written as this vocabulary writes. */
export type RoomConfigFields = z.infer<typeof Config>;

/** Whom a moderator means: by nick or by address. */
const target = { nick: maybe(nick), uri: maybe(address) };

export const roomRequests = [
  z.object({
    sylkrtc: z.literal("videoroom-join"),
    ...base,
    account: address,
    uri: address,
    /** An offer of audio and video: refused, this is for messages. */
    sdp: maybe(z.string()),
    audio: maybe(z.boolean()),
    video: maybe(z.boolean()),
    /** Additions: the nick wanted; the room's secret; the last number known, to get what was missed; how much history at most. */
    nick: maybe(nick),
    password: maybe(z.string().max(256)),
    since: maybe(z.int().nonnegative()),
    history: maybe(z.int().nonnegative().max(limits.roomHistory)),
  }),
  z.object({ sylkrtc: z.literal("videoroom-leave"), ...base, reason }),
  z.object({
    sylkrtc: z.literal("videoroom-message"),
    ...base,
    message_id: ownId,
    ...content,
    timestamp: maybe(text),
    /** Additions: for this nick only; the own message that this one replaces; the message that this one answers. */
    to: maybe(nick),
    correction_of: maybe(ownId),
    reply_to: maybe(z.object({ event_id: eventId, nick: maybe(nick), excerpt: maybe(text) })),
    thread: maybe(text),
    language: maybe(z.string().max(100)),
  }),
  z.object({
    sylkrtc: z.literal("videoroom-composing-indication"),
    ...base,
    state: z.enum(["active", "idle"]),
    refresh: maybe(z.number()),
    to: maybe(nick),
  }),
  z.object({
    sylkrtc: z.literal("videoroom-configure"),
    ...base,
    active_participants: maybe(z.array(text).max(2)),
    config: maybe(Config),
  }),
  z.object({
    sylkrtc: z.literal("videoroom-invite"),
    ...base,
    participants: z.array(address).min(1).max(limits.invitations),
    reason,
  }),
  // All that follows are additions of our own.
  z.object({ sylkrtc: z.literal("videoroom-nick"), ...base, nick }),
  z.object({
    sylkrtc: z.literal("videoroom-status"),
    ...base,
    show: z.enum(["available", "chat", "away", "xa", "dnd"]),
    text: reason,
  }),
  z.object({ sylkrtc: z.literal("videoroom-subject"), ...base, text: z.string().max(4096) }),
  z.object({
    sylkrtc: z.literal("videoroom-role"),
    ...base,
    ...target,
    role: z.enum(["observer", "speaker", "moderator"]),
    reason,
  }),
  z.object({ sylkrtc: z.literal("videoroom-kick"), ...base, ...target, reason }),
  z.object({
    sylkrtc: z.literal("videoroom-affiliation"),
    ...base,
    changes: z
      .array(
        z.object({
          ...target,
          affiliation: z.enum(["owner", "admin", "member", "none", "outcast"]),
          reason,
        }),
      )
      .min(1)
      .max(100),
  }),
  z.object({ sylkrtc: z.literal("videoroom-retract"), ...base, event_id: eventId, reason }),
  z.object({
    sylkrtc: z.literal("videoroom-react"),
    ...base,
    event_id: eventId,
    emoji: z.array(z.string().min(1).max(64)).max(limits.reactions),
    message_id: maybe(ownId),
  }),
  z.object({
    sylkrtc: z.literal("videoroom-history"),
    ...base,
    before: maybe(eventId),
    after: maybe(eventId),
    since: maybe(z.int().nonnegative()),
    limit: maybe(z.int().positive().max(limits.roomHistory)),
  }),
  z.object({ sylkrtc: z.literal("videoroom-affiliations"), ...base }),
  /** `about`: one thing alone, by a word of its name. */
  z.object({ sylkrtc: z.literal("videoroom-capabilities"), ...base, about: maybe(text) }),
  z.object({
    sylkrtc: z.literal("videoroom-destroy"),
    ...base,
    reason,
    /** Where people may go instead. */
    alternate: maybe(address),
  }),
  z.object({
    sylkrtc: z.literal("videoroom-create"),
    transaction,
    account: address,
    uri: address,
    config: maybe(Config),
  }),
  z.object({ sylkrtc: z.literal("videoroom-list"), transaction, account: address, domain: maybe(text) }),
  z.object({
    sylkrtc: z.literal("videoroom-decline"),
    transaction,
    account: address,
    uri: address,
    /** Who had invited. */
    to: address,
    reason,
  }),
] as const;
