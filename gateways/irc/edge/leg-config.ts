// A channel that is tied to a room, as conference-svc publishes it: KV bucket `rooms`, key `leg.<carrier>.<channel>`.
import { z } from "zod";

export const LegConfig = z.object({
  room: z.object({ local: z.string().min(1).max(1023), domain: z.string().min(1).max(1023) }),
  carrier: z.string(),
  /** As the network spells it, with its `#`. */
  channel: z.string().min(2).max(200),
  /** What messages and participants call it: `irc-demo/#lobby`. */
  leg: z.string().max(512),
  mode: z.enum(["puppets", "bot"]).default("puppets"),
  mirror: z.enum(["all", "speakers", "none"]).default("all"),
  mirrorLimit: z.int().positive().max(5_000).default(200),
  opsModerate: z.boolean().default(false),
});
export type LegConfig = z.output<typeof LegConfig>;
