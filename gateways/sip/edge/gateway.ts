// The edge put together: sockets, transactions, registrar, both directions; opened for a service or a test.
import { randomBytes } from "node:crypto";
import type { Bus } from "#bus-schemas/bus/port.ts";
import type { Attempt, Courier, Gateway } from "#bus-schemas/delivery/courier.ts";
import type { OutcomeEvent } from "#bus-schemas/events/outcome.ts";
import type { Rooms } from "#bus-schemas/rooms/port.ts";
import type { Service } from "#bus-schemas/service/service.ts";
import { openWheel } from "#bus-schemas/service/wheel.ts";
import { token } from "#bus-schemas/subject.ts";
import type { SipConfig } from "../config.ts";
import { serveFlows } from "./flows.ts";
import { Identities } from "./identity.ts";
import { Inbound, wayFault } from "./inbound.ts";
import { SipLegs } from "./legs/legs.ts";
import { Location, type Place } from "./location.ts";
import type { Msrp } from "./msrp/port.ts";
import { Outbound } from "./outbound.ts";
import { Registrar } from "./registrar.ts";
import { openDns } from "./resolver.ts";
import { Focus } from "./room/focus.ts";
import { openMsrpOf } from "./room/open-msrp.ts";
import { Records } from "./room/records.ts";
import { Ways } from "./room/way.ts";
import { Sender } from "./sender.ts";
import { Transactions } from "./transactions.ts";
import { type Listen, Transports } from "./transports.ts";

const sweepMs = 30_000;

export type GatewayService = Pick<
  Service,
  "bus" | "clock" | "log" | "metrics" | "trail" | "directory" | "instance" | "signal"
>;

export type GatewayCourier = Pick<Courier, "accept" | "report" | "available" | "process" | "living">;

export interface OpenGateway {
  /** What the courier calls. */
  readonly gateway: Gateway;
  /** Where it listens, with the ports that it has got. */
  readonly listening: readonly Listen[];
  /** From now on requests are served; before, they are not answered and come again. */
  serve(courier: GatewayCourier, rooms?: Rooms): Promise<readonly Listen[]>;
  close(): Promise<void>;
}

