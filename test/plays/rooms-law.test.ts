// The law of rooms, over protocols: fifty people of four protocols do this and that in one room and its channel for forty seconds, while
// of two conference services one is killed with -9 every few seconds. Native members (SIP, MUC, web) hear the same words in the same
// order; a channel keeps the order of each speaker; nothing is lost or comes twice; in the end all see the same people, nobody a ghost.
//
// Who acts: XMPP and IRC people are the kit's own clients on bare sockets, against a real Prosody and ngIRCd; the SIP people (INVITE, MSRP,
// conference event package) and the web people are raw actors of the kit too, since no independent MSRP or sylkRTC client is at hand.
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Protocol, RoomActor } from "#test/cast/room-actor.ts";
import { until } from "#test/servers/child.ts";
import { domains, type House, openHouse } from "./house.ts";
import { printBooks } from "./kill.ts";
import { atTheDoor, channelOf, protocols } from "./room-company.ts";
import {
  disordered,
  heardLive,
  isNative,
  nicksOf,
  outOfOrder,
  Person,
  toldAsHistory,
  twice,
} from "./room-crowd.ts";

const room = "law";
const crowdSize: Readonly<Record<Protocol, number>> = { sip: 12, xmpp: 13, irc: 11, web: 13 };
const runMs = 40_000;
const killEveryMs = 5_000;
/** Between two things that somebody does, at most; a line on IRC is said at once, whatever the room makes of it. */
const pauseMs: Readonly<Record<Protocol, number>> = { sip: 700, xmpp: 700, irc: 2_000, web: 700 };
/** How long everything may take to be quiet and even in the end. */
const settleMs = 30_000;

let house: House;
const crowd: Person[] = [];
/** One of each protocol who stays all the time, says nothing, and so must hear everything. */
const watchers = {} as Record<Protocol, RoomActor>;

const localsOf = (protocol: Protocol): string[] =>
  Array.from({ length: crowdSize[protocol] }, (_, index) => `${protocol[0]}${index}`);

beforeAll(async () => {
  const people = protocols.flatMap((protocol) => [...localsOf(protocol), `watch${protocol[0]}`]);
  const legs = [{ carrier: "irc-demo", channel: channelOf(room) }];
  const rooms = { [room]: { owners: [`watchw@${domains.web}`], legs } };
  house = await openHouse({ instances: 2, people, conference: { rooms } });
  for (const protocol of protocols) {
    const local = `watch${protocol[0]}`;
    watchers[protocol] = await atTheDoor(house, protocol, local, room);
    expect(await watchers[protocol].joins(local), protocol).toEqual({ answer: "done" });
  }
  for (const protocol of protocols)
    for (const [index, local] of localsOf(protocol).entries())
      crowd.push(new Person(await atTheDoor(house, protocol, local, room, index), local, crowd.length + 1));
});

afterAll(async () => {
  await Promise.all(
    [...crowd.map(({ actor }) => actor), ...Object.values(watchers)].map((actor) => actor.close()),
  );
  await house?.close();
});

test("fifty people of four protocols, two services, one killed every few seconds", async () => {
  const end = Date.now() + runMs;
  const acting = Promise.all(crowd.map((person) => person.acts(end, pauseMs[person.actor.protocol])));
  const kills = await killByTurns(end);
  await acting;
  console.log(`${kills} kills; ${crowd.reduce((sum, { said }) => sum + said.length, 0)} said`);
  const refused = crowd.flatMap((person) => person.refused);
  console.log(`refused: ${refused.join(", ") || "nothing"}`);
  expect(kills).toBeGreaterThanOrEqual(4);
  await sameWords();
  await samePeople();
});

/** Kills one conference service after the other, each back before the next one falls. */
async function killByTurns(end: number): Promise<number> {
  let kills = 0;
  while (Date.now() < end - killEveryMs) {
    const next = Date.now() + killEveryMs;
    const victim = `conference-${1 + (kills % 2)}`;
    await house.kill(victim);
    kills += 1;
    await house.start(victim);
    await sleep(Math.max(0, next - Date.now()));
  }
  return kills;
}

async function sameWords(): Promise<void> {
  // Whatever was accepted has ended, and nothing waits in a mailbox for the room.
  const books = await house.booksClose(90_000, "mailboxes too");
  console.log(printBooks(books));
  const said = crowd.flatMap((person) => person.said);
  const taken = said.filter(({ answer }) => answer.answer === "done").map(({ text }) => text);
  const order = (await toldAsHistory(watchers.web)).map(({ text }) => text);
  const told = new Set(crowd.flatMap(({ actor }) => actor.failures));
  // Who leaves at once after what he said may be gone before the room has come to it: he is told.
  console.log(`taken and refused later: ${[...told].join(", ") || "nothing"}`);
  expect(
    taken.filter((text) => !order.includes(text) && !told.has(text)),
    "taken, not in the room, not told",
  ).toEqual([]);
  expect(twice(order), "twice in the room").toEqual([]);
  expect(disordered(order), "a speaker's order in the room").toEqual([]);
  const refused = said.filter(({ answer }) => answer.answer === "refused").map(({ text }) => text);
  expect(
    refused.filter((text) => order.includes(text)),
    "refused and said all the same",
  ).toEqual([]);
  for (const protocol of protocols) {
    const heard = (): string[] => heardLive(watchers[protocol]).map(({ text }) => text);
    await until(`${protocol} has heard all`, () => heard().length >= order.length, settleMs).catch(
      () => undefined,
    );
    const texts = heard();
    // What may or may not have been said in the channel is told as uncertain; the books know how often.
    const uncertain = isNative(protocol)
      ? 0
      : (books.find(({ carrier }) => carrier === "irc-demo")?.uncertain ?? 0);
    const missing = order.filter((text) => !texts.includes(text));
    expect(missing.slice(uncertain), `${protocol}: not heard`).toEqual([]);
    expect(twice(texts), `${protocol}: heard twice`).toEqual([]);
    if (isNative(protocol)) expect(texts, `${protocol}: the room's order`).toEqual(order);
    else expect(disordered(texts), `${protocol}: each speaker's order`).toEqual([]);
  }
  for (const { actor, name } of crowd) {
    const texts = heardLive(actor).map(({ text }) => text);
    expect(twice(texts), `${name}: heard twice`).toEqual([]);
    if (isNative(actor.protocol))
      expect(outOfOrder(texts, order), `${name}: the room's order`).toBeUndefined();
    else expect(disordered(texts), `${name}: each speaker's order`).toEqual([]);
  }
}

async function samePeople(): Promise<void> {
  const everybody = [...crowd.map(({ actor }) => actor), ...Object.values(watchers)];
  const inside = everybody.filter((actor) => actor.inside);
  const believed = inside.map(({ nick }) => nick).sort();
  const sees = (actor: RoomActor): boolean => JSON.stringify(nicksOf(actor)) === JSON.stringify(believed);
  await until("all see the same people", () => inside.every(sees), settleMs).catch(() => undefined);
  for (const actor of inside) expect(nicksOf(actor), `roster of ${actor.address}`).toEqual(believed);
}
