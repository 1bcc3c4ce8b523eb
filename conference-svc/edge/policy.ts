// What the configuration and the directory say about rooms, as the model asks it.
import { type Address, bareKey, type Party, printAddress } from "#bus-schemas/address.ts";
import type { Directory } from "#bus-schemas/directory.ts";
import { type RoomChange, RoomConfig } from "#bus-schemas/events/room.ts";
import { roomsCarrier } from "#bus-schemas/rooms/open.ts";
import type { RoomView } from "#bus-schemas/rooms/view.ts";
import type { Leg, RoomsConfig } from "../config.ts";
import { type Decision, done, type Policy, refused } from "../model/decision.ts";

/** A leg as gateways are told of it. */
export interface LegPlace extends Leg {
  readonly room: Address;
  /** `irc-demo/#lobby`: its name in events. */
  readonly leg: string;
  /** The channel's address on the bus. */
  readonly address: Address;
}

/** A room of the configuration. */
export interface FixedRoom {
  readonly room: Address;
  readonly config: Partial<RoomConfig>;
  readonly owners: readonly Address[];
  readonly members: readonly Address[];
  readonly legs: readonly LegPlace[];
}

/** The rooms of the configuration; one without a domain is in the first domain whose home is `rooms`. */
export function fixedRooms(config: RoomsConfig, directory: Directory): FixedRoom[] {
  const [domain] = directory.domainsOf(roomsCarrier);
  return Object.entries(config.rooms).flatMap(([name, { owners, members, legs, ...rest }]) => {
    const at = name.lastIndexOf("@");
    const where = at < 0 ? domain : name.slice(at + 1);
    if (where === undefined) return [];
    const room = { local: at < 0 ? name : name.slice(0, at), domain: where };
    const places = legs.flatMap((leg) => {
      const address = channelAddress(leg, directory);
      return address === undefined ? [] : [{ ...leg, room, leg: `${leg.carrier}/${leg.channel}`, address }];
    });
    const chosen = Object.fromEntries(
      Object.entries(rest).filter(([, value]) => value !== undefined),
    ) as Partial<RoomConfig>;
    return [{ room, config: chosen, owners, members, legs: places }];
  });
}

/** A channel of an IRC network is in that network's domain; a MUC has its whole address in the configuration. */
function channelAddress({ carrier, channel }: Leg, directory: Directory): Address | undefined {
  const at = channel.lastIndexOf("@");
  if (carrier === "xmpp" && at > 0) return { local: channel.slice(0, at), domain: channel.slice(at + 1) };
  const [domain] = directory.domainsOf(carrier);
  return domain === undefined ? undefined : { local: channel, domain };
}

/** The leg of a room that somebody else hosts: the room itself, there. */
export function elsewhereLeg(directory: Directory, room: Address): LegPlace | undefined {
  const carrier = directory.elsewhere(room.domain);
  if (carrier === undefined) return undefined;
  const address = { local: room.local, domain: room.domain };
  const channel = printAddress(address);
  const shared = { mode: "puppets", mirror: "all", mirrorLimit: 5_000, opsModerate: true } as const;
  return { ...shared, carrier, channel, room: address, leg: `${carrier}/${channel}`, address };
}

export function openPolicy(
  config: RoomsConfig,
  directory: () => Directory,
  legs: () => readonly LegPlace[],
): Policy {
  const admins = new Set(config.admins.map(bareKey));
  return {
    defaults: RoomConfig.parse(config.defaults),
    mayCreate: (from: Party) =>
      config.create === "everybody" || (config.create === "accounts" && from.assurance !== "none"),
    isAdmin: (address) =>
      directory()
        .linked(address)
        .some((one) => admins.has(bareKey(one))),
    linked: (address) => directory().linked(address),
    isElsewhere: (room) => directory().elsewhere(room.domain) !== undefined,
    // Behind a door theirs is the only order.
    ruledByLeg: (leg) =>
      legs().find((one) => one.leg === leg)?.opsModerate ??
      directory().elsewhere(leg.slice(leg.lastIndexOf("@") + 1)) !== undefined,
  };
}

/** What must still happen for a room of the configuration to be as the configuration says. */
export function establish(fixed: FixedRoom, policy: Policy, view: RoomView): Decision {
  const config: RoomConfig = { ...policy.defaults, ...fixed.config, persistent: true };
  const changes: RoomChange[] = [];
  if (!view.exists || view.config === undefined) changes.push({ kind: "created", config });
  else if (
    Object.entries(fixed.config).some(([key, value]) => view.config?.[key as keyof RoomConfig] !== value)
  )
    changes.push({ kind: "configured", config: { ...view.config, ...fixed.config, persistent: true } });
  const grant = (address: Address, affiliation: "owner" | "member"): void => {
    if (view.affiliations.get(bareKey(address))?.affiliation !== affiliation)
      changes.push({ kind: "affiliation", address, affiliation });
  };
  for (const owner of fixed.owners) grant(owner, "owner");
  for (const member of fixed.members) if (!view.affiliations.has(bareKey(member))) grant(member, "member");
  return changes.length === 0 ? refused("forbidden", "nothing to do") : done(...changes);
}
