// One direction, step by step: at which rate does it still carry everything, once, soon enough?
import type { GatewayName } from "#test/plays/house.ts";
import { measure, type Run } from "./measure.ts";
import { median } from "./processes.ts";
import type { Stage } from "./stage.ts";

export interface Climb {
  readonly system: string;
  readonly from: GatewayName;
  readonly to: GatewayName;
  /** One per rate: the median of the repetitions by p99, or the one that failed. */
  readonly steps: readonly Run[];
  /** The highest rate that was held; 0 if none was. */
  readonly sustainedPerSecond: number;
}

export interface ClimbOptions {
  /** Rates in rising order; after the last one it goes on by a quarter each, if `further`. */
  readonly rates: readonly number[];
  readonly further: boolean;
  readonly seconds: number;
  readonly repeat: number;
}

/** A rate is held when nothing was lost or doubled and the slowest in a hundred took less than this. */
export const mostP99Ms = 250;
/** V8 compiles the ways that messages take for good only after some ten thousand of them: until then they cost up to twice as much. */
const warmUpPerSecond = 2_000;
const warmUpSeconds = 6;
/** No further step is tried above this: the generators themselves are not trusted beyond. */
const mostPerSecond = 20_000;

export const held = (run: Run): boolean => run.lost === 0 && run.twice === 0 && run.p99Ms < mostP99Ms;

/** Warms up and climbs until a step fails; `show` hears of each step. Throws when not even the warm-up arrives. */
export async function climb(
  stage: Stage,
  [from, to]: readonly [GatewayName, GatewayName],
  options: ClimbOptions,
  show: (run: Run) => void,
): Promise<Climb> {
  const names = await warmUp(stage, from, to);
  const steps: Run[] = [];
  for (const rate of ratesOf(options)) {
    const run = await step(stage, from, to, rate, options, names);
    steps.push(run);
    show(run);
    if (!held(run)) break;
  }
  const good = steps.filter(held).map((run) => run.offeredPerSecond);
  return { system: stage.system, from, to, steps, sustainedPerSecond: Math.max(0, ...good) };
}

/**
 * Caches, connections and code warm up first: what is measured is a system that has been up for a while. From IRC people are
 * written to by the nicks under which they have spoken there, so they speak first. Answers with the names to write to.
 */
async function warmUp(stage: Stage, from: GatewayName, to: GatewayName): Promise<readonly string[]> {
  let names = stage.names(from, to);
  if (from === "irc") {
    const greeting = await measure(stage, to, from, 100, 2);
    if (greeting.speakers.length > 0) names = greeting.speakers;
  }
  const run = await measure(stage, from, to, 500, 2, names);
  if (run.heard > 0) await measure(stage, from, to, warmUpPerSecond, warmUpSeconds, names);
  else
    throw new Error(
      `${stage.system}: none of ${run.said} messages from ${from} to ${to} arrived (${run.accepted} accepted, ${run.refused} refused)`,
    );
  return names;
}

function* ratesOf({ rates, further }: ClimbOptions): Generator<number> {
  yield* rates;
  let rate = rates.at(-1) ?? 0;
  while (further && rate < mostPerSecond) {
    rate = Math.ceil((rate * 1.25) / 500) * 500;
    yield rate;
  }
}

async function step(
  stage: Stage,
  from: GatewayName,
  to: GatewayName,
  rate: number,
  { seconds, repeat }: ClimbOptions,
  names: readonly string[],
): Promise<Run> {
  const runs: Run[] = [];
  for (let index = 0; index < repeat; index += 1) {
    const run = await measure(stage, from, to, rate, seconds, names);
    if (run.lost > 0 || run.twice > 0) return run;
    runs.push(run);
  }
  const middle = median(runs.map(({ p99Ms }) => p99Ms));
  return runs.find(({ p99Ms }) => p99Ms === middle) ?? (runs[0] as Run);
}
