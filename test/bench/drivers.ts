// The load drivers as processes, and one measured run between two of them.
import { type ChildProcess, spawn } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { domains, type GatewayName, type House } from "#test/plays/house.ts";
import { ownNode, repository } from "#test/support/own-node.ts";
import type { Heard, Numbers, Order } from "./load/load.ts";
import { percentile, type Usage, usage } from "./processes.ts";

export interface LoadDriver {
  readonly gateway: GatewayName;
  /** The names by which the others write to this driver's people. */
  readonly people: readonly string[];
  order(order: Order): void;
  count(run: string): Promise<Heard>;
  /** Every number of a run: what was heard in which order, accepted, refused, told. */
  numbers(run: string): Promise<Numbers>;
  stop(): void;
}

/** Starts a driver that plays `people` of one protocol, all logged in. */
export async function startDriver(house: House, gateway: GatewayName, people: number): Promise<LoadDriver> {
  const { ports } = house;
  const where = {
    sip: [domains.sip, ports.sip.join(",")],
    xmpp: [domains.xmpp, `${ports.c2s}`],
    irc: [`${ports.irc}`],
    web: [domains.web, ports.web.join(",")],
  }[gateway];
  const args = [`${repository}/test/bench/load/${gateway}.ts`, `${people}`, ...where];
  const child = spawn(ownNode, args, { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  await answer(child);
  const local = gateway === "irc" ? "carol" : "user";
  return {
    gateway,
    people: Array.from({ length: people }, (_, index) => `${local}${index}@${domains[gateway]}`),
    order: (order) => child.send(order),
    count: async (run) => {
      child.send({ do: "count", run } satisfies Order);
      return (await answer(child)) as Heard;
    },
    numbers: async (run) => {
      child.send({ do: "numbers", run } satisfies Order);
      return (await answer(child)) as Numbers;
    },
    stop: () => child.disconnect(),
  };
}

function answer(child: ChildProcess): Promise<unknown> {
  return new Promise((resolve, reject) => {
    child.once("message", (message) => {
      child.removeAllListeners("exit");
      resolve(message);
    });
    child.once("exit", (code) => reject(new Error(`a load driver ended with code ${code}`)));
  });
}

export interface Run {
  readonly from: GatewayName;
  readonly to: GatewayName;
  readonly offeredPerSecond: number;
  readonly said: number;
  readonly accepted: number;
  readonly heard: number;
  readonly lost: number;
  readonly twice: number;
  /** From the moment it was due until it was heard. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** CPU microseconds per message, by process of the house. */
  readonly cpuMicros: Readonly<Record<string, number>>;
}

let runs = 0;

/** Says `perSecond` for `seconds` and waits until all is heard, or nothing new comes for `quietMs`. */
export async function measure(
  house: House,
  from: LoadDriver,
  to: LoadDriver,
  perSecond: number,
  seconds: number,
  quietMs = 5_000,
): Promise<Run> {
  runs += 1;
  const run = `r${process.pid}x${runs}`;
  const count = Math.round(perSecond * seconds);
  const before = usages(house);
  from.order({ do: "say", run, to: to.people, perSecond, count });
  let got = await to.count(run);
  let newsAt = performance.now();
  while (got.heard < count && performance.now() - newsAt < quietMs + seconds * 1000) {
    await sleep(100);
    const next = await to.count(run);
    if (next.heard > got.heard) newsAt = performance.now() - seconds * 1000;
    got = next;
  }
  await sleep(200);
  const after = usages(house);
  const { accepted } = await from.count(run);
  const cpu = Object.keys(after).map((name) => {
    const spent = (after[name]?.cpuMs ?? 0) - (before[name]?.cpuMs ?? 0);
    return [name, Math.round((spent * 1000) / count)] as const;
  });
  return {
    from: from.gateway,
    to: to.gateway,
    offeredPerSecond: perSecond,
    said: count,
    accepted,
    heard: got.heard,
    lost: count - got.heard,
    twice: got.twice,
    p50Ms: percentile(got.latenciesMs, 0.5),
    p99Ms: percentile(got.latenciesMs, 0.99),
    cpuMicros: Object.fromEntries(cpu),
  };
}

/** CPU and memory of every process of the house. */
export const usages = (house: House): Record<string, Usage> =>
  Object.fromEntries(house.names.map((name) => [name, usage(house.pid(name))]));