/** Opens location, transactions and sender; sockets open with `serve`, when the courier is there. */
export async function openGateway(service: GatewayService, config: SipConfig): Promise<OpenGateway> {
  const { bus, clock, log, metrics, trail, directory, instance } = service;
  const wheel = openWheel(clock);
  const after = (delayMs: number, call: () => void): void => void wheel.after(delayMs, call);
  let courier: GatewayCourier | undefined;
  let focus: Focus | undefined;
  let legs: SipLegs | undefined;
  let slots: ReadonlySet<number> = new Set();
  let msrp: Msrp | undefined;
  let records: Records | undefined;
  const location = await Location.open({ bus, clock, log, instance });
  metrics.gauge("sip_registrations_count", "Bindings known to this instance", () => location.size);
  const identities = new Identities({ config, directory, clock, location, nonceKey: await nonceKey(bus) });
  const registrar = new Registrar({
    config,
    directory,
    clock,
    log,
    instance,
    location,
    identities,
    available: (address) => courier?.available(address),
  });
  const readsCpim = (person: string, source: { flow: string; address: string; port: number }): void => {
    const reads = location.of(person).filter((place) => !place.cpim && isFrom(place, source));
    if (reads.length === 0) return;
    location
      .change(
        reads.map((place) => ({ ...place, cpim: true })),
        [],
      )
      .catch((error: unknown) => {
        log.debug({ error: String(error) }, "not kept that a client reads CPIM");
      });
  };
  const inbound = new Inbound({
    config,
    directory,
    log,
    trail,
    metrics,
    identities,
    registrar,
    courier: () => courier,
    after,
    stopping: () => service.signal.aborted,
    readsCpim,
    rooms: async (request, source) => legs?.request(request, source) ?? focus?.request(request, source),
  });
  const transports: Transports = new Transports({
    clock,
    wheel,
    log,
    metrics,
    sourceRate: config.sourceRate,
    idleMs: config.idle,
    receive: (parsed, source) => transactions.receive(parsed, source),
    lost: (flow) => transactions.lost(flow),
  });
  const transactions: Transactions = new Transactions({
    wheel,
    log,
    metrics,
    reply: (bytes, source) => transports.reply(bytes, source),
    send: (bytes, target) => transports.send(bytes, target),
    hasFlow: (flow) => transports.hasFlow(flow),
    handle: inbound.handle,
    invite: (request, source, serving) => {
      const fault = wayFault(request);
      if (fault !== undefined) serving.answer(fault);
      else if (!legs?.invite(request, source, serving) && !focus?.invite(request, source, serving))
        inbound.handle(request, source, (answer) => void serving.answer(answer));
    },
    ack: (request) => focus?.ack(request),
  });
  const dns = openDns(config.dns);
  const viaName = config.instanceName ?? instance;
  const viaPort = (target: Parameters<Transports["viaPort"]>[0]): number | undefined =>
    transports.viaPort(target);
  const hasFlow = (flow: string): boolean => transports.hasFlow(flow);
  const sender = new Sender({
    bus,
    instance,
    transactions,
    viaName,
    hasFlow,
    viaPort,
    dns,
    chance: Math.random,
    after,
  });
  const outbound = new Outbound({ config, directory, clock, log, metrics, trail, location, sender, after });
  const flows = serveFlows(bus, instance, transactions, hasFlow);
  const openRooms = async (opened: GatewayCourier, rooms: Rooms): Promise<Focus> => {
    records = await Records.open({ bus, log });
    msrp = await openMsrpOf(config, { clock, wheel, log, metrics });
    const ways = new Ways({ transactions, dns, chance: Math.random, viaName, viaPort, hasFlow });
    const parts = {
      ...{ config, directory, clock, wheel, log, metrics, trail, identities, location },
      ...{ rooms, records, ways, msrp, courier: opened },
      contactHost: (transport: Listen["transport"], family: 4 | 6) =>
        contactHost(config, listening, transport, family),
      chance: Math.random,
      stopping: () => service.signal.aborted,
    };
    legs = await SipLegs.open({ ...parts, bus });
    return new Focus(parts);
  };
  let sweeping = true;
  const sweep = (): void => {
    location
      .sweep()
      .catch((error: unknown) => log.warn({ error: String(error) }, "expired registrations not removed"));
    if (sweeping) wheel.after(sweepMs, sweep);
  };
  wheel.after(sweepMs, sweep);
  let listening: readonly Listen[] = [];
  return {
    gateway: {
      deliver: async (event, attempt) =>
        legs?.carries(event) ? legs.deliver(event, attempt) : outbound.deliver(event, attempt),
      tell: async (event: OutcomeEvent, attempt: Attempt) => {
        // Who speaks in a conference elsewhere was answered there, or cannot be told in its name.
        if (directory.elsewhere(event.to.domain) === "sip") return "dropped";
        return focus?.tell(event) ? "told" : outbound.tell(event, attempt);
      },
      owns: (owned) => {
        slots = owned;
        legs?.owns(owned);
      },
    },
    get listening() {
      return listening;
    },
    async serve(opened, rooms) {
      courier = opened;
      if (rooms !== undefined && config.msrp.listen.length > 0) focus = await openRooms(opened, rooms);
      listening = await transports.open(config.listen);
      focus?.start();
      legs?.owns(slots);
      return listening;
    },
    async close() {
      sweeping = false;
      await legs?.close();
      await focus?.close();
      await msrp?.close();
      await records?.close();
      await transports.close();
      await flows.stop();
      await location.close();
      wheel.close();
    },
  };
}

/** Where this process is reached by that transport: what a Contact of ours names. */
function contactHost(
  config: SipConfig,
  listening: readonly Listen[],
  transport: Listen["transport"],
  family: 4 | 6,
): string {
  const isFamily = (each: Listen): boolean => each.address.includes(":") === (family === 6);
  const at =
    listening.find((each) => each.transport === transport && isFamily(each)) ??
    listening.find((each) => each.transport === transport);
  const address = at?.address ?? "127.0.0.1";
  const host = config.contactHost ?? (address.includes(":") ? `[${address}]` : address);
  return `${host}:${at?.port ?? 5060}`;
}

const isFrom = (place: Place, source: { flow: string; address: string; port: number }): boolean =>
  place.flow === source.flow ||
  (place.transport === "udp" && place.address === source.address && place.port === source.port);

// One key for all instances, so that a nonce of one is good at the other; the first instance ever makes it.
async function nonceKey(bus: Bus): Promise<Uint8Array> {
  const bucket = await bus.bucket("secrets");
  const key = `sip.${token("nonce")}`;
  await bucket.create(key, randomBytes(32));
  const entry = await bucket.get(key);
  if (entry === undefined) throw new Error("the nonce key cannot be read from the bus");
  return entry.value;
}
