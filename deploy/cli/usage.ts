// A mistake in how the command was called: told in one line, exit code 2.
import { type ParseArgsConfig, parseArgs } from "node:util";

export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** node:util's parseArgs, strict, with its complaints as UsageErrors. */
export function readArgs<T extends ParseArgsConfig>(config: T): ReturnType<typeof parseArgs<T>> {
  try {
    return parseArgs(config);
  } catch (error) {
    const [first = ""] = (error instanceof Error ? error.message : String(error)).split(". To specify", 1);
    throw new UsageError(first, { cause: error });
  }
}

/** The file that --config names, else PARLEY_CONFIG, else parley.yaml in the present folder. */
export const configPath = (asked: string | undefined): string =>
  asked ?? process.env.PARLEY_CONFIG ?? "parley.yaml";
