// Clients that break off and phones that answer otherwise: nothing is lost or doubled or out of order, or its sender is told.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Actor } from "#test/cast/actor.ts";
import type { SipPhone } from "#test/cast/sip-phone.ts";
import { until } from "#test/servers/child.ts";
import { actorsAt, patienceMs, warm } from "./company.ts";
import { type House, openHouse } from "./house.ts";

let house: House;
let cast: { "sip-tcp": SipPhone; xmpp: Actor; web: Actor; irc: Actor };

beforeAll(async () => {
  house = await openHouse({ people: ["tom", "xena", "wim", "deskphone"], instances: 2 });
  const { phone, xmpp, web, irc } = actorsAt(house);
  cast = {
    "sip-tcp": await phone("tom", 0, { transport: "tcp" }),
    xmpp: await xmpp("xena"),
    web: await web("wim", 1),
    irc: await irc("ira"),
  };
  await warm(cast);
});

afterAll(async () => {
  await Promise.all(Object.values(cast ?? {}).map((actor) => actor.close()));
  await house?.close();
});

const texts = (name: string): string[] => Array.from({ length: 60 }, (_none, n) => `${name} ${n}`);

describe("whose connection breaks while he is written to", () => {
  test.each([
    ["sip-tcp", "xmpp"],
    ["xmpp", "web"],
    ["web", "xmpp"],
  ] as const)("%s hears everything once and in order from %s", async (name, from) => {
    const [hearer, speaker] = [cast[name], cast[from]];
    const said = texts(`to broken ${name}`);
    for (const [n, text] of said.entries()) {
      if (n === 20 || n === 40) hearer.break();
      expect((await speaker.say(hearer.address, text)).answer).toBe("accepted");
    }
    await hearer.heard(({ text }) => text === said.at(-1), 10_000);
    const heard = hearer.messages.filter(({ text }) => text.startsWith("to broken"));
    expect(heard.map(({ text }) => text)).toEqual(said);
  });

  test("IRC: every line is heard, or its sender is told", async () => {
    const [hearer, speaker] = [cast.irc, cast.web];
    const said = texts("to broken irc");
    const ids = new Map<string, string>();
    for (const [n, text] of said.entries()) {
      if (n === 30) hearer.break();
      ids.set(text, (await speaker.say(hearer.address, text)).id);
    }
    const heard = (): Set<string> => new Set(hearer.messages.map(({ text }) => text));
    const told = (): Set<string | undefined> =>
      new Set(speaker.reports.filter(({ kind }) => kind !== "handed").map(({ id }) => id));
    // The server had taken what it then could not pass on: that it has a barrier for is all that IRC can say.
    const known = (text: string): boolean => heard().has(text) || told().has(ids.get(text));
    await until(
      "all but what the broken socket swallowed is known",
      () => said.filter((text) => !known(text)).length <= 5,
      30_000,
    );
    expect(hearer.messages.filter(({ text }) => text.startsWith("to broken")).length).toBe(
      said.filter((text) => heard().has(text)).length,
    );
  });
});

describe("whose connection breaks while he speaks", () => {
  test.each([
    ["sip-tcp", "web"],
    ["xmpp", "web"],
    ["web", "xmpp"],
  ] as const)("%s is heard once and in order by %s", async (name, to) => {
    const [speaker, hearer] = [cast[name], cast[to]];
    const said = texts(`from broken ${name}`);
    for (const [n, text] of said.entries()) {
      const saying = speaker.say(hearer.address, text);
      if (n === 20 || n === 40) speaker.break();
      expect((await saying).answer).toBe("accepted");
    }
    await hearer.heard(({ text }) => text === said.at(-1), 30_000);
    expect(hearer.messages.map(({ text }) => text).filter((text) => said.includes(text))).toEqual(said);
  });
});

describe("a phone that answers", () => {
  test("404: its caller is told that there is no such user", async () => {
    const desk = await actorsAt(house).phone("deskphone", 1, { answer: () => 404 });
    const sent = await cast.xmpp.say(desk.address, "are you 404?");
    const report = await cast.xmpp.told(({ id }) => id === sent.id, patienceMs);
    expect(report).toMatchObject({ kind: "failed", code: "item-not-found" });
    await desk.close();
  });

  test("486 twice, then 200: the message waits, and is heard once, before the next", async () => {
    let busy = 2;
    const answer = (): number => (busy-- > 0 ? 486 : 200);
    const desk = await actorsAt(house).phone("deskphone", 0, { answer });
    for (const text of ["busy 1", "busy 2"]) await cast.web.say(desk.address, text);
    await desk.heard(({ text }) => text === "busy 2", 30_000);
    expect(desk.messages.map(({ text }) => text)).toEqual(["busy 1", "busy 2"]);
    await desk.close();
  });

  test("nothing at first: the repetition is heard, once", async () => {
    let silent = 2;
    const answer = (): number | "silent" => (silent-- > 0 ? "silent" : 200);
    const desk = await actorsAt(house).phone("deskphone", 1, { answer });
    await cast.web.say(desk.address, "once more, please");
    await desk.heard(({ text }) => text === "once more, please", patienceMs);
    expect(desk.messages).toHaveLength(1);
    await desk.close();
  });

  test("slowly: what is repeated meanwhile is taken for the same", async () => {
    const desk = await actorsAt(house).phone("deskphone", 0, {
      answer: () => ({ status: 200, afterMs: 1200 }),
    });
    await cast.web.say(desk.address, "take your time");
    await desk.heard(({ text }) => text === "take your time", patienceMs);
    expect(desk.again).toBeGreaterThan(0);
    expect(desk.messages).toHaveLength(1);
    await desk.close();
  });
});

test("the books close", async () => {
  const books = await house.booksClose(20_000);
  // A link of IRC that broke may leave a line uncertain; no other may.
  for (const each of books) if (each.carrier !== "irc-demo") expect(each.uncertain).toBe(0);
});
