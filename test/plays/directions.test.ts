// All twelve directions, two instances of every gateway: each body of the table is heard as it must be, or its sender is told why not.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Actor, Heard } from "#test/cast/actor.ts";
import type { IrcClient } from "#test/cast/irc-client.ts";
import { until } from "#test/servers/child.ts";
import { type Body, bodies, type Way, ways } from "./bodies.ts";
import { actorsAt, isToldRefusal, patienceMs, protocolOf, warm } from "./company.ts";
import { type House, openHouse } from "./house.ts";

let house: House;
const cast = {} as Record<Way, Actor>;

beforeAll(async () => {
  house = await openHouse({
    people: ["una", "tom", "xena", "wim", "o'malley", "dot.ted", "UpPer"],
    instances: 2,
  });
  const { phone, xmpp, web, irc } = actorsAt(house);
  cast["sip-udp"] = await phone("una", 0);
  cast["sip-tcp"] = await phone("tom", 1, { transport: "tcp" });
  cast.xmpp = await xmpp("xena");
  cast.web = await web("wim", 1);
  cast.irc = await irc("ira");
  await warm(cast);
});

afterAll(async () => {
  await Promise.all(Object.values(cast).map((actor) => actor.close()));
  await house?.close();
});

const directions = ways.flatMap((from) =>
  ways.filter((to) => protocolOf(from) !== protocolOf(to)).map((to) => [from, to] as const),
);

/** What the hearer hears from that speaker from now on; on IRC he is known by the nick that is his own. */
function listen(from: Way, to: Way): (least: number) => Promise<Heard[]> {
  const [speaker, hearer] = [cast[from], cast[to]];
  const start = hearer.messages.length;
  const isHis = (message: Heard): boolean =>
    to === "irc" ? message.from === nickOf(speaker) : message.from === speaker.address;
  const heard = (): Heard[] => hearer.messages.slice(start).filter(isHis);
  return async (least) => {
    await hearer.heard(() => heard().length >= least, patienceMs);
    return heard();
  };
}

const nickOf = (actor: Actor): string => actor.address.slice(0, actor.address.indexOf("@"));

async function play(body: Body, from: Way, to: Way): Promise<void> {
  const [speaker, hearer] = [cast[from], cast[to]];
  const heard = listen(from, to);
  const sent = await speaker.say(hearer.address, body.text);
  const refusal = body.refused ?? body.refusedBy?.[to];
  if (refusal !== undefined) {
    await isToldRefusal(from, speaker, sent, refusal);
    return;
  }
  const wanted = body.becomes ?? body.text;
  if (to !== "irc" || body.onIrc === undefined) {
    expect((await heard(1)).map((message) => message.text)).toEqual([wanted]);
  } else if (body.onIrc === "joined") {
    // Lines are parts of the text, in order; how many is the gateway's choice.
    for (let count = 1; ; count += 1) {
      const text = (await heard(count)).map((message) => message.text).join("");
      if (text === wanted) break;
      expect(wanted.startsWith(text), `${text} is no beginning of the text`).toBe(true);
    }
  } else expect((await heard(body.onIrc.length)).map((message) => message.text)).toEqual(body.onIrc);
  if (from !== "irc") expect(sent.answer).toBe("accepted");
}

// One body after the other along every direction, all directions at the same time.
describe.concurrent.each(directions)("%s to %s", (from, to) => {
  test("says everything of the table", async () => {
    const failures: string[] = [];
    for (const body of bodies) {
      // One that was lost makes the next ones wait for nothing.
      if (body.unsayable?.[from] !== undefined || failures.length >= 3) continue;
      await play(body, from, to).catch((error: Error) => failures.push(`${body.name}: ${error.message}`));
    }
    if (failures.length > 0) throw new Error(failures.join("\n"));
  });
});

// An apostrophe is escaped on XMPP and no nick on IRC; XMPP knows no capitals; on SIP a dot is only a dot.
describe.each(["o'malley", "dot.ted", "UpPer"])("the address of %s", (local) => {
  test.each(["sip", "xmpp", "web"] as const)(
    "on %s is written to and answers, from everywhere",
    async (home) => {
      const { phone, xmpp, web } = actorsAt(house);
      const person =
        home === "sip" ? await phone(local, 1) : home === "xmpp" ? await xmpp(local) : await web(local);
      const others = ways.filter((way) => protocolOf(way) !== home && way !== "sip-tcp");
      await Promise.all(others.map((way) => exchange(person, home, way)));
      await person.close();
    },
  );
});

async function exchange(person: Actor, home: "sip" | "xmpp" | "web", way: Way): Promise<void> {
  const other = cast[way];
  const [word, answer] = [`to ${person.address} from ${way}`, `to ${way} from ${person.address}`];
  await other.say(person.address, word);
  const heard = await person.heard((message) => message.text === word, patienceMs);
  expect(heard.from).toBe(other.address);
  await person.say(heard.from, answer);
  const back = await other.heard((message) => message.text === answer, patienceMs);
  if (way === "irc") {
    // The real name of his nick says whose it is.
    const nicks = (other as IrcClient).nicks;
    await until(`whose nick ${back.from} is`, () => nicks.get(person.address.toLowerCase()) === back.from);
  } else {
    const folded = way === "xmpp" || home === "xmpp";
    expect(back.from).toBe(folded ? person.address.toLowerCase() : person.address);
  }
}

test("the books close", async () => {
  await house.booksClose(10_000);
});
