// The `web` section of parley.yaml: where browsers connect, which pages may, and the limits on them.
import { z } from "zod";

const units = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** `30s`, `500ms`, `1d`; becomes milliseconds. */
const duration = z
  .string()
  .regex(/^\d{1,6}(ms|s|m|h|d)$/, "a number and ms, s, m, h or d, like 30s")
  .transform((text) => Number.parseInt(text, 10) * units[text.replace(/\d+/, "") as keyof typeof units]);

const listen = z
  .string()
  .regex(/^(\[[0-9a-fA-F:.]+\]|[^:\s]+):\d{1,5}$/, "address:port, like 127.0.0.1:8080")
  .transform((text) => {
    const at = text.lastIndexOf(":");
    return { host: text.slice(0, at).replace(/^\[|\]$/g, ""), port: Number.parseInt(text.slice(at + 1), 10) };
  });

const Limits = z.object({
  frameBytes: z
    .int()
    .min(1024)
    .max(1_048_576)
    .default(65_536)
    .describe("Bytes of one frame; a longer one closes the connection."),
  connectionsPerSource: z
    .int()
    .positive()
    .default(200)
    .describe("Connections from one network address; the next one gets 429."),
  framesPerSecond: z
    .number()
    .positive()
    .default(50)
    .describe("Frames per second that a connection may send on average; what comes faster waits unread."),
  framesAtOnce: z
    .int()
    .positive()
    .default(200)
    .describe("Frames that a connection may send in one go before it is slowed."),
  unanswered: z
    .int()
    .positive()
    .default(64)
    .describe("Requests of one connection under way at once; further ones wait unread."),
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
  historyAge: duration.default(30 * units.d).describe("How long they are kept."),
  historyBytes: z
    .int()
    .positive()
    .default(1_073_741_824)
    .describe("Bytes of all histories together; above it the oldest go."),
});

/** The schema of the section; every key has a default, so `web: {}` works. */
export const WebConfig = z.object({
  listen: listen
    .default({ host: "127.0.0.1", port: 8080 })
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
    .default(30_000)
    .describe("How often a browser is asked whether it is there; silence for two ends it."),
  ackTimeout: duration
    .default(10_000)
    .refine((ms) => ms <= 30_000, "at most 30s: the courier waits no longer than 40s")
    .describe("How long a browser may take to acknowledge a message before it goes to the mailbox."),
  pages: z.boolean().default(true).describe("Whether the chat page is served at /."),
  limits: Limits.default(Limits.parse({})),
});
export type WebConfig = z.output<typeof WebConfig>;
