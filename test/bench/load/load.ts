// What every load driver has in common. A driver is a process of its own that plays many people of one protocol: it says
// numbered texts at a rate that does not wait for answers (open loop), and notes when texts of others arrive, what its own
// gateway answered, and which failures it was told. Texts are `<run> <number> <milliseconds since 1970 when it was due>`; all
// drivers run on one machine, so clocks agree.
import { percentile } from "../processes.ts";

/** What the bench tells a driver. */
export type Order =
  | {
      readonly do: "say";
      readonly run: string;
      readonly to: readonly string[];
      readonly perSecond: number;
      readonly count: number;
    }
  | { readonly do: "count"; readonly run: string }
  /** Latencies, lateness and the driver's own CPU: asked once, when a run is over. */
  | { readonly do: "figures"; readonly run: string }
  /** Every number, not only sums: for plays that follow each message. */
  | { readonly do: "numbers"; readonly run: string };

/** What a driver answers to `count`. */
export interface Heard {
  readonly run: string;
  readonly heard: number;
  readonly twice: number;
  /** Answered as accepted (IRC and XMPP: taken by their server), and as refused. */
  readonly accepted: number;
  readonly refused: number;
}

/** What a driver answers to `figures`. */
export interface Figures {
  readonly run: string;
  /** From the moment a text was due until it was heard. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly mostMs: number;
  /** How long after it was due a text was said: a generator that falls behind measures itself. */
  readonly lateP99Ms: number;
  readonly lateMostMs: number;
  /** CPU time of this driver since the run began. */
  readonly cpuMicros: number;
  /** Nicks or addresses from which texts of this run came, where the protocol shows them. */
  readonly speakers: readonly string[];
}

/** What a driver answers to `numbers`. */
export interface Numbers {
  readonly run: string;
  /** In the order of their coming, second copies included. */
  readonly heard: readonly number[];
  readonly accepted: readonly number[];
  readonly refused: readonly number[];
  /** Failures told after acceptance. */
  readonly told: readonly number[];
  /** Never left the driver: it had no connection at that moment. */
  readonly unsaid: readonly number[];
}

/** One protocol's way of saying; `from` is the number of a person. False if there is no connection just now. */
export interface Driver {
  say(from: number, to: string, text: string): boolean;
}

interface Run {
  readonly heard: number[];
  readonly seen: Set<number>;
  twice: number;
  readonly late: number[];
  readonly latencies: number[];
  readonly speakers: Set<string>;
  readonly cpuBefore: NodeJS.CpuUsage;
  readonly accepted: Set<number>;
  readonly refused: Set<number>;
  readonly told: Set<number>;
  readonly unsaid: Set<number>;
}

const now = (): number => performance.timeOrigin + performance.now();
const runs = new Map<string, Run>();

function runOf(name: string): Run {
  const known = runs.get(name);
  if (known !== undefined) return known;
  const run: Run = {
    heard: [],
    seen: new Set(),
    twice: 0,
    late: [],
    latencies: [],
    speakers: new Set(),
    cpuBefore: process.cpuUsage(),
    accepted: new Set(),
    refused: new Set(),
    told: new Set(),
    unsaid: new Set(),
  };
  runs.set(name, run);
  return run;
}

const named = (text: string): { run: Run; number: number; due: number } | undefined => {
  const match = /(r\d+x\d+) (\d+)(?: ([\d.]+))?/.exec(text);
  return match?.[1] === undefined
    ? undefined
    : { run: runOf(match[1]), number: Number(match[2]), due: Number(match[3]) };
};

/**
 * An option of a driver beyond its numbered arguments, written `name=value` at their end: `bind=5060`. Undefined when absent.
 */
export const option = (name: string): string | undefined =>
  process.argv.find((argument) => argument.startsWith(`${name}=`))?.slice(name.length + 1);

/** A text has arrived, from `speaker` where the protocol shows him. A report of a failure is told apart by its words. */
export function heard(text: string, speaker?: string): void {
  if (text.startsWith("Not delivered")) return told(text);
  const it = named(text);
  if (it === undefined) return;
  it.run.heard.push(it.number);
  if (speaker !== undefined) it.run.speakers.add(speaker);
  if (it.run.seen.has(it.number)) it.run.twice += 1;
  else it.run.latencies.push(now() - it.due);
  it.run.seen.add(it.number);
}

/** The gateway (on IRC and XMPP: the server) has taken a text. */
export const accepted = (text: string): void => void note(text, "accepted");
/** It has refused a text at once. */
export const refused = (text: string): void => void note(text, "refused");
/** The sender was told of a failure afterwards; `text` holds at least the beginning of what he had said. */
export const told = (text: string): void => void note(text, "told");

function note(text: string, what: "accepted" | "refused" | "told"): void {
  const it = named(text);
  it?.run[what].add(it.number);
}

/** Serves orders until the parent goes. `people`: how many this driver plays. */
export function serve(driver: Driver, people: number): void {
  process.on("message", (order: Order) => {
    if (order.do === "say") offer(driver, people, order);
    else if (order.do === "count") process.send?.(sums(order.run));
    else process.send?.(order.do === "figures" ? figures(order.run) : numbers(order.run));
  });
  process.on("disconnect", () => process.exit(0));
  process.send?.("ready");
}

function offer(driver: Driver, people: number, order: Extract<Order, { do: "say" }>): void {
  const run = runOf(order.run);
  const began = now();
  let said = 0;
  const step = (): void => {
    const due = Math.min(order.count, 1 + Math.floor(((now() - began) * order.perSecond) / 1000));
    for (; said < due; said += 1) {
      const dueAt = began + (said * 1000) / order.perSecond;
      run.late.push(now() - dueAt);
      const to = order.to[said % order.to.length] ?? "";
      if (!driver.say(said % people, to, `${order.run} ${said} ${dueAt.toFixed(2)}`)) run.unsaid.add(said);
    }
    if (said < order.count) setTimeout(step, 1);
  };
  step();
}

function sums(name: string): Heard {
  const run = runOf(name);
  return {
    run: name,
    heard: run.seen.size,
    twice: run.twice,
    accepted: run.accepted.size,
    refused: run.refused.size,
  };
}

function figures(name: string): Figures {
  const run = runOf(name);
  const { user, system } = process.cpuUsage(run.cpuBefore);
  return {
    run: name,
    p50Ms: percentile(run.latencies, 0.5),
    p99Ms: percentile(run.latencies, 0.99),
    mostMs: percentile(run.latencies, 1),
    lateP99Ms: percentile(run.late, 0.99),
    lateMostMs: percentile(run.late, 1),
    cpuMicros: user + system,
    speakers: [...run.speakers],
  };
}

function numbers(name: string): Numbers {
  const run = runOf(name);
  const { heard: inOrder } = run;
  const list = (set: Set<number>): number[] => [...set];
  return {
    run: name,
    heard: inOrder,
    accepted: list(run.accepted),
    refused: list(run.refused),
    told: list(run.told),
    unsaid: list(run.unsaid),
  };
}
