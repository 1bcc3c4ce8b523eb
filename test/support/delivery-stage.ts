// A stage for delivery: several processes with couriers on one bus in memory, with gateways that do as the test says.
import type { Address } from "#bus-schemas/address.ts";
import { bareKey } from "#bus-schemas/address.ts";
import { memoryServer } from "#bus-schemas/bus/memory.ts";
import type { Bus } from "#bus-schemas/bus/port.ts";
import type { Courier, CourierOptions, Delivery, MessageDraft } from "#bus-schemas/delivery/courier.ts";
import { openCourier } from "#bus-schemas/delivery/open.ts";
import type { Directory, Routed } from "#bus-schemas/directory.ts";
import type { MessageEvent } from "#bus-schemas/events/message.ts";
import type { OutcomeEvent } from "#bus-schemas/events/outcome.ts";
import type { Clock, Log, Service } from "#bus-schemas/service/service.ts";

const quiet: Log = {
  trace: () => undefined,
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: (facts, message) => console.error(message, facts),
  child: () => quiet,
};

/** Everything, as lines with the time: for processes whose output a failing test shows. */
export const loud: Log = {
  ...quiet,
  debug: (facts, message) => console.log(Date.now(), message, JSON.stringify(facts)),
  info: (facts, message) => console.log(Date.now(), message, JSON.stringify(facts)),
  warn: (facts, message) => console.log(Date.now(), message, facts),
  child: () => loud,
};

/** Homes by domain: `name.example` lives on carrier `name`; `both.example` on sip and web, `all.example` too, with a copy to each. */
const route = (to: Address): Routed => {
  const label = to.domain.replace(/\.example$/, "");
  if (!to.domain.endsWith(".example")) return { ok: false, reason: "unknown-domain", text: "no such domain" };
  const shared = label === "both" || label === "all";
  const homes = shared ? ["sip", "web"] : label === "irc" ? ["irc-demo"] : [label];
  return { ok: true, to, homes, deliver: label === "all" ? "all" : "any" };
};

const directory: Directory = {
  route,
  faceOn: (_carrier, address) => address,
  behind: (_carrier, address) => address,
  account: () => undefined,
  accounts: () => [],
  domainsOf: () => [],
  facesOf: () => [],
  elsewhere: () => undefined,
  linked: (address) => [address],
  lifetimeMs: { default: 86_400_000, most: 7 * 86_400_000 },
};

/** What one process's gateway was asked to do, and what it answers. */
export interface FakeGateway {
  readonly delivered: { event: MessageEvent; again: boolean; by: string }[];
  readonly told: OutcomeEvent[];
  /** The answer to the next hand-overs; may wait. */
  answer: (event: MessageEvent) => Promise<Delivery>;
  tell: (event: OutcomeEvent) => Promise<"told" | "away" | "dropped">;
}

export interface Process {
  readonly courier: Courier;
  readonly gateway: FakeGateway;
  readonly bus: Bus;
  /** As kill -9: nothing it does afterwards reaches the bus. */
  kill(): void;
}

export const options = (carrier: string): CourierOptions => ({
  carrier,
  slotBy: carrier.startsWith("irc-") ? "sender" : "recipient",
  share: carrier === "xmpp" ? "whole" : "spread",
  writeAhead: carrier.startsWith("irc-"),
});

export const draft = (from: string, to: string, text: string): MessageDraft => {
  const [fromLocal = "", fromDomain = ""] = from.split("@");
  const [toLocal = "", toDomain = ""] = to.split("@");
  return {
    from: { local: fromLocal, domain: fromDomain, assurance: "verified" },
    to: { local: toLocal, domain: toDomain },
    kind: "chat",
    text,
  };
};

export class Stage {
  readonly clock: Clock;
  /** Takes the server in memory down, and up again. */
  readonly setUp: (up: boolean) => void;
  readonly #log: Log;
  readonly #connect: (instance: string) => Promise<Bus>;
  #count = 0;

  /** `connect`: how a process comes to its bus; default: one server in memory for all. */
  constructor(clock: Clock, connect?: (instance: string) => Promise<Bus>, log = quiet) {
    this.#log = log;
    this.clock = clock;
    const server = memoryServer(clock);
    this.setUp = (up) => server.setUp(up);
    this.#connect = connect ?? (async () => server.connect());
  }

  /** One process with one courier. Processes of one carrier may share a log of what they delivered. */
  async process(
    instance: string,
    carrier: string,
    delivered: FakeGateway["delivered"] = [],
  ): Promise<Process> {
    const bus = await this.#connect(instance);
    let dead = false;
    const gateway: FakeGateway = {
      delivered,
      told: [],
      answer: async () => ({ end: "handed" }),
      tell: async () => "told",
    };
    const never = new Promise<never>(() => undefined);
    const courier = await openCourier(this.#service(instance, bus), options(carrier), {
      deliver: async (event, attempt) => {
        if (dead) return never;
        gateway.delivered.push({ event, again: attempt.again, by: instance });
        const answer = await gateway.answer(event);
        return dead ? never : answer;
      },
      tell: async (event) => {
        if (dead) return never;
        gateway.told.push(event);
        return gateway.tell(event);
      },
    });
    const kill = (): void => {
      dead = true;
      void bus.close();
    };
    return { courier, gateway, bus, kill };
  }

  /** Accepts `text` at `process` and answers the event id; each call is a new packet. */
  async say(
    process: Process,
    from: string,
    to: string,
    text: string,
    holdMs?: number,
  ): Promise<ReturnType<Courier["accept"]>> {
    this.#count += 1;
    const arrival = {
      source: from,
      transportId: `packet-${this.#count}`,
      ...(holdMs !== undefined && { holdMs }),
    };
    return process.courier.accept(draft(from, to, text), arrival);
  }

  #service(instance: string, bus: Bus): Service {
    const counter = { add: () => undefined };
    return {
      name: instance,
      instance,
      bus,
      clock: this.clock,
      log: this.#log,
      metrics: {
        counter: () => counter,
        histogram: () => ({ record: () => undefined }),
        gauge: () => undefined,
      },
      trail: { note: () => undefined },
      tracer: { startSpan: () => ({ traceparent: "00-0-0-00", end: () => undefined }) },
      directory,
      onSection: () => undefined,
      section: () => {
        throw new Error("no configuration on this stage");
      },
      courier: () => Promise.reject(new Error("opened by the stage")),
      onStop: () => undefined,
      health: () => undefined,
      signal: new AbortController().signal,
    };
  }
}

/** Texts in the order in which they were handed to `person`. */
export const textsTo = (delivered: FakeGateway["delivered"], person: string): string[] =>
  delivered.filter(({ event }) => bareKey(event.to) === person).map(({ event }) => event.text);
