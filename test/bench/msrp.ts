// npm run bench -- --msrp: one MSRP room, how many deliveries a second it carries, what an idle session holds in memory, and
// whether memory comes back. README.md says how to read it.
import { type ChildProcess, spawn } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { ownNode, repository } from "#test/support/own-node.ts";
import type { MsrpFigures, MsrpOrder } from "./load/msrp.ts";
import type { RoomOrder, RoomUsage } from "./msrp-room.ts";
import { median } from "./processes.ts";

export interface MsrpPlan {
  readonly people: number;
  readonly seconds: number;
  readonly repeat: number;
  /** Texts per second into the room; each is delivered to everybody but its speaker. */
  readonly rates: readonly number[];
}

interface Step {
  readonly perSecond: number;
  readonly deliveriesPerSecond: number;
  readonly lost: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly roomMicros: number;
  readonly driverMicros: number;
}

/** After so long without news the rest counts as lost. */
const quietMs = 3_000;
/** A rate counts as carried when everything arrived and 99 of 100 within so long. */
const soonMs = 250;
const idleSessions = 500;
const textBytes = 300;

/** Runs all three and prints as it goes; returns the figures. */
export async function benchMsrp(plan: MsrpPlan): Promise<object> {
  const idle = await idleMemory();
  console.log(
    `idle: ${idle.perSession.toFixed(1)} KiB of heap and external memory per TCP session (${idleSessions} sessions, median of 3)`,
  );
  const steps: Record<string, Step[]> = {};
  for (const failureReport of ["yes", "no"] as const) {
    console.log(`\nroom of ${plan.people}, texts of ${textBytes} bytes, Failure-Report: ${failureReport}`);
    console.log(
      "   texts/s  deliveries/s   lost   p50 ms   p99 ms   room µs   driver µs  (CPU per delivery)",
    );
    steps[failureReport] = await deliveries(plan, failureReport);
  }
  const cycles = await memoryCycles(plan);
  const growth = ((cycles.at(-1) ?? 0) / (cycles[0] ?? 1) - 1) * 100;
  console.log(
    `\nRSS after each of ${cycles.length} cycles of entering, talking and leaving: ${cycles.map((mib) => mib.toFixed(0)).join(", ")} MiB (${growth.toFixed(0)} %)`,
  );
  return { idle, steps, cycles };
}

class Process {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  static async start(file: string, options: readonly string[] = []): Promise<Process> {
    const args = [...options, `${repository}/test/bench/${file}`];
    const one = new Process(spawn(ownNode, args, { stdio: ["ignore", "inherit", "inherit", "ipc"] }));
    await one.#answer();
    return one;
  }

  #answer(): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const ended = (code: number | null): void =>
        reject(new Error(`a process of the bench ended with ${code}`));
      this.#child.once("exit", ended);
      this.#child.once("message", (message) => {
        this.#child.off("exit", ended);
        resolve(message);
      });
    });
  }

  tell(order: MsrpOrder): void {
    this.#child.send(order);
  }

  async ask<T>(order: MsrpOrder | RoomOrder): Promise<T> {
    this.#child.send(order);
    return (await this.#answer()) as T;
  }

  stop(): void {
    this.#child.disconnect();
  }
}

async function stage<T>(use: (room: Process, driver: Process) => Promise<T>): Promise<T> {
  const room = await Process.start("msrp-room.ts", ["--expose-gc"]);
  const driver = await Process.start("load/msrp.ts");
  try {
    return await use(room, driver);
  } finally {
    room.stop();
    driver.stop();
  }
}

async function enter(
  room: Process,
  driver: Process,
  sessions: number,
  failureReport: "yes" | "no" = "yes",
): Promise<void> {
  const own = Array.from({ length: sessions }, (_, index) => memberPath(index));
  const paths = await room.ask<string[]>({ do: "open", paths: own, failureReport });
  await driver.ask({ do: "connect", paths, speakers: Math.min(10, sessions) });
}

// As the driver names them; importing that would play it.
const memberPath = (index: number): string => `msrp://127.0.0.1:9/member${index};tcp`;

const usage = (room: Process): Promise<RoomUsage> => room.ask<RoomUsage>({ do: "usage" });

