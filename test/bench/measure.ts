// One measured run: a rate that does not wait for anything, from people of one gateway to people of another.
import { setTimeout as sleep } from "node:timers/promises";
import type { GatewayName } from "#test/plays/house.ts";
import type { LoadDriver } from "./drivers.ts";
import { type Usage, usage } from "./processes.ts";
import type { Stage } from "./stage.ts";

export interface Run {
  readonly offeredPerSecond: number;
  readonly said: number;
  readonly accepted: number;
  readonly refused: number;
  readonly heard: number;
  /** Not heard until nothing new had come for some seconds. */
  readonly lost: number;
  readonly twice: number;
  /** From the moment it was due until it was heard. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** How late the generator was; what it missed is in the latencies. */
  readonly lateP99Ms: number;
  readonly lateMostMs: number;
  /** CPU microseconds per message, by process; the drivers apart. */
  readonly cpuMicros: Readonly<Record<string, number>>;
  readonly driverMicros: { readonly from: number; readonly to: number };
  readonly memoryMiB: Readonly<Record<string, number>>;
  /** Nicks from which texts came. */
  readonly speakers: readonly string[];
}

/** After so long without news the rest counts as lost. */
const quietMs = 5_000;
/** A run that is still not over so long after its last text was due is not waited for. */
const patienceMs = 20_000;

let runs = 0;

/** Says `perSecond` for `seconds` and waits until all is heard, or nothing new comes. */
export async function measure(
  stage: Stage,
  from: GatewayName,
  to: GatewayName,
  perSecond: number,
  seconds: number,
  names: readonly string[] = stage.names(from, to),
): Promise<Run> {
  const [speaker, listener] = [driverOf(stage, from), driverOf(stage, to)];
  runs += 1;
  const run = `r${process.pid}x${runs}`;
  const count = Math.round(perSecond * seconds);
  const before = usages(stage);
  speaker.order({ do: "say", run, to: names, perSecond, count });
  const heard = await allHeard(listener, run, count, seconds);
  const after = usages(stage);
  const [{ accepted, refused }, said, got] = [
    await speaker.count(run),
    await speaker.figures(run),
    await listener.figures(run),
  ];
  const perMessage = (micros: number): number => Math.round(micros / count);
  return {
    offeredPerSecond: perSecond,
    said: count,
    accepted,
    refused,
    heard: heard.heard,
    lost: count - heard.heard,
    twice: heard.twice,
    p50Ms: got.p50Ms,
    p99Ms: got.p99Ms,
    lateP99Ms: said.lateP99Ms,
    lateMostMs: said.lateMostMs,
    cpuMicros: each(after, ({ cpuMs }, name) => perMessage((cpuMs - (before[name]?.cpuMs ?? 0)) * 1000)),
    driverMicros: { from: perMessage(said.cpuMicros), to: perMessage(got.cpuMicros) },
    memoryMiB: each(after, ({ memoryMiB }) => Math.round(memoryMiB)),
    speakers: got.speakers,
  };
}

function driverOf(stage: Stage, name: GatewayName): LoadDriver {
  const driver = stage.drivers.get(name);
  if (driver === undefined) throw new Error(`nobody plays people of ${name} here`);
  return driver;
}

async function allHeard(
  listener: LoadDriver,
  run: string,
  count: number,
  seconds: number,
): Promise<{ heard: number; twice: number }> {
  const began = performance.now();
  const saidBy = began + seconds * 1000;
  let newsAt = saidBy;
  let got = await listener.count(run);
  for (;;) {
    const now = performance.now();
    if (got.heard >= count || now > newsAt + quietMs || now > saidBy + patienceMs) break;
    await sleep(50);
    const next = await listener.count(run);
    if (next.heard > got.heard) newsAt = Math.max(saidBy, performance.now());
    got = next;
  }
  // Second copies and the last acknowledgements come a moment later.
  await sleep(200);
  return listener.count(run);
}

const usages = (stage: Stage): Record<string, Usage> => each(stage.pids(), (pid) => usage(pid));

const each = <From, To>(
  record: Readonly<Record<string, From>>,
  make: (value: From, name: string) => To,
): Record<string, To> =>
  Object.fromEntries(Object.entries(record).map(([name, value]) => [name, make(value, name)]));
