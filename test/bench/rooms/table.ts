// What the room bench prints.
import { held, mostP99Ms, type RoomRow, type RoomStep, sum } from "./measure.ts";

/** A generator that was later than this at its 99th percentile did not offer evenly what it was asked to. */
const lateMs = 50;

const right = (text: string | number, width: number): string => `${text}`.padStart(width);

export const stepHeading =
  "   copies/s  texts/s    lost twice   copy p50/p99 ms   last p50/p99 ms  late p99    sum  CPU µs per copy";

export function stepLine(step: RoomStep): string {
  const late = step.lateP99Ms > lateMs ? "*" : " ";
  const parts = partsOf(step.cpuMicros, 1);
  const fault = held(step) ? "" : `  << ${faultOf(step)}`;
  return [
    right(step.copiesPerSecond, 11),
    right(step.textsPerSecond.toFixed(1), 8),
    right(step.lost, 7),
    right(step.twice, 5),
    right(`${step.p50Ms.toFixed(1)}/${step.p99Ms.toFixed(1)}`, 17),
    right(`${step.lastP50Ms.toFixed(1)}/${step.lastP99Ms.toFixed(1)}`, 17),
    right(step.lateP99Ms.toFixed(1) + late, 9),
    right(sum(step.cpuMicros).toFixed(1), 6),
    ` ${parts}; drivers ${step.driverMicros.toFixed(1)}${fault}`,
  ].join(" ");
}

const partsOf = (record: Readonly<Record<string, number>>, digits: number): string =>
  Object.entries(record)
    .map(([name, micros]) => `${name} ${micros.toFixed(digits)}`)
    .join(", ");

const faultOf = ({ lost, twice }: RoomStep): string =>
  lost > 0 ? `${lost} not heard` : twice > 0 ? `${twice} twice` : `p99 not under ${mostP99Ms} ms`;

export function comingLine({ coming }: Pick<RoomRow, "coming">): string {
  const { people, joinsPerSecond, p50Ms, p99Ms, cpuMicros, kibPerPerson } = coming;
  return `  ${people} came in: ${joinsPerSecond.toFixed(0)} joins/s, p50/p99 ${p50Ms.toFixed(1)}/${p99Ms.toFixed(1)} ms, ${kibPerPerson.toFixed(1)} KiB and ${sum(cpuMicros).toFixed(0)} µs of CPU per person (${partsOf(cpuMicros, 0)})`;
}

/** All rows in one table; below each row of a peer what Parley's row comes to beside it. */
export function comparison(rows: readonly RoomRow[]): string[] {
  const heading = `${"".padEnd(36)} sustained  calm: last p50  p99 ms   µs per copy  CPU µs: calm  highest held   joins/s  KiB each`;
  const lines = [heading];
  for (const row of rows) {
    lines.push(rowLine(row));
    if (row.system === "Parley") continue;
    const ours = rows.find((one) => one.system === "Parley" && named(one) === named(row));
    if (ours !== undefined) lines.push(ratioLine(ours, row));
  }
  return lines;
}

const named = ({ from, to, people }: RoomRow): string => `${from} → ${to}, ${people} people`;

/** Of the calm first step: what one copy takes of the time until the last one has it. */
const timePerCopy = (step: RoomStep): number =>
  (step.lastP50Ms * 1000 * step.textsPerSecond) / step.copiesPerSecond;

/** CPU is compared at equal rates, late or not, since more is done per wake-up as the rate rises; but nothing may be lost. */
const whole = ({ lost }: RoomStep): boolean => lost === 0;

const best = (row: RoomRow): RoomStep | undefined => row.steps.filter(held).at(-1);

function rowLine(row: RoomRow): string {
  const [calm] = row.steps;
  const highest = best(row);
  return [
    `${named(row)}  ${row.system}`.padEnd(36),
    right(row.sustained, 9),
    right(calm?.lastP50Ms.toFixed(1) ?? "–", 15),
    right(calm?.lastP99Ms.toFixed(1) ?? "–", 7),
    right(calm === undefined ? "–" : timePerCopy(calm).toFixed(0), 13),
    right(calm === undefined ? "–" : sum(calm.cpuMicros).toFixed(1), 13),
    right(highest === undefined ? "–" : sum(highest.cpuMicros).toFixed(1), 13),
    right(row.coming.joinsPerSecond.toFixed(0), 9),
    right(row.coming.kibPerPerson.toFixed(1), 9),
  ].join(" ");
}

function ratioLine(ours: RoomRow, peer: RoomRow): string {
  const share = (a: number | undefined, b: number | undefined): string =>
    a === undefined || b === undefined || b === 0 ? "–" : `×${(a / b).toFixed(2)}`;
  const common = ours.steps.filter(whole).findLast((one) => atSameRate(peer, one) !== undefined);
  const theirs = common && atSameRate(peer, common);
  const [calm, calmTheirs] = [ours.steps[0], peer.steps[0]];
  return [
    `    Parley to ${peer.system}: sustained ${share(ours.sustained, peer.sustained)}`,
    `time per copy ${share(calm && timePerCopy(calm), calmTheirs && timePerCopy(calmTheirs))}`,
    `CPU per copy ${share(common && sum(common.cpuMicros), theirs && sum(theirs.cpuMicros))} at ${common?.copiesPerSecond ?? "–"} copies/s`,
    `joins/s ${share(ours.coming.joinsPerSecond, peer.coming.joinsPerSecond)}`,
    `CPU per join ${share(sum(ours.coming.cpuMicros), sum(peer.coming.cpuMicros))}`,
    `memory per person ${share(ours.coming.kibPerPerson, peer.coming.kibPerPerson)}`,
  ].join(", ");
}

const atSameRate = (row: RoomRow, step: RoomStep): RoomStep | undefined =>
  row.steps.filter(whole).find(({ copiesPerSecond }) => copiesPerSecond === step.copiesPerSecond);
