// parley check: everything that is wrong with a configuration, each in one line with file, line and remedy.
import { z } from "zod";
import { contradictions } from "./check-house.ts";
import { checkListen } from "./check-listen.ts";
import { type ConfigReading, readConfig, readSection, serviceSections } from "./config.ts";
import type { Environment } from "./config-env.ts";
import { problemAt } from "./config-problem.ts";
import type { Problem } from "./problem.ts";

export interface CheckOptions {
  /** Default: none. */
  readonly env?: Environment;
  /** Whether listening addresses are bound for a moment; default true. False while the house runs on this file. */
  readonly bind?: boolean;
}

/**
 * Checks the file with the schemas of the services' sections, by name. A section is checked if it is there or if a home of
 * the domain table needs it. An empty list: all is well. Never rejects; binds ports only for a moment.
 */
export async function checkConfig(
  path: string,
  sections: Readonly<Record<string, z.ZodType>>,
  options: CheckOptions = {},
): Promise<Problem[]> {
  const reading = readConfig(path, options.env ?? {});
  // Without a readable file there is nothing more to say.
  if (reading.file.text === "" || Object.keys(reading.raw).length === 0) return [...reading.problems];
  const present = Object.keys(sections).filter((name) => name in reading.raw || needed(reading, name));
  const read = present.map((name) => ({
    name,
    ...readSection(reading, name, sections[name] ?? z.unknown()),
  }));
  const values = { ...reading.house, ...Object.fromEntries(read.map(({ name, value }) => [name, value])) };
  const problems = [
    ...reading.problems,
    ...unread(reading, sections),
    ...read.flatMap((section) => section.problems),
    ...houseProblems(reading),
    ...((options.bind ?? true) ? await checkListen(values, reading.file) : []),
  ];
  return problems.sort((a, b) => a.line - b.line);
}

/** Sections of services that this installation does not have. */
function unread(reading: ConfigReading, sections: Readonly<Record<string, z.ZodType>>): Problem[] {
  const place = { file: reading.file, at: [], variables: new Map<string, string>() };
  return serviceSections
    .filter((name) => name in reading.raw && !Object.hasOwn(sections, name))
    .map((name) => problemAt(place, [name], "is a section that no service here reads", "leave it out"));
}

function needed(reading: ConfigReading, section: string): boolean {
  const homes = Object.values(reading.house?.domains ?? {}).flatMap((row) => row.homes);
  return homes.some(
    (home) =>
      home === section ||
      (section === "irc" && home.startsWith("irc-")) ||
      (section === "conference" && home === "rooms"),
  );
}

function houseProblems(reading: ConfigReading): Problem[] {
  if (!reading.house) return [];
  const place = { file: reading.file, at: [], variables: new Map<string, string>() };
  return contradictions(reading.house, networksOf(reading.raw.irc)).map(({ path, message, remedy }) =>
    problemAt(place, path, message, remedy),
  );
}

function networksOf(irc: unknown): Readonly<Record<string, unknown>> {
  const networks = typeof irc === "object" && irc !== null && "networks" in irc ? irc.networks : undefined;
  return typeof networks === "object" && networks !== null ? { ...networks } : {};
}
