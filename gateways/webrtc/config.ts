// The `web` section of parley.yaml: where browsers connect, which pages may, and the limits on them.
import { z } from "zod";
import { duration, listenAddress } from "#bus-schemas/service/config-values.ts";

const Limits = z.object({
  frameBytes: z
    .int()
    .min(1024)
    .max(1_048_576)
    .default(262_144)
    .describe(
      "Bytes of one frame; a longer one closes the connection. The default lets a text above the house's limit be refused in words.",
    ),
  connectionsPerSource: z
    .int()
    .positive()
    .default(200)
    .describe("Connections from one network address; the next one gets 429."),
  framesPerSecond: z
    .number()
    .positive()
    .default(1000)
    .describe("Frames per second that a connection may send on average; what comes faster waits unread."),
  framesAtOnce: z
    .int()
    .positive()
    .default(2000)
    .describe("Frames that a connection may send in one go before it is slowed."),
  unanswered: z
    .int()
    .positive()
    .default(64)
    .describe("Requests of one connection under way at once; further ones wait unread."),
  roomCommandsPerSecond: z
    .number()
    .positive()
    .default(20)
    .describe(
      "Requests that change something in rooms, per second on average; beyond it they are refused (429).",
    ),
  roomCommandsAtOnce: z
    .int()
    .positive()
    .default(100)
    .describe("Such requests that a connection may make in one go before that."),
  bufferedBytes: z
    .int()
    .positive()
    .default(1_048_576)
    .describe("Bytes waiting to be read by a browser; above it the connection is closed and its mail kept."),
  wrongPasswords: z
    .int()
    .positive()
    .default(10)
    .describe("Wrong passwords from one network address within a minute; further tries are refused unread."),
  historyMessages: z
    .int()
    .positive()
    .max(5000)
    .default(1000)
    .describe("Messages kept per account for synchronisation."),
  historyAge: duration.prefault("30d").describe("How long they are kept."),
  historyBytes: z
    .int()
    .positive()
    .default(1_073_741_824)
    .describe("Bytes of all histories together; above it the oldest go."),
});

/** The schema of the section; every key has a default, so `web: {}` works. */
export const WebConfig = z.object({
  listen: listenAddress
    .prefault("127.0.0.1:8080")
    .describe("Address and port for pages and WebSocket; port 0 takes a free one, shown in log and health."),
  origins: z
    .array(z.string())
    .default([])
    .describe(
      'Origins of pages that may connect, like https://chat.example; empty: only the page served here; "*": any.',
    ),
  proxies: z
    .array(z.string())
    .default([])
    .describe("Addresses of reverse proxies whose X-Forwarded-For is believed."),
  pingInterval: duration
    .prefault("30s")
    .describe("How often a browser is asked whether it is there; silence for two ends it."),
  ackTimeout: duration
    .refine((ms) => ms <= 30_000, "is too long: at most 30s, since the courier waits no longer than 40s")
    .prefault("10s")
    .describe("How long a browser may take to acknowledge a message before it goes to the mailbox."),
  pages: z.boolean().default(true).describe("Whether the chat page is served at /."),
  limits: Limits.prefault({}),
});
export type WebConfig = z.output<typeof WebConfig>;
