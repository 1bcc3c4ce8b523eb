// For tests only: the gateway on a real courier over a bus in memory, with a SIP side that takes and sends by hand.

import type { Address } from "#bus-schemas/address.ts";
import { memoryServer } from "#bus-schemas/bus/memory.ts";
import type { Bus } from "#bus-schemas/bus/port.ts";
import type { Acceptance, Courier, Delivery } from "#bus-schemas/delivery/courier.ts";
import type { MessageEvent } from "#bus-schemas/events/message.ts";
import type { OutcomeEvent } from "#bus-schemas/events/outcome.ts";
import { openClock } from "#bus-schemas/service/clock.ts";
import { type FakeService, fakeService } from "#test/support/fake-service.ts";
import { main } from "../main.ts";

export const alice: Address = { local: "alice", domain: "sip.example" };
export const bob: Address = { local: "bob", domain: "sip.example" };

export interface House {
  readonly irc: FakeService;
  readonly sip: Courier;
  /** What the SIP side was handed. */
  readonly received: MessageEvent[];
  readonly outcomes: OutcomeEvent[];
  /** Replies of the SIP side; default handed. */
  answer: (event: MessageEvent) => Delivery;
  say(from: Address, nick: string, text: string, more?: Partial<MessageEvent>): Promise<Acceptance>;
  /** The outcome of this message, of any kind but handed. */
  outcome(id: string): Promise<OutcomeEvent>;
  until<T>(what: () => T | undefined | false, withinMs?: number): Promise<T>;
  restartGateway(): Promise<void>;
  stop(): Promise<void>;
}

/** With `elsewhere` the gateway is not started here but runs as processes of its own on that bus. */
export async function openHouse(
  port: number,
  network: object = {},
  elsewhere?: () => Promise<Bus>,
): Promise<House> {
  const clock = openClock();
  const server = memoryServer(clock);
  const directory = {
    domains: {
      "sip.example": { homes: ["sip"], deliver: "any", faces: {} },
      "irc.example": { homes: ["irc-demo"], deliver: "any", faces: {} },
    },
    accounts: [alice, bob].map((address) => ({ address, password: "secret" })),
  };
  const demo = {
    server: "127.0.0.1",
    port,
    domain: "irc.example",
    pacing: "off",
    connectEvery: "1ms",
    ...network,
  };
  const sections = { irc: { networks: { demo } } };
  const openIrc = (): FakeService =>
    fakeService({
      name: "irc",
      instance: "irc-1",
      bus: server.connect(),
      clock,
      directory: directory as never,
      sections,
    });
  const sipService = fakeService({
    name: "sip",
    instance: "sip-1",
    bus: elsewhere === undefined ? server.connect() : await elsewhere(),
    clock,
    directory: directory as never,
  });
  let irc = openIrc();
  const received: MessageEvent[] = [];
  const outcomes: OutcomeEvent[] = [];
  let count = 0;
  const sip = await sipService.courier(
    { carrier: "sip", slotBy: "recipient", share: "spread", writeAhead: false },
    {
      deliver: async (event) => {
        const answer = house.answer(event);
        if (answer.end === "handed") received.push(event);
        return answer;
      },
      tell: async (event) => {
        outcomes.push(event);
        return "told";
      },
    },
  );
  if (elsewhere === undefined) await main(irc);
  const until: House["until"] = async (what, withinMs = 10_000) => {
    const deadline = Date.now() + withinMs;
    for (;;) {
      const found = what();
      if (found !== undefined && found !== false) return found;
      if (Date.now() > deadline)
        throw new Error(`waited in vain for ${what}; log: ${JSON.stringify(irc.lines.slice(-10))}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  const house: House = {
    get irc() {
      return irc;
    },
    sip,
    received,
    outcomes,
    answer: () => ({ end: "handed" }),
    until,
    say: (from, nick, text, more = {}) =>
      sip.accept(
        {
          ...more,
          from: { ...from, assurance: "verified" },
          to: { local: nick, domain: "irc.example" },
          kind: more.kind ?? "chat",
          text,
        },
        { source: from.local, transportId: `t${++count}` },
      ),
    outcome: (id) => until(() => outcomes.find((event) => event.message === id)),
    restartGateway: async () => {
      await irc.stop();
      irc = openIrc();
      await main(irc);
    },
    stop: async () => {
      await irc.stop();
      await sipService.stop();
    },
  };
  return house;
}
