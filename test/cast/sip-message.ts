// A SIP message read and written by the smallest means, for actors only: RFC 3261 §7. No code of the gateway.

export interface SipText {
  /** `MESSAGE sip:… SIP/2.0` or `SIP/2.0 200 OK`. */
  readonly start: string;
  /** Names in lower case and long form, in order. */
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Buffer;
}

const long: Readonly<Record<string, string>> = {
  v: "via",
  f: "from",
  t: "to",
  i: "call-id",
  m: "contact",
  c: "content-type",
  l: "content-length",
};

/** Reads one whole message. Throws at what is none: a test must see that. */
export function readSip(bytes: Buffer): SipText {
  const end = bytes.indexOf("\r\n\r\n");
  if (end < 0) throw new Error(`SIP: no end of headers in ${JSON.stringify(bytes.toString().slice(0, 200))}`);
  const [start = "", ...lines] = bytes
    .subarray(0, end)
    .toString("utf8")
    .replace(/\r\n[ \t]+/g, " ")
    .split("\r\n");
  const headers = lines.map((line): [string, string] => {
    const colon = line.indexOf(":");
    const name = line.slice(0, colon).trim().toLowerCase();
    return [long[name] ?? name, line.slice(colon + 1).trim()];
  });
  const size = headers.find(([name]) => name === "content-length")?.[1];
  const body = bytes.subarray(end + 4);
  return { start, headers, body: size === undefined ? body : body.subarray(0, Number(size)) };
}

/** The first header of this name, or an empty text. */
export const headerOf = (message: SipText, name: string): string =>
  message.headers.find(([each]) => each === name)?.[1] ?? "";

export const statusOf = (message: SipText): number =>
  Number(/^SIP\/2\.0 (\d{3})/.exec(message.start)?.[1] ?? 0);

/** Writes a message; Content-Length is added. */
export function writeSip(
  start: string,
  headers: readonly (readonly [string, string])[],
  body: Buffer,
): Buffer {
  const head = [
    start,
    ...headers.map(([name, value]) => `${name}: ${value}`),
    `Content-Length: ${body.length}`,
    "",
    "",
  ];
  return Buffer.concat([Buffer.from(head.join("\r\n"), "utf8"), body]);
}

/** Takes whole messages off a TCP stream: what is left is the beginning of the next one. */
export function cutStream(bytes: Buffer): { readonly whole: readonly Buffer[]; readonly rest: Buffer } {
  const whole: Buffer[] = [];
  let rest = bytes;
  for (;;) {
    // Keep-alives between messages (RFC 5626 §3.5.1).
    while (rest.length >= 2 && rest[0] === 13 && rest[1] === 10) rest = rest.subarray(2);
    const end = rest.indexOf("\r\n\r\n");
    if (end < 0) return { whole, rest };
    const size = Number(
      /^(?:content-length|l)\s*:\s*(\d+)/im.exec(rest.subarray(0, end).toString("latin1"))?.[1] ?? 0,
    );
    if (rest.length < end + 4 + size) return { whole, rest };
    whole.push(rest.subarray(0, end + 4 + size));
    rest = rest.subarray(end + 4 + size);
  }
}

/** `local@domain` as a SIP URI; what may not stand in the user part is percent-encoded (RFC 3261 §25.1). */
export function sipUri(address: string): string {
  const at = address.lastIndexOf("@");
  const user = [...Buffer.from(address.slice(0, at), "utf8")]
    .map((byte) => String.fromCharCode(byte))
    .map((c) =>
      /[A-Za-z0-9\-_.!~*'()&=+$,;?/]/.test(c)
        ? c
        : `%${c.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`,
    )
    .join("");
  return `sip:${user}@${address.slice(at + 1)}`;
}

/** The address behind a From or To header. */
export function addressIn(header: string): string {
  const uri = /<\s*sips?:([^>]*)>/i.exec(header)?.[1] ?? /sips?:([^;,\s]*)/i.exec(header)?.[1] ?? "";
  const [user = "", host = ""] = [uri.slice(0, uri.indexOf("@")), uri.slice(uri.indexOf("@") + 1)];
  return `${decodeURIComponent(user)}@${(/^[^;:?]*/.exec(host) ?? [""])[0]}`;
}

/** `name="value", name=value` as a record, names in lower case. */
export function readParams(text: string): Readonly<Record<string, string>> {
  const found = text.matchAll(/([A-Za-z-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,]+))/g);
  return Object.fromEntries(
    [...found].map(([, name = "", quoted, plain]) => [name.toLowerCase(), quoted ?? plain ?? ""]),
  );
}
