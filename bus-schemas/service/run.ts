// The life of a process: opens its service, runs its main, ends in order on a signal, and at once on our own fault.
import { setTimeout as sleep } from "node:timers/promises";
import { ConfigError } from "./config-problem.ts";
import { errorText } from "./error-text.ts";
import { readGround } from "./ground.ts";
import { instanceName } from "./ids.ts";
import { type LogLevel, type OpenLog, openLog } from "./log.ts";
import { type OpenService, openService } from "./open.ts";
import type { Service } from "./service.ts";
import { productVersion } from "./version.ts";

/** What a gateway's or a service's main.ts exports. */
export type Main = (service: Service) => Promise<void>;

export interface RunOptions {
  /** The path of parley.yaml. */
  readonly config: string;
  /** Default: a name from host and process id; see ids.ts. */
  readonly instance?: string;
  /** Default: what parley.yaml or PARLEY_LOG_LEVEL says, else info. */
  readonly logLevel?: LogLevel;
}

/** Exit codes: an orderly end, our fault or the world's, a mistake in the configuration or the call. */
const exitCodes = { well: 0, failed: 1, mistaken: 2 } as const;

/** A mistake of the one who runs us, beside those in the file: exit code 2 too. */
class StartMistake extends Error {
  override readonly name = "StartMistake";
}

const isMistake = (error: unknown): boolean => error instanceof StartMistake || error instanceof ConfigError;

/**
 * Runs `main` as service `name` until SIGTERM, SIGINT, SIGHUP, or (PARLEY_PARENT_PIPE=1) the end of standard input, which is
 * the launcher's death. Then ends in order under a deadline and exits with 0, or with 1 if something failed or was late. A
 * second signal exits at once. A fault of ours (uncaught error) exits at once with 1: the supervisor starts it anew, and what
 * was accepted is on the bus. If it does not start: one line on standard error, and exit 2 (configuration) or 1.
 */
export async function runService(name: string, main: Main, options: RunOptions): Promise<never> {
  let log: OpenLog | undefined;
  let opened: OpenService | undefined;
  const leave = (code: number): never => {
    log?.flush();
    process.exit(code);
  };
  const end = watchForEnd(leave);
  process.on("uncaughtException", (error, origin) => {
    log?.error({ error, origin }, "uncaught error");
    if (!log) process.stderr.write(`parley ${name}: ${String(error)}\n`);
    leave(exitCodes.failed);
  });
  try {
    const identity = { name, instance: chosenInstance(name, options.instance), version: productVersion() };
    const ground = readGround(options.config);
    log = openLog({
      level: options.logLevel ?? ground.logLevel,
      facts: { service: name, instance: identity.instance },
    });
    opened = await unlessItEnds(openService(identity, ground, log), end);
    if (!opened) return leave(exitCodes.well);
    void end.then((why) => log?.info({ why }, "ending"));
    await Promise.race([start(main, opened.service, end, log), end]);
    const facts = {
      pid: process.pid,
      node: process.versions.node,
      version: identity.version,
      health: opened.healthUrl,
    };
    if (!end.came()) log.info(facts, "service started");
  } catch (error) {
    process.stderr.write(`parley ${name} does not start: ${errorText(error)}\n`);
    log?.error({ error }, "service not started");
    await opened?.close();
    return leave(isMistake(error) ? exitCodes.mistaken : exitCodes.failed);
  }
  await end;
  const bad = await opened.close();
  log.info({ bad }, "ended");
  return leave(bad.length === 0 ? exitCodes.well : exitCodes.failed);
}

/** How long an opening that is told to end may go on, so that it leaves nothing behind: it may be waiting for the bus. */
const openingGraceMs = 1_000;

/** The opened service, or undefined if the process is to end before it is open: then nothing was accepted yet. */
async function unlessItEnds(
  opening: Promise<OpenService>,
  end: Promise<string>,
): Promise<OpenService | undefined> {
  const given = end.then(() => sleep(openingGraceMs, undefined));
  return await Promise.race([opening, given]);
}

/** Runs main. Its failure counts only while the process is wanted: one that is told to end may interrupt it anywhere. */
async function start(main: Main, service: Service, end: { came(): boolean }, log: OpenLog): Promise<void> {
  try {
    await main(service);
    service.health("start", true);
  } catch (error) {
    if (!end.came()) throw error;
    log.warn({ error }, "start interrupted by the end");
  }
}

function chosenInstance(name: string, asked: string | undefined): string {
  const instance = instanceName(name, asked);
  if (!instance.ok) throw new StartMistake(instance.error);
  return instance.value;
}

/** A terminal sends Ctrl-C to a process and to its launcher, who passes it on: within this time it is one and the same. */
const sameSignalMs = 300;

/** Resolves with the reason when the process is to end. A second signal leaves at once. */
function watchForEnd(leave: (code: number) => never): Promise<string> & { came(): boolean } {
  let cameAt: number | undefined;
  const promise = new Promise<string>((resolve) => {
    const come = (why: string): void => {
      const now = performance.now();
      if (cameAt === undefined) {
        cameAt = now;
        resolve(why);
      } else if (now - cameAt > sameSignalMs) leave(exitCodes.failed);
    };
    for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, () => come(signal));
    if (process.env.PARLEY_PARENT_PIPE === "1")
      watchParent(() => cameAt === undefined && come("the launcher ended"));
  });
  return Object.assign(promise, { came: () => cameAt !== undefined });
}

function watchParent(gone: () => void): void {
  // What is written to it is of no interest; it only has to be read for its end to be seen.
  process.stdin.on("end", gone).on("close", gone).on("error", gone).resume();
}
