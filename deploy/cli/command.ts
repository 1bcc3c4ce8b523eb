// The table of commands, and what becomes of their errors: one line on standard error, and an exit code.
import { ConfigError } from "#bus-schemas/service/config-problem.ts";
import { errorText } from "#bus-schemas/service/error-text.ts";
import { help } from "./help.ts";
import { UsageError } from "./usage.ts";

type Command = (args: readonly string[]) => Promise<number>;

// Loaded when called: `parley version` does not wait for the bus client, and a broken command does not break the others.
const commands: Readonly<Record<string, () => Promise<Command>>> = {
  up: async () => (await import("../launcher/up.ts")).up,
  run: async () => (await import("./run.ts")).run,
  check: async () => (await import("./check.ts")).check,
  status: async () => (await import("./status.ts")).status,
  trace: async () => (await import("./trace.ts")).trace,
  ledger: async () => (await import("./ledger.ts")).ledger,
  rooms: async () => (await import("./rooms.ts")).rooms,
  room: async () => (await import("./room.ts")).room,
  version: async () => (await import("./version.ts")).version,
  help: () => Promise.resolve(help),
};

const otherNames: Readonly<Record<string, string>> = {
  "--help": "help",
  "-h": "help",
  "--version": "version",
  "-v": "version",
};

/** Runs `parley <args>` and resolves with its exit code. */
export async function command(args: readonly string[]): Promise<number> {
  const [asked, ...rest] = args;
  if (asked === undefined) {
    await help();
    return 2;
  }
  const name = otherNames[asked] ?? asked;
  const load = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (!load) return complain(`"${asked}" is no command; "parley help" lists them`, 2);
  if (rest.includes("--help") || rest.includes("-h")) return help();
  try {
    return await (await load())(rest);
  } catch (error) {
    return complain(errorText(error), isMistake(error) ? 2 : 1);
  }
}

function complain(text: string, code: number): number {
  process.stderr.write(`parley: ${text}\n`);
  return code;
}

const isMistake = (error: unknown): boolean => error instanceof UsageError || error instanceof ConfigError;
