// For tests only: rooms, the gateway in one or more instances, and web people without a browser, on one bus in memory.
import type { Address, Party } from "#bus-schemas/address.ts";
import { memoryServer } from "#bus-schemas/bus/memory.ts";
import type { Bus } from "#bus-schemas/bus/port.ts";
import type { Courier, MessageDraft, Settled } from "#bus-schemas/delivery/courier.ts";
import type { MessageEvent } from "#bus-schemas/events/message.ts";
import type { OutcomeEvent } from "#bus-schemas/events/outcome.ts";
import type { RoomChange, RoomEvent } from "#bus-schemas/events/room.ts";
import type { RoomAnswer, RoomDo } from "#bus-schemas/events/room-command.ts";
import { openRooms } from "#bus-schemas/rooms/open.ts";
import type { Followed, Rooms, Typing } from "#bus-schemas/rooms/port.ts";
import { openClock } from "#bus-schemas/service/clock.ts";
import { type FakeService, fakeService } from "#test/support/fake-service.ts";
import { main } from "../main.ts";

export const lobby: Address = { local: "lobby", domain: "rooms.example" };
const people = ["alice", "bob", "carol", "dave", "erin", "frank"];
const directory = {
  domains: {
    "web.example": { homes: ["web"], deliver: "any", faces: {} },
    "rooms.example": { homes: ["rooms"], deliver: "any", faces: {} },
    "irc.example": { homes: ["irc-demo"], deliver: "any", faces: {} },
  },
  accounts: people.map((local) => ({ address: { local, domain: "web.example" }, password: "secret" })),
};

export const person = (local: string): Party => ({
  local,
  domain: "web.example",
  device: "tab",
  assurance: "verified",
});

export interface RoomsHouse {
  readonly gateways: FakeService[];
  readonly rooms: Rooms;
  readonly courier: Courier;
  /** What happened in the room. */
  readonly events: RoomEvent[];
  readonly typings: Typing[];
  readonly outcomes: OutcomeEvent[];
  /** Private things said to web people by the courier. */
  readonly received: MessageEvent[];
  view(): Followed["view"];
  join(local: string, nick?: string): Promise<RoomAnswer>;
  do(local: string, what: RoomDo): Promise<RoomAnswer>;
  say(local: string, text: string, more?: Partial<MessageDraft>): Promise<Settled | undefined>;
  /** Texts said in the room, with the nick: `<nick> text`. */
  said(): string[];
  changes<K extends RoomChange["kind"]>(kind: K): Extract<RoomChange, { kind: K }>[];
  until<T>(what: () => T | undefined | false, withinMs?: number): Promise<T>;
  startGateway(instance: string): Promise<FakeService>;
  stop(): Promise<void>;
}

export interface RoomsHouseOptions {
  readonly network?: object;
  readonly leg?: object;
  readonly room?: object;
  /** Default: #lobby alone. */
  readonly channels?: readonly string[];
  readonly instances?: number;
  /** Another bus than one in memory, with gateways that are processes of their own on it. */
  readonly connect?: () => Promise<Bus>;
  /** The conference service's main: no gateway imports it, a test does. */
  readonly startConference: (service: FakeService) => Promise<void>;
}

export async function openRoomsHouse(port: number, options: RoomsHouseOptions): Promise<RoomsHouse> {
  const clock = openClock();
  const server = memoryServer(clock);
  const connect = options.connect ?? (async () => server.connect());
  const conference = {
    admins: ["alice@web.example"],
    rooms: {
      lobby: {
        openAddresses: true,
        ...options.room,
        owners: ["alice@web.example"],
        legs: (options.channels ?? ["#lobby"]).map((channel) => ({
          carrier: "irc-demo",
          channel,
          ...options.leg,
        })),
      },
    },
  };
  const service = async (name: string, instance: string, sections: object = {}): Promise<FakeService> =>
    fakeService({
      name,
      instance,
      bus: await connect(),
      clock,
      directory: directory as never,
      sections: sections as never,
    });
  const rooms = await service("conference", "conference-1", { conference });
  await options.startConference(rooms);
  const gateways: FakeService[] = [];
  const startGateway = async (instance: string): Promise<FakeService> => {
    const demo = {
      server: "127.0.0.1",
      port,
      domain: "irc.example",
      pacing: "off",
      connectEvery: "1ms",
      ...options.network,
    };
    const gateway = await service("irc", instance, { irc: { networks: { demo } } });
    gateways.push(gateway);
    await main(gateway);
    return gateway;
  };
  const web = await service("web", "web-1");
  const outcomes: OutcomeEvent[] = [];
  const received: MessageEvent[] = [];
  const courier = await web.courier(
    { carrier: "web", slotBy: "recipient", share: "spread", writeAhead: false },
    {
      deliver: async (event) => {
        received.push(event);
        return { end: "handed" };
      },
      tell: async (event) => {
        outcomes.push(event);
        return "told";
      },
    },
  );
  const port2 = await openRooms(web, "web");
  const instances = options.connect === undefined ? (options.instances ?? 1) : 0;
  for (let index = 1; index <= instances; index++) await startGateway(`irc-${index}`);
  const events: RoomEvent[] = [];
  const typings: Typing[] = [];
  const until: RoomsHouse["until"] = async (what, withinMs = 10_000) => {
    const deadline = Date.now() + withinMs;
    for (;;) {
      const found = what();
      if (found !== undefined && found !== false) return found;
      if (Date.now() > deadline) {
        const lines = gateways
          .flatMap((gateway) => gateway.lines.slice(-12))
          .map((line) => JSON.stringify(line));
        throw new Error(`waited in vain for ${what}; log:\n${lines.join("\n")}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  let followed: Followed | undefined;
  for (let tries = 0; followed === undefined; tries++) {
    followed = await port2
      .follow(lobby, {
        event: (event) => {
          events.push(event);
        },
        typing: (typing) => {
          typings.push(typing);
        },
      })
      .catch((error: unknown) => {
        if (tries > 5) throw error;
        return undefined;
      });
  }
  const view = (): Followed["view"] => {
    if (followed === undefined) throw new Error("the room is not followed");
    return followed.view;
  };
  await until(() => view().exists);
  let count = 0;
  const house: RoomsHouse = {
    gateways,
    rooms: port2,
    courier,
    events,
    typings,
    outcomes,
    received,
    view,
    do: (local, what) => port2.command({ room: lobby, from: person(local), do: what }),
    join: (local, nick) =>
      house.do(local, {
        kind: "join",
        endpoint: {
          id: `web:${local}`,
          carrier: "web",
          instance: courier.process,
          address: { local, domain: "web.example", device: "tab" },
          state: "connected",
          since: 0,
        },
        mangle: false,
        nick: nick ?? local,
      }),
    say: async (local, text, more = {}) => {
      const draft: MessageDraft = {
        from: person(local),
        to: lobby,
        kind: "chat",
        text,
        messageId: `m${++count}`,
        ...more,
      };
      const answer = await courier.accept(draft, { source: local, transportId: `t${count}`, holdMs: 4_000 });
      if (!answer.accepted) throw new Error(`not accepted: ${answer.reason}`);
      return answer.settled;
    },
    said: () =>
      events.flatMap(({ change }) =>
        change.kind === "said" ? [`<${change.message.from.nick}> ${change.message.text}`] : [],
      ),
    changes: (kind) => events.flatMap(({ change }) => (change.kind === kind ? [change as never] : [])),
    until,
    startGateway,
    stop: async () => {
      for (const gateway of gateways) await gateway.stop();
      await web.stop();
      await rooms.stop();
    },
  };
  return house;
}
