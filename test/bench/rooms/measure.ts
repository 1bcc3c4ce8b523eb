// One room on one stage: everybody comes in, one speaks at rates that do not wait for anything, until a step is not held.
import { setTimeout as sleep } from "node:timers/promises";
import type { RoomFigures } from "../load/room.ts";
import { type Usage, usage } from "../processes.ts";
import type { RoomDriver, RoomProtocol } from "./driver.ts";
import { copiesOf, type RoomStage } from "./stage.ts";

/** How everybody came in. */
export interface Coming {
  readonly people: number;
  readonly joinsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** CPU of the processes between the drivers, microseconds per person. */
  readonly cpuMicros: Readonly<Record<string, number>>;
  /** Growth of their PSS per person in KiB. */
  readonly kibPerPerson: number;
}

export interface RoomStep {
  readonly copiesPerSecond: number;
  readonly textsPerSecond: number;
  readonly texts: number;
  readonly copies: number;
  /** Copies not heard until nothing new had come for some seconds. */
  readonly lost: number;
  readonly twice: number;
  /** Of the listeners' copies, from the moment the text was due. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Until the last listener had it. */
  readonly lastP50Ms: number;
  readonly lastP99Ms: number;
  readonly lateP99Ms: number;
  /** CPU microseconds per copy, by process; the drivers apart. */
  readonly cpuMicros: Readonly<Record<string, number>>;
  readonly driverMicros: number;
}

export interface RoomRow {
  readonly system: string;
  readonly from: RoomProtocol;
  readonly to: RoomProtocol;
  readonly people: number;
  readonly coming: Coming;
  readonly steps: readonly RoomStep[];
  /** The highest rate in copies per second that was held; 0 if none. */
  readonly sustained: number;
}

export interface RoomClimb {
  /** Copies per second, all protocols together. */
  readonly rates: readonly number[];
  /** Whether it goes on after a step that was not held but lost nothing. */
  readonly further: boolean;
  readonly seconds: number;
}

/** A rate is held when nothing was lost or came twice, and 99 of 100 copies came within so long. */
export const mostP99Ms = 250;
/** Fewer texts than this in one step say nothing. */
const fewestTexts = 8;
/** After so long without news the rest counts as lost. */
const quietMs = 5_000;
const patienceMs = 20_000;
/** Who comes in beside each other. */
const atOnce = 10;
/** Copies per second and seconds before the first step: code and caches are warm then. */
const warmUp = { copiesPerSecond: 4_000, mostTexts: 250, seconds: 4 } as const;

export const held = ({ lost, twice, p99Ms }: RoomStep): boolean =>
  lost === 0 && twice === 0 && p99Ms < mostP99Ms;

export const sum = (record: Readonly<Record<string, number>>): number =>
  Object.values(record).reduce((total, one) => total + one, 0);

/** Everybody comes in: the guests first, then those of `protocol`, whose coming is measured; the first of them alone. */
export async function comeIn(stage: RoomStage, protocol: RoomProtocol): Promise<Coming> {
  const guests = [...stage.drivers.values()].filter((driver) => driver.protocol !== protocol);
  const driver = driverOf(stage, protocol);
  for (const guest of guests) await guest.enter(0, guest.people, atOnce);
  await driver.enter(0, 1, 1);
  await sleep(300);
  const before = usages(stage);
  const began = performance.now();
  const { p50Ms, p99Ms } = await driver.enter(1, driver.people, atOnce);
  // Where each has a nick of his own in a channel he has come in when the channel has seen him.
  for (const guest of guests) await untilPresent(guest, driver.people);
  const lastedMs = performance.now() - began;
  await sleep(300);
  const after = usages(stage);
  const came = driver.people - 1;
  const grown = sum(each(after, ({ memoryMiB }, name) => memoryMiB - (before[name]?.memoryMiB ?? 0)));
  return {
    people: driver.people,
    joinsPerSecond: (came * 1000) / lastedMs,
    p50Ms,
    p99Ms,
    cpuMicros: each(after, ({ cpuMs }, name) => ((cpuMs - (before[name]?.cpuMs ?? 0)) * 1000) / came),
    kibPerPerson: (grown * 1024) / came,
  };
}

/** Everybody comes in, listens, goes: the memory of Parley's own process for these people after each of so many rounds, in MiB. */
export async function rounds(
  stage: RoomStage,
  protocol: RoomProtocol,
  process: string,
  count: number,
): Promise<number[]> {
  const driver = driverOf(stage, protocol);
  const memory: number[] = [];
  for (let round = 0; round < count; round += 1) {
    await driver.enter(0, driver.people, atOnce);
    await talk(stage, protocol, protocol, warmUp.copiesPerSecond, 2);
    await driver.leave();
    // Sockets that are closing, and what is kept for a moment after a call.
    await sleep(2_000);
    memory.push(usages(stage)[process]?.memoryMiB ?? 0);
  }
  return memory;
}

