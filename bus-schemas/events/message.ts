// message.sent: one message from one person to another, as every protocol understands it.
import { z } from "zod";
import { Address, Party } from "../address.ts";

/** A carrier is what holds people of one kind: `sip`, `web`, `xmpp`, `irc-libera`; also a token in NATS subjects. */
export const Carrier = z.string().regex(/^[a-z][a-z0-9-]{0,30}$/);
export type Carrier = z.infer<typeof Carrier>;

/** Formatting of a piece of the text; offsets count UTF-16 code units, as JavaScript does. */
export const Span = z.object({
  from: z.int().nonnegative(),
  to: z.int().nonnegative(),
  style: z.enum(["bold", "italic", "underline", "strike", "mono", "quote", "link"]),
});
export type Span = z.infer<typeof Span>;

export const limits = {
  /** Bytes of text in one message; above it the edge refuses with too-large. */
  textBytes: 65_536,
  /** How often a message may pass a gateway before it is a loop. */
  hops: 8,
} as const;

export const MessageEvent = z.object({
  /** hash(carrier, authenticated source, destination, transport-level id, body): see ids.ts. */
  id: z.string(),
  type: z.literal("message.sent"),
  version: z.literal(1),
  /** When the edge accepted it, milliseconds since 1970. */
  time: z.number(),
  /** Who speaks, with the device. */
  from: Party,
  /** Who is addressed; a device only if that one was meant. */
  to: Address,
  /** Where it entered, and the id that the sender's own client gave it. */
  origin: z.object({ carrier: Carrier, messageId: z.string().max(1023).optional() }),
  kind: z.enum(["chat", "normal", "notice"]),
  /** True for /me (CTCP ACTION, XEP-0245); the text is without the "/me ". */
  action: z.boolean().default(false),
  /** Plain Unicode; lines end with LF. */
  text: z.string(),
  /** Formatting of the text. */
  spans: z.array(Span).max(500).optional(),
  /** BCP 47. */
  language: z.string().max(100).optional(),
  subject: z.string().max(4096).optional(),
  /** What keeps messages of one exchange together (XEP-0201, CPIM). */
  thread: z.string().max(1023).optional(),
  /** When the sender's client says that it wrote it, if that differs from `time` (CPIM DateTime, XEP-0203). */
  written: z.number().optional(),
  /** The sender's own id of the message that this one corrects (XEP-0308). */
  correctionOf: z.string().max(1023).optional(),
  /** The message that this one answers, by event id where it is known, with what a reader needs who cannot look it up (XEP-0461). */
  replyTo: z
    .object({
      id: z.string().max(1023).optional(),
      nick: z.string().max(1023).optional(),
      excerpt: z.string().max(200).optional(),
    })
    .optional(),
  /** To a room: the leg in which it was said, by somebody mirrored from there. From a room: the leg it is for. */
  leg: z.string().max(512).optional(),
  /** An invitation into a room, for those whose protocol has a form for it; the text says the same in words. */
  invitation: z
    .object({
      room: Address,
      by: z.object({ nick: z.string().max(1023).optional(), address: Address.optional() }),
      reason: z.string().max(1024).optional(),
      password: z.string().max(256).optional(),
    })
    .optional(),
  /** From a room to a leg of it: the room, and the message's event there. */
  room: z.object({ address: Address, event: z.string().max(64) }).optional(),
  /** Which reports the sender wants back. Failures are always told. */
  receipts: z.object({
    handed: z.boolean().default(false),
    delivered: z.boolean().default(false),
    displayed: z.boolean().default(false),
  }),
  /** After this moment, milliseconds since 1970, it is expired and its sender is told. */
  expires: z.number(),
  /** How many gateways it has passed. */
  hops: z.int().nonnegative().max(limits.hops),
  /** Homes still to be tried (deliver: any) or still to get a copy (all); `handed` once one of them took it. */
  route: z
    .object({
      deliver: z.enum(["any", "all"]),
      remaining: z.array(Carrier).max(16),
      handed: z.boolean(),
      /** The sender was told that it was delivered. */
      delivered: z.boolean().optional(),
      /** The most useful of the reasons for which homes refused it. */
      refused: z.string().optional(),
      /** Homes at which its person was away, and when: it goes there when he appears, or when all others refuse it. */
      later: z
        .array(z.object({ home: Carrier, since: z.number() }))
        .max(16)
        .optional(),
    })
    .optional(),
});
export type MessageEvent = z.infer<typeof MessageEvent>;
export type Route = NonNullable<MessageEvent["route"]>;
