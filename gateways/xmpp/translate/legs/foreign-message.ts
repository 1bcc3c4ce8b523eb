// A message that a foreign room sends to one of our occupants, read: what was said, by whom, and by which key it is known again.
// XEP-0045 §7.2.13, §7.4, §7.5; XEP-0203, 0308, 0359, 0424, 0444, 0461.
import { createHash } from "node:crypto";
import type { Address } from "#bus-schemas/address.ts";
import { fromJid } from "#bus-schemas/addresses/jid.ts";
import { child, childText, type Element, elements, ns } from "../../wire/element.ts";
import { messageToRoom, type Wish } from "../rooms/to-room.ts";
import { parseStamp } from "../stamp.ts";

export interface ForeignMessage {
  /** Who said it; the room itself if undefined. */
  readonly nick: string | undefined;
  /** The id of its sender's client. */
  readonly id: string | undefined;
  /** The room's own id (XEP-0359). */
  readonly stanzaId: string | undefined;
  /**
   * The same for every copy of it, whoever of us heard it and whenever: by the room's id, else by what its sender wrote. Undefined
   * where neither names it.
   */
  readonly key: string | undefined;
  /** When it was said, if this is history; milliseconds since 1970. */
  readonly said: number | undefined;
  readonly isPrivate: boolean;
  /** What it asks for, as if it had been sent to a room of ours. */
  readonly wish: Wish;
}

const short = (value: string | undefined): string | undefined =>
  value === undefined || value === "" || value.length > 1023 ? undefined : value;

/**
 * Reads it. `room`: the foreign room; `hosted`: ours, to whom the draft is addressed; `nick`: for a private one, whom in our
 * room it is for. Undefined for what is no message of somebody in that room.
 */
export function readForeignMessage(
  stanza: Element,
  room: Address,
  hosted: Address,
  nick: string | undefined,
): ForeignMessage | undefined {
  const from = fromJid(stanza.attrs.from ?? "");
  const { type } = stanza.attrs;
  const isPrivate = type !== "groupchat";
  if (!from.ok || type === "error" || (isPrivate && (type === "headline" || nick === undefined)))
    return undefined;
  const author = from.value.device;
  if (isPrivate && author === undefined) return undefined;
  const speaker: Address = { local: author ?? room.local, domain: room.domain };
  const [wish = { kind: "none" as const }] = messageToRoom(
    stanza,
    speaker,
    hosted,
    isPrivate ? nick : undefined,
  );
  const id = short(stanza.attrs.id);
  const stanzaId = stanzaIdOf(stanza, room);
  return {
    nick: author,
    id,
    stanzaId,
    key: keyOf(stanza, author, id, stanzaId),
    said: saidAt(stanza, room),
    isPrivate,
    wish,
  };
}

/** Only the room itself may have written it (XEP-0359 §6). */
function stanzaIdOf(stanza: Element, room: Address): string | undefined {
  for (const one of elements(stanza)) {
    if (one.name !== "stanza-id" || one.xmlns !== ns.ids) continue;
    const by = fromJid(one.attrs.by ?? "");
    const isRoom =
      by.ok &&
      by.value.local === room.local &&
      by.value.domain === room.domain &&
      by.value.device === undefined;
    if (isRoom) return short(one.attrs.id);
  }
  return undefined;
}

function keyOf(
  stanza: Element,
  nick: string | undefined,
  id: string | undefined,
  stanzaId: string | undefined,
): string | undefined {
  // Who repeats another's id is not taken for him: the author is in it, and what he said.
  const what = [
    nick ?? "",
    stanza.attrs.type ?? "",
    childText(stanza, "body", ns.component) ?? "",
    childText(stanza, "subject", ns.component) ?? "",
  ];
  if (stanzaId === undefined && id === undefined) return undefined;
  const named = stanzaId === undefined ? ["id", id] : ["sid", stanzaId];
  return createHash("sha256")
    .update(JSON.stringify([...named, ...what]))
    .digest("base64url")
    .slice(0, 22);
}

// A server that kept the stanza for us stamps it too: only the room's own word makes it history (XEP-0045 §7.2.13).
function saidAt(stanza: Element, room: Address): number | undefined {
  const delay = child(stanza, "delay", ns.delay);
  const by = fromJid(delay?.attrs.from ?? "");
  const isRoom = by.ok && by.value.domain === room.domain;
  const byService = delay?.attrs.from === undefined || delay.attrs.from === room.domain;
  return isRoom || byService ? parseStamp(delay?.attrs.stamp) : undefined;
}
