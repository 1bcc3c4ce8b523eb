// The ground of a real process: parley.yaml, the NATS bus, the courier. Tests of open.ts bring another one.
import type { z } from "zod";
import { connectNats } from "../bus/nats.ts";
import type { Bus } from "../bus/port.ts";
import { openCourier } from "../delivery/open.ts";
import { buildDirectory } from "../directory-build.ts";
import { type ConfigReading, type HouseConfig, readConfig, readSection } from "./config.ts";
import type { Environment } from "./config-env.ts";
import { ConfigError, printProblem } from "./config-problem.ts";
import { watchConfig } from "./config-watch.ts";
import { directoryView } from "./directory-view.ts";
import type { LogLevel, OpenLog } from "./log.ts";
import type { Ground } from "./open.ts";
import type { Problem } from "./problem.ts";
import type { Log } from "./service.ts";

/** How long a starting process waits for the bus; then it gives up, and its supervisor starts it again. */
const firstConnectMs = 15_000;

export interface RealGround extends Ground {
  readonly logLevel: LogLevel;
}

/** Reads parley.yaml at `path`. Throws ConfigError with every problem of the shared sections. */
export function readGround(path: string, env: Environment = process.env): RealGround {
  const { reading, house } = readHouse(path, env);
  let directory = buildDirectory(house);
  const listeners: ((reading: ConfigReading) => readonly Problem[])[] = [];
  return {
    logLevel: house.log.level,
    healthListen: house.health.listen,
    telemetry: house.telemetry,
    directory: directoryView(() => directory),
    section: (name, schema) => sectionOf(reading, name, schema),
    onSection: (name, schema, changed) => {
      listeners.push((next) => {
        const { value, problems } = readSection(next, name, schema);
        if (problems.length === 0 && value !== undefined) changed(value);
        return problems;
      });
    },
    connect: ({ instance, log }) => connectBus(house, `parley-${instance}`, log),
    openCourier,
    follow: (log) =>
      follow(reading, env, log, (next, nextReading) => {
        directory = buildDirectory(next);
        for (const listener of listeners) {
          const problems = listener(nextReading);
          if (problems.length > 0)
            log.error(
              { problems: problems.map(printProblem) },
              "a section of the configuration is wrong, the one before stays in force",
            );
        }
      }),
  };
}

/** The shared sections, valid. Throws ConfigError. */
export function readHouse(path: string, env: Environment): { reading: ConfigReading; house: HouseConfig } {
  const reading = readConfig(path, env);
  if (!reading.house) throw new ConfigError(reading.problems);
  return { reading, house: reading.house };
}

/** Connects to the bus of this house. `name` is what the NATS server shows. */
export function connectBus(house: HouseConfig, name: string, log: Log): Promise<Bus> {
  const { servers, token, replicas, volatile } = house.bus;
  return connectNats({
    servers,
    ...(token === undefined ? {} : { token }),
    replicas,
    // On a bus that may forget, nothing is written to disk: a choice for benches, which `volatile` has to allow.
    storage: volatile ? "memory" : "file",
    firstConnectMs,
    name,
    log,
  });
}

function sectionOf<T extends z.ZodType>(reading: ConfigReading, name: string, schema: T): z.output<T> {
  const { value, problems } = readSection(reading, name, schema);
  if (problems.length > 0 || value === undefined) throw new ConfigError(problems);
  return value;
}

function follow(
  reading: ConfigReading,
  env: Environment,
  log: OpenLog,
  replace: (house: HouseConfig, reading: ConfigReading) => void,
): () => void {
  const watcher = watchConfig(
    reading.file.path,
    env,
    {
      changed: (house, next) => {
        replace(house, next);
        log.info(
          { file: reading.file.path },
          "configuration changed: domains, accounts and people are in force",
        );
      },
      broken: (problems) =>
        log.error(
          { problems: problems.map(printProblem) },
          "configuration is wrong, the one before stays in force",
        ),
    },
    { known: reading.file.text },
  );
  return () => watcher.close();
}