async function idleMemory(): Promise<{ perSession: number; all: number[] }> {
  const all: number[] = [];
  for (let run = 0; run < 3; run += 1)
    await stage(async (room, driver) => {
      // One session before, so that what is only made once does not count.
      await enter(room, driver, 1);
      await leave(room, driver);
      const before = await usage(room);
      await enter(room, driver, idleSessions);
      const after = await usage(room);
      all.push((after.heldBytes - before.heldBytes) / after.sessions / 1024);
    });
  return { perSession: median(all), all };
}

async function leave(room: Process, driver: Process): Promise<void> {
  await driver.ask({ do: "leave" });
  while ((await usage(room)).sessions > 0) await sleep(20);
}

async function deliveries(plan: MsrpPlan, failureReport: "yes" | "no"): Promise<Step[]> {
  return await stage(async (room, driver) => {
    await enter(room, driver, plan.people, failureReport);
    const steps: Step[] = [];
    await talk(room, driver, plan, plan.rates[0] ?? 50);
    for (const perSecond of plan.rates) {
      const runs: Step[] = [];
      for (let run = 0; run < plan.repeat; run += 1) runs.push(await talk(room, driver, plan, perSecond));
      const step = middle(runs);
      console.log(row(step));
      steps.push(step);
      if (step.lost > 0 || step.p99Ms > soonMs) break;
    }
    const best = steps.filter(({ lost, p99Ms }) => lost === 0 && p99Ms <= soonMs).at(-1);
    console.log(
      `   carried: ${best?.deliveriesPerSecond.toFixed(0) ?? "none"} deliveries/s (99 of 100 within ${soonMs} ms)`,
    );
    return steps;
  });
}

const middle = (runs: readonly Step[]): Step => {
  const sorted = [...runs].sort((a, b) => a.p99Ms - b.p99Ms);
  const one = sorted[Math.floor(sorted.length / 2)] as Step;
  return { ...one, lost: runs.reduce((sum, { lost }) => sum + lost, 0) };
};

async function talk(room: Process, driver: Process, plan: MsrpPlan, perSecond: number): Promise<Step> {
  const count = Math.round(perSecond * plan.seconds);
  const wanted = count * (plan.people - 1);
  const before = await usage(room);
  driver.tell({ do: "say", perSecond, count, bytes: textBytes });
  let got = await driver.ask<MsrpFigures>({ do: "figures" });
  for (let newsAt = performance.now() + plan.seconds * 1000; got.heard < wanted; ) {
    await sleep(100);
    const next = await driver.ask<MsrpFigures>({ do: "figures" });
    if (next.heard > got.heard) newsAt = Math.max(newsAt, performance.now());
    got = next;
    if (performance.now() > newsAt + quietMs) break;
  }
  const after = await usage(room);
  return {
    perSecond,
    deliveriesPerSecond: (got.heard * 1000) / got.lastedMs,
    lost: wanted - got.heard + after.failed - before.failed,
    p50Ms: got.p50Ms,
    p99Ms: got.p99Ms,
    roomMicros: (after.cpuMicros - before.cpuMicros) / wanted,
    driverMicros: got.cpuMicros / wanted,
  };
}

const row = (step: Step): string =>
  [
    step.perSecond.toFixed(0).padStart(10),
    step.deliveriesPerSecond.toFixed(0).padStart(13),
    String(step.lost).padStart(6),
    step.p50Ms.toFixed(1).padStart(8),
    step.p99Ms.toFixed(1).padStart(8),
    step.roomMicros.toFixed(1).padStart(9),
    step.driverMicros.toFixed(1).padStart(11),
  ].join(" ");

async function memoryCycles(plan: MsrpPlan): Promise<number[]> {
  return await stage(async (room, driver) => {
    const cycles: number[] = [];
    for (let cycle = 0; cycle < 3; cycle += 1) {
      await enter(room, driver, plan.people);
      await talk(room, driver, plan, plan.rates[0] ?? 50);
      await leave(room, driver);
      cycles.push((await usage(room)).rssBytes / 1_048_576);
    }
    return cycles;
  });
}