async function untilPresent(guest: RoomDriver, people: number): Promise<void> {
  const until = performance.now() + 120_000;
  while ((await guest.present()) < people) {
    if (performance.now() > until)
      throw new Error(`only ${await guest.present()} of ${people} came into the channel`);
    await sleep(20);
  }
}

/** Warms up and climbs; `show` hears of each step. */
export async function climbRoom(
  stage: RoomStage,
  [from, to]: readonly [RoomProtocol, RoomProtocol],
  coming: Coming,
  plan: RoomClimb,
  show: (step: RoomStep) => void,
): Promise<RoomRow> {
  const perText = sum(Object.fromEntries(copiesOf(stage, from)));
  const warm = Math.min(warmUp.copiesPerSecond, perText * warmUp.mostTexts);
  const first = await talk(stage, from, to, warm, warmUp.seconds);
  if (first.lost === first.copies)
    throw new Error(`${stage.system}: nothing of ${first.texts} texts arrived`);
  const steps: RoomStep[] = [];
  for (const rate of plan.rates) {
    const step = await talk(stage, from, to, rate, plan.seconds);
    steps.push(step);
    show(step);
    if (!held(step) && !(plan.further && step.lost === 0)) break;
  }
  const sustained = Math.max(0, ...steps.filter(held).map(({ copiesPerSecond }) => copiesPerSecond));
  return { system: stage.system, from, to, people: coming.people, coming, steps, sustained };
}

let runs = 0;

async function talk(
  stage: RoomStage,
  from: RoomProtocol,
  to: RoomProtocol,
  copiesPerSecond: number,
  seconds: number,
): Promise<RoomStep> {
  const wanted = copiesOf(stage, from);
  const perText = sum(Object.fromEntries(wanted));
  const textsPerSecond = copiesPerSecond / perText;
  const texts = Math.max(fewestTexts, Math.round(textsPerSecond * seconds));
  runs += 1;
  const run = `r${process.pid}x${runs}`;
  const before = usages(stage);
  driverOf(stage, from).say(run, textsPerSecond, texts);
  await allHeard(stage, run, texts * perText, (texts * 1000) / textsPerSecond);
  const after = usages(stage);
  const got = new Map<RoomProtocol, RoomFigures>();
  for (const driver of stage.drivers.values()) got.set(driver.protocol, await driver.figures(run));
  const all = [...got.values()];
  const copies = texts * perText;
  const heard = all.reduce((total, one) => total + one.copies, 0);
  const listeners = got.get(to) as RoomFigures;
  const { p50Ms, p99Ms, lastP50Ms, lastP99Ms } = listeners;
  return {
    copiesPerSecond,
    textsPerSecond,
    texts,
    copies,
    lost: copies - heard,
    twice: all.reduce((total, { twice }) => total + twice, 0),
    ...{ p50Ms, p99Ms, lastP50Ms, lastP99Ms },
    lateP99Ms: got.get(from)?.lateP99Ms ?? 0,
    cpuMicros: each(after, ({ cpuMs }, name) => ((cpuMs - (before[name]?.cpuMs ?? 0)) * 1000) / copies),
    driverMicros: all.reduce((total, { cpuMicros }) => total + cpuMicros, 0) / copies,
  };
}

async function allHeard(stage: RoomStage, run: string, wanted: number, lastsMs: number): Promise<void> {
  const count = async (): Promise<number> => {
    let heard = 0;
    for (const driver of stage.drivers.values()) heard += await driver.count(run);
    return heard;
  };
  const saidBy = performance.now() + lastsMs;
  let newsAt = saidBy;
  for (let heard = await count(); heard < wanted; ) {
    const now = performance.now();
    if (now > newsAt + quietMs || now > saidBy + patienceMs) break;
    await sleep(50);
    const next = await count();
    if (next > heard) newsAt = Math.max(saidBy, performance.now());
    heard = next;
  }
  // Second copies come a moment later.
  await sleep(100);
}

function driverOf(stage: RoomStage, protocol: RoomProtocol): RoomDriver {
  const driver = stage.drivers.get(protocol);
  if (driver === undefined) throw new Error(`nobody plays people of ${protocol} here`);
  return driver;
}

const usages = (stage: RoomStage): Record<string, Usage> => each(stage.pids(), (pid) => usage(pid));

const each = <From, To>(
  record: Readonly<Record<string, From>>,
  make: (value: From, name: string) => To,
): Record<string, To> =>
  Object.fromEntries(Object.entries(record).map(([name, value]) => [name, make(value, name)]));
