// IQs between occupants, passed on under an id that leads the answer back with no table: XEP-0045 §17.4.
import { createHmac } from "node:crypto";
import { type Element, element, ns } from "../../wire/element.ts";

/** The longest id that is passed on. */
const mostId = 512;

/** Names a device to us and to nobody else: real addresses are not for everybody. */
export const deviceToken = (jid: string, secret: string): string =>
  createHmac("sha256", secret).update(`device ${jid}`).digest("base64url").slice(0, 22);

/** The id under which a question goes on: the token of the device that asked, and what it called it. */
export const relayId = (token: string, id: string): string =>
  `relay:${Buffer.from(JSON.stringify([token, id]), "utf8").toString("base64url")}`;

/** Which device asked, by its token, and what it called it. */
export function readRelayId(text: string | undefined): readonly [token: string, id: string] | undefined {
  if (text === undefined || !text.startsWith("relay:") || text.length > 8_192) return undefined;
  try {
    const parts: unknown = JSON.parse(Buffer.from(text.slice(6), "base64url").toString("utf8"));
    if (!Array.isArray(parts) || parts.length !== 2) return undefined;
    const [token, id]: unknown[] = parts;
    return typeof token === "string" && typeof id === "string" ? [token, id] : undefined;
  } catch {
    return undefined;
  }
}

/** Whether an IQ can be passed on. */
export const relayable = (stanza: Element): boolean => (stanza.attrs.id ?? "").length <= mostId;

/** The IQ with other addresses and another id. */
export const readdressed = (stanza: Element, from: string, to: string, id: string): Element =>
  element("iq", ns.component, { type: stanza.attrs.type, from, to, id }, ...stanza.children);
