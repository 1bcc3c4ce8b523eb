// One person, one address, three homes: a SIP phone, a browser and an XMPP account. Who gets a message under `any` and under `all`,
// what its sender is told, and what happens when homes are away, die without a word, or are killed (EDGES §4, §5).

import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Actor, Heard } from "#test/cast/actor.ts";
import type { PhoneAnswer, SipPhone } from "#test/cast/sip-phone.ts";
import type { WebClient } from "#test/cast/web-client.ts";
import { until } from "#test/servers/child.ts";
import { type Refusal, tooLarge } from "./bodies.ts";
import { actorsAt, isToldRefusal, patienceMs, warm } from "./company.ts";
import { faceOf, type House, openHouse } from "./house.ts";

const wayNames = ["sip-udp", "xmpp", "irc", "web"] as const;
type Name = (typeof wayNames)[number];
/** The homes of a person, in the order in which they are tried. */
const homeNames = ["sip", "web", "xmpp"] as const;
type HomeName = (typeof homeNames)[number];

/** `any`, `all`: as configured. In `xmpp-first` the XMPP server is asked before the phone and the browser. */
const anyDomain = "any.example";
const allDomain = "all.example";
const xmppFirst = "xmpp-first.example";
/** `ann` has an account everywhere, `bea` and the others none at the XMPP server. */
const onXmpp = ["ann", "kim"];
const people = ["ann", "bea", "cleo", "dora", "eve", "fay", "gil", "hal", "kim"];

const forbidden: Refusal = { sip: "403", xmpp: "forbidden", irc: /not allowed/, web: "403" };

let house: House;
const cast = {} as Record<Name, Actor>;

beforeAll(async () => {
  const homes = ["sip", "web", "xmpp"];
  house = await openHouse({
    people: ["una", "xena", "wim"],
    shared: {
      [anyDomain]: { homes, deliver: "any", people, onXmpp },
      [allDomain]: { homes, deliver: "all", people, onXmpp },
      [xmppFirst]: { homes: ["xmpp", "sip", "web"], deliver: "any", people, onXmpp },
    },
  });
  const { phone, xmpp, web, irc } = actorsAt(house);
  cast["sip-udp"] = await phone("una");
  cast.xmpp = await xmpp("xena");
  cast.web = await web("wim");
  cast.irc = await irc("ira");
  await warm(cast);
});

afterAll(async () => {
  await Promise.all(Object.values(cast).map((actor) => actor.close()));
  await house?.close();
});

/** As whom somebody on this way writes to a person of a shared domain: the XMPP server keeps its own people's stanzas to itself. */
const written = (way: Name, local: string, domain: string): string =>
  `${local}@${way === "xmpp" ? faceOf(domain) : domain}`;

interface At {
  readonly local: string;
  readonly domain: string;
}

/** Opens one home of a person. */
function open(home: HomeName, { local, domain }: At, answer?: (text: string) => PhoneAnswer): Promise<Actor> {
  const { phone, web, xmpp } = actorsAt(house);
  const address = `${local}@${domain}`;
  if (home === "sip") return phone(local, 0, { address, transport: "tcp", ...(answer && { answer }) });
  return home === "web" ? web(local, 0, { address }) : xmpp(local, { address });
}

async function openAll(at: At): Promise<Record<HomeName, Actor>> {
  const [sip, web, xmpp] = await Promise.all(homeNames.map((home) => open(home, at)));
  if (!sip || !web || !xmpp) throw new Error("a home is missing");
  return { sip, web, xmpp };
}

const close = (actors: readonly Actor[]): Promise<unknown> =>
  Promise.all(actors.map((actor) => actor.close()));

/** Everybody says a line of his own; answers the texts. */
async function everybodySays(at: At, line: string): Promise<string[]> {
  const texts = wayNames.map((way) => `${line}, says ${way}`);
  for (const [n, way] of wayNames.entries())
    await cast[way].say(written(way, at.local, at.domain), texts[n] ?? "");
  return texts;
}

const textsOf = (actor: Actor, texts: readonly string[]): string[] =>
  actor.messages.map(({ text }) => text).filter((text) => texts.includes(text));

/** This home has heard them all, each once. */
async function hears(actor: Actor, texts: readonly string[], withinMs = patienceMs): Promise<void> {
  for (const text of texts) await actor.heard((message) => message.text === text, withinMs);
  expect(textsOf(actor, texts).sort()).toEqual([...texts].sort());
}

const failures = (): number =>
  wayNames.reduce((sum, way) => sum + cast[way].reports.filter(({ kind }) => kind === "failed").length, 0);

