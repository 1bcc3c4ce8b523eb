// For tests: a courier that accepts everything and delivers when the test says so, on the shared service in memory.
import { bareKey } from "#bus-schemas/address.ts";
import type { Bus } from "#bus-schemas/bus/port.ts";
import type {
  Arrival,
  Attempt,
  Courier,
  Delivery,
  Gateway,
  MessageDraft,
  ReportDraft,
} from "#bus-schemas/delivery/courier.ts";
import { type MessageEvent, MessageEvent as MessageSchema } from "#bus-schemas/events/message.ts";
import { eventId } from "#bus-schemas/ids.ts";
import { type FakeService, fakeService } from "#test/support/fake-service.ts";

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

/** The port at which a gateway listens, as its health says. */
export const portOf = (service: FakeService): number =>
  Number(service.parts.get("web")?.why?.split(":").at(-1));

export const accounts = [
  { address: { local: "dave", domain: "web.example" }, password: "secret", display: "Dave" },
  { address: { local: "erin", domain: "web.example" }, password: "secret2" },
];
export const directory = {
  domains: { "web.example": { homes: ["web"], deliver: "any" as const, faces: {} } },
  accounts,
};

/** A service with a courier that the test holds. */
export function serviceWithFakeCourier(options: { section: unknown; bus?: Bus; instance?: string }) {
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
    process: "web-1-test",
    living: () => new Set<string>(),
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
  const service = fakeService({
    name: "web",
    instance: options.instance ?? "web-1",
    ...(options.bus === undefined ? {} : { bus: options.bus }),
    directory,
    sections: { web: options.section },
    courier: async (_service, _options, opened) => {
      gateway = opened;
      return real;
    },
  });
  return { service, courier, port: () => portOf(service) };
}
