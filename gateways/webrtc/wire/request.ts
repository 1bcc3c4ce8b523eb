// What a browser asks: sylkRTC-2 requests, one JSON object per frame. Unknown fields are left alone, unknown requests are named.
import { z } from "zod";
import { address, id, maybe, ownId, text, transaction } from "./fields.ts";
import { limits } from "./limits.ts";
import { roomRequests } from "./room-request.ts";

/** Every request of the published vocabulary that this gateway answers with a plain "not supported yet". */
export const unsupported: ReadonlySet<string> = new Set([
  "account-fetch-addressbook",
  "account-update-addressbook",
  "session-create",
  "session-answer",
  "session-trickle",
  "session-update",
  "session-terminate",
  "session-message",
  "session-dtmf-info",
  "videoroom-feed-attach",
  "videoroom-feed-answer",
  "videoroom-feed-detach",
  "videoroom-session-trickle",
  "videoroom-session-update",
  "videoroom-mute-audio-participants",
  "videoroom-toggle-hand",
]);

const base = { transaction, account: address };

const requests = [
  z.object({ sylkrtc: z.literal("ping"), transaction }),
  z.object({ sylkrtc: z.literal("lookup-public-key"), transaction, uri: address }),
  z.object({
    sylkrtc: z.literal("account-add"),
    ...base,
    /** Digest HA1: MD5 of user:domain:password in hex (RFC 7616 §3.4.2); with `password_type` plain the password itself. */
    password: z.string().min(1).max(9999),
    password_type: maybe(z.enum(["ha1", "plain"])),
    display_name: maybe(text),
    user_agent: maybe(text),
    /** Own addition: the same for every connection of one browser; names the device in addresses. */
    device_id: maybe(
      z
        .string()
        .min(1)
        .max(64)
        .regex(/^[A-Za-z0-9_-]+$/),
    ),
  }),
  z.object({ sylkrtc: z.literal("account-remove"), ...base }),
  z.object({ sylkrtc: z.literal("account-register"), ...base }),
  z.object({ sylkrtc: z.literal("account-unregister"), ...base }),
  z.object({ sylkrtc: z.literal("account-devicetoken"), ...base }),
  z.object({
    sylkrtc: z.literal("account-message"),
    ...base,
    uri: address,
    message_id: ownId,
    content: z.string(),
    content_type: text,
    timestamp: maybe(text),
    server_generated: maybe(z.boolean()),
    /** Own additions, all optional. */
    receipts: maybe(z.array(z.enum(["handed", "delivered", "displayed"])).max(3)),
    subject: maybe(z.string().max(4096)),
    thread: maybe(text),
    language: maybe(z.string().max(100)),
    correction_of: maybe(ownId),
  }),
  /** Own addition: this client has the message and keeps it; custody ends here. */
  z.object({ sylkrtc: z.literal("account-ack"), ...base, message_id: id }),
  z.object({
    sylkrtc: z.literal("account-disposition-notification"),
    ...base,
    uri: address,
    message_id: id,
    state: z.enum(["delivered", "failed", "displayed", "forbidden", "error"]),
    timestamp: maybe(text),
  }),
  z.object({
    sylkrtc: z.literal("account-sync-conversations"),
    ...base,
    message_id: maybe(id),
    since: maybe(text),
    limit: maybe(z.int().positive().max(limits.syncMessages)),
  }),
  z.object({ sylkrtc: z.literal("account-mark-conversation-read"), ...base, contact: address }),
  z.object({ sylkrtc: z.literal("account-remove-message"), ...base, contact: address, message_id: id }),
  z.object({ sylkrtc: z.literal("account-remove-conversation"), ...base, contact: address }),
  ...roomRequests,
] as const;

export const Request = z.discriminatedUnion("sylkrtc", requests);
export type Request = z.infer<typeof Request>;
export type RequestOf<Name extends Request["sylkrtc"]> = Extract<Request, { sylkrtc: Name }>;

const served: ReadonlySet<string> = new Set(requests.map((schema) => schema.shape.sylkrtc.value));

/** What one frame turned out to be. `error` says what is wrong with it without repeating its content. */
export type Frame =
  | { readonly kind: "request"; readonly request: Request }
  | { readonly kind: "wrong"; readonly transaction: string | undefined; readonly error: string };

const wrong = (error: string, of?: string): Frame => ({ kind: "wrong", transaction: of, error });

/** Reads one text frame. Never throws; how long a frame may be is the edge's to say. */
export function parseFrame(frame: string): Frame {
  let value: unknown;
  try {
    value = JSON.parse(frame);
  } catch {
    return wrong("not a JSON object");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return wrong("not a JSON object");
  const named = transaction.safeParse("transaction" in value ? value.transaction : undefined);
  const of = named.success ? named.data : undefined;
  const name = "sylkrtc" in value ? value.sylkrtc : undefined;
  if (typeof name !== "string") return wrong("no sylkrtc field", of);
  if (of === undefined) return wrong("no transaction field", of);
  if (unsupported.has(name)) return wrong(`${name} is not supported yet`, of);
  if (!served.has(name)) return wrong("unknown request", of);
  const parsed = Request.safeParse(value);
  if (parsed.success) return { kind: "request", request: parsed.data };
  const at = parsed.error.issues[0]?.path.join(".");
  return wrong(`${name}: wrong or missing ${at === undefined || at === "" ? "field" : at}`, of);
}
