// What the configuration wants of rooms at this moment; made anew when parley.yaml changes.
import { type Address, bareKey } from "#bus-schemas/address.ts";
import type { Directory } from "#bus-schemas/directory.ts";
import type { RoomsConfig } from "../config.ts";
import type { Policy } from "../model/decision.ts";
import { elsewhereLeg, type FixedRoom, fixedRooms, type LegPlace, openPolicy } from "./policy.ts";

export interface Plan {
  readonly fixed: readonly FixedRoom[];
  readonly policy: Policy;
  /** How long somebody whose connection broke is waited for, in milliseconds. */
  readonly disconnectedFor: number;
  /** The legs of a room, by configuration or because somebody else hosts it. */
  legsOf(room: Address): readonly LegPlace[];
  /** The rooms one of whose legs has this address, or has people of its domain: who was to hear something may be one of them. */
  roomsOf(there: Address): readonly Address[];
}

export function makePlan(config: RoomsConfig, directory: Directory): Plan {
  const fixed = fixedRooms(config, directory);
  const legs = fixed.flatMap((room) => room.legs);
  const policy = openPolicy(
    config,
    () => directory,
    () => legs,
  );
  return {
    fixed,
    policy,
    disconnectedFor: config.disconnectedFor,
    legsOf(room) {
      const elsewhere = elsewhereLeg(directory, room);
      if (elsewhere !== undefined) return [elsewhere];
      return legs.filter((leg) => bareKey(leg.room) === bareKey(room));
    },
    roomsOf(there) {
      const exact = legs.filter(({ address }) => bareKey(address) === bareKey(there));
      const near = exact.length > 0 ? exact : legs.filter(({ address }) => address.domain === there.domain);
      const tied = near.map(({ room }) => room);
      // Somebody in a room that others host is named under it.
      const door = { local: there.device ?? there.local, domain: there.domain };
      return directory.elsewhere(there.domain) === undefined ? tied : [...tied, door];
    },
  };
}

/** The policy of whatever plan is in force when it is asked. */
export const policyOf = (plan: () => Plan): Policy => ({
  get defaults() {
    return plan().policy.defaults;
  },
  mayCreate: (from) => plan().policy.mayCreate(from),
  isAdmin: (address) => plan().policy.isAdmin(address),
  linked: (address) => plan().policy.linked(address),
  isElsewhere: (room) => plan().policy.isElsewhere(room),
  ruledByLeg: (leg) => plan().policy.ruledByLeg(leg),
});
