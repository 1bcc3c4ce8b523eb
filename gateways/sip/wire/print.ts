// SIP messages to bytes (RFC 3261 §7). Content-Length is always printed, and always true.
import type { Field, SipMessage } from "./message.ts";
import { spelling } from "./names.ts";

/** One field with our spelling of its name. Line ends in the value become spaces: no value can start a new field. */
export const field = (key: string, value: string): Field => ({
  key,
  name: spelling(key),
  value: /[\r\n\0]/.test(value) ? value.replace(/[\r\n\0]+/g, " ") : value,
});

/** Prints the message; the body as it is, byte for byte. */
export function print(message: SipMessage): Buffer {
  let head =
    message.kind === "request"
      ? `${message.method} ${message.uri} SIP/2.0\r\n`
      : `SIP/2.0 ${message.status} ${message.phrase}\r\n`;
  for (const { key, name, value } of message.fields) {
    if (key !== "content-length") head += `${name}: ${value}\r\n`;
  }
  head += `Content-Length: ${message.body.length}\r\n\r\n`;
  if (message.body.length === 0) return Buffer.from(head, "utf8");
  return Buffer.concat([Buffer.from(head, "utf8"), message.body]);
}
