// What every load driver has in common. A driver is a process of its own that plays many people of one protocol: it says
// numbered texts at a rate that does not wait for answers (open loop), and notes when texts of others arrive.
// Texts are `<run> <number> <milliseconds since 1970 when it was due>`; all drivers run on one machine, so clocks agree.

/** What the bench tells a driver. */
export type Order =
  | {
      readonly do: "say";
      readonly run: string;
      readonly to: readonly string[];
      readonly perSecond: number;
      readonly count: number;
    }
  | { readonly do: "count"; readonly run: string };

/** What a driver answers. */
export interface Heard {
  readonly run: string;
  readonly heard: number;
  readonly twice: number;
  /** Answered by the gateway as accepted, and as refused; protocols without an answer count what was written. */
  readonly accepted: number;
  readonly refused: number;
  readonly latenciesMs: readonly number[];
}

/** One protocol's way of saying; `from` and `to` are numbers of people. */
export interface Driver {
  say(from: number, to: string, text: string): void;
  readonly answers: { accepted: number; refused: number };
}

const now = (): number => performance.timeOrigin + performance.now();

const runs = new Map<string, { seen: Set<number>; twice: number; latencies: number[] }>();

/** Called by drivers for every text that arrives. */
export function heard(text: string): void {
  const [run = "", number = "", due = ""] = text.split(" ");
  const entry = runs.get(run) ?? { seen: new Set(), twice: 0, latencies: [] };
  runs.set(run, entry);
  if (entry.seen.has(Number(number))) entry.twice += 1;
  else entry.latencies.push(now() - Number(due));
  entry.seen.add(Number(number));
}

/** Serves orders until the parent goes. `people`: how many this driver plays. */
export function serve(driver: Driver, people: number): void {
  process.on("message", (order: Order) => {
    if (order.do === "count") return report(driver, order.run);
    driver.answers.accepted = 0;
    driver.answers.refused = 0;
    offer(driver, people, order);
  });
  process.on("disconnect", () => process.exit(0));
  process.send?.("ready");
}

function offer(driver: Driver, people: number, order: Extract<Order, { do: "say" }>): void {
  const began = now();
  let said = 0;
  const step = (): void => {
    const due = Math.min(order.count, 1 + Math.floor(((now() - began) * order.perSecond) / 1000));
    for (; said < due; said += 1) {
      const dueAt = began + (said * 1000) / order.perSecond;
      const to = order.to[said % order.to.length] ?? "";
      driver.say(said % people, to, `${order.run} ${said} ${dueAt.toFixed(2)}`);
    }
    if (said < order.count) setTimeout(step, 1);
  };
  step();
}

function report(driver: Driver, run: string): void {
  const entry = runs.get(run);
  const answer: Heard = {
    run,
    heard: entry?.seen.size ?? 0,
    twice: entry?.twice ?? 0,
    ...driver.answers,
    latenciesMs: entry?.latencies ?? [],
  };
  process.send?.(answer);
}
