// Parley with one hosted room: a house with one instance of each gateway that takes part and one conference-svc.
import { domains, type GatewayName, openHouse, roomDomain } from "#test/plays/house.ts";
import { type RoomDriver, type RoomProtocol, startRoomDriver } from "./driver.ts";
import type { RoomStage } from "./stage.ts";

export interface ParleyRoomOptions {
  /** How many people of each protocol; whoever is not named takes no part. */
  readonly people: Readonly<Partial<Record<RoomProtocol, number>>>;
  readonly nodeOptions: readonly string[];
}

const channel = "#bench";
const room = `bench@${roomDomain}`;

/** Limits that a load generator, which is one network address with everybody's connections, would run into. */
const unlimited = {
  framesPerSecond: 1e6,
  framesAtOnce: 1e6,
  connectionsPerSource: 10_000,
  unanswered: 100_000,
};

/** Opens the house; people are logged in, and not in the room yet. */
export async function openParleyRoom({ people, nodeOptions }: ParleyRoomOptions): Promise<RoomStage> {
  const gateways = Object.keys(people) as GatewayName[];
  const most = Math.max(...Object.values(people));
  const legs = people.irc === undefined ? [] : [{ carrier: "irc-demo", channel }];
  const house = await openHouse({
    people: Array.from({ length: most }, (_, index) => `user${index}`),
    gateways,
    nodeOptions,
    sip: { sourceRate: 1_000_000 },
    web: { limits: unlimited },
    irc: { maxPuppets: 1_200 },
    conference: { rooms: { bench: { title: "Bench", maxParticipants: 5_000, legs } } },
  });
  const drivers = new Map<RoomProtocol, RoomDriver>();
  const close = async (): Promise<void> => {
    for (const driver of drivers.values()) driver.stop();
    await Promise.all([...gateways, "conference"].map((name) => house.stop(`${name}-1`)));
    await house.close();
  };
  const { ports } = house;
  const where: Record<RoomProtocol, string[]> = {
    xmpp: [domains.xmpp, `${ports.c2s}`, room],
    irc: [`${ports.irc}`, channel],
    web: [domains.web, `${ports.web[0]}`, room],
    sip: [domains.sip, `${ports.sip[0]}`, room],
  };
  try {
    for (const name of gateways)
      drivers.set(name, await startRoomDriver(name, people[name] ?? 0, where[name]));
  } catch (error) {
    await close();
    throw error;
  }
  const counted = house.names
    .filter((name) => name !== "ngircd" || people.irc !== undefined)
    .filter((name) => name !== "prosody" || people.xmpp !== undefined);
  return {
    system: "Parley",
    pids: () => Object.fromEntries(counted.map((name) => [name, house.pid(name)])),
    drivers,
    echoes: (protocol) => protocol === "xmpp",
    close,
  };
}
