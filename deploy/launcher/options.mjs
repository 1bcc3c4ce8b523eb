// The command line of `npm start`. Plain JavaScript that an old Node can read: a mistake is told before anything is installed.
import { parseArgs } from "node:util";

/**
 * @typedef {object} Options
 * @property {boolean} once ends after the matrix: 0 if every direction worked, else 1
 * @property {boolean} quiet starts without sending anything
 * @property {boolean} help
 */

export const usage = `Usage: npm start -- [--once] [--no-matrix] [--help]

  --once       send one message in each direction, print what became of it, and end: 0 if all arrived, else 1
  --no-matrix  start without sending anything
  --help       this text
`;

/**
 * Reads the arguments; a mistake is answered with a sentence.
 * @param {readonly string[]} args
 * @returns {Options | { readonly mistake: string }}
 */
export function readOptions(args) {
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

/**
 * The exit code of a call that ends with its words alone, which are then printed: 2 for a mistake, 0 for help. Else undefined.
 * @param {readonly string[]} args
 * @returns {number | undefined}
 */
export function answerAtOnce(args) {
  const options = readOptions(args);
  if ("mistake" in options) {
    process.stderr.write(`${options.mistake}\n\n${usage}`);
    return 2;
  }
  if (!options.help) return undefined;
  process.stdout.write(usage);
  return 0;
}
