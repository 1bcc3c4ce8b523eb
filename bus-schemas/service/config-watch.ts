// Follows parley.yaml while the house runs: domain table, accounts and people take effect without a restart.
import { statSync } from "node:fs";
import { type ConfigReading, type HouseConfig, readConfig } from "./config.ts";
import type { Environment } from "./config-env.ts";
import type { Problem } from "./problem.ts";

/** How often the file is looked at. Looking, not listening: editors rename, and mounted volumes swap links. */
export const watchEveryMs = 1000;

export interface ConfigWatcher {
  close(): void;
}

/** A content counts when it is the same this much later: whoever writes it may be half-way. */
export const settleMs = 150;

/**
 * Calls `changed` with every new valid content, and `broken` with the problems of a content that is not: the last valid one
 * stays in force. A content that comes twice in a row is told once. Does not keep the process alive.
 */
export function watchConfig(
  path: string,
  env: Environment,
  on: {
    changed(house: HouseConfig, reading: ConfigReading): void;
    broken(problems: readonly Problem[]): void;
  },
  options: { readonly everyMs?: number; readonly known?: string } = {},
): ConfigWatcher {
  let told = options.known ?? readConfig(path, env).file.text;
  let seen: string | undefined;
  let looked: string | undefined;
  let settle: NodeJS.Timeout | undefined;
  const read = (): void => {
    const reading = readConfig(path, env);
    const { text } = reading.file;
    if (text !== seen) {
      seen = text;
      clearTimeout(settle);
      settle = setTimeout(read, settleMs).unref();
      return;
    }
    if (text === told) return;
    told = text;
    if (reading.house) on.changed(reading.house, reading);
    else on.broken(reading.problems);
  };
  const look = (): void => {
    const now = signature(path);
    if (now === looked) return;
    looked = now;
    read();
  };
  const every = setInterval(look, options.everyMs ?? watchEveryMs).unref();
  return {
    close: () => {
      clearInterval(every);
      clearTimeout(settle);
    },
  };
}

/** What changes whenever the file does; of a file that cannot be seen, why. */
function signature(path: string): string {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true });
    return [dev, ino, size, mtimeNs, ctimeNs].join(" ");
  } catch (error) {
    // Reading it says the same, as a problem with a remedy.
    return error instanceof Error && "code" in error ? String(error.code) : "not to be seen";
  }
}
