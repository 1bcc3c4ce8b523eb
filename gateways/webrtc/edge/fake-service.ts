// For tests: a service on a bus in memory, and a courier that accepts everything and delivers when the test says so.

import { bareKey } from "#bus-schemas/address.ts";
import type { Bucket, Bus, Live, Stored } from "#bus-schemas/bus/port.ts";
import type {
  Arrival,
  Attempt,
  Courier,
  Delivery,
  Gateway,
  MessageDraft,
  ReportDraft,
} from "#bus-schemas/delivery/courier.ts";
import type { Account, Directory } from "#bus-schemas/directory.ts";
import { type MessageEvent, MessageEvent as MessageSchema } from "#bus-schemas/events/message.ts";
import { eventId } from "#bus-schemas/ids.ts";
import { openClock } from "#bus-schemas/service/clock.ts";
import type { Clock, Log, Service } from "#bus-schemas/service/service.ts";

const matches = (filter: string, subject: string): boolean => {
  const [want, have] = [filter.split("."), subject.split(".")];
  return (
    want.every((part, at) => part === ">" || part === "*" || part === have[at]) &&
    (want.at(-1) === ">" ? have.length >= want.length : have.length === want.length)
  );
};

/** A bus in memory with just what this gateway uses. */
export function fakeBus(clock: Clock): Bus {
  const stored: Stored[] = [];
  const ids = new Set<string>();
  const buckets = new Map<
    string,
    { values: Map<string, Uint8Array>; watchers: Set<(key: string) => void> }
  >();
  const listeners = new Map<string, (message: Live) => void>();
  const readers = new Set<() => void>();
  const unused = (): never => {
    throw new Error("not used by this gateway");
  };
  return {
    connected: true,
    onConnection: () => () => undefined,
    ensureStream: async () => undefined,
    async store(subject, data, { id, headers }) {
      if (id !== undefined && ids.has(id)) return { sequence: 0, duplicate: true };
      if (id !== undefined) ids.add(id);
      const sequence = (stored.at(-1)?.sequence ?? 0) + 1;
      stored.push({ subject, sequence, storedAt: clock.now(), headers: headers ?? {}, data, pending: 0 });
      for (const wake of readers) wake();
      return { sequence, duplicate: false };
    },
    async read(_stream, filter, after, on) {
      let next = after;
      let running: Promise<void> | undefined;
      let stopped = false;
      const pump = async (): Promise<void> => {
        for (;;) {
          const found = stored.find((one) => one.sequence > next && matches(filter, one.subject));
          if (stopped || found === undefined) return;
          next = found.sequence;
          await on(found);
        }
      };
      const wake = (): void => {
        running = (running ?? Promise.resolve()).then(pump);
      };
      readers.add(wake);
      wake();
      return {
        async stop() {
          stopped = true;
          readers.delete(wake);
          await running;
        },
      };
    },
    last: async (_stream, subject) => stored.findLast((one) => one.subject === subject),
    lastOfEach: unused,
    remove: unused,
    async purge(_stream, sequence, filter) {
      const kept = stored.filter(
        (one) => one.sequence > sequence || (filter !== undefined && !matches(filter, one.subject)),
      );
      stored.splice(0, stored.length, ...kept);
    },
    state: async () => ({
      messages: stored.length,
      bytes: 0,
      firstSequence: stored[0]?.sequence ?? 0,
      lastSequence: stored.at(-1)?.sequence ?? 0,
    }),
    async bucket(name): Promise<Bucket> {
      const bucket = buckets.get(name) ?? { values: new Map<string, Uint8Array>(), watchers: new Set() };
      buckets.set(name, bucket);
      const changed = (key: string): void => {
        for (const watcher of bucket.watchers) watcher(key);
      };
      return {
        get: unused,
        create: unused,
        async put(key, value) {
          bucket.values.set(key, value);
          changed(key);
          return 1;
        },
        async remove(key) {
          bucket.values.delete(key);
          changed(key);
        },
        list: async (filter) =>
          [...bucket.values]
            .filter(([key]) => matches(filter, key))
            .map(([key, value]) => ({ key, value, revision: 1 })),
        async watch(filter, on) {
          const watcher = (key: string): void => {
            if (matches(filter, key)) on.change(key, bucket.values.get(key));
          };
          for (const key of bucket.values.keys()) watcher(key);
          bucket.watchers.add(watcher);
          return { stop: async () => void bucket.watchers.delete(watcher) };
        },
      };
    },
    emit: unused,
    listen(subject, on) {
      listeners.set(subject, on);
      return { stop: async () => void listeners.delete(subject) };
    },
    ask: (subject, data) =>
      new Promise((resolve) => {
        const listener = listeners.get(subject);
        if (listener === undefined) resolve(undefined);
        else listener({ subject, headers: {}, data, answer: resolve });
      }),
    askAll: unused,
    close: async () => undefined,
  };
}

