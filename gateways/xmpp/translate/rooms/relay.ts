// IQs between occupants, passed on under an id that leads the answer back with no table: XEP-0045 §17.4.
import { type Element, element, ns } from "../../wire/element.ts";

/** The longest id that is passed on. */
const mostId = 512;

/** The id under which a question goes on: who asked, and what he called it. */
export const relayId = (from: string, id: string): string =>
  `relay:${Buffer.from(JSON.stringify([from, id]), "utf8").toString("base64url")}`;

/** Who asked, and what he called it. */
export function readRelayId(text: string | undefined): readonly [from: string, id: string] | undefined {
  if (text === undefined || !text.startsWith("relay:") || text.length > 8_192) return undefined;
  try {
    const parts: unknown = JSON.parse(Buffer.from(text.slice(6), "base64url").toString("utf8"));
    if (!Array.isArray(parts) || parts.length !== 2) return undefined;
    const [from, id]: unknown[] = parts;
    return typeof from === "string" && typeof id === "string" ? [from, id] : undefined;
  } catch {
    return undefined;
  }
}

/** Whether an IQ can be passed on. */
export const relayable = (stanza: Element): boolean => (stanza.attrs.id ?? "").length <= mostId;

/** The IQ with other addresses and another id. */
export const readdressed = (stanza: Element, from: string, to: string, id: string): Element =>
  element("iq", ns.component, { type: stanza.attrs.type, from, to, id }, ...stanza.children);
