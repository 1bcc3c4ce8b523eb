// What calls, subscriptions and references of one process share.
import type { Address } from "#bus-schemas/address.ts";
import type { Courier } from "#bus-schemas/delivery/courier.ts";
import type { Directory } from "#bus-schemas/directory.ts";
import type { Rooms } from "#bus-schemas/rooms/port.ts";
import type { Clock, Log, Metrics, Trail } from "#bus-schemas/service/service.ts";
import type { Wheel } from "#bus-schemas/service/wheel.ts";
import type { SipConfig } from "../../config.ts";
import type { Names } from "../../translate/room/names.ts";
import type { Identities } from "../identity.ts";
import type { Location } from "../location.ts";
import type { Msrp } from "../msrp/port.ts";
import type { TransportName } from "../transport-types.ts";
import type { Records } from "./records.ts";
import type { Ways } from "./way.ts";

export type RoomCourier = Pick<Courier, "accept" | "process" | "living">;

export interface RoomParts {
  readonly config: SipConfig;
  readonly directory: Directory;
  readonly clock: Clock;
  readonly wheel: Wheel;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly trail: Trail;
  readonly identities: Identities;
  readonly location: Location;
  readonly rooms: Rooms;
  readonly records: Records;
  readonly ways: Ways;
  readonly msrp: Msrp;
  readonly courier: RoomCourier;
  /** `host:port` at which this process can be reached by that transport, for our Contact. */
  readonly contactHost: (transport: TransportName, family: 4 | 6) => string;
  readonly chance: () => number;
  readonly stopping: () => boolean;
}

/** The names of a room, as translation needs them. */
export function namesOf(
  { directory, config }: Pick<RoomParts, "directory" | "config">,
  room: Address,
): Names {
  return {
    room,
    separator: config.separator,
    faceOn: (address) => directory.faceOn("sip", address),
    behind: (address) => directory.behind("sip", address),
  };
}
