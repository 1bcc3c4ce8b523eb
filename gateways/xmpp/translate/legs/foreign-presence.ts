// Presence that a foreign room sends to one of our occupants, read: XEP-0045 §7.2, §7.6, §7.14, §8.2, §9.1, §10.9; XEP-0421.
import { bare } from "#bus-schemas/address.ts";
import { fromJid } from "#bus-schemas/addresses/jid.ts";
import type { Role } from "#bus-schemas/events/room.ts";
import { child, childText, type Element, elements, ns } from "../../wire/element.ts";
import { roleOf } from "../rooms/names.ts";
import { markOf } from "./mark.ts";

/** Somebody in a foreign room, as it shows him. */
export interface Occupant {
  readonly nick: string;
  readonly role: Role;
  /** His real bare JID, where the room tells it. */
  readonly real?: string;
  /** XEP-0421. */
  readonly occupantId?: string;
  /** What a Parley has written into his presence to know its own people again. */
  readonly mark?: string;
}

export type ForeignPresence =
  | {
      readonly is: "here";
      readonly occupant: Occupant;
      /** Status 110: the one to whom this was sent. */
      readonly isSelf: boolean;
      readonly codes: ReadonlySet<string>;
    }
  | {
      readonly is: "gone";
      readonly nick: string;
      readonly isSelf: boolean;
      readonly codes: ReadonlySet<string>;
      /** With code 303: his new nick. */
      readonly newNick?: string;
      readonly reason?: string;
      readonly by?: string;
      /** The room itself is no more (XEP-0045 §10.9). */
      readonly isDestroyed: boolean;
    }
  /** The room refuses what was asked by presence: to come in, or another nick. */
  | { readonly is: "error"; readonly nick: string | undefined }
  | { readonly is: "none" };

const short = (value: string | undefined, most = 1024): string | undefined =>
  value === undefined || value === "" ? undefined : value.slice(0, most);

/** Reads a presence from room/nick; one that is no room's says nothing. */
export function readForeignPresence(stanza: Element): ForeignPresence {
  const from = fromJid(stanza.attrs.from ?? "");
  if (!from.ok) return { is: "none" };
  const nick = from.value.device;
  const { type } = stanza.attrs;
  if (type === "error") return { is: "error", nick };
  if (nick === undefined) return { is: "none" };
  const x = child(stanza, "x", ns.mucUser);
  const item = x && child(x, "item", ns.mucUser);
  const codes = new Set(
    elements(x ?? stanza)
      .filter((one) => one.name === "status" && one.xmlns === ns.mucUser)
      .flatMap((one) => one.attrs.code ?? []),
  );
  const isSelf = codes.has("110");
  if (type === "unavailable") return gone(stanza, nick, isSelf, codes, x, item);
  if (type !== undefined) return { is: "none" };
  const real = fromJid(item?.attrs.jid ?? "");
  const occupantId = short(child(stanza, "occupant-id", ns.occupantId)?.attrs.id, 1023);
  const mark = markOf(stanza);
  const occupant: Occupant = {
    nick,
    role: roleOf(item?.attrs.role ?? "") ?? "speaker",
    ...(real.ok && { real: `${bare(real.value).local}@${real.value.domain}` }),
    ...(occupantId !== undefined && { occupantId }),
    ...(mark !== undefined && { mark }),
  };
  return { is: "here", occupant, isSelf, codes };
}

function gone(
  stanza: Element,
  nick: string,
  isSelf: boolean,
  codes: ReadonlySet<string>,
  x: Element | undefined,
  item: Element | undefined,
): ForeignPresence {
  const destroy = x && child(x, "destroy", ns.mucUser);
  const actor = item && child(item, "actor", ns.mucUser);
  const said = [item, destroy].flatMap((one) => (one ? (childText(one, "reason", ns.mucUser) ?? []) : []));
  const reason = short(said[0]) ?? short(childText(stanza, "status", ns.component));
  const by = short(actor?.attrs.nick, 255);
  const newNick = codes.has("303") ? short(item?.attrs.nick, 1023) : undefined;
  return {
    is: "gone",
    nick,
    isSelf,
    codes,
    isDestroyed: destroy !== undefined,
    ...(newNick !== undefined && { newNick }),
    ...(reason !== undefined && { reason }),
    ...(by !== undefined && { by }),
  };
}

export type GoneCause = "left" | "kicked" | "lost";

/** Why somebody is gone, by the codes of XEP-0045 §15.6.2. */
export function causeOf(codes: ReadonlySet<string>): GoneCause {
  for (const code of ["301", "307", "321", "322"]) if (codes.has(code)) return "kicked";
  return codes.has("332") || codes.has("333") ? "lost" : "left";
}

/** In words, for one of our people whom a foreign room has put out. */
export function removalText(room: string, presence: Extract<ForeignPresence, { is: "gone" }>): string {
  const { codes, isDestroyed, by, reason } = presence;
  const how = isDestroyed
    ? "does not exist any more"
    : codes.has("301")
      ? "has banned you"
      : codes.has("307")
        ? "has put you out"
        : codes.has("321") || codes.has("322")
          ? "is for members only now"
          : "has shut down";
  return `${room} ${how}${by === undefined ? "" : ` (${by})`}${reason === undefined ? "" : `: ${reason}`}`.slice(
    0,
    1024,
  );
}
