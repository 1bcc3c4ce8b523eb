// What the bench measures: some processes that carry messages, and people on both sides of them.
import { audit } from "#bus-schemas/delivery/audit.ts";
import { type GatewayName, type House, openHouse } from "#test/plays/house.ts";
import { type LoadDriver, startDriver } from "./drivers.ts";

export interface Stage {
  /** What is measured, as the tables call it: `Parley file, hold 400ms`. */
  readonly system: string;
  /** The processes that are counted: all but the drivers. */
  pids(): Readonly<Record<string, number>>;
  readonly drivers: ReadonlyMap<GatewayName, LoadDriver>;
  /** The names by which people of the first gateway write to those of the second. */
  names(from: GatewayName, to: GatewayName): readonly string[];
  /** Where messages are that were accepted and not heard, if the system can tell. */
  readonly books?: () => Promise<string>;
  /** Ends the drivers and all processes; gateways in order, so that a profiler can write what it saw. */
  close(): Promise<void>;
}

export interface HouseStageOptions {
  readonly pair: readonly [GatewayName, GatewayName];
  readonly people: number;
  readonly storage: "file" | "memory";
  /** `sip.holdResponse`. */
  readonly hold: string;
  readonly nodeOptions: readonly string[];
}

/** Limits that a load generator, which is one peer with everybody's messages, would run into. */
const unlimited = {
  framesPerSecond: 1e6,
  framesAtOnce: 1e6,
  bufferedBytes: 64 * 1024 * 1024,
  unanswered: 100_000,
};

/** Parley with two gateways, one instance of each. */
export async function openHouseStage(options: HouseStageOptions): Promise<Stage> {
  const { pair, people, storage, hold } = options;
  const house = await openHouse({
    people: Array.from({ length: people }, (_, index) => `user${index}`),
    gateways: pair,
    volatile: storage === "memory",
    nodeOptions: options.nodeOptions,
    sip: { sourceRate: 1_000_000, holdResponse: hold },
    web: { limits: unlimited },
  });
  const drivers = new Map<GatewayName, LoadDriver>();
  const close = async (): Promise<void> => {
    for (const driver of drivers.values()) driver.stop();
    await Promise.all(pair.map((name) => house.stop(`${name}-1`)));
    await house.close();
  };
  try {
    for (const name of pair) {
      const ownOptions = name === "irc" ? ["confirm=no"] : [];
      drivers.set(name, await startDriver(house, name, people, ownOptions));
    }
  } catch (error) {
    await close();
    throw error;
  }
  return {
    system: `Parley ${storage}${pair.includes("sip") ? `, hold ${hold}` : ""}`,
    pids: () =>
      Object.fromEntries(
        house.names
          .filter((name) => name !== "ngircd" || pair.includes("irc"))
          .filter((name) => name !== "prosody" || pair.includes("xmpp"))
          .map((name) => [name, house.pid(name)]),
      ),
    drivers,
    names: (_from, to) => drivers.get(to)?.people ?? [],
    books: () => booksOf(house, pair),
    close,
  };
}

const carrierOf = (name: GatewayName): string => (name === "irc" ? "irc-demo" : name);

/** One line per carrier: all that was ever accepted there, and what became of it. */
async function booksOf(house: House, pair: readonly GatewayName[]): Promise<string> {
  const lines = await Promise.all(
    pair.map(async (name) => {
      const books = await audit(house.bus, carrierOf(name), 300);
      const { accepted, handed, refused, uncertain, inFlight, mailbox, difference } = books;
      return `${name}: accepted ${accepted}, handed ${handed}, refused ${refused}, uncertain ${uncertain}, in flight ${inFlight} (in mailboxes ${mailbox}), difference ${difference}`;
    }),
  );
  return `books of ${lines.join("; of ")}`;
}
