// Keeps one part of the house up: started until it is well, under a deadline; started again with back-off when it ends.
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Guard } from "./guard.ts";
import { launch, type Program, type Running } from "./process.ts";

export interface Part {
  readonly name: string;
  /** Writes its configuration and says how it is started; called before every start. */
  prepare(): Program | Promise<Program>;
  /** Whether it can be used, by what it has written since its start and by asking it. */
  ready(output: string): boolean | Promise<boolean>;
  /** Another has taken a port since we chose it: choose anew. Called when its output says so. */
  newPorts(): Promise<void>;
  /** What to try when it does not start. */
  readonly remedy: string;
}

export interface Supervised {
  readonly name: string;
  readonly log: string;
  /** Milliseconds until it was well the first time. */
  readonly tookMs: number;
  stop(): Promise<void>;
}

/** A part that does not come up: which, why, where its log is, what to try. */
export class PartFailure extends Error {
  override readonly name = "PartFailure";
}

const wellWithinMs = 30_000;
const stopGraceMs = 10_000;
const portTries = 4;
const backOff = { firstMs: 250, mostMs: 10_000, forgetAfterMs: 30_000 } as const;
const portTaken = /address already in use|Address in use|EADDRINUSE|Failed to open server port|Can't bind/i;

/** Brings the part up, and keeps it up until it is stopped. `say` prints a line when it ended by itself. */
export async function superviseUp(
  part: Part,
  logFolder: string,
  guard: Guard,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<Supervised> {
  const log = join(logFolder, `${part.name}.log`);
  const began = performance.now();
  let running = await up(part, log, guard, signal);
  const tookMs = performance.now() - began;
  const stopping = new AbortController();
  const watch = async (): Promise<void> => {
    for (let pause: number = backOff.firstMs; ; pause = Math.min(pause * 2, backOff.mostMs)) {
      const upSince = performance.now();
      const { code, signal: by } = await running.exited;
      if (stopping.signal.aborted) return;
      if (performance.now() - upSince > backOff.forgetAfterMs) pause = backOff.firstMs;
      say(`${part.name} ended (${by ?? `code ${code}`}); starting it again. Its log: ${log}`);
      const next = await startAgain(pause);
      if (!next) return;
      running = next;
    }
  };
  /** Tries until it has started (a full disk or process table may pass), or undefined when it is to be stopped. */
  const startAgain = async (firstMs: number): Promise<Running | undefined> => {
    for (let pause = firstMs; ; pause = Math.min(pause * 2, backOff.mostMs)) {
      await sleep(pause, undefined, { signal: stopping.signal }).catch(() => undefined);
      if (stopping.signal.aborted) return undefined;
      try {
        const next = await launch(part.name, await part.prepare(), log, guard);
        if (!stopping.signal.aborted) return next;
        await next.stop(stopGraceMs);
        return undefined;
      } catch (error) {
        say(`${part.name} cannot be started again yet: ${String(error)}`);
      }
    }
  };
  const watched = watch();
  return {
    name: part.name,
    log,
    tookMs,
    async stop() {
      stopping.abort();
      await running.stop(stopGraceMs);
      await watched;
    },
  };
}

async function up(part: Part, log: string, guard: Guard, signal: AbortSignal): Promise<Running> {
  for (let attempt = 1; ; attempt += 1) {
    const running = await launch(part.name, await part.prepare(), log, guard);
    const trouble = await untilWell(part, running, signal);
    if (trouble === undefined) return running;
    await running.stop(stopGraceMs);
    if (portTaken.test(running.output()) && attempt < portTries && !signal.aborted) {
      await part.newPorts();
      continue;
    }
    const tail = running.output().trimEnd().split("\n").slice(-8).join("\n    ");
    throw new PartFailure(
      `${part.name} ${trouble}.\n    ${tail || "(it wrote nothing)"}\n  Its log: ${log}\n  Next: ${part.remedy}`,
    );
  }
}

/** Undefined when it is well, else what went wrong. */
async function untilWell(part: Part, running: Running, signal: AbortSignal): Promise<string | undefined> {
  const deadline = performance.now() + wellWithinMs;
  for (let pause = 10; ; pause = Math.min(100, pause * 1.5)) {
    const exit = running.exit();
    if (exit) return `ended at once (${exit.signal ?? `code ${exit.code}`})`;
    if (portTaken.test(running.output())) return "found its port taken";
    if (await part.ready(running.output())) return undefined;
    if (signal.aborted) return "was not waited for any longer";
    if (performance.now() > deadline) return `is not well after ${wellWithinMs / 1000} s`;
    await sleep(pause);
  }
}
