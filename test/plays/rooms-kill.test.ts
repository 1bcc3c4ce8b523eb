// Kills in a room with people of all four protocols: each instance of each gateway and of the conference service once with -9 while people
// speak. What native members (SIP, MUC, web) hear is complete, in the room's order and nothing twice, wherever they sit; a channel keeps
// each speaker's order; whoever was not heard was told. Nobody of those who stayed is a ghost or gone. What a killed process had handed
// over and not written down comes again, under the same id: clients know it by that (XEP-0359, Message-ID of MSRP, number on the page).
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Protocol, RoomActor } from "#test/cast/room-actor.ts";
import { until } from "#test/servers/child.ts";
import { domains, type House, openHouse } from "./house.ts";
import { atTheDoor, channelOf, protocols } from "./room-company.ts";
import { disordered, heardLive, isNative, nicksOf, Person, toldAsHistory, twice } from "./room-crowd.ts";

const room = "kills";
const lines = 14;
const pauseMs = 200;
const settleMs = 45_000;
/** An instance each of two people of each protocol; those of XMPP and IRC sit at the server, wherever a gateway is. */
const seats = [0, 1];
const victims = [
  ...["sip", "xmpp", "irc", "web", "conference"].flatMap((name) => seats.map((at) => `${name}-${at + 1}`)),
];

let house: House;
const people: Person[] = [];

beforeAll(async () => {
  const locals = protocols.flatMap((protocol) => seats.map((at) => `${protocol[0]}${at}`));
  const legs = [{ carrier: "irc-demo", channel: channelOf(room) }];
  const rooms = { [room]: { owners: [`w0@${domains.web}`], legs } };
  house = await openHouse({ instances: 2, people: locals, conference: { rooms } });
  for (const protocol of protocols)
    for (const at of seats) {
      const local = `${protocol[0]}${at}`;
      const person = new Person(await atTheDoor(house, protocol, local, room, at), local, people.length);
      await person.enters();
      people.push(person);
    }
  await until("all are in the room", async () => people.every(seesAll), settleMs);
});

afterAll(async () => {
  await Promise.all(people.map(({ actor }) => actor.close()));
  await house?.close();
});

const seesAll = ({ actor }: Person): boolean => nicksOf(actor).length === people.length;
const actorsOf = (protocol: Protocol): RoomActor[] =>
  people.map(({ actor }) => actor).filter((actor) => actor.protocol === protocol);

describe("killed with -9 while people speak", () => {
  test.each(victims)("%s", async (victim) => {
    const from = people.map(({ said }) => said.length);
    const speaking = Promise.all(people.map((person) => person.speaks(lines, pauseMs)));
    await sleep((lines * pauseMs) / 4);
    await house.kill(victim);
    await sleep(700);
    await house.start(victim);
    await speaking;
    const books = await house.booksClose(90_000, "mailboxes too");
    const uncertain = books.find(({ carrier }) => carrier === "irc-demo")?.uncertain ?? 0;
    const said = people.flatMap((person, index) => person.said.slice(from[index]));
    const order = (await toldAsHistory(historian())).map(({ text }) => text);
    const told = new Set(people.flatMap(({ actor }) => actor.failures));
    const count = (answer: string): number => said.filter((one) => one.answer.answer === answer).length;
    console.log(
      `${victim}: said ${said.length}, done ${count("done")}, refused ${count("refused")}, no answer ${count("none")}, told later ${told.size}, uncertain on IRC so far ${uncertain}`,
    );
    const mayMiss = (text: string): boolean =>
      // What a killed gateway had not read from its socket: IRC has no answers, its people cannot know.
      told.has(text) || (victim.startsWith("irc") && text.startsWith("i"));
    const taken = said.filter(({ answer }) => answer.answer === "done").map(({ text }) => text);
    expect(
      taken.filter((text) => !order.includes(text) && !mayMiss(text)),
      "taken, not said, not told",
    ).toEqual([]);
    expect(twice(order), "twice in the room").toEqual([]);
    expect(disordered(order), "a speaker's order in the room").toEqual([]);
    for (const protocol of protocols)
      for (const actor of actorsOf(protocol)) await judge(actor, order, uncertain);
    await until("all see all", async () => people.every(seesAll), settleMs).catch(() => undefined);
    const nicks = people.map(({ name }) => name).sort();
    for (const { actor, name } of people) expect(nicksOf(actor), `roster of ${name}`).toEqual(nicks);
  });
});

/** Somebody who can read what was said, from the room itself. */
const historian = (): RoomActor => people.find(({ actor }) => actor.protocol === "web")?.actor as RoomActor;

/** Whether this one has heard everything: all of the room but, where nothing is given back, his own. */
async function judge(actor: RoomActor, order: readonly string[], uncertain: number): Promise<void> {
  const { name } = people.find((person) => person.actor === actor) as Person;
  const others = order.filter((text) => !text.startsWith(`${name} `));
  const heard = (): string[] =>
    heardLive(actor)
      .map(({ text }) => text)
      .filter((text) => !text.startsWith(`${name} `));
  // What the channel may or may not have heard does not come any more.
  const least = isNative(actor.protocol) ? others.length : others.length - uncertain;
  await until(`${name} has heard all`, () => heard().length >= least, settleMs).catch(() => undefined);
  const texts = heard();
  expect(twice(texts), `${name} heard twice`).toEqual([]);
  if (isNative(actor.protocol)) {
    expect(
      others.filter((text) => !texts.includes(text)),
      `${name} did not hear`,
    ).toEqual([]);
    expect(texts, `${name} in the room's order`).toEqual(others);
    return;
  }
  expect(disordered(texts), `${name}: each speaker's order`).toEqual([]);
  const missing = others.filter((text) => !texts.includes(text));
  expect(missing.slice(uncertain), `${name} did not hear`).toEqual([]);
  const speakers = people.filter((one) => missing.some((text) => text.startsWith(`${one.name} `)));
  const untold = speakers.filter((one) => !one.actor.transcript.some(isComplaint));
  expect(
    untold.map((one) => one.name),
    `not heard by ${name}, and not told`,
  ).toEqual([]);
}

/** The room tells who was perhaps not heard in a channel; the same person once in a while, not for each line. */
const isComplaint = ({ kind, text }: { readonly kind: string; readonly text: string }): boolean =>
  kind === "notice" && text.startsWith("Not said in ");
