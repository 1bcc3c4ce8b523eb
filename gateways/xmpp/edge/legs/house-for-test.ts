// A house for tests of foreign rooms: Prosody with a MUC service of its own, the conference service and this gateway over one bus in
// memory, and people of the web as their gateway would see rooms.
import { type Address, type Party, printAddress } from "#bus-schemas/address.ts";
import { type MemoryServer, memoryServer } from "#bus-schemas/bus/memory.ts";
import type { Courier, Gateway, Settled } from "#bus-schemas/delivery/courier.ts";
import type { RoomChangeKind, RoomEvent } from "#bus-schemas/events/room.ts";
import type { RoomAnswer, RoomDo } from "#bus-schemas/events/room-command.ts";
import { openRooms } from "#bus-schemas/rooms/open.ts";
import type { Rooms } from "#bus-schemas/rooms/port.ts";
import type { RoomView } from "#bus-schemas/rooms/view.ts";
import { until } from "#test/servers/child.ts";
import { type FakeService, fakeService } from "#test/support/fake-service.ts";
import { main as conference } from "../../../../conference-svc/main.ts";
import { XmppConfig } from "../../config.ts";
import { type Link, openLink } from "../link.ts";
import { host, type Prosody, startProsody } from "../prosody-for-test.ts";
import { type Raw, rawClient } from "../raw-for-test.ts";

/** The foreign MUC service. */
export const muc = "muc.other.example";

const names = ["alice", "dora", "erik"];

/** `top`: the last label of all domains of the house. */
const directoryOf = (top: string): object => ({
  gateway: { domain: `gw.${top}` },
  domains: {
    [`web.${top}`]: { homes: ["web"], deliver: "any", faces: {} },
    [`sip.${top}`]: { homes: ["sip"], deliver: "any", faces: {} },
    "xmpp.example": { homes: ["xmpp"], deliver: "any", faces: {} },
    [`rooms.${top}`]: { homes: ["rooms"], deliver: "any", faces: {} },
    [muc]: { homes: ["rooms"], deliver: "any", faces: {}, elsewhere: "xmpp" },
  },
  accounts: names.map((local) => ({ address: { local, domain: `web.${top}` } })),
});

/** Somebody of ours in one room, as his gateway sees it. */
export interface Guest {
  readonly person: Party;
  readonly heard: RoomEvent[];
  readonly view: RoomView;
  /** What was said, in its order: `nick: text`. */
  said(): string[];
  notices(): string[];
  events(kind: RoomChangeKind): RoomEvent[];
  /** Nicks in the room. */
  nicks(): string[];
  do(what: RoomDo): Promise<RoomAnswer>;
  say(
    text: string,
    more?: { id?: string; correctionOf?: string; to?: string; replyTo?: string },
  ): Promise<Settled | undefined>;
  leave(): Promise<RoomAnswer>;
}

export interface LegsHouse {
  readonly prosody: Prosody;
  readonly bus: MemoryServer;
  gateway(instance: string): Promise<{ service: FakeService; link: Link; end(): Promise<void> }>;
  /** Somebody of the web (`alice`, or by another address `alice@sip.example`) goes into a room; `answer`: what the room said to it. */
  web(name: string, room: Address, nick: string, password?: string): Promise<Guest & { answer: RoomAnswer }>;
  close(): Promise<void>;
}

export interface LegsHouseOptions {
  readonly conference?: object;
  /** Options of the MUC component, in Lua. */
  readonly muc?: string;
  /** False: the MUC service keeps no archive, and gives no ids to messages. */
  readonly archive?: boolean;
  /** Another house on the Prosody of that one, with domains of its own. */
  readonly beside?: LegsHouse;
}

