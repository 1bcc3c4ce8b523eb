// Cuts an MSRP stream into heads, pieces of bodies and ends, as the bytes come (RFC 4975 §7.1, §7.3, §9).
import { type Flag, type Head, isIdent } from "./head.ts";
import { msrpLimits } from "./limits.ts";

/** Who is told what comes. Pieces are views into the pushed bytes: valid for ever, written to by nobody. */
export interface FrameSink {
  head(head: Head): void;
  /** A piece of the body of the last head. */
  data(bytes: Buffer): void;
  /** The last head is over. */
  end(flag: Flag): void;
}

const noFields: ReadonlyMap<string, string> = new Map();
const dashes = "-------";
const [cr, lf, dash] = [0x0d, 0x0a, 0x2d];

interface Draft {
  readonly tid: string;
  readonly method: string;
  readonly status: number;
  readonly comment: string | undefined;
  toPath: string | undefined;
  fromPath: string | undefined;
  fields: Map<string, string> | undefined;
  fault: string | undefined;
  lines: number;
  bytes: number;
}

/** One direction of one connection. Holds no more than an unfinished line. */
export class MsrpFramer {
  readonly #sink: FrameSink;
  #rest: Buffer | undefined;
  #draft: Draft | undefined;
  /** CRLF and the end-line of the body that is being read, without its flag. */
  #boundary = "";
  #inBody = false;
  #bodyBegins = false;

  constructor(sink: FrameSink) {
    this.#sink = sink;
  }

  /** Whether a message has begun and not ended. */
  get unfinished(): boolean {
    return this.#draft !== undefined || this.#inBody || this.#rest !== undefined;
  }

  /** Takes what has come. Returns why the frame is lost, after which the connection is of no use; never throws by itself. */
  push(chunk: Buffer): string | undefined {
    const bytes = this.#rest === undefined ? chunk : Buffer.concat([this.#rest, chunk]);
    this.#rest = undefined;
    let at = 0;
    while (at < bytes.length) {
      const next = this.#inBody ? this.#body(bytes, at) : this.#line(bytes, at);
      if (typeof next === "string") return next;
      if (next < 0) {
        // A copy, so that a few bytes do not keep a whole chunk.
        this.#rest = Buffer.from(bytes.subarray(~next));
        return undefined;
      }
      at = next;
    }
    return undefined;
  }

