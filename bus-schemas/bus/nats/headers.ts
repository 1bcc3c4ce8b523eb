// NATS message headers, written and read by hand: the client's own class costs as much as the rest of a publish.
import type { MsgHdrs } from "@nats-io/transport-node";
import { checkHeaders } from "../header-form.ts";

/** Encodes headers; throws when a name or a value could break out of its line. */
export function encodeHeaders(headers: Readonly<Record<string, string>>): MsgHdrs {
  checkHeaders(headers);
  let text = "NATS/1.0\r\n";
  for (const name in headers) text += `${name}: ${headers[name]}\r\n`;
  const bytes = Buffer.from(`${text}\r\n`, "utf8");
  // `encode` is all that the client's publish() asks of headers.
  return { encode: () => bytes } as unknown as MsgHdrs;
}

/** Reads headers into a record, without those that are NATS's own (`Nats-…`); the last of equal names counts. */
export function readHeaders(headers: MsgHdrs | undefined): Record<string, string> {
  const record: Record<string, string> = {};
  if (!headers) return record;
  for (const [name, values] of headers) {
    const value = values.at(-1);
    if (value !== undefined && !isServers(name)) record[name] = value;
  }
  return record;
}

/** Reads headers as the API gives them: one text. All of them, also NATS's own. */
export function parseHeaders(text: string): Record<string, string> {
  const record: Record<string, string> = {};
  for (const line of text.split("\r\n").slice(1)) {
    const colon = line.indexOf(":");
    if (colon > 0) record[line.slice(0, colon)] = line.slice(colon + 1).trim();
  }
  return record;
}

/** True for headers that belong to NATS and not to the message. */
export const isServers = (name: string): boolean => name.startsWith("Nats-");
