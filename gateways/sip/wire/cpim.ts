// message/cpim: a message with its own From, To, DateTime and disposition requests inside a body (RFC 3862, RFC 5438 §6).
import { bad, ok, type Result } from "#bus-schemas/result.ts";
import { unquote } from "./params.ts";

/** A CPIM header: `prefix` is the namespace URI of a prefixed name, "" for the standard ones. */
interface CpimHeader {
  readonly namespace: string;
  readonly name: string;
  readonly params: string;
  readonly value: string;
}

export interface Cpim {
  readonly headers: readonly CpimHeader[];
  /** MIME headers of the content, names in lower case. */
  readonly mime: ReadonlyMap<string, string>;
  readonly content: Uint8Array;
  /** What `Require` names and is not understood here: such a message must not be shown as if it were (RFC 3862 §4.6). */
  readonly unmet: string | undefined;
}

export const imdnNamespace = "urn:ietf:params:imdn";

const cpimLimits = { headers: 64, headBytes: 16_384 } as const;

// What `Require` may name here (RFC 3862 §4.6): all that is acted on or handed on as it is.
const understood: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  ["", new Set(["from", "to", "cc", "datetime", "subject", "ns", "require"])],
  [imdnNamespace, new Set(["message-id", "disposition-notification", "original-to"])],
]);

/**
 * Reads the body. Errors: no empty line, a malformed header, over the limits. LF alone ends a line too. Headers that are not
 * known are kept, those with an undeclared prefix are not.
 */
export function parseCpim(body: Uint8Array): Result<Cpim> {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const first = section(bytes, 0);
  if (first === undefined) return bad("CPIM without an empty line");
  const headers = parseHeaders(first.lines);
  if (!headers.ok) return headers;
  const second = section(bytes, first.next);
  if (second === undefined) return bad("CPIM without MIME headers");
  const mime = new Map<string, string>();
  for (const line of second.lines) {
    const colon = line.indexOf(":");
    if (colon <= 0) return bad("malformed MIME header in CPIM");
    mime.set(line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim());
  }
  return ok({ ...headers.value, mime, content: bytes.subarray(second.next) });
}

// Lines up to the next empty one.
function section(bytes: Buffer, start: number): { lines: string[]; next: number } | undefined {
  const lines: string[] = [];
  let at = start;
  while (at - start <= cpimLimits.headBytes && lines.length <= cpimLimits.headers) {
    const end = bytes.indexOf(0x0a, at);
    if (end < 0) return undefined;
    const line = bytes.toString("utf8", at, end > at && bytes[end - 1] === 0x0d ? end - 1 : end);
    at = end + 1;
    if (line === "") return { lines, next: at };
    lines.push(line);
  }
  return undefined;
}

function parseHeaders(
  lines: readonly string[],
): Result<{ headers: CpimHeader[]; unmet: string | undefined }> {
  const namespaces = new Map<string, string>();
  const headers: CpimHeader[] = [];
  const required: string[] = [];
  for (const line of lines) {
    const match = /^(?:([^\s.:;]+)\.)?([^\s.:;]+)((?:;[^:]*)?):[ \t]*([\s\S]*)$/.exec(line);
    if (!match?.[2]) return bad("malformed CPIM header");
    const prefix = match[1];
    const value = unescapeCpim(match[4] ?? "");
    const namespace = prefix === undefined ? "" : namespaces.get(prefix.toLowerCase());
    // An undeclared prefix means nothing; `imdn` is so often used without NS that it is taken for what it is.
    const known = namespace ?? (prefix?.toLowerCase() === "imdn" ? imdnNamespace : undefined);
    if (prefix === undefined && match[2].toLowerCase() === "ns") declare(namespaces, value);
    else if (prefix === undefined && match[2].toLowerCase() === "require") required.push(...value.split(","));
    else if (known !== undefined)
      headers.push({ namespace: known, name: match[2].toLowerCase(), params: match[3] ?? "", value });
  }
  const unmet = required.find((name) => !isUnderstood(name.trim().toLowerCase(), namespaces));
  return ok({ headers, unmet: unmet?.trim() });
}

function isUnderstood(name: string, namespaces: ReadonlyMap<string, string>): boolean {
  const dot = name.indexOf(".");
  const prefix = name.slice(0, Math.max(0, dot));
  const namespace =
    dot < 0 ? "" : (namespaces.get(prefix) ?? (prefix === "imdn" ? imdnNamespace : undefined));
  return namespace !== undefined && (understood.get(namespace)?.has(name.slice(dot + 1)) ?? false);
}

function declare(namespaces: Map<string, string>, value: string): void {
  const match = /^([^\s<]+)?\s*<([^>]*)>$/.exec(value.trim());
  if (match?.[2] !== undefined && match[1] !== undefined) namespaces.set(match[1].toLowerCase(), match[2]);
}

// RFC 3862 §2.3.1: \uXXXX and the C-like escapes; any other backslash keeps what it precedes.
function unescapeCpim(value: string): string {
  if (!value.includes("\\")) return value;
  return value.replace(
    /\\(?:u([0-9A-Fa-f]{4})|([\s\S]))/g,
    (_, hex: string | undefined, char: string | undefined) => {
      if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16));
      const control = { b: "\b", t: "\t", n: "\n", r: "\r" }[char ?? ""];
      return control ?? char ?? "";
    },
  );
}

const escapeCpim = (value: string): string =>
  value.replace(/[\\\x00-\x1f\x7f]/g, (char) =>
    char === "\\" ? "\\\\" : `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );

/** The first header of that name; `namespace` "" for the standard ones. */
export const cpimHeader = (cpim: Cpim, name: string, namespace = ""): string | undefined =>
  cpim.headers.find((header) => header.namespace === namespace && header.name === name.toLowerCase())?.value;

/** The URI in a CPIM From or To: `Name <uri>` (RFC 3862 §4.1). */
export const cpimUri = (value: string): { display: string | undefined; uri: string } | undefined => {
  const match = /^([^<]*)<([^>]*)>/.exec(value.trim());
  if (match?.[2] === undefined) return undefined;
  const display = (match[1] ?? "").trim();
  const plain = display.startsWith('"') && display.endsWith('"') ? unquote(display.slice(1, -1)) : display;
  return { display: plain === "" ? undefined : plain, uri: match[2] };
};

/** Prints a CPIM body; `headers` are full names (`imdn.Message-ID`) with their values, `mime` those of the content. */
export function printCpim(
  headers: readonly (readonly [string, string])[],
  mime: readonly (readonly [string, string])[],
  content: Uint8Array,
): Buffer {
  const head = headers.map(([name, value]) => `${name}: ${escapeCpim(value)}\r\n`).join("");
  const inner = mime.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  return Buffer.concat([Buffer.from(`${head}\r\n${inner}\r\n`, "utf8"), content]);
}