  // Where to go on; the bitwise complement of where what must wait begins; or what is wrong.
  #line(bytes: Buffer, at: number): number | string {
    const end = bytes.indexOf(lf, at);
    if (end < 0) return bytes.length - at > msrpLimits.lineBytes ? "line too long" : ~at;
    if (end - at > msrpLimits.lineBytes) return "line too long";
    if (end === at || bytes[end - 1] !== cr) return "line without CRLF";
    const draft = this.#draft;
    if (draft === undefined) return this.#start(bytes.toString("utf8", at, end - 1)) ?? end + 1;
    draft.bytes += end - at;
    if (draft.bytes > msrpLimits.headBytes) return "head too long";
    if (end === at + 1) return this.#headEnds(draft) ?? end + 1;
    const text = bytes.toString("utf8", at, end - 1);
    if (bytes[at] === dash) return this.#endLine(draft, text) ?? end + 1;
    draft.lines += 1;
    if (draft.lines > msrpLimits.fields) return "too many header fields";
    field(draft, text);
    return end + 1;
  }

  #start(line: string): string | undefined {
    const match = /^MSRP ([^ ]+) (?:([0-9]{3})(?: (.*))?|([A-Z]{1,32}))$/.exec(line);
    if (match?.[1] === undefined || !isIdent(match[1])) return "malformed first line";
    this.#draft = {
      tid: match[1],
      method: match[4] ?? "",
      status: match[2] === undefined ? 0 : Number(match[2]),
      comment: match[3],
      toPath: undefined,
      fromPath: undefined,
      fields: undefined,
      fault: undefined,
      lines: 0,
      bytes: line.length,
    };
    return undefined;
  }

  #endLine(draft: Draft, line: string): string | undefined {
    const flag = line.at(-1);
    if (!isFlag(flag) || line.slice(0, -1) !== dashes + draft.tid) return "malformed header field";
    const fault = this.#tell(draft, false);
    if (fault !== undefined) return fault;
    this.#sink.end(flag);
    return undefined;
  }

  #headEnds(draft: Draft): string | undefined {
    if (draft.status !== 0) return "response with a body";
    const fault = this.#tell(draft, true);
    if (fault !== undefined) return fault;
    this.#boundary = `\r\n${dashes}${draft.tid}`;
    this.#inBody = true;
    this.#bodyBegins = true;
    return undefined;
  }

  #tell(draft: Draft, hasBody: boolean): string | undefined {
    this.#draft = undefined;
    const { tid, toPath, fromPath, fields = noFields, method, status, comment } = draft;
    // Without them it cannot be answered, and what the peer means by the rest is a guess.
    if (toPath === undefined || fromPath === undefined) return "no To-Path or From-Path";
    const contentType = hasBody ? fields.get("content-type") : undefined;
    const fault =
      draft.fault ?? (hasBody && contentType === undefined ? "Body without Content-Type" : undefined);
    this.#sink.head(
      status === 0
        ? {
            kind: "request",
            tid,
            method,
            toPath,
            fromPath,
            fields,
            contentType: hasBody ? (contentType ?? "") : undefined,
            fault,
          }
        : { kind: "response", tid, status, comment, toPath, fromPath, fields, fault },
    );
    return undefined;
  }

  #body(bytes: Buffer, at: number): number {
    const boundary = this.#boundary;
    if (this.#bodyBegins) {
      // compat: some leave out the CRLF of an empty body; the one of the blank line is the boundary's then.
      const begun = endLineAt(bytes, at, boundary);
      if (begun === 0) return ~at;
      if (begun > 0) return this.#bodyEnds(bytes, at, at, begun);
      this.#bodyBegins = false;
    }
    for (let found = bytes.indexOf(boundary, at, "latin1"); found >= 0; ) {
      const next = endLineAt(bytes, found + 2, boundary);
      if (next > 0) return this.#bodyEnds(bytes, at, found, next);
      if (next === 0) return this.#piece(bytes, at, found);
      found = bytes.indexOf(boundary, found + 2, "latin1");
    }
    return this.#piece(bytes, at, heldFrom(bytes, Math.max(at, bytes.length - boundary.length), boundary));
  }

  // Tells the piece up to `until`; what follows must wait for more.
  #piece(bytes: Buffer, at: number, until: number): number {
    if (until > at) this.#sink.data(bytes.subarray(at, until));
    return until === bytes.length ? until : ~until;
  }

  #bodyEnds(bytes: Buffer, at: number, until: number, next: number): number {
    this.#inBody = false;
    this.#bodyBegins = false;
    if (until > at) this.#sink.data(bytes.subarray(at, until));
    const flag = String.fromCharCode(bytes[next - 3] ?? 0);
    this.#sink.end(isFlag(flag) ? flag : "#");
    return next;
  }
}

const isFlag = (text: string | undefined): text is Flag => text === "$" || text === "+" || text === "#";

// Where the end-line at `at` ends; 0 when it may yet become one; -1 when there is none.
function endLineAt(bytes: Buffer, at: number, boundary: string): number {
  const length = boundary.length - 2;
  const have = bytes.toString("latin1", at, Math.min(bytes.length, at + length + 3));
  const line = boundary.slice(2);
  if (have.length < length) return line.startsWith(have) ? 0 : -1;
  if (!have.startsWith(line)) return -1;
  const rest = have.slice(length);
  if (rest.length === 3) return /^[$+#]\r\n$/.test(rest) ? at + length + 3 : -1;
  return /^(?:[$+#]\r?)?$/.test(rest) ? 0 : -1;
}

// Where the end of these bytes, which hold no whole boundary, may be the beginning of one.
function heldFrom(bytes: Buffer, from: number, boundary: string): number {
  for (let at = bytes.indexOf(cr, from); at >= 0; at = bytes.indexOf(cr, at + 1)) {
    const tail = bytes.toString("latin1", at, bytes.length);
    if (boundary.startsWith(tail)) return at;
  }
  return bytes.length;
}

function field(draft: Draft, line: string): void {
  const colon = line.indexOf(":");
  if (colon <= 0) {
    draft.fault ??= "Malformed header field";
    return;
  }
  const name = line.slice(0, colon);
  const value = line.slice(line.charCodeAt(colon + 1) === 0x20 ? colon + 2 : colon + 1);
  // To-Path is first and From-Path second (RFC 4975 §7.1); a request that has them elsewhere is still understood.
  const key = name.toLowerCase();
  if (key === "to-path" && draft.toPath === undefined) draft.toPath = value;
  else if (key === "from-path" && draft.fromPath === undefined) draft.fromPath = value;
  else if (key === "to-path" || key === "from-path") draft.fault ??= "Second path";
  else if (!/^[a-z][!#$%&'*+.^_`|~0-9a-z-]*$/.test(key)) draft.fault ??= "Malformed header field";
  else {
    draft.fields ??= new Map();
    if (!draft.fields.has(key)) draft.fields.set(key, value);
  }
}
