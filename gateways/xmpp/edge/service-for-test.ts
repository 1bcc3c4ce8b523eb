// A service and a courier for tests of the edge: a real clock, a directory of two domains, and a courier that only remembers.
import type { Address } from "#bus-schemas/address.ts";
import type {
  Acceptance,
  Arrival,
  Attempt,
  Courier,
  Gateway,
  MessageDraft,
  ReportDraft,
} from "#bus-schemas/delivery/courier.ts";
import { buildDirectory } from "#bus-schemas/directory-build.ts";
import type { MessageEvent } from "#bus-schemas/events/message.ts";
import { eventId } from "#bus-schemas/ids.ts";
import type { Reason } from "#bus-schemas/reason.ts";
import { openClock } from "#bus-schemas/service/clock.ts";
import type { Clock, Log, Service } from "#bus-schemas/service/service.ts";

export interface FakeCourier extends Courier {
  readonly accepted: { readonly id: string; readonly draft: MessageDraft; readonly arrival: Arrival }[];
  readonly reports: ReportDraft[];
  readonly woken: Address[];
  /** What accept answers instead of taking the message. */
  refuse: ((draft: MessageDraft) => { reason: Reason; text: string } | undefined) | undefined;
  /** Waited for before accept answers. */
  before: () => Promise<void>;
}

export interface TestService {
  readonly service: Service;
  readonly courier: FakeCourier;
  /** The gateway that opened the courier. */
  gateway(): Gateway;
  readonly healths: Map<string, { well: boolean; why: string | undefined }>;
}

const silent: Log = {
  trace: () => undefined,
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silent,
};

/** sip.example and gw.example are ours, xmpp.example is XMPP's; alice@sip.example has an account. */
export function testService(instance = "xmpp-1", clock: Clock = openClock()): TestService {
  const courier = fakeCourier();
  const healths = new Map<string, { well: boolean; why: string | undefined }>();
  let gateway: Gateway | undefined;
  const directory = buildDirectory({
    gateway: { domain: "gw.example" },
    domains: {
      "sip.example": { homes: ["sip"], deliver: "any", faces: {} },
      "xmpp.example": { homes: ["xmpp"], deliver: "any", faces: {} },
    },
    accounts: [{ address: { local: "alice", domain: "sip.example" }, password: "secret", display: "Alice" }],
    people: [],
    foreign: { sip: false, xmpp: false, trusted: [] },
    lifetime: { default: 86_400_000, most: 604_800_000 },
  });
  const unused = (): never => {
    throw new Error("not used by this gateway");
  };
  const service = {
    name: "xmpp",
    instance,
    clock,
    log: silent,
    metrics: {
      counter: () => ({ add: () => undefined }),
      histogram: () => ({ record: () => undefined }),
      gauge: () => undefined,
    },
    trail: { note: () => undefined },
    directory,
    section: unused,
    courier: (_options: unknown, it: Gateway) => {
      gateway = it;
      return Promise.resolve(courier);
    },
    onStop: () => undefined,
    health: (part: string, well: boolean, why?: string) => void healths.set(part, { well, why }),
    signal: new AbortController().signal,
    get bus(): never {
      return unused();
    },
  } as unknown as Service;
  return {
    service,
    courier,
    healths,
    gateway: () => {
      if (!gateway) throw new Error("no courier was opened");
      return gateway;
    },
  };
}

function fakeCourier(): FakeCourier {
  const known = new Set<string>();
  const courier: FakeCourier = {
    carrier: "xmpp",
    accepted: [],
    reports: [],
    woken: [],
    refuse: undefined,
    before: () => Promise.resolve(),
    async accept(draft, arrival): Promise<Acceptance> {
      await courier.before();
      const no = courier.refuse?.(draft);
      if (no) return { accepted: false, ...no };
      const id = eventId({
        carrier: "xmpp",
        source: arrival.source,
        destination: `${draft.to.local}@${draft.to.domain}`,
        transportId: arrival.transportId,
        body: draft.text,
      });
      const duplicate = known.has(id);
      known.add(id);
      if (!duplicate) courier.accepted.push({ id, draft, arrival });
      return { accepted: true, id, duplicate, settled: Promise.resolve(undefined) };
    },
    report: (draft) => {
      courier.reports.push(draft);
      return Promise.resolve();
    },
    process: "xmpp-1-test",
    living: () => new Set<string>(),
    available: (address) => void courier.woken.push(address),
    close: () => Promise.resolve(),
  };
  return courier;
}

export const allSlots: ReadonlySet<number> = new Set(Array.from({ length: 64 }, (_, slot) => slot));
export const attempt: Attempt = { again: false, signal: new AbortController().signal };

let made = 0;

/** A message of alice@sip.example to bob@xmpp.example. */
export function messageEvent(part: Partial<MessageEvent> = {}): MessageEvent {
  made += 1;
  const id = eventId({
    carrier: "sip",
    source: "alice",
    destination: "bob",
    transportId: String(made),
    body: "",
  });
  return {
    id,
    type: "message.sent",
    version: 1,
    time: Date.now(),
    from: { local: "alice", domain: "sip.example", assurance: "verified" },
    to: { local: "bob", domain: "xmpp.example" },
    origin: { carrier: "sip", messageId: `call-${made}` },
    kind: "chat",
    action: false,
    text: "hello",
    receipts: { handed: false, delivered: false, displayed: false },
    expires: Date.now() + 60_000,
    hops: 0,
    ...part,
  };
}
