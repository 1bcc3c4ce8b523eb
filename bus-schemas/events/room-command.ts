// room.command: what somebody wants to do in a hosted room, asked of the room's owner, who answers when it is in the log.
// Things said do not come this way: they are messages to the room's address and go through the courier, accounted for.
import { z } from "zod";
import { Address, Party } from "../address.ts";
import {
  Affiliation,
  Endpoint,
  Participant,
  Role,
  RoomConfig,
  RoomEvent,
  RoomStatus,
  roomLimits,
} from "./room.ts";

/** Why a room refuses. Every gateway has one total table from it to its own codes. */
export const roomReasons = [
  "no-such-room",
  "not-joined",
  "nick-taken",
  "nick-invalid",
  "banned",
  "members-only",
  "password",
  "full",
  "forbidden",
  "creation-forbidden",
  "no-such-person",
  "no-such-message",
  "no-private-messages",
  "too-large",
  "not-supported",
  "rate-limited",
  "gone",
  "unreachable",
] as const;
export const RoomReason = z.enum(roomReasons);
export type RoomReason = z.infer<typeof RoomReason>;

/** What a person is told where his protocol has room for a sentence. */
export const roomReasonText: Record<RoomReason, string> = {
  "no-such-room": "no such room",
  "not-joined": "you are not in this room",
  "nick-taken": "this nick is in use",
  "nick-invalid": "this nick cannot be used",
  banned: "you are banned from this room",
  "members-only": "this room is for members only",
  password: "a password is needed, or it is wrong",
  full: "this room is full",
  forbidden: "you may not do this here",
  "creation-forbidden": "you may not make a room here",
  "no-such-person": "no such person in this room",
  "no-such-message": "no such message in this room, or too old",
  "no-private-messages": "private messages are not possible here",
  "too-large": "too large",
  "not-supported": "not supported here",
  "rate-limited": "too much at once, try again later",
  gone: "this room has been destroyed",
  unreachable: "this room cannot be reached now, try again later",
};

/** Whom a moderator means: by nick (somebody in the room) or by address. */
const Target = z.object({
  nick: z.string().max(1023).optional(),
  key: z.string().max(2100).optional(),
  address: Address.optional(),
});
export type Target = z.infer<typeof Target>;
const reason = z.string().max(1024).optional();

/** Part of a configuration; `null` takes an optional value away. */
export const ConfigPatch = RoomConfig.partial().extend({
  password: z.string().max(256).nullable().optional(),
});
export type ConfigPatch = z.infer<typeof ConfigPatch>;

