// For the tests of the edge: a gateway on the memory bus with a courier that writes down what it is given.
import type { Address } from "#bus-schemas/address.ts";
import { memoryServer } from "#bus-schemas/bus/memory.ts";
import type { Bus } from "#bus-schemas/bus/port.ts";
import type {
  Acceptance,
  Arrival,
  Attempt,
  MessageDraft,
  ReportDraft,
} from "#bus-schemas/delivery/courier.ts";
import { buildDirectory, type DomainRow } from "#bus-schemas/directory-build.ts";
import type { MessageEvent } from "#bus-schemas/events/message.ts";
import { openClock } from "#bus-schemas/service/clock.ts";
import type { Log, Metrics } from "#bus-schemas/service/service.ts";
import { SipConfig } from "../config.ts";
import { type OpenGateway, openGateway } from "./gateway.ts";
import type { Listen } from "./transports.ts";

const silent: Log = {
  trace: () => undefined,
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: (facts, message) => console.error(message, facts),
  child: () => silent,
};

/** Counters that a test can read by name; labels are added up. */
function countingMetrics(): { metrics: Metrics; value(name: string): number } {
  const counts = new Map<string, number>();
  const gauges = new Map<string, () => number>();
  const metrics: Metrics = {
    counter: (name) => ({ add: (amount) => counts.set(name, (counts.get(name) ?? 0) + amount) }),
    histogram: () => ({ record: () => undefined }),
    gauge: (name, _, read) => gauges.set(name, read),
  };
  return { metrics, value: (name) => gauges.get(name)?.() ?? counts.get(name) ?? 0 };
}

const row = (homes: string[], faces: Record<string, string> = {}): DomainRow => ({
  homes,
  deliver: "any",
  faces,
});

const directory = buildDirectory({
  gateway: { domain: "gw.example" },
  domains: { "sip.example": row(["sip"]), "xmpp.example": row(["xmpp"]) },
  accounts: ["alice", "bob", "carol", "100", "200"].map((local) => ({
    address: { local, domain: "sip.example" },
    password: `secret-${local}`,
  })),
  people: [],
  foreign: { sip: true, xmpp: false, trusted: [] },
  lifetime: { default: 86_400_000, most: 604_800_000 },
});

type Settled = Awaited<Extract<Acceptance, { accepted: true }>["settled"]>;

export interface House {
  readonly open: OpenGateway;
  readonly bus: Bus;
  readonly listening: readonly Listen[];
  readonly accepted: { draft: MessageDraft; arrival: Arrival }[];
  readonly reports: ReportDraft[];
  readonly available: Address[];
  /** What the next messages' held end is; undefined: none within the hold. */
  settle: (draft: MessageDraft) => Promise<Settled>;
  /** An exception that accept throws. */
  trouble: Error | undefined;
  value(name: string): number;
  port(transport: "udp" | "tcp", family?: 4 | 6): number;
  deliver(change: Partial<MessageEvent>, again?: boolean): ReturnType<OpenGateway["gateway"]["deliver"]>;
  /** The process is to end. */
  stop(): void;
  close(): Promise<void>;
}

const listen = ["udp:127.0.0.1:0", "tcp:127.0.0.1:0", "udp:[::1]:0", "tcp:[::1]:0"];

export const attempt = (again = false): Attempt => ({ again, signal: new AbortController().signal });

let count = 0;

/** A message to bob, with what the test changes. */
export function messageEvent(change: Partial<MessageEvent> = {}): MessageEvent {
  count += 1;
  return {
    id: `event-${String(count).padStart(20, "0")}`,
    type: "message.sent",
    version: 1,
    time: Date.UTC(2026, 0, 1),
    from: { local: "carol", domain: "xmpp.example", assurance: "verified", display: "Carol" },
    to: { local: "bob", domain: "sip.example" },
    origin: { carrier: "xmpp", messageId: "m1" },
    kind: "chat",
    action: false,
    text: "hello bob",
    receipts: { handed: false, delivered: false, displayed: false },
    expires: Date.UTC(2030, 0, 1),
    hops: 0,
    ...change,
  };
}

/** Opens a house; instances of one house share `server`. */
export async function openHouse(
  section: object = {},
  options: { instance?: string; server?: ReturnType<typeof memoryServer> } = {},
): Promise<House> {
  const clock = openClock();
  const server = options.server ?? memoryServer(clock);
  const bus = server.connect();
  const { metrics, value } = countingMetrics();
  const trail = { note: () => undefined };
  const instance = options.instance ?? "sip-1";
  const ending = new AbortController();
  const config = SipConfig.parse({ listen, ...section });
  const open = await openGateway(
    { bus, clock, log: silent, metrics, trail, directory, instance, signal: ending.signal },
    config,
  );
  const house: House = {
    open,
    bus,
    listening: [],
    accepted: [],
    reports: [],
    available: [],
    settle: () => Promise.resolve(undefined),
    trouble: undefined,
    value,
    port: (transport, family = 4) =>
      open.listening.find(
        (each) => each.transport === transport && each.address.includes(":") === (family === 6),
      )?.port ?? 0,
    deliver: (change, again = false) => open.gateway.deliver(messageEvent(change), attempt(again)),
    stop: () => ending.abort(),
    close: async () => {
      await open.close();
      await bus.close();
    },
  };
  await open.serve({
    accept: (draft, arrival) => accept(house, draft, arrival),
    report: async (draft) => void house.reports.push(draft),
    available: (address) => void house.available.push(address),
    process: `${instance}-1`,
    living: () => new Set([`${instance}-1`]),
  });
  return house;
}

async function accept(house: House, draft: MessageDraft, arrival: Arrival): Promise<Acceptance> {
  if (house.trouble !== undefined) throw house.trouble;
  const routed = directory.route(draft.to, { carrier: "sip", assurance: draft.from.assurance });
  if (!routed.ok) return { accepted: false, reason: routed.reason, text: routed.text };
  const duplicate = house.accepted.some((each) => each.arrival.transportId === arrival.transportId);
  if (!duplicate) house.accepted.push({ draft, arrival });
  return { accepted: true, id: arrival.transportId, duplicate, settled: house.settle(draft) };
}
