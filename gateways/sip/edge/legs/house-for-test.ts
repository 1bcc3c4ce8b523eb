// For the tests of conferences elsewhere: the conference service and SIP gateways on one bus in memory, people of the web as their
// gateway would see rooms, a focus of the test kit, and a DNS server that knows where it is.
import { createSocket } from "node:dgram";
import { type Address, type Party, printAddress } from "#bus-schemas/address.ts";
import { memoryServer } from "#bus-schemas/bus/memory.ts";
import type { Bus } from "#bus-schemas/bus/port.ts";
import type { Courier, Gateway, Settled } from "#bus-schemas/delivery/courier.ts";
import type { RoomChangeKind, RoomEvent } from "#bus-schemas/events/room.ts";
import type { RoomAnswer, RoomDo } from "#bus-schemas/events/room-command.ts";
import { openRooms } from "#bus-schemas/rooms/open.ts";
import type { Rooms } from "#bus-schemas/rooms/port.ts";
import type { RoomView } from "#bus-schemas/rooms/view.ts";
import { openClock } from "#bus-schemas/service/clock.ts";
import { RawFocus } from "#test/cast/raw-focus.ts";
import { type FakeService, fakeService } from "#test/support/fake-service.ts";
import { main as conference } from "../../../../conference-svc/main.ts";
import { main as sip } from "../../main.ts";

const domain = "focus.other.example";
const row = (homes: string[]) => ({ homes, deliver: "any" as const, faces: {} });
const directory = {
  gateway: { domain: "gw.example" },
  domains: {
    "web.example": row(["web"]),
    "sip.example": row(["sip"]),
    [domain]: { ...row(["rooms"]), elsewhere: "sip" },
  },
  accounts: ["alice", "dora", "erik"].map((local) => ({ address: { local, domain: "web.example" } })),
};

export const room = { local: "talk", domain };

/** Somebody of ours in the room, as his gateway sees it. */
export interface Guest {
  readonly heard: RoomEvent[];
  readonly answer: RoomAnswer;
  readonly view: RoomView;
  /** `nick: text`, in their order. */
  said(): string[];
  notices(): string[];
  events(kind: RoomChangeKind): RoomEvent[];
  nicks(): string[];
  do(what: RoomDo): Promise<RoomAnswer>;
  say(text: string, to?: string): Promise<Settled | undefined>;
  leave(): Promise<RoomAnswer>;
}

export interface LegsHouse {
  readonly focus: RawFocus;
  readonly bus: Bus;
  gateway(instance: string): Promise<FakeService>;
  web(name: string, nick: string, where?: Address): Promise<Guest>;
  close(): Promise<void>;
}

/** Opens it; `port`: of another focus than the test kit's, over UDP. */
export async function openLegsHouse(port?: number): Promise<LegsHouse> {
  const server = memoryServer(openClock());
  const focus = await new RawFocus(printAddress(room)).open();
  const dns = await dnsFor(domain, port ?? focus.port);
  const services: FakeService[] = [];
  const open = (name: string, instance: string, sections: Record<string, unknown> = {}): FakeService => {
    const service = fakeService({ name, instance, bus: server.connect(), directory, sections });
    services.push(service);
    return service;
  };
  await conference(open("conference", "conference-1", { conference: { create: "everybody" } }));
  const web = open("web", "web-1");
  const gateway: Gateway = { deliver: async () => ({ end: "handed" }), tell: async () => "told" };
  const options = { carrier: "web", slotBy: "recipient", share: "spread", writeAhead: false } as const;
  const courier = await web.courier(options, gateway);
  const rooms = await openRooms(web, "web");
  return {
    focus,
    bus: web.bus,
    async gateway(instance) {
      const listen = ["udp:127.0.0.1:0", "tcp:127.0.0.1:0"];
      const service = open("sip", instance, { sip: { listen, dns: [dns.at] } });
      await sip(service);
      return service;
    },
    web: (name, nick, where = room) => enter(rooms, courier, name, nick, where),
    async close() {
      for (const service of services.reverse()) await service.stop();
      await focus.close();
      dns.close();
    },
  };
}

let serial = 0;

async function enter(
  rooms: Rooms,
  courier: Courier,
  name: string,
  nick: string,
  where: Address,
): Promise<Guest> {
  const person: Party = { local: name, domain: "web.example", device: "tab", assurance: "verified" };
  const heard: RoomEvent[] = [];
  const followed = await rooms.follow(where, { event: (event) => void heard.push(event) });
  const endpoint = {
    id: `web:${name}/tab`,
    carrier: "web",
    instance: courier.process,
    address: { local: name, domain: "web.example", device: "tab" },
    state: "connected" as const,
    since: Date.now(),
  };
  const command = (what: RoomDo): Promise<RoomAnswer> =>
    rooms.command({ room: where, from: person, do: what });
  const answer = await command({ kind: "join", endpoint, nick, mangle: false });
  return {
    answer,
    heard,
    get view() {
      return followed.view;
    },
    said: () =>
      heard.flatMap(({ change }) =>
        change.kind === "said" ? [`${change.message.from.nick}: ${change.message.text}`] : [],
      ),
    notices: () => heard.flatMap(({ change }) => (change.kind === "notice" ? [change.text] : [])),
    events: (kind) => heard.filter(({ change }) => change.kind === kind),
    nicks: () => [...followed.view.participants.values()].map((one) => one.nick).sort(),
    do: command,
    async say(text, to) {
      serial += 1;
      const acceptance = await courier.accept(
        {
          ...{ from: person, kind: "chat", text, messageId: `w${serial}` },
          to: { ...where, ...(to !== undefined && { device: to }) },
        },
        { source: printAddress(person), transportId: `w${serial}`, holdMs: 5_000 },
      );
      if (!acceptance.accepted) throw new Error(acceptance.text);
      return acceptance.settled;
    },
    leave: () => command({ kind: "leave", endpoint: endpoint.id }),
  };
}

/** A DNS server that knows one thing: the service of this domain is at this port of loopback (RFC 2782). */
async function dnsFor(name: string, port: number): Promise<{ at: string; close(): void }> {
  const socket = createSocket("udp4");
  socket.on("message", (query, from) => {
    let end = 12;
    const labels: string[] = [];
    for (let size = query[end] ?? 0; size > 0; size = query[end] ?? 0) {
      labels.push(query.toString("latin1", end + 1, end + 1 + size));
      end += size + 1;
    }
    const type = query.readUInt16BE(end + 1);
    const asked = labels.join(".").toLowerCase();
    const srv = Buffer.concat([
      Buffer.from([0, 0, 0, 0, port >> 8, port & 255]),
      ...name.split(".").map((label) => Buffer.from([label.length, ...Buffer.from(label)])),
      Buffer.from([0]),
    ]);
    const data =
      type === 33 && asked === `_sip._udp.${name}`
        ? srv
        : type === 1 && asked === name
          ? Buffer.from([127, 0, 0, 1])
          : undefined;
    const head = Buffer.from(query.subarray(0, 12));
    head.writeUInt16BE(data === undefined ? 0x8183 : 0x8180, 2);
    head.writeUInt16BE(data === undefined ? 0 : 1, 6);
    head.fill(0, 8);
    const record = Buffer.from([0xc0, 0x0c, 0, type, 0, 1, 0, 0, 0, 0, 0, data?.length ?? 0]);
    const question = query.subarray(12, end + 5);
    const answer = data === undefined ? [head, question] : [head, question, record, data];
    socket.send(Buffer.concat(answer), from.port, from.address);
  });
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
  return { at: `127.0.0.1:${socket.address().port}`, close: () => socket.close() };
}
