// What the room drivers have in common: a driver plays many people of one protocol who are in one room. It brings them in, says
// numbered texts as the first of them at a rate that does not wait for anything (open loop), and notes each copy that arrives at
// each of them. Texts are `<run> <number> <milliseconds since 1970 when it was due>`; all drivers run on one machine.
import { percentile } from "../processes.ts";

/** What the bench tells a room driver. */
export type RoomOrder =
  /** People from this number up to (not with) the other come in, some at once; answered with RoomEntered when all are in. */
  | { readonly do: "enter"; readonly from: number; readonly to: number; readonly atOnce: number }
  /** The first one speaks. Not answered. */
  | { readonly do: "say"; readonly run: string; readonly perSecond: number; readonly count: number }
  /** Answered with the number of copies so far. */
  | { readonly do: "count"; readonly run: string }
  /** Answered with how many others the first one has seen come in; 0 where the protocol's driver does not look. */
  | { readonly do: "present" }
  /** Answered with RoomFigures; asked once, when a run is over. */
  | { readonly do: "figures"; readonly run: string }
  /** All go out again; answered when they have. */
  | { readonly do: "leave" };

export interface RoomEntered {
  readonly lastedMs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface RoomFigures {
  /** Copies heard: one per person and text. */
  readonly copies: number;
  readonly twice: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Until the last of these people had a text, over all texts. */
  readonly lastP50Ms: number;
  readonly lastP99Ms: number;
  /** How long after it was due a text was said: a generator that falls behind measures itself. */
  readonly lateP99Ms: number;
  readonly cpuMicros: number;
}

/** One protocol's people. */
export interface RoomPeople {
  /** Resolves when he is in: has been shown himself there, and all others before. */
  enter(person: number): Promise<void>;
  say(person: number, text: string): void;
  present?(): number;
  leave?(person: number): Promise<void>;
}

interface Run {
  /** Bits by text and person. */
  readonly seen: Set<number>;
  twice: number;
  readonly latencies: number[];
  readonly last: Map<number, number>;
  readonly late: number[];
  readonly cpuBefore: NodeJS.CpuUsage;
}

const now = (): number => performance.timeOrigin + performance.now();
/** More people than any room here has. */
const stride = 16_384;
const runs = new Map<string, Run>();

function runOf(name: string): Run {
  const known = runs.get(name);
  if (known !== undefined) return known;
  const cpuBefore = process.cpuUsage();
  const run: Run = { seen: new Set(), twice: 0, latencies: [], last: new Map(), late: [], cpuBefore };
  runs.set(name, run);
  return run;
}

/** A text has arrived at this person; what is none of ours is not counted. */
export function copy(person: number, text: string): void {
  const [name = "", numberText = "", dueText = ""] = text.split(" ", 3);
  const run = name.startsWith("r") && name.includes("x") ? runOf(name) : undefined;
  if (run === undefined) return;
  const number = Number(numberText);
  const key = number * stride + person;
  if (run.seen.has(key)) {
    run.twice += 1;
    return;
  }
  run.seen.add(key);
  const latency = now() - Number.parseFloat(dueText);
  run.latencies.push(latency);
  if (latency > (run.last.get(number) ?? 0)) run.last.set(number, latency);
}

/** Serves orders until the parent goes. */
export function serveRoom(people: RoomPeople, count: number): void {
  process.on("message", (order: RoomOrder) => {
    obey(people, count, order).catch((error: unknown) => {
      console.error(error);
      process.exit(1);
    });
  });
  process.on("disconnect", () => process.exit(0));
  process.send?.("ready");
}

async function obey(people: RoomPeople, count: number, order: RoomOrder): Promise<void> {
  switch (order.do) {
    case "enter":
      return void process.send?.(await enter(people, order));
    case "say":
      return offer(people, order);
    case "count":
      return void process.send?.(runOf(order.run).seen.size);
    case "present":
      return void process.send?.(people.present?.() ?? 0);
    case "figures":
      return void process.send?.(figures(order.run));
    case "leave":
      await inTurns(0, count, 20, async (person) => await people.leave?.(person));
      process.send?.("left");
  }
}

async function enter(people: RoomPeople, order: Extract<RoomOrder, { do: "enter" }>): Promise<RoomEntered> {
  const each: number[] = [];
  const began = now();
  await inTurns(order.from, order.to, order.atOnce, async (person) => {
    const asked = now();
    await people.enter(person);
    each.push(now() - asked);
  });
  return { lastedMs: now() - began, p50Ms: percentile(each, 0.5), p99Ms: percentile(each, 0.99) };
}

/** Does it for each number, `atOnce` at a time. */
export async function inTurns(
  from: number,
  to: number,
  atOnce: number,
  work: (number: number) => Promise<unknown>,
): Promise<void> {
  let next = from;
  const worker = async (): Promise<void> => {
    for (let mine = next++; mine < to; mine = next++) await work(mine);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

function offer(people: RoomPeople, { run: name, perSecond, count }: Extract<RoomOrder, { do: "say" }>): void {
  const run = runOf(name);
  const began = now();
  let said = 0;
  const step = (): void => {
    const due = Math.min(count, 1 + Math.floor(((now() - began) * perSecond) / 1000));
    for (; said < due; said += 1) {
      const dueAt = began + (said * 1000) / perSecond;
      run.late.push(now() - dueAt);
      people.say(0, `${name} ${said} ${dueAt.toFixed(2)}`);
    }
    if (said < count) setTimeout(step, 1);
  };
  step();
}

function figures(name: string): RoomFigures {
  const run = runOf(name);
  runs.delete(name);
  const { user, system } = process.cpuUsage(run.cpuBefore);
  const last = [...run.last.values()];
  return {
    copies: run.seen.size,
    twice: run.twice,
    p50Ms: percentile(run.latencies, 0.5),
    p99Ms: percentile(run.latencies, 0.99),
    lastP50Ms: percentile(last, 0.5),
    lastP99Ms: percentile(last, 0.99),
    lateP99Ms: percentile(run.late, 0.99),
    cpuMicros: user + system,
  };
}
