// What the bench prints.
import { type Climb, held, mostP99Ms } from "./climb.ts";
import type { Run } from "./measure.ts";

/** A generator that was later than this at its 99th percentile did not offer evenly what it was asked to. */
const lateMs = 50;

export const stepHeading =
  "  offered/s    lost  twice    p50 ms    p99 ms  late p99   sum   CPU µs per message                                          drivers";

/** Any number of columns of the same width, to the right. */
const right = (text: string | number, width: number): string => `${text}`.padStart(width);

const sum = (record: Readonly<Record<string, number>>): number =>
  Object.values(record).reduce((total, one) => total + one, 0);

const parts = (record: Readonly<Record<string, number>>): string =>
  Object.entries(record)
    .map(([name, value]) => `${name} ${value}`)
    .join(", ");

/** One step as a line; a `*` says that the generator itself was late, a word at the end why the step does not count as held. */
export function stepLine(run: Run): string {
  const late = run.lateP99Ms > lateMs ? "*" : " ";
  const fault = held(run) ? "" : `  << ${faultOf(run)}`;
  return [
    right(run.offeredPerSecond, 11),
    right(run.lost, 7),
    right(run.twice, 6),
    right(run.p50Ms.toFixed(2), 9),
    right(run.p99Ms.toFixed(1), 9),
    right(run.lateP99Ms.toFixed(1) + late, 9),
    right(sum(run.cpuMicros), 5),
    `  ${parts(run.cpuMicros).padEnd(58)} ${run.driverMicros.from} + ${run.driverMicros.to}${fault}`,
  ].join(" ");
}

function faultOf(run: Run): string {
  if (run.lost > 0) return `${run.lost} not heard (${run.accepted} accepted, ${run.refused} refused)`;
  return run.twice > 0 ? `${run.twice} twice` : `p99 not under ${mostP99Ms} ms`;
}

/** What a direction came to, after its last step. */
export function climbLine(climb: Climb): string {
  const last = climb.steps.at(-1);
  const memory = last === undefined ? "" : `; memory in MiB: ${parts(last.memoryMiB)}`;
  return `  sustained: ${climb.sustainedPerSecond}/s${memory}`;
}

const stepAt = (climb: Climb, rate: number): Run | undefined =>
  climb.steps.find(({ offeredPerSecond }) => offeredPerSecond === rate);

/** All directions in one table, and below each that has a peer its ratio to Parley. */
export function comparison(climbs: readonly Climb[], peers: readonly Climb[]): string[] {
  const lines = [
    `${"".padEnd(46)} sustained/s   p50/p99 at 100/s     at 1,000/s     at 5,000/s   CPU µs at 1,000, highest held`,
  ];
  for (const climb of climbs) {
    lines.push(comparisonLine(climb));
  }
  for (const peer of peers) {
    lines.push(comparisonLine(peer));
    const ours = climbs.filter(({ from, to }) => from === peer.from && to === peer.to);
    lines.push(...ours.flatMap((climb) => ratioLine(climb, peer)));
  }
  return lines;
}

function comparisonLine(climb: Climb): string {
  const at = (rate: number): string => {
    const run = stepAt(climb, rate);
    return right(run === undefined ? "–" : `${run.p50Ms.toFixed(2)}/${run.p99Ms.toFixed(1)}`, 14);
  };
  const best = stepAt(climb, climb.sustainedPerSecond);
  const cpu = [stepAt(climb, 1_000), best].map((run) => right(run ? sum(run.cpuMicros) : "–", 7));
  const name = `${climb.from} → ${climb.to}  ${climb.system}`;
  return `${name.padEnd(46)} ${right(climb.sustainedPerSecond, 11)}   ${at(100)}   ${at(1_000)} ${at(5_000)}  ${cpu.join(" ")}`;
}

function ratioLine(ours: Climb, peer: Climb): string[] {
  const share = (a: number | undefined, b: number | undefined): string =>
    a === undefined || b === undefined || b === 0 ? "–" : (a / b).toFixed(2);
  const at = (rate: number): string => {
    const [one, other] = [stepAt(ours, rate), stepAt(peer, rate)];
    const cpu = share(one && sum(one.cpuMicros), other && sum(other.cpuMicros));
    return `at ${rate}/s p50 ×${share(one?.p50Ms, other?.p50Ms)}, p99 ×${share(one?.p99Ms, other?.p99Ms)}, CPU ×${cpu}`;
  };
  const rate = share(ours.sustainedPerSecond, peer.sustainedPerSecond);
  return [`    ${ours.system} to ${peer.system}: sustained ×${rate}; ${at(100)}; ${at(1_000)}`];
}
