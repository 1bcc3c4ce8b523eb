// A Service for tests of an edge: a bus in memory, a standing or a real clock, and everything that was counted, noted or logged.
import type { z } from "zod";
import { memoryBus } from "#bus-schemas/bus/memory.ts";
import type { Bus } from "#bus-schemas/bus/port.ts";
import type { Courier, CourierOptions, Gateway } from "#bus-schemas/delivery/courier.ts";
import { openCourier } from "#bus-schemas/delivery/open.ts";
import type { Directory } from "#bus-schemas/directory.ts";
import { buildDirectory, type DirectoryConfig } from "#bus-schemas/directory-build.ts";
import { openClock } from "#bus-schemas/service/clock.ts";
import type { Clock, Log, Metrics, Service } from "#bus-schemas/service/service.ts";
import { quietTracer } from "#bus-schemas/service/telemetry.ts";
import { type Note, openTrail } from "#bus-schemas/service/trail.ts";

export interface FakeServiceOptions {
  readonly name?: string;
  readonly instance?: string;
  /** Default: the real clock; a fakeClock() stands still until the test moves it. */
  readonly clock?: Clock;
  /** Default: a bus in memory on that clock. Several services of one test share one server: `memoryServer(clock).connect()`. */
  readonly bus?: Bus;
  /** A domain table and accounts, or a ready directory. Default: knows nobody. */
  readonly directory?: Directory | Partial<DirectoryConfig>;
  /** Sections of parley.yaml by name, as they would be written there; validated as in a real process. */
  readonly sections?: Readonly<Record<string, unknown>>;
  /** Default: the real courier. */
  readonly courier?: (service: Service, options: CourierOptions, gateway: Gateway) => Promise<Courier>;
}

interface LogLine {
  readonly level: "trace" | "debug" | "info" | "warn" | "error";
  readonly facts: Readonly<Record<string, unknown>>;
  readonly message: string;
}

export interface FakeService extends Service {
  /** What a counter, histogram (its count) or gauge shows; over all labels that contain the given ones. */
  metric(name: string, labels?: Readonly<Record<string, string>>): number;
  readonly lines: readonly LogLine[];
  /** As if parley.yaml had these sections now. */
  change(sections: Readonly<Record<string, unknown>>): void;
  /** The notes about a message. */
  notes(message: string): readonly Note[];
  /** What `health` said last of each part. */
  readonly parts: ReadonlyMap<string, { well: boolean; why?: string }>;
  /** Aborts the signal, closes couriers, runs what was registered with onStop (last first), closes the bus. */
  stop(): Promise<void>;
}

/** Opens one; end it with `stop()`. */
export function fakeService(options: FakeServiceOptions = {}): FakeService {
  const clock = options.clock ?? openClock();
  const bus = options.bus ?? memoryBus(clock);
  const ending = new AbortController();
  const lines: LogLine[] = [];
  const parts = new Map<string, { well: boolean; why?: string }>();
  const stops: (() => Promise<void> | void)[] = [];
  const couriers: Courier[] = [];
  const listeners: ((sections: Readonly<Record<string, unknown>>) => void)[] = [];
  const trail = openTrail(clock);
  const counted = countedMetrics();
  const service: FakeService = {
    name: options.name ?? "test",
    instance: options.instance ?? "test-1",
    bus,
    clock,
    log: keptLog(lines, {}),
    metrics: counted.metrics,
    metric: counted.read,
    trail,
    tracer: quietTracer(),
    directory: directoryOf(options.directory),
    section: <T extends z.ZodType>(name: string, schema: T): z.output<T> =>
      schema.parse(options.sections?.[name] ?? {}),
    onSection: (name, schema, changed) => {
      listeners.push((sections) => changed(schema.parse(sections[name] ?? {})));
    },
    change: (sections) => {
      for (const listener of listeners) listener(sections);
    },
    courier: async (courierOptions, gateway) => {
      const courier = await (options.courier ?? openCourier)(service, courierOptions, gateway);
      couriers.push(courier);
      return courier;
    },
    onStop: (_what, stop) => stops.push(stop),
    health: (part, well, why) => parts.set(part, why === undefined ? { well } : { well, why }),
    signal: ending.signal,
    lines,
    notes: (message) => trail.find(message).notes,
    parts,
    stop: async () => {
      ending.abort(new Error("the test ends"));
      await Promise.all(couriers.map((courier) => courier.close(1_000)));
      for (let stop = stops.pop(); stop; stop = stops.pop()) await stop();
      await bus.close();
    },
  };
  return service;
}

const nobody: DirectoryConfig = {
  domains: {},
  accounts: [],
  people: [],
  foreign: { sip: false, xmpp: false, trusted: [] },
  lifetime: { default: 86_400_000, most: 604_800_000 },
};

const directoryOf = (given: FakeServiceOptions["directory"]): Directory =>
  given && "route" in given ? given : buildDirectory({ ...nobody, ...given });

function keptLog(lines: LogLine[], bound: Readonly<Record<string, unknown>>): Log {
  const keep = (level: LogLine["level"]) => (facts: object, message: string) => {
    lines.push({ level, facts: { ...bound, ...facts }, message });
  };
  return {
    trace: keep("trace"),
    debug: keep("debug"),
    info: keep("info"),
    warn: keep("warn"),
    error: keep("error"),
    child: (facts) => keptLog(lines, { ...bound, ...facts }),
  };
}

function countedMetrics(): { metrics: Metrics; read: FakeService["metric"] } {
  const counts: { name: string; labels: Readonly<Record<string, string>>; amount: number }[] = [];
  const gauges = new Map<string, () => number>();
  const metrics: Metrics = {
    counter: (name) => ({ add: (amount, labels = {}) => counts.push({ name, labels, amount }) }),
    histogram: (name) => ({ record: (_value, labels = {}) => counts.push({ name, labels, amount: 1 }) }),
    gauge: (name, _meaning, read) => gauges.set(name, read),
  };
  const read = (name: string, labels: Readonly<Record<string, string>> = {}): number => {
    const gauge = gauges.get(name);
    if (gauge) return gauge();
    const wanted = Object.entries(labels);
    return counts
      .filter((one) => one.name === name && wanted.every(([label, value]) => one.labels[label] === value))
      .reduce((sum, one) => sum + one.amount, 0);
  };
  return { metrics, read };
}
