// The `conference` section of parley.yaml: who may make rooms, what new ones are like, and the rooms that are always there.
import { z } from "zod";
import { roomLimits } from "#bus-schemas/events/room.ts";
import { addressText, duration } from "#bus-schemas/service/config-values.ts";

const shape = {
  title: z.string().max(1024).optional().describe("what people read as the room's name"),
  description: z.string().max(4096).optional().describe("a sentence about the room"),
  listed: z.boolean().describe("shown in the list of rooms"),
  membersOnly: z.boolean().describe("only members enter"),
  moderated: z.boolean().describe("newcomers may only listen until a moderator gives them a voice"),
  openAddresses: z.boolean().describe("everybody sees the real addresses of the others, not only moderators"),
  subjectBy: z.enum(["speakers", "moderators"]).describe("who may change the subject"),
  invitesBy: z.enum(["everybody", "moderators"]).describe("who may invite"),
  privateMessages: z
    .enum(["everybody", "speakers", "moderators", "nobody"])
    .describe("who may write to one participant alone"),
  password: z.string().max(256).optional().describe("the secret, or PIN, asked for at the door"),
  maxParticipants: z.int().positive().max(roomLimits.participants).describe("people at the same time"),
  history: z.int().nonnegative().max(100_000).describe("messages that are kept"),
  language: z.string().max(100).optional().describe("the room's language (BCP 47)"),
};

const Defaults = z.object({
  ...shape,
  persistent: z.boolean().default(false).describe("a room that people make stays when the last one has left"),
  listed: shape.listed.default(true),
  membersOnly: shape.membersOnly.default(false),
  moderated: shape.moderated.default(false),
  openAddresses: shape.openAddresses.default(false),
  subjectBy: shape.subjectBy.default("speakers"),
  invitesBy: shape.invitesBy.default("everybody"),
  privateMessages: shape.privateMessages.default("everybody"),
  maxParticipants: shape.maxParticipants.default(1_000),
  history: shape.history.default(10_000),
});

const Leg = z.object({
  carrier: z.string().describe("the IRC network's carrier, such as irc-libera; xmpp for a MUC elsewhere"),
  channel: z.string().min(2).max(200).describe("the channel that is one room with this one"),
  password: z
    .string()
    .max(256)
    .optional()
    .describe("the secret asked for at that channel's door (a MUC elsewhere)"),
  mode: z
    .enum(["puppets", "bot"])
    .default("puppets")
    .describe("each person his own nick there, or one bot that relays"),
  mirror: z
    .enum(["all", "speakers", "none"])
    .default("all")
    .describe("which of the channel's people are shown in the roster"),
  mirrorLimit: z
    .int()
    .positive()
    .max(5_000)
    .default(200)
    .describe("with more people than this there, only speakers are shown"),
  opsModerate: z
    .boolean()
    .default(false)
    .describe("operators of the channel rule the whole room, not only their channel"),
});
export type Leg = z.infer<typeof Leg>;

const addresses = z.array(addressText).prefault([]);
const Room = z.object({
  ...(Object.fromEntries(Object.entries(shape).map(([key, value]) => [key, value.optional()])) as Partial<
    typeof shape
  >),
  owners: addresses.describe("addresses that own the room"),
  members: addresses.describe("addresses that are members"),
  legs: z.array(Leg).max(16).default([]).describe("channels elsewhere that are tied to it"),
});

/** `conference:` in parley.yaml. */
export const RoomsConfig = z.object({
  create: z
    .enum(["everybody", "accounts", "nobody"])
    .default("accounts")
    .describe(
      "who may make a room by entering it: everybody; whoever logged in or is vouched for by his server; nobody",
    ),
  admins: addresses.describe("addresses that rule every room as owners"),
  disconnectedFor: duration
    .prefault("60s")
    .describe("how long somebody whose connection broke is waited for"),
  defaults: Defaults.prefault({}).describe("what a room is like that people make"),
  rooms: z
    .record(z.string().min(1), Room)
    .default({})
    .describe("rooms that are always there, by name (lobby) or whole address (lobby@rooms.example)"),
});
export type RoomsConfig = z.infer<typeof RoomsConfig>;