describe("any", () => {
  test("the first home in order that has him gets it, the others nothing; away ones are passed over", async () => {
    const ann = { local: "ann", domain: anyDomain };
    const homes = await openAll(ann);
    for (const home of homeNames) {
      const texts = await everybodySays(ann, `for ${home} alone`);
      await hears(homes[home], texts);
      for (const other of homeNames) if (other !== home) expect(textsOf(homes[other], texts)).toEqual([]);
      await homes[home].close();
    }
    expect(failures()).toBe(0);
  });

  test("whoever heard it can answer, and is heard as the one person that he is", async () => {
    const ann = { local: "ann", domain: anyDomain };
    for (const home of homeNames) {
      const actor = await open(home, ann);
      const texts = await everybodySays(ann, `answer me from ${home}`);
      await hears(actor, texts);
      for (const way of wayNames) {
        const isHis = (message: Heard): boolean => message.text === `answer me from ${home}, says ${way}`;
        const heard = await actor.heard(isHis, patienceMs);
        const reply = `${home} answers ${way}`;
        await actor.say(heard.from, reply);
        const back = await cast[way].heard((message) => message.text === reply, patienceMs);
        if (way === "irc") continue; // A nick there, whose real name is the address: directions.test.ts.
        // To XMPP every home answers as the face that was written to, his XMPP account too.
        expect(back.from).toBe(written(way, "ann", anyDomain));
      }
      await actor.close();
    }
  });

  test("everything waits for one who is away at all homes, whom the XMPP server does not know; he gets it where he appears", async () => {
    for (const home of ["sip", "web"] as const) {
      const bea: At = { local: "bea", domain: anyDomain };
      const first = await everybodySays(bea, `one for ${home}`);
      const second = await everybodySays(bea, `two for ${home}`);
      await sleep(1_000);
      const actor = await open(home, bea);
      await hears(actor, [...first, ...second]);
      for (const [n, text] of first.entries()) {
        const [one, two] = [text, second[n]].map((each) => actor.messages.findIndex((m) => m.text === each));
        expect(one, text).toBeLessThan(two ?? -1);
      }
      await actor.close();
    }
    expect(failures()).toBe(0);
  });

  test.each<[string, number, Refusal]>([
    ["too large", 513, tooLarge],
    ["not allowed", 403, forbidden],
  ])("%s, says his only device: that is what everybody is told, at once", async (_name, answer, refusal) => {
    const cleo = { local: "cleo", domain: anyDomain };
    const phone = await open("sip", cleo, () => answer);
    for (const way of wayNames) {
      const sent = await cast[way].say(written(way, "cleo", anyDomain), `to a phone that answers ${answer}`);
      await isToldRefusal(way, cast[way], sent, refusal);
    }
    await phone.close();
  });

  test("what his phone refuses, his browser gets, and the sender hears of no failure", async () => {
    const before = failures();
    const dora = { local: "dora", domain: anyDomain };
    const phone = await open("sip", dora, () => 513);
    const web = await open("web", dora);
    await hears(web, await everybodySays(dora, "not for small phones"));
    expect(failures()).toBe(before);
    await close([phone, web]);
  });

  test("a phone that is dead without a word: his browser has all that was said meanwhile, in order, when that is known", async () => {
    const eve = { local: "eve", domain: anyDomain };
    const phone = await actorsAt(house).phone("eve", 0, {
      address: `eve@${anyDomain}`,
      answer: () => "silent",
    });
    const web = await open("web", eve);
    const texts = Array.from({ length: 12 }, (_none, n) => `to a dead phone ${n}`);
    for (const text of texts) await cast.xmpp.say(written("xmpp", "eve", anyDomain), text);
    await web.heard(({ text }) => text === texts.at(-1), 45_000);
    expect(textsOf(web, texts)).toEqual(texts);
    await close([phone, web]);
  });

  test("an XMPP server that is asked first and does not know him: his phone is next", async () => {
    const gil = { local: "gil", domain: xmppFirst };
    const phone = await open("sip", gil);
    await hears(phone, await everybodySays(gil, "after XMPP"));
    await phone.close();
  });
});

