// message/imdn+xml: what became of a message (RFC 5438 §7).
import { SaxesParser } from "saxes";
import { bad, ok, type Result } from "#bus-schemas/result.ts";
import { escapeXml } from "./xml-text.ts";

/** The three kinds of notification, with the status that each may carry. */
export type ImdnStatus =
  | "delivered"
  | "failed"
  | "displayed"
  | "processed"
  | "stored"
  | "forbidden"
  | "error";
export type ImdnKind = "delivery" | "display" | "processing";

export interface Imdn {
  readonly messageId: string;
  readonly kind: ImdnKind;
  readonly status: ImdnStatus;
}

const statuses: readonly string[] = [
  "delivered",
  "failed",
  "displayed",
  "processed",
  "stored",
  "forbidden",
  "error",
];
const isStatus = (name: string): name is ImdnStatus => statuses.includes(name);

/** Bytes above which a notification is not read. */
const imdnBytes = 16_384;

/** Reads a notification. Errors: not well formed, a DOCTYPE, no Message-ID or status, over 16 KiB. */
export function parseImdn(body: Uint8Array): Result<Imdn> {
  if (body.length > imdnBytes) return bad("notification too large");
  const parser = new SaxesParser({ xmlns: true });
  let failed = false;
  let messageId: string | undefined;
  let kind: ImdnKind | undefined;
  let status: ImdnStatus | undefined;
  const path: string[] = [];
  parser.on("error", () => {
    failed = true;
  });
  parser.on("doctype", () => {
    failed = true;
  });
  parser.on("opentag", (tag) => {
    path.push(tag.local);
    const match = /^(delivery|display|processing)-notification$/.exec(tag.local);
    if (path.length === 2 && match) kind = match[1] as ImdnKind;
    if (path.length === 4 && path[2] === "status" && isStatus(tag.local)) status ??= tag.local;
  });
  parser.on("text", (text) => {
    if (path.length === 2 && path[1] === "message-id") messageId = (messageId ?? "") + text;
  });
  parser.on("closetag", () => {
    path.pop();
  });
  parser.write(Buffer.from(body).toString("utf8")).close();
  if (failed) return bad("notification is not XML that we read");
  const id = messageId?.trim();
  return id && kind && status
    ? ok({ messageId: id, kind, status })
    : bad("notification without id, kind or status");
}

/** Prints a notification for the message `messageId`, sent at `dateTime` (RFC 3339) to `recipient` (a URI). */
export function printImdn(imdn: Imdn & { readonly dateTime: string; readonly recipient: string }): Buffer {
  const text =
    `<?xml version="1.0" encoding="UTF-8"?>\r\n<imdn xmlns="${"urn:ietf:params:xml:ns:imdn"}">` +
    `<message-id>${escapeXml(imdn.messageId)}</message-id><datetime>${escapeXml(imdn.dateTime)}</datetime>` +
    `<recipient-uri>${escapeXml(imdn.recipient)}</recipient-uri>` +
    `<${imdn.kind}-notification><status><${imdn.status}/></status></${imdn.kind}-notification></imdn>\r\n`;
  return Buffer.from(text, "utf8");
}
