// message.outcome: what became of a message, on its way back to the one who sent it.
import { z } from "zod";
import { Address } from "../address.ts";
import { Reason } from "../reason.ts";
import { Carrier } from "./message.ts";

/**
 * The four ends of every accepted message (handed, refused, expired, uncertain), and the reports that may follow
 * handed: delivered (the person's own client has it), displayed, bounced (an error that came late).
 */
export const Outcome = z.enum([
  "handed",
  "refused",
  "expired",
  "uncertain",
  "delivered",
  "displayed",
  "bounced",
]);
export type Outcome = z.infer<typeof Outcome>;

export const OutcomeEvent = z.object({
  /** `<message id>:<outcome>`: told once, whoever reports it. */
  id: z.string(),
  type: z.literal("message.outcome"),
  version: z.literal(1),
  time: z.number(),
  /** The message's event id. */
  message: z.string(),
  /** The id that the sender's own client gave it, if it had one. */
  messageId: z.string().max(1023).optional(),
  outcome: Outcome,
  reason: Reason.optional(),
  /** The far side's own words, if it had any; at most 200 characters. */
  text: z.string().max(200).optional(),
  /** Whom to tell: the sender, with the device that sent it. */
  to: Address,
  /** Whom the message was for, by the name the sender used. */
  from: Address,
  /** The carrier on which the sender is to be told. */
  origin: Carrier,
  /** The first 40 characters, for senders whose protocol has no ids. */
  excerpt: z.string().max(80).optional(),
  /** What the sender asked for; a report that nobody asked for is not told. */
  asked: z.object({ handed: z.boolean(), delivered: z.boolean(), displayed: z.boolean() }).optional(),
  /** After this moment the report itself is dropped, counted. */
  expires: z.number(),
});
export type OutcomeEvent = z.infer<typeof OutcomeEvent>;
