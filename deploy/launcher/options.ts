// The command line of `npm start`.
import { parseArgs } from "node:util";

export interface Options {
  /** Ends after the matrix: 0 if every direction worked, else 1. */
  readonly once: boolean;
  /** Starts without sending anything. */
  readonly quiet: boolean;
  readonly help: boolean;
}

export const usage = `Usage: npm start -- [--once] [--no-matrix] [--help]

  --once       send one message in each direction, print what became of it, and end: 0 if all arrived, else 1
  --no-matrix  start without sending anything
  --help       this text
`;

/** Reads the arguments; a mistake is answered with a sentence. */
export function readOptions(args: readonly string[]): Options | { readonly mistake: string } {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        once: { type: "boolean" },
        "no-matrix": { type: "boolean" },
        help: { type: "boolean", short: "h" },
      },
    });
    if (values.once && values["no-matrix"])
      return { mistake: "--once is about the matrix: it cannot go with --no-matrix" };
    return { once: values.once ?? false, quiet: values["no-matrix"] ?? false, help: values.help ?? false };
  } catch (error) {
    return {
      mistake: error instanceof Error ? (error.message.split(". ")[0] ?? error.message) : String(error),
    };
  }
}
