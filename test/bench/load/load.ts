// What every load driver has in common. A driver is a process of its own that plays many people of one protocol: it says
// numbered texts at a rate that does not wait for answers (open loop), and notes when texts of others arrive, what its own
// gateway answered, and which failures it was told. Texts are `<run> <number> <milliseconds since 1970 when it was due>`; all
// drivers run on one machine, so clocks agree.

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
  /** The longest that a text was said after it was due: a generator that falls behind measures itself. */
  readonly lateMs: number;
  readonly latenciesMs: readonly number[];
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
  lateMs: number;
  readonly latencies: number[];
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
    lateMs: 0,
    latencies: [],
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

/** A text has arrived. A report of a failure is told apart by its words. */
export function heard(text: string): void {
  if (text.startsWith("Not delivered")) return told(text);
  const it = named(text);
  if (it === undefined) return;
  it.run.heard.push(it.number);
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
    else process.send?.(order.do === "count" ? sums(order.run) : numbers(order.run));
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
      run.lateMs = Math.max(run.lateMs, now() - dueAt);
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
    lateMs: run.lateMs,
    latenciesMs: run.latencies,
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