export interface FakeCourier {
  readonly accepted: { readonly draft: MessageDraft; readonly arrival: Arrival; readonly id: string }[];
  readonly reports: ReportDraft[];
  readonly available: string[];
  /** What the next `accept` does instead of accepting. */
  refuseWith: { reason: "unknown-user" | "too-large"; text: string } | Error | undefined;
  deliver(event: MessageEvent): Promise<Delivery>;
  readonly gateway: Gateway;
}

/** A message event as another carrier would have made it. */
export const eventFor = (to: string, text: string, rest: Partial<MessageEvent> = {}): MessageEvent => {
  const [local = "", domain = ""] = to.split("@");
  return MessageSchema.parse({
    id: eventId({
      carrier: "sip",
      source: "a",
      destination: to,
      transportId: `${Math.random()}`,
      body: text,
    }),
    type: "message.sent",
    version: 1,
    time: Date.now(),
    from: { local: "alice", domain: "sip.example", display: "Alice", assurance: "verified" },
    to: { local, domain },
    origin: { carrier: "sip", messageId: "m1" },
    kind: "chat",
    text,
    receipts: { delivered: true, displayed: true },
    expires: Date.now() + 60_000,
    hops: 0,
    ...rest,
  });
};

export const attempt = (): Attempt => ({ again: false, signal: new AbortController().signal });

const silentLog: Log = {
  trace: () => undefined,
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLog,
};

/** A service for `main`, on a bus that several instances may share. */
export function fakeService(options: {
  readonly accounts: readonly Account[];
  readonly section: unknown;
  readonly bus?: Bus;
  readonly instance?: string;
  readonly clock?: Clock;
}) {
  const clock = options.clock ?? openClock();
  const bus = options.bus ?? fakeBus(clock);
  const stops: (() => Promise<void> | void)[] = [];
  const health = new Map<string, string | undefined>();
  const ending = new AbortController();
  const unused = (): never => {
    throw new Error("not used by this gateway");
  };
  const directory: Directory = {
    route: unused,
    faceOn: (_carrier, address) => address,
    behind: (_carrier, address) => address,
    account: (address) => options.accounts.find((account) => bareKey(account.address) === bareKey(address)),
    accounts: () => options.accounts,
    domainsOf: () => ["web.example"],
    facesOf: () => [],
    linked: (address) => [address],
    lifetimeMs: { default: 86_400_000, most: 604_800_000 },
  };
  let gateway: Gateway | undefined;
  const known = new Set<string>();
  const courier: FakeCourier = {
    accepted: [],
    reports: [],
    available: [],
    refuseWith: undefined,
    deliver: (event) => courier.gateway.deliver(event, attempt()),
    get gateway() {
      if (gateway === undefined) throw new Error("the courier is not open");
      return gateway;
    },
  };
  const real: Courier = {
    carrier: "web",
    async accept(draft, arrival) {
      const { refuseWith } = courier;
      courier.refuseWith = undefined;
      if (refuseWith instanceof Error) throw refuseWith;
      if (refuseWith !== undefined) return { accepted: false, ...refuseWith };
      const id = eventId({
        carrier: "web",
        source: arrival.source,
        destination: bareKey(draft.to),
        transportId: arrival.transportId,
        body: draft.text,
      });
      const duplicate = known.has(id);
      known.add(id);
      if (!duplicate) courier.accepted.push({ draft, arrival, id });
      return { accepted: true, id, duplicate, settled: Promise.resolve(undefined) };
    },
    async report(draft) {
      courier.reports.push(draft);
    },
    available: (address) => void courier.available.push(bareKey(address)),
    close: async () => undefined,
  };
  const counter = { add: () => undefined };
  const service: Service = {
    name: "web",
    instance: options.instance ?? "web-1",
    bus,
    clock,
    log: silentLog,
    metrics: {
      counter: () => counter,
      histogram: () => ({ record: () => undefined }),
      gauge: () => undefined,
    },
    trail: { note: () => undefined },
    tracer: { startSpan: () => ({ traceparent: "", end: () => undefined }) },
    directory,
    section: (_name, schema) => schema.parse(options.section) as never,
    async courier(_options, opened) {
      gateway = opened;
      return real;
    },
    onStop: (_what, stop) => void stops.push(stop),
    health: (part, _well, why) => void health.set(part, why),
    signal: ending.signal,
  };
  return {
    service,
    courier,
    bus,
    /** Where browsers connect, once `main` has run. */
    port: (): number => Number(health.get("web")?.split(":").at(-1)),
    async stop() {
      ending.abort();
      for (const stop of stops.reverse()) await stop();
    },
  };
}
