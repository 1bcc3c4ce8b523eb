// A house with rooms for tests: Prosody, the conference service and this gateway over one bus in memory.
import { type MemoryServer, memoryServer } from "#bus-schemas/bus/memory.ts";
import type { Courier, Gateway } from "#bus-schemas/delivery/courier.ts";
import type { MessageEvent } from "#bus-schemas/events/message.ts";
import { openRooms } from "#bus-schemas/rooms/open.ts";
import type { Rooms } from "#bus-schemas/rooms/port.ts";
import { until } from "#test/servers/child.ts";
import { type FakeService, fakeService } from "#test/support/fake-service.ts";
import { main as conference } from "../../../conference-svc/main.ts";
import { XmppConfig } from "../config.ts";
import { type Link, openLink } from "./link.ts";
import { type Prosody, type ProsodyOptions, startProsody } from "./prosody-for-test.ts";

export const directory = {
  gateway: { domain: "gw.example" },
  domains: {
    "sip.example": { homes: ["sip"], deliver: "any", faces: {} },
    "xmpp.example": { homes: ["xmpp"], deliver: "any", faces: {} },
    "rooms.example": { homes: ["rooms"], deliver: "any", faces: {} },
  },
  accounts: [{ address: { local: "alice", domain: "sip.example" }, display: "Alice" }],
};

export interface RoomsHouse {
  readonly prosody: Prosody;
  readonly bus: MemoryServer;
  /** Starts one more instance of the gateway; the first one to come holds the streams. */
  gateway(
    instance: string,
  ): Promise<{ readonly service: FakeService; readonly link: Link; end(): Promise<void> }>;
  /** Somebody on SIP, as that gateway would see rooms. */
  sip(): Promise<{ readonly rooms: Rooms; readonly courier: Courier; readonly delivered: MessageEvent[] }>;
  close(): Promise<void>;
}

/** Opens it; `section` is the conference section. */
export async function openRoomsHouse(
  users: readonly string[],
  section: object = { create: "everybody" },
  options: Partial<ProsodyOptions> = {},
): Promise<RoomsHouse> {
  const components = { "sip.example": "", "gw.example": "", "rooms.example": "" };
  const prosody = await startProsody({ users, components, ...options });
  const bus = memoryServer();
  const services: FakeService[] = [];
  const open = (name: string, instance: string, sections: Record<string, unknown> = {}): FakeService => {
    const service = fakeService({ name, instance, bus: bus.connect(), directory, sections });
    services.push(service);
    return service;
  };
  await conference(open("conference", "conference-1", { conference: section }));
  return {
    prosody,
    bus,
    async gateway(instance) {
      const service = open("xmpp", instance);
      const config = XmppConfig.parse({ port: prosody.componentPort, secret: prosody.secret });
      const link = await openLink(service, config);
      service.onStop("xmpp link", () => link.close());
      return { service, link, end: () => service.stop() };
    },
    async sip() {
      const service = open("sip", "sip-1");
      const delivered: MessageEvent[] = [];
      const gateway: Gateway = {
        deliver: async (event) => {
          delivered.push(event);
          return { end: "handed" };
        },
        tell: async () => "told",
      };
      const courier = await service.courier(
        { carrier: "sip", slotBy: "recipient", share: "spread", writeAhead: false },
        gateway,
      );
      return { rooms: await openRooms(service, "sip"), courier, delivered };
    },
    async close() {
      for (const service of services.reverse()) await service.stop();
      await prosody.child.stop();
    },
  };
}

/** Resolves when all streams of this link run. */
export const running = (link: Link): Promise<boolean> =>
  until("the streams run", () => link.components.length > 0 && link.components.every((one) => one.running));