export async function openLegsHouse(
  users: readonly string[],
  options: LegsHouseOptions = {},
): Promise<LegsHouse> {
  const domains = ["example", "second"].flatMap((one) =>
    ["web", "sip", "gw", "rooms"].map((name) => `${name}.${one}`),
  );
  const components = Object.fromEntries(domains.map((domain) => [domain, ""]));
  const global = `Component "${muc}" "muc"
  modules_enabled = { ${options.archive === false ? "" : '"muc_mam"'} }
  ${options.muc ?? ""}
`;
  const top = options.beside === undefined ? "example" : "second";
  const prosody = options.beside?.prosody ?? (await startProsody({ users, components, global }));
  const bus = memoryServer();
  const services: FakeService[] = [];
  const open = (name: string, instance: string, sections: Record<string, unknown> = {}): FakeService => {
    const service = fakeService({
      name,
      instance,
      bus: bus.connect(),
      directory: directoryOf(top),
      sections,
    });
    services.push(service);
    return service;
  };
  await conference(
    open("conference", "conference-1", { conference: { create: "everybody", ...options.conference } }),
  );
  const web = open("web", "web-1");
  const gateway: Gateway = { deliver: async () => ({ end: "handed" }), tell: async () => "told" };
  const courier = await web.courier(
    { carrier: "web", slotBy: "recipient", share: "spread", writeAhead: false },
    gateway,
  );
  const rooms = await openRooms(web, "web");
  return {
    prosody,
    bus,
    async gateway(instance) {
      const service = open("xmpp", instance);
      const config = XmppConfig.parse({ port: prosody.componentPort, secret: prosody.secret });
      const link = await openLink(service, config);
      service.onStop("xmpp link", () => link.close());
      await until(
        "the streams run",
        () => link.components.length > 0 && link.components.every((one) => one.running),
      );
      return { service, link, end: () => service.stop() };
    },
    web: (name, room, nick, password) => enter({ rooms, courier, top }, name, room, nick, password),
    async close() {
      for (const service of services.reverse()) await service.stop();
      if (options.beside === undefined) await prosody.child.stop();
    },
  };
}

let said = 0;

async function enter(
  { rooms, courier, top }: { rooms: Rooms; courier: Courier; top: string },
  name: string,
  room: Address,
  nick: string,
  password: string | undefined,
): Promise<Guest & { answer: RoomAnswer }> {
  const [local = "", domain = `web.${top}`] = name.split("@");
  const person: Party = { local, domain, device: "tab", assurance: "verified" };
  const heard: RoomEvent[] = [];
  const followed = await rooms.follow(room, { event: (event) => void heard.push(event) });
  const endpoint = {
    id: `web:${name}/tab`,
    carrier: "web",
    instance: courier.process,
    address: { local, domain, device: "tab" },
    state: "connected" as const,
    since: Date.now(),
  };
  const command = (what: RoomDo): Promise<RoomAnswer> => rooms.command({ room, from: person, do: what });
  const answer = await command({
    kind: "join",
    endpoint,
    nick,
    mangle: false,
    ...(password !== undefined && { password }),
  });
  return {
    answer,
    person,
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
    async say(text, { id, correctionOf, to, replyTo } = {}) {
      said += 1;
      const acceptance = await courier.accept(
        {
          from: person,
          to: { ...room, ...(to !== undefined && { device: to }) },
          kind: "chat",
          text,
          messageId: id ?? `w${said}`,
          ...(correctionOf !== undefined && { correctionOf }),
          ...(replyTo !== undefined && { replyTo: { id: replyTo } }),
        },
        { source: printAddress(person), transportId: `w${said}`, holdMs: 5_000 },
      );
      if (!acceptance.accepted) throw new Error(acceptance.text);
      return acceptance.settled;
    },
    leave: () => command({ kind: "leave", endpoint: endpoint.id }),
  };
}

/** Somebody of theirs in a foreign room. */
export interface Visitor extends Raw {
  say(id: string, text: string): void;
  /** Bodies that he was shown, of those that match. */
  bodies(pattern: RegExp): string[];
}

/** Somebody of the XMPP server enters one of its rooms; the first one makes it, and takes it as it is. */
export async function visit(
  house: LegsHouse,
  user: string,
  room: string,
  nick: string,
  more = "",
): Promise<Visitor> {
  const raw = await rawClient(house.prosody.clientPort, host, user);
  raw.write(
    `<presence to='${room}/${nick}'><x xmlns='http://jabber.org/protocol/muc'>${more}</x></presence>`,
  );
  const [self] = await raw.expect(
    /<presence(?:(?!<\/presence>)[\s\S])*<status code='110'\/>[\s\S]*?<\/presence>/,
  );
  if (self.includes("code='201'")) {
    raw.write(
      `<iq type='set' id='unlock' to='${room}'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'/></query></iq>`,
    );
    await raw.expect(/id='unlock'/);
  }
  return Object.assign(Object.create(raw) as Raw, {
    say: (id: string, text: string) =>
      raw.write(`<message to='${room}' type='groupchat' id='${id}'><body>${text}</body></message>`),
    bodies: (pattern: RegExp) => {
      const all = raw.all(
        /<message[^>]*type='groupchat'[^>]*>(?:(?!<\/message>)[\s\S])*?<body>([^<]*)<\/body>/,
      );
      return all.map((one) => one[1] ?? "").filter((body) => pattern.test(body));
    },
  });
}
