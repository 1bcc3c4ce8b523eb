// What conferences elsewhere need of this process.
import type { Bus } from "#bus-schemas/bus/port.ts";
import type { Courier } from "#bus-schemas/delivery/courier.ts";
import type { RoomParts } from "../room/parts.ts";

export interface LegParts
  extends Pick<
    RoomParts,
    | "config"
    | "directory"
    | "clock"
    | "wheel"
    | "log"
    | "metrics"
    | "rooms"
    | "ways"
    | "msrp"
    | "contactHost"
    | "stopping"
  > {
  readonly bus: Bus;
  readonly courier: Pick<Courier, "accept" | "report">;
}

/** A conference that somebody else hosts, and which is a room here only as the way into it. */
export interface LegPlace {
  readonly room: { readonly local: string; readonly domain: string };
  /** `sip/room@focus.other.example`: its name in events. */
  readonly leg: string;
  /** Its URI. */
  readonly uri: string;
}