export const RoomDo = z.discriminatedUnion("kind", [
  /**
   * `nick` absent: one is made from the display name or the address. `mangle`: a nick that is taken is changed instead of
   * refused (for those who did not choose it). A device that is there already gets `joined`'s place again (a re-join).
   */
  z.object({
    kind: z.literal("join"),
    endpoint: Endpoint,
    nick: z.string().max(1023).optional(),
    mangle: z.boolean(),
    password: z.string().max(256).optional(),
    status: RoomStatus.optional(),
    /** Only into a room that is there: nobody makes rooms from IRC. */
    onlyExisting: z.boolean().optional(),
  }),
  /** `lost`: its connection is gone for good, nobody said farewell. */
  z.object({ kind: z.literal("leave"), endpoint: z.string(), reason, lost: z.boolean().optional() }),
  /** The connection of a device broke; it is expected back within `rooms.disconnectedFor`. */
  z.object({ kind: z.literal("disconnected"), endpoint: z.string() }),
  z.object({ kind: z.literal("nick"), nick: z.string().max(1023), mangle: z.boolean() }),
  z.object({ kind: z.literal("status"), status: RoomStatus }),
  /** `leg`: somebody mirrored from there does it. */
  z.object({ kind: z.literal("subject"), text: z.string().max(65_536), leg: z.string().max(512).optional() }),
  z.object({ kind: z.literal("role"), target: Target, role: Role, reason }),
  z.object({ kind: z.literal("kick"), target: Target, reason }),
  /** Several at once are all done or none (XEP-0045 §9). */
  z.object({
    kind: z.literal("affiliation"),
    changes: z
      .array(z.object({ address: Address, affiliation: Affiliation, reason }))
      .min(1)
      .max(100),
  }),
  z.object({ kind: z.literal("configure"), config: ConfigPatch }),
  z.object({ kind: z.literal("create"), config: ConfigPatch.optional() }),
  z.object({ kind: z.literal("destroy"), reason, alternate: Address.optional() }),
  z.object({ kind: z.literal("invite"), to: Address, reason }),
  z.object({ kind: z.literal("decline"), to: Address, reason }),
  /** `leg`: somebody mirrored from there does it. */
  z.object({
    kind: z.literal("retract"),
    message: z.string().max(64),
    reason,
    leg: z.string().max(512).optional(),
  }),
  z.object({
    kind: z.literal("react"),
    message: z.string().max(64),
    emoji: z.array(z.string().max(64)).max(roomLimits.reactions),
    messageId: z.string().max(1023).optional(),
    leg: z.string().max(512).optional(),
  }),
  /** What the reader of a leg sees there. Names are those of the leg; the room makes nicks and keys of them. */
  z.object({
    kind: z.literal("leg-roster"),
    leg: z.string().max(512),
    /** True: these are all who are there, others are gone. */
    whole: z.boolean(),
    joined: z
      .array(z.object({ name: z.string().max(1023), address: Address, role: Role.optional() }))
      .max(5_000),
    gone: z
      .array(
        z.object({
          name: z.string().max(1023),
          cause: z.enum(["left", "kicked", "lost", "netsplit", "leg-gone"]),
          reason,
        }),
      )
      .max(5_000),
    renamed: z
      .array(z.object({ from: z.string().max(1023), name: z.string().max(1023), address: Address }))
      .max(100),
    text: z.string().max(1024).optional(),
  }),
  /** Something people should read: lines that may be missing, a leg that was lost. `about`: only this participant is told. */
  z.object({
    kind: z.literal("notice"),
    text: z.string().max(1024),
    leg: z.string().max(512).optional(),
    about: Address.optional(),
  }),
]);
export type RoomDo = z.infer<typeof RoomDo>;

export const RoomCommand = z.object({
  /** Made by the gateway: the same for the same packet sent again; the owner does it once. */
  id: z.string().max(64),
  type: z.literal("room.command"),
  version: z.literal(1),
  room: Address,
  /** Who wants it, with the device. */
  from: Party,
  carrier: z.string().max(31),
  do: RoomDo,
});
export type RoomCommand = z.infer<typeof RoomCommand>;

export const RoomAnswer = z.discriminatedUnion("ok", [
  /** `number`: of the last event that it caused; `sequence`: that event's place in the stream. */
  z.object({ ok: z.literal(true), number: z.int(), sequence: z.int(), participant: Participant.optional() }),
  z.object({ ok: z.literal(false), reason: RoomReason, text: z.string().max(200).optional() }),
]);
export type RoomAnswer = z.infer<typeof RoomAnswer>;

/** A question to the room's owner that changes nothing. */
export const RoomQuestion = z.discriminatedUnion("ask", [
  z.object({ ask: z.literal("view"), room: Address }),
  /**
   * History, oldest first: said, subject, reacted, retracted. `before`/`after` are event ids (XEP-0059 §2), `since` a number of the
   * room (exclusive). `last`: the newest page instead of the oldest. Private messages only for `reader`, a participant's key.
   * `from`/`until`: milliseconds since 1970. `with`: only what this person (a bare key) said.
   */
  z.object({
    ask: z.literal("history"),
    room: Address,
    reader: z.string().optional(),
    max: z.int().positive().max(500),
    before: z.string().optional(),
    after: z.string().optional(),
    last: z.boolean().optional(),
    since: z.int().optional(),
    from: z.number().optional(),
    until: z.number().optional(),
    with: z.string().optional(),
  }),
]);
export type RoomQuestion = z.infer<typeof RoomQuestion>;

export const RoomPage = z.object({
  events: z.array(RoomEvent),
  /** True if there is nothing beyond it in the direction of reading. */
  complete: z.boolean(),
  total: z.int(),
});
export type RoomPage = z.infer<typeof RoomPage>;

/** A line of the list of rooms. */
export const RoomSummary = z.object({
  room: Address,
  title: z.string().optional(),
  subject: z.string().optional(),
  participants: z.int(),
  listed: z.boolean(),
  /** Carriers that have members in it now: who has to follow it after a restart. */
  carriers: z.array(z.string()),
});
export type RoomSummary = z.infer<typeof RoomSummary>;
