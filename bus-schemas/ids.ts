// Ids: the event id, which is also the de-duplication id, and the far id, under which a message is shown to the far edge.
import { createHash } from "node:crypto";
import { bad, ok, type Result } from "./result.ts";

/**
 * The event id. A packet that is sent again gets the same id, and nobody can suppress another's message by repeating
 * ids, because the authenticated source and the body are in the hash (ids chosen by the sender alone are not trusted).
 * 26 characters of base64url: 156 bits.
 */
export function eventId(parts: {
  carrier: string;
  /** Who sent it, as far as it is proved: account, JID with resource, network and nick. */
  source: string;
  destination: string;
  /** What the transport calls this one message: Call-ID + CSeq + From tag; stream id + h; connection + line number. */
  transportId: string;
  body: string;
}): string {
  const hash = createHash("sha256");
  for (const part of [parts.carrier, parts.source, parts.destination, parts.transportId, parts.body]) {
    const bytes = Buffer.from(part, "utf8");
    hash.update(`${bytes.length}:`).update(bytes);
  }
  return hash.digest("base64url").slice(0, 26);
}

/** What a far id says: enough to send a report back without remembering anything. */
export interface FarId {
  readonly event: string;
  readonly carrier: string;
  readonly messageId?: string | undefined;
}

/**
 * The id under which the far edge sees the message (stanza id, IMDN Message-ID, web message id): the event id, the carrier
 * of the sender and his own id. Its form, `event.carrier.messageId`, survives a restart of every process, so that a
 * receipt finds its way back with no table. The client's id is base64url and left out when absent.
 */
export const farId = (id: FarId): string =>
  `${id.event}.${id.carrier}${id.messageId === undefined ? "" : `.${Buffer.from(id.messageId, "utf8").toString("base64url")}`}`;

/** Reads a far id back; a text that no Parley wrote is an error, to be ignored by the caller. */
export function parseFarId(text: string): Result<FarId> {
  // A client's id has at most 1023 characters (events/message.ts), hence 3069 bytes and 4092 of base64url.
  const match = /^([A-Za-z0-9_-]{26})\.([a-z][a-z0-9-]{0,30})(?:\.([A-Za-z0-9_-]{0,4092}))?$/.exec(text);
  if (!match?.[1] || !match[2]) return bad("not an id of ours");
  const messageId = match[3] === undefined ? undefined : Buffer.from(match[3], "base64url").toString("utf8");
  return ok({ event: match[1], carrier: match[2], messageId });
}
