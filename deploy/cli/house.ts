// The house as the commands see it: its configuration, its bus, and the carriers that anybody speaks of.
import type { Bus } from "#bus-schemas/bus/port.ts";
import { connectBus, readHouse } from "#bus-schemas/service/ground.ts";
import { openLog } from "#bus-schemas/service/log.ts";
import { root, streams } from "#bus-schemas/subject.ts";
import { configPath } from "./usage.ts";

/** How long a question to all instances stays open: on one machine they answer within a few milliseconds. */
export const answerMs = 700;

export interface House {
  readonly bus: Bus;
  /** Carriers of the domain table, and those that have a ledger; in the order of their names. */
  carriers(): Promise<string[]>;
  close(): Promise<void>;
}

/** Reads the configuration and connects. Throws ConfigError, or what the bus says. */
export async function openHouse(asked: string | undefined): Promise<House> {
  const { house } = readHouse(configPath(asked), process.env);
  // A command shows its own errors; what the bus client would log meanwhile is of no use to the one who asks.
  const log = openLog({
    level: "error",
    facts: { service: "parley" },
    sink: { write: (line) => process.stderr.write(line) },
  });
  const bus = await connectBus(house, `parley-cli-${process.pid}`, log);
  return {
    bus,
    carriers: async () => {
      const ledgers = await bus.lastOfEach(streams.ledger, `${root}.ledger.>`).catch(() => []);
      const seen = ledgers.map(
        ({ subject }) => subject.slice(`${root}.ledger.`.length).split(".", 1)[0] ?? "",
      );
      const homes = Object.values(house.domains).flatMap((row) => row.homes);
      return [...new Set([...homes, ...seen])].filter((carrier) => carrier !== "").sort();
    },
    close: () => bus.close(),
  };
}
