// CPIM and IMDN as a phone reads and writes them (RFC 3862, RFC 5438), by the smallest means. No code of the gateway.
import { SaxesParser } from "saxes";

export interface Wrapped {
  /** Names as written. */
  readonly headers: ReadonlyMap<string, string>;
  readonly contentType: string;
  readonly body: Buffer;
}

/** Reads a message/cpim body: its headers, the headers of the content, the content. */
export function readCpim(bytes: Buffer): Wrapped {
  const first = bytes.indexOf("\r\n\r\n");
  const second = bytes.indexOf("\r\n\r\n", first + 4);
  if (first < 0 || second < 0) throw new Error("CPIM: not two header blocks");
  const block = (text: string): Map<string, string> =>
    new Map(
      text
        .split("\r\n")
        .map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1).trim()]),
    );
  const inner = block(bytes.subarray(first + 4, second).toString("utf8"));
  const types = [...inner].find(([name]) => name.toLowerCase() === "content-type");
  return {
    headers: block(bytes.subarray(0, first).toString("utf8")),
    contentType: types?.[1] ?? "text/plain",
    body: bytes.subarray(second + 4),
  };
}

export interface CpimToWrite {
  readonly from: string;
  readonly to: string;
  readonly id: string;
  /** `positive-delivery`, `negative-delivery`, `display`, `processing`. */
  readonly asks: readonly string[];
  readonly contentType: string;
  readonly content: Buffer;
}

export function writeCpim({ from, to, id, asks, contentType, content }: CpimToWrite): Buffer {
  const lines = [
    `From: <${from}>`,
    `To: <${to}>`,
    `DateTime: ${new Date().toISOString()}`,
    "NS: imdn <urn:ietf:params:imdn>",
    `imdn.Message-ID: ${id}`,
    ...(asks.length === 0 ? [] : [`imdn.Disposition-Notification: ${asks.join(", ")}`]),
    "",
    `Content-Type: ${contentType}`,
    ...(contentType === "message/imdn+xml" ? ["Content-Disposition: notification"] : []),
    `Content-Length: ${content.length}`,
    "",
    "",
  ];
  return Buffer.concat([Buffer.from(lines.join("\r\n"), "utf8"), content]);
}

export interface Notification {
  readonly id: string;
  /** The element in `status`: delivered, displayed, processed, failed, forbidden, error. */
  readonly status: string;
}

/** Reads an IMDN document; throws at what is not well formed. */
export function readImdn(bytes: Buffer): Notification {
  const parser = new SaxesParser();
  let [id, status, inId, inStatus] = ["", "", false, false];
  parser.on("error", (error) => {
    throw error;
  });
  parser.on("opentag", ({ name }) => {
    if (inStatus && status === "") status = name.replace(/^.*:/, "");
    inId = /(^|:)message-id$/.test(name);
    inStatus ||= /(^|:)status$/.test(name);
  });
  parser.on("closetag", ({ name }) => {
    inId = false;
    if (/(^|:)status$/.test(name)) inStatus = false;
  });
  parser.on("text", (text) => {
    if (inId) id += text;
  });
  parser.write(bytes.toString("utf8")).close();
  return { id: id.trim(), status };
}

/** An IMDN document: what became of the message `id`. */
export function writeImdn(
  id: string,
  status: "delivered" | "displayed" | "failed",
  recipient: string,
): Buffer {
  const kind = status === "displayed" ? "display" : "delivery";
  const escaped = id.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
  return Buffer.from(
    `<?xml version="1.0"?><imdn xmlns="urn:ietf:params:xml:ns:imdn"><message-id>${escaped}</message-id>` +
      `<datetime>${new Date().toISOString()}</datetime><recipient-uri>${recipient.replace(/&/g, "&amp;")}</recipient-uri>` +
      `<${kind}-notification><status><${status}/></status></${kind}-notification></imdn>`,
  );
}
