// A foreign room that is tied to one of ours: as conference-svc publishes it (KV bucket `rooms`, key `leg.xmpp.<token>`), or made of the
// address of a room that somebody else hosts.
import { z } from "zod";
import { type Address, bareKey, printAddress } from "#bus-schemas/address.ts";
import { toJid } from "#bus-schemas/addresses/jid.ts";

const Place = z.object({ local: z.string().min(1).max(1023), domain: z.string().min(1).max(1023) });

export const Published = z.object({
  room: Place,
  carrier: z.literal("xmpp"),
  channel: z.string().min(3).max(200),
  leg: z.string().max(512),
  address: Place,
  mode: z.enum(["puppets", "bot"]).default("puppets"),
  mirror: z.enum(["all", "speakers", "none"]).default("all"),
  mirrorLimit: z.int().positive().max(5_000).default(200),
  password: z.string().max(256).optional(),
});

export interface LegPlace {
  /** Our room. */
  readonly room: Address;
  /** Theirs. */
  readonly there: Address;
  /** `xmpp/room@muc.other.example`: its name in events. */
  readonly leg: string;
  readonly mirror: "all" | "speakers" | "none";
  readonly mirrorLimit: number;
  readonly password?: string | undefined;
  /** Our room is only the way into theirs: whoever cannot be there cannot be here. */
  readonly isDoor: boolean;
}

/** The leg that conference-svc has published; undefined if the foreign room has no JID. */
export function publishedPlace(published: z.output<typeof Published>): LegPlace | undefined {
  const { room, address, leg, mirror, mirrorLimit, password } = published;
  if (!toJid(address).ok) return undefined;
  return {
    room,
    there: address,
    leg,
    mirror,
    mirrorLimit,
    isDoor: bareKey(room) === bareKey(address),
    ...(password !== undefined && { password }),
  };
}

/** The only leg of a room of ours that is somebody else's room. */
export function doorPlace(room: Address): LegPlace | undefined {
  const there = { local: room.local, domain: room.domain };
  if (!toJid(there).ok) return undefined;
  const leg = `xmpp/${printAddress(there)}`;
  return { room: there, there, leg, mirror: "all", mirrorLimit: 5_000, isDoor: true };
}
