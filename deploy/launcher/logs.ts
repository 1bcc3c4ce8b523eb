// The logs of the private house: one generation beside the present one, and a limit for a house that stays up for weeks.
import { copyFileSync, existsSync, renameSync, statSync, truncateSync } from "node:fs";
import { join } from "node:path";

/** A log beyond this becomes the last generation; nothing is kept of the one before. */
export const mostLogBytes = 64 * 1024 * 1024;
const lookEveryMs = 30_000;

/** Puts the logs of the last start aside. */
export function keepLastLogs(folder: string, names: readonly string[]): void {
  for (const name of names) {
    const log = join(folder, `${name}.log`);
    if (existsSync(log)) renameSync(log, `${log}.1`);
  }
}

/** Looks after the logs until it is told to end. */
export function limitLogs(folder: string, names: readonly string[]): () => void {
  const timer = setInterval(() => cutLogs(folder, names), lookEveryMs);
  timer.unref();
  return () => clearInterval(timer);
}

/** Puts aside what has grown beyond the limit. Its writer keeps the file, which it appends to: so it is copied and emptied. */
export function cutLogs(folder: string, names: readonly string[], most = mostLogBytes): void {
  for (const name of names) {
    const log = join(folder, `${name}.log`);
    if (!existsSync(log) || statSync(log).size <= most) continue;
    try {
      copyFileSync(log, `${log}.1`);
    } catch (error) {
      // A full disk: then the log itself has to go all the more.
      process.stderr.write(`${log} is emptied without a copy: ${String(error)}\n`);
    }
    truncateSync(log);
  }
}
