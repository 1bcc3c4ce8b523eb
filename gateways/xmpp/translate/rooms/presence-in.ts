// Presence to a room, read: entering, being there otherwise, leaving: XEP-0045 §7.1, §7.2, §7.6, §7.7, §7.14.
import type { RoomStatus } from "#bus-schemas/events/room.ts";
import { child, childText, type Element, ns } from "../../wire/element.ts";
import { parseStamp } from "../stamp.ts";
import type { HistoryWish } from "./picture.ts";

/** What a presence to a room asks for. */
export type Arrival =
  | {
      readonly kind: "join";
      readonly password: string | undefined;
      readonly history: HistoryWish;
      readonly status: RoomStatus;
    }
  /** Without the word of entering: a status or another nick of somebody who is in. */
  | { readonly kind: "here"; readonly status: RoomStatus }
  | { readonly kind: "leave"; readonly reason: string | undefined }
  | { readonly kind: "none" };

/** Reads a presence that came to room/nick. `now`: milliseconds since 1970, for histories counted in seconds. */
export function readArrival(stanza: Element, now: number): Arrival {
  const { type } = stanza.attrs;
  const text = childText(stanza, "status", ns.component)?.slice(0, 1_024);
  if (type === "unavailable") return { kind: "leave", reason: text };
  if (type !== undefined) return { kind: "none" };
  const status = { show: readShow(stanza), ...(text !== undefined && { text }) };
  const x = child(stanza, "x", ns.muc);
  if (!x) return { kind: "here", status };
  const password = childText(x, "password", ns.muc)?.slice(0, 256);
  return { kind: "join", password, history: readHistory(x, now), status };
}

function readShow(stanza: Element): RoomStatus["show"] {
  const show = childText(stanza, "show", ns.component);
  return show === "chat" || show === "away" || show === "xa" || show === "dnd" ? show : "available";
}

function readHistory(x: Element, now: number): HistoryWish {
  const attrs = child(x, "history", ns.muc)?.attrs ?? {};
  const seconds = count(attrs.seconds);
  const since = parseStamp(attrs.since);
  const from = seconds === undefined ? undefined : now - seconds * 1_000;
  return {
    maxChars: count(attrs.maxchars),
    maxStanzas: count(attrs.maxstanzas),
    since: since === undefined ? from : Math.max(since, from ?? since),
  };
}

const count = (text: string | undefined): number | undefined =>
  text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : undefined;

// Conditions that say that a device is not there any more (XEP-0045 §7.14); others are only about one stanza.
const lost: ReadonlySet<string> = new Set([
  "gone",
  "item-not-found",
  "jid-malformed",
  "recipient-unavailable",
  "redirect",
  "remote-server-not-found",
  "remote-server-timeout",
  "service-unavailable",
  "internal-server-error",
]);

/** Whether an error for something that the room sent means that its recipient is lost. */
export const meansLost = (condition: string): boolean => lost.has(condition);
