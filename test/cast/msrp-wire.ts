// MSRP as the raw client reads and writes it (RFC 4975 §9): whole messages cut from a stream. No gateway code.

export interface MsrpPacket {
  readonly tid: string;
  /** A method, or a status of three digits. */
  readonly what: string;
  readonly comment: string;
  /** Names in lower case. */
  readonly fields: ReadonlyMap<string, string>;
  /** Undefined where there is none. */
  readonly body: Buffer | undefined;
  readonly flag: string;
}

/** Cuts all whole messages off the front. Throws on what is no MSRP. */
export function cutMsrp(bytes: Buffer): { packets: MsrpPacket[]; rest: Buffer } {
  const packets: MsrpPacket[] = [];
  let rest = bytes;
  for (;;) {
    const line = rest.indexOf("\r\n");
    if (line < 0) return { packets, rest };
    const first = rest.toString("utf8", 0, line);
    const match = /^MSRP (\S+) (\S+) ?(.*)$/.exec(first);
    if (match === null) throw new Error(`not MSRP: ${first.slice(0, 80)}`);
    const [, tid = "", what = "", comment = ""] = match;
    const end = endOf(rest, line, tid);
    if (end === undefined) return { packets, rest };
    const inside = rest.subarray(line + 2, end.at);
    const blank = inside.indexOf("\r\n\r\n");
    const head = blank < 0 ? inside : inside.subarray(0, blank);
    const body = blank < 0 ? undefined : inside.subarray(blank + 4);
    const fields = new Map<string, string>();
    for (const text of head.toString("utf8").split("\r\n")) {
      const colon = text.indexOf(": ");
      if (colon > 0) fields.set(text.slice(0, colon).toLowerCase(), text.slice(colon + 2));
    }
    packets.push({ tid, what, comment, fields, body: body && Buffer.from(body), flag: end.flag });
    rest = rest.subarray(end.next);
  }
}

// Where the CRLF before the end-line is, and what comes after it.
function endOf(
  bytes: Buffer,
  from: number,
  tid: string,
): { at: number; next: number; flag: string } | undefined {
  const line = `\r\n-------${tid}`;
  for (let at = bytes.indexOf(line, from); at >= 0; at = bytes.indexOf(line, at + 1)) {
    const tail = bytes.toString("latin1", at + line.length, at + line.length + 3);
    if (tail.length < 3) return undefined;
    if (/^[$+#]\r\n$/.test(tail)) return { at, next: at + line.length + 3, flag: tail[0] ?? "" };
  }
  return undefined;
}

/** Prints one message; `fields` in their order, Content-Type last where there is a body. */
export function printMsrp(
  tid: string,
  what: string,
  fields: readonly (readonly [string, string])[],
  body?: Buffer,
  flag = "$",
): Buffer {
  const head = fields.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  const start = Buffer.from(`MSRP ${tid} ${what}\r\n${head}`);
  const end = Buffer.from(`-------${tid}${flag}\r\n`);
  return body === undefined
    ? Buffer.concat([start, end])
    : Buffer.concat([start, Buffer.from("\r\n"), body, Buffer.from("\r\n"), end]);
}