describe("all", () => {
  test("every home gets its copy, once, and the sender one report", async () => {
    const ann = { local: "ann", domain: allDomain };
    const homes = await openAll(ann);
    const texts = await everybodySays(ann, "for each of you");
    for (const home of homeNames) await hears(homes[home], texts);
    const sent = await (cast.web as WebClient).say(`ann@${allDomain}`, "tell me once", {
      receipts: ["handed", "delivered"],
    });
    for (const home of homeNames) await hears(homes[home], ["tell me once"]);
    await cast.web.told(({ id, kind }) => id === sent.id && kind === "delivered", patienceMs);
    const handed = cast.web.reports.filter(({ id, kind }) => id === sent.id && kind === "handed");
    expect(handed).toHaveLength(1);
    await close(Object.values(homes));
  });

  test("a home where he is away gets its copy when he is back, and nobody gets another", async () => {
    const before = failures();
    for (const late of ["sip", "web"] as const) {
      const kim = { local: "kim", domain: allDomain };
      const early = late === "sip" ? "web" : "sip";
      const [here, xmpp] = await Promise.all([open(early, kim), open("xmpp", kim)]);
      const texts = await everybodySays(kim, `for ${late} later`);
      for (const actor of [here, xmpp]) await hears(actor, texts);
      const back = await open(late, kim);
      await hears(back, texts);
      // One who appears once more, as a phone does every few minutes, is no reason for another copy.
      here.break();
      await hears(here, await everybodySays(kim, `and now all, ${late}`));
      for (const actor of [here, xmpp, back]) expect(textsOf(actor, texts)).toHaveLength(texts.length);
      await close([here, xmpp, back]);
    }
    expect(failures()).toBe(before);
  });

  test("one home refuses: the others have it, and the sender hears of no failure", async () => {
    const before = failures();
    const ann = { local: "ann", domain: allDomain };
    const phone = await open("sip", ann, () => 404);
    const [web, xmpp] = await Promise.all([open("web", ann), open("xmpp", ann)]);
    const texts = await everybodySays(ann, "but not on the phone");
    for (const actor of [web, xmpp]) await hears(actor, texts);
    expect(failures()).toBe(before);
    await close([phone, web, xmpp]);
  });

  test("none takes it, and one says why: the sender is told that, once", async () => {
    const fay = { local: "fay", domain: allDomain };
    const phone = await open("sip", fay, () => 513);
    for (const way of wayNames) {
      const sent = await cast[way].say(written(way, "fay", allDomain), "too large for fay");
      await isToldRefusal(way, cast[way], sent, tooLarge);
    }
    await phone.close();
  });
});

describe("homes are killed with -9 and come back while everybody speaks", () => {
  const rounds = 40;
  const line = (way: Name, domain: string, killed: string, n: number): string =>
    `${domain} ${killed} ${way} ${n}`;

  /** Everybody says `rounds` lines in a stream of his own; one process dies in the middle. Answers what was said, by speaker. */
  async function speak(at: At, killed: string): Promise<Map<Name, string[]>> {
    const said = new Map<Name, string[]>();
    const speaking = wayNames.map(async (way) => {
      const texts = Array.from({ length: rounds }, (_none, n) => line(way, at.domain, killed, n));
      said.set(way, texts);
      for (const text of texts) {
        await cast[way].say(written(way, at.local, at.domain), text);
        await sleep(50);
      }
    });
    await sleep(700);
    await house.kill(killed);
    await sleep(500);
    await house.start(killed);
    await Promise.all(speaking);
    return said;
  }

  test.each(["sip-1", "web-1", "xmpp-1", "nats"])(
    "any, %s: everything is heard, once, by one of his homes",
    async (killed) => {
      const hal = { local: "hal", domain: anyDomain };
      const [phone, web] = (await Promise.all([open("sip", hal), open("web", hal)])) as [SipPhone, WebClient];
      const said = await speak(hal, killed);
      const everything = [...said.values()].flat();
      const heard = (): string[] => [...textsOf(phone, everything), ...textsOf(web, everything)];
      await until("all is heard", () => new Set(heard()).size === everything.length, 60_000).catch(
        (cause) => {
          const missing = everything.filter((text) => !heard().includes(text));
          throw new Error(`never heard: ${missing.join("; ")}`, { cause });
        },
      );
      // What was being handed over at that moment may have reached the one home, and then be given to the other.
      expect(heard().length - everything.length).toBeLessThanOrEqual(
        killed === "sip-1" ? wayNames.length : 0,
      );
      await close([phone, web]);
    },
  );

  test.each(["sip-1", "web-1", "xmpp-1"])(
    "all, %s: each of his homes hears everything, once",
    async (killed) => {
      const ann = { local: "ann", domain: allDomain };
      const homes = await openAll(ann);
      const said = await speak(ann, killed);
      const everything = [...said.values()].flat();
      for (const home of homeNames) {
        const heard = (): string[] => textsOf(homes[home], everything);
        await until(`all is heard on ${home}`, () => new Set(heard()).size === everything.length, 150_000);
        expect(heard().length, home).toBe(everything.length);
      }
      await close(Object.values(homes));
    },
  );
});

test("the books close", async () => {
  const books = await house.booksClose(20_000);
  for (const each of books) expect(each.uncertain, each.carrier).toBe(0);
});
