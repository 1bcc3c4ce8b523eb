// What becomes of what is said in a room: published tables and one room put together, and the lines that people read.
import { describe, expect, test } from "vitest";
import { memoryServer } from "#bus-schemas/bus/memory.ts";
import { openClock } from "#bus-schemas/service/clock.ts";
import { fakeService } from "#test/support/fake-service.ts";
import type { Participant, RoomConfig } from "../events/room.ts";
import {
  type CarrierCapabilities,
  capabilitiesOf,
  capabilityLines,
  type LegLine,
  type PublishedFate,
} from "./capabilities.ts";
import { publishCapabilities, publishedCapabilities } from "./publish-capabilities.ts";
import { emptyView, type RoomView } from "./view.ts";

const room = { local: "lobby", domain: "rooms.example" };
const carried: PublishedFate = { is: "carried" };
const sip: CarrierCapabilities = {
  carrier: "sip",
  people: {
    "said.text": carried,
    reacted: { is: "dropped", how: "one more line" },
    "said.to": carried,
    owner: carried,
  },
};
const demo: CarrierCapabilities = {
  carrier: "irc-demo",
  legs: {
    puppets: { "said.text": { is: "reduced", how: "in lines" } },
    bot: { "said.text": carried, "said.to": { is: "refused", how: "a bot passes nothing on" } },
  },
  facts: { "message-tags": false },
};
const tables = new Map([
  ["sip", sip],
  ["irc-demo", demo],
]);
const lobby: LegLine = { room, carrier: "irc-demo", leg: "irc-demo/#lobby", mode: "bot", mirror: "all" };

function participant(key: string, carriers: readonly string[], leg?: string): Participant {
  const address = { local: key, domain: "example" };
  const endpoints = carriers.map((carrier, index) => ({
    ...{ id: `${key}${index}`, carrier, address, state: "connected" as const, since: 0 },
  }));
  const rank = { role: "speaker", affiliation: "none", assurance: "none" } as const;
  return { key, nick: key, address, ...rank, endpoints, joined: 0, ...(leg !== undefined && { leg }) };
}

function viewOf(people: readonly Participant[], config: Partial<RoomConfig> = {}): RoomView {
  return {
    ...emptyView(room),
    exists: true,
    config: { privateMessages: "everybody", ...config } as RoomConfig,
    participants: new Map(people.map((one) => [one.key, one])),
  };
}

describe("the ways of a room", () => {
  test.each([
    ["nobody in it, no leg", viewOf([]), [], []],
    ["a leg that nobody is on", viewOf([]), [lobby], ["irc-demo/#lobby 0"]],
    ["two devices of one person and carrier", viewOf([participant("a", ["sip", "sip"])]), [], ["sip 1"]],
    ["one person by two carriers", viewOf([participant("a", ["web", "sip"])]), [], ["sip 1", "web 1"]],
    ["people of a leg", viewOf([participant("a", [], lobby.leg)]), [lobby], ["irc-demo/#lobby 1"]],
    ["a leg that is not published", viewOf([participant("a", [], "irc-x/#y")]), [], ["irc-x/#y 1"]],
  ] as const)("%s", (_, view, legs, expected) => {
    const { ways } = capabilitiesOf(view, legs, tables);
    expect(ways.map(({ carrier, leg, participants }) => `${leg ?? carrier} ${participants}`)).toEqual(
      expected,
    );
  });

  test("a leg has the table of its mode, and what is known of its server", () => {
    const [bot] = capabilitiesOf(viewOf([]), [lobby], tables).ways;
    expect(bot).toMatchObject({
      fates: demo.legs?.bot ?? {},
      facts: { "message-tags": false },
      mirror: "all",
    });
    const [puppets] = capabilitiesOf(viewOf([]), [{ ...lobby, mode: "puppets" }], tables).ways;
    expect(puppets?.fates).toEqual(demo.legs?.puppets);
  });

  test("a room without private messages refuses them to everybody of whom anything is known", () => {
    const view = viewOf([participant("a", ["sip", "web"])], { privateMessages: "nobody" });
    const [onSip, onWeb] = capabilitiesOf(view, [], tables).ways;
    expect(onSip?.fates["said.to"]?.is).toBe("refused");
    expect(onWeb?.fates).toEqual({});
  });
});

describe("in words", () => {
  const all = capabilitiesOf(viewOf([participant("a", ["sip", "web"])]), [lobby], tables);
  test("by what becomes of it; what is the house's own affair is left out", () => {
    expect(capabilityLines(all)).toEqual([
      "sip, carried: text, private messages",
      "sip, dropped: reactions",
      "web: nothing is known of it yet",
      "irc-demo/#lobby (a bot relays), carried: text",
      "irc-demo/#lobby (a bot relays), refused: private messages",
    ]);
  });
  test("about one thing: how, or why not", () => {
    expect(capabilityLines(all, "REACT")).toEqual([
      "sip, reactions: dropped: one more line",
      "web: nothing is known of it yet",
    ]);
  });
  test("of an empty room", () => {
    expect(capabilityLines({ room, ways: [] })).toEqual([
      "lobby@rooms.example has nobody in it, and no channel elsewhere.",
    ]);
  });
});

test("what is published is read by all, the last word holds, and what cannot be read is left out", async () => {
  const server = memoryServer(openClock());
  const one = fakeService({ name: "sip", bus: server.connect() });
  const other = fakeService({ name: "web", bus: server.connect() });
  await publishCapabilities(one, { carrier: "sip" });
  await publishCapabilities(one, sip);
  await publishCapabilities(other, { carrier: "sip" }, "if-new");
  await publishCapabilities(one, demo);
  await (await other.bus.bucket("capabilities")).put("broken", Buffer.from("{"));
  expect(await publishedCapabilities(other)).toEqual(tables);
  expect(other.lines.filter(({ level }) => level === "error")).toHaveLength(1);
  await one.stop();
  await other.stop();
});
