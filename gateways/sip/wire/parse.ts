// Bytes to SIP messages, strictly where tolerance would be a hole, by RFC 4475's judgement (RFC 3261 §7, §18.3).
import { limits } from "./limits.ts";
import { type Field, noBody, type SipMessage, SipRequest, SipResponse } from "./message.ts";
import { keyOf } from "./names.ts";
import { isToken } from "./params.ts";

/**
 * What reading gives. `refuse`: a request that is malformed in its form, answered `status` statelessly with the fields that
 * could be read. `drop`: nothing can or must be answered (RFC 3261 §18.1.2, malformed responses).
 */
export type Parsed =
  | { readonly kind: "message"; readonly message: SipMessage }
  | { readonly kind: "refuse"; readonly status: number; readonly error: string; readonly request: SipRequest }
  | { readonly kind: "drop"; readonly error: string };

const drop = (error: string): Parsed => ({ kind: "drop", error });

const bodyGap = Buffer.from("\r\n\r\n");

/** Where the head of a message ends (the index of the empty line), searched from `from`; -1 if not there yet. */
export const endOfHead = (bytes: Buffer, from = 0): number => bytes.indexOf(bodyGap, from);

/**
 * Reads one datagram: what Content-Length leaves over is ignored, a body that is shorter is refused (RFC 3261 §18.3).
 * Never throws. Limits: limits.ts.
 */
export function parseDatagram(bytes: Buffer): Parsed {
  let start = 0;
  while (start < bytes.length && (bytes[start] === 0x0d || bytes[start] === 0x0a)) start += 1;
  const end = endOfHead(bytes, start);
  const headEnd = end < 0 ? bytes.length : end;
  if (headEnd - start > limits.headBytes) return drop("head too long");
  const parsed = parseHead(bytes.toString("utf8", start, headEnd));
  if (parsed.kind !== "message") return parsed;
  const rest = end < 0 ? noBody : bytes.subarray(end + 4);
  const length = contentLength(parsed.message);
  if (length === "bad") return refuseOrDrop(parsed.message, 400, "Bad Content-Length");
  if (length !== undefined && length > rest.length)
    return refuseOrDrop(parsed.message, 400, "Body shorter than Content-Length");
  const body = length === undefined ? rest : rest.subarray(0, length);
  if (body.length > limits.bodyBytes) return refuseOrDrop(parsed.message, 513, "Message Too Large");
  return { kind: "message", message: parsed.message.with({ body }) };
}

/** A refusal for a request, nothing for a response. */
export const refuseOrDrop = (message: SipMessage, status: number, error: string): Parsed =>
  message.kind === "request" ? { kind: "refuse", status, error, request: message } : drop(error);

/** The Content-Length: undefined when absent, `bad` when it is no number or two differ (RFC 4475 §3.1.2.3, §3.3.9). */
export function contentLength(message: SipMessage): number | undefined | "bad" {
  let length: number | undefined;
  for (const field of message.fields) {
    if (field.key !== "content-length") continue;
    if (!/^[0-9]{1,9}$/.test(field.value)) return "bad";
    const value = Number(field.value);
    if (length !== undefined && length !== value) return "bad";
    length = value;
  }
  return length;
}

/** Reads start line and fields (without the empty line that ends them). The message has no body yet. */
export function parseHead(text: string): Parsed {
  const lineEnd = text.indexOf("\r\n");
  const startLine = lineEnd < 0 ? text : text.slice(0, lineEnd);
  const read = lineEnd < 0 ? { fields: [], error: undefined } : parseFields(text, lineEnd + 2);
  if (startLine.startsWith("SIP/")) {
    const response = parseStatusLine(startLine, read.fields);
    if (response === undefined || read.error !== undefined)
      return drop(read.error ?? "malformed status line");
    return { kind: "message", message: response };
  }
  return parseRequestLine(startLine, read);
}

function parseStatusLine(line: string, fields: readonly Field[]): SipResponse | undefined {
  const match = /^SIP\/2\.0 ([1-6][0-9]{2})(?: ([^\r\n]*))?$/.exec(line);
  return match ? new SipResponse(Number(match[1]), match[2] ?? "", fields, noBody) : undefined;
}

// One space between the three, none elsewhere (RFC 3261 §7.1); RFC 4475 allows kindness here, we decline it.
function parseRequestLine(line: string, read: FieldsRead): Parsed {
  const parts = line.split(" ");
  const [method = "", uri = "", version = ""] = parts;
  if (!isToken(method)) return drop("not a SIP message");
  const request = new SipRequest(method, uri, read.fields, noBody);
  if (!/ SIP\/[0-9]+\.[0-9]+ *$/i.test(line)) return drop("not a SIP message");
  if (parts.length !== 3 || uri === "") return refuseOrDrop(request, 400, "Malformed request line");
  if (!/^SIP\/2\.0$/i.test(version)) return refuseOrDrop(request, 505, "Version Not Supported");
  if (read.error !== undefined) return refuseOrDrop(request, 400, read.error);
  return { kind: "message", message: request };
}

interface FieldsRead {
  readonly fields: Field[];
  readonly error: string | undefined;
}

function parseFields(text: string, start: number): FieldsRead {
  const fields: Field[] = [];
  let error: string | undefined;
  let at = start;
  while (at < text.length) {
    const unit = readFolded(text, at);
    at = unit.next;
    const colon = unit.line.indexOf(":");
    const name = unit.line.slice(0, Math.max(colon, 0)).trimEnd();
    if (colon <= 0 || !isToken(name)) error ??= "Malformed header field";
    else if (unit.line.length > limits.fieldLength) error ??= "Header field too long";
    else if (fields.length >= limits.fields) return { fields, error: "Too many header fields" };
    else fields.push({ key: keyOf(name), name, value: unit.line.slice(colon + 1).trim() });
  }
  return { fields, error };
}

// A line with what is folded to it; a lone CR or LF is a malformed field, for others may see two lines there.
function readFolded(text: string, start: number): { line: string; next: number } {
  let end = text.indexOf("\r\n", start);
  if (end < 0) end = text.length;
  let line = text.slice(start, end);
  let next = end + 2;
  while (next < text.length && (text[next] === " " || text[next] === "\t")) {
    end = text.indexOf("\r\n", next);
    if (end < 0) end = text.length;
    if (line.length > limits.fieldLength) line = line.slice(0, limits.fieldLength + 1);
    else line = `${line.trimEnd()} ${text.slice(next, end).trim()}`;
    next = end + 2;
  }
  if (line.includes("\n") || line.includes("\r")) return { line: "", next };
  return { line, next };
}
