// For the tests of rooms: the real conference service and any number of SIP gateways in one process, on a bus in memory.
import { memoryServer } from "#bus-schemas/bus/memory.ts";
import { openClock } from "#bus-schemas/service/clock.ts";
import { type SipRoomOptions, SipRoomPhone } from "#test/cast/sip-room-phone.ts";
import { type FakeService, fakeService } from "#test/support/fake-service.ts";
import { main as conference } from "../../../../conference-svc/main.ts";
import { main as sip } from "../../main.ts";

const people = ["alice", "bob", "carol", "dave"];
const row = (homes: string[]) => ({ homes, deliver: "any" as const, faces: {} });

const directory = {
  gateway: { domain: "gw.example" },
  domains: {
    "sip.example": row(["sip"]),
    "xmpp.example": row(["xmpp"]),
    "rooms.example": row(["rooms"]),
    "focus.other.example": row(["rooms"]),
  },
  accounts: people.map((local) => ({
    address: { local, domain: "sip.example" },
    password: `secret-${local}`,
  })),
};

export const lobby = "lobby@rooms.example";

export interface RoomHouse {
  readonly conference: FakeService;
  readonly sip: FakeService;
  /** The port of the first gateway. */
  readonly port: number;
  /** All phones that were opened. */
  readonly phones: readonly SipRoomPhone[];
  phone(local: string, more?: Partial<SipRoomOptions>): Promise<SipRoomPhone>;
  /** Another instance on the same bus. */
  gateway(name: string): Promise<{ service: FakeService; port: number }>;
  close(): Promise<void>;
}

const portOf = (service: FakeService): number =>
  Number(service.lines.find(({ facts }) => facts.transport === "udp")?.facts.port);

/** Opens it; `sections` as in parley.yaml. */
export async function openRoomHouse(
  sections: { sip?: object; conference?: object } = {},
): Promise<RoomHouse> {
  const server = memoryServer(openClock());
  const phones: SipRoomPhone[] = [];
  const services: FakeService[] = [];
  const room = fakeService({
    ...{ name: "conference", instance: "conference-1", bus: server.connect(), directory },
    sections: { conference: sections.conference ?? {} },
  });
  await conference(room);
  const gateway = async (name: string): Promise<{ service: FakeService; port: number }> => {
    const service = fakeService({
      ...{ name: "sip", instance: name, bus: server.connect(), directory },
      sections: {
        sip: {
          listen: ["udp:127.0.0.1:0", "tcp:127.0.0.1:0"],
          rooms: { notifyEvery: "0s" },
          ...sections.sip,
        },
      },
    });
    await sip(service);
    services.push(service);
    return { service, port: portOf(service) };
  };
  const first = await gateway("sip-1");
  return {
    conference: room,
    sip: first.service,
    port: first.port,
    phones,
    gateway,
    phone: async (local, more = {}) => {
      const address = `${local}@sip.example`;
      const phone = new SipRoomPhone({
        ...{ ports: [first.port], address, password: `secret-${local}`, room: lobby },
        ...more,
      });
      phones.push(phone);
      return phone.open();
    },
    close: async () => {
      for (const phone of phones) await phone.close();
      for (const service of services) await service.stop();
      await room.stop();
    },
  };
}
