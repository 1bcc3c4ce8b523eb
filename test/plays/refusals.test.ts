// What cannot be delivered: everyone is told in his protocol's own way, nothing is lost, nobody else waits, and the books close.
import { createConnection } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { boxLimits } from "#bus-schemas/delivery/box.ts";
import type { Actor } from "#test/cast/actor.ts";
import { SipPhone } from "#test/cast/sip-phone.ts";
import type { WebClient } from "#test/cast/web-client.ts";
import type { XmppClient } from "#test/cast/xmpp-client.ts";
import { until } from "#test/servers/child.ts";
import type { Refusal, Way } from "./bodies.ts";
import { tooLarge } from "./bodies.ts";
import { actorsAt, isToldRefusal, patienceMs, protocolOf, warm } from "./company.ts";
import { domains, type House, openHouse } from "./house.ts";

const unknownUser: Refusal = { sip: "404", xmpp: "item-not-found", irc: /no such user/, web: "404" };
const unknownDomain: Refusal = {
  sip: "404",
  xmpp: "remote-server-not-found",
  irc: /no such domain/,
  web: "604",
};
const unreachable: Refusal = { sip: "480", xmpp: "recipient-unavailable", irc: /not reachable/, web: "480" };
const mailboxFull: Refusal = { sip: "480", xmpp: "resource-constraint", irc: /mailbox full/, web: "486" };

const away = ["ada", "abe", "amy", "ann", "full", "heap"];
let house: House;
const cast = {} as Record<Exclude<Way, "sip-tcp">, Actor>;
const wayNames = ["sip-udp", "xmpp", "irc", "web"] as const;
type Name = (typeof wayNames)[number];

beforeAll(async () => {
  house = await openHouse({ people: ["una", "xena", "wim", "vic", ...away] });
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

const others = (home: string): Name[] => wayNames.filter((way) => protocolOf(way) !== home);

describe.each(wayNames)("%s is told", (way) => {
  const refusals: [string, string, Refusal][] = [
    ["an unknown user on SIP", `nobody@${domains.sip}`, unknownUser],
    ["an unknown user on the web", `nobody@${domains.web}`, unknownUser],
    ["an unknown user on XMPP, who to his server is only not there", `nobody@${domains.xmpp}`, unreachable],
    ["an unknown nick on IRC", `stranger@${domains.irc}`, unknownUser],
    ["an unknown domain", "somebody@elsewhere.example", unknownDomain],
  ];
  // What his own server answers is none of ours.
  const ours = refusals.filter(([, to]) => {
    const own = domains[protocolOf(way)];
    return (
      !(to.endsWith(`@${own}`) && (way === "xmpp" || way === "irc")) &&
      !(way === "xmpp" && to.includes("elsewhere"))
    );
  });

  test.each(ours)("%s", async (_name, to, refusal) => {
    const speaker = cast[way];
    await isToldRefusal(way, speaker, await speaker.say(to, `to ${to}`), refusal);
  });

  test.runIf(way === "xmpp" || way === "web")("a text that is too large", async () => {
    const speaker = cast[way];
    const sent = await speaker.say("una@sip.example", "x".repeat(66_000));
    await isToldRefusal(way, speaker, sent, tooLarge);
  });
});

describe("nobody speaks in another's name", () => {
  test("a SIP phone with a wrong password does not register", async () => {
    const { phone } = actorsAt(house);
    await expect(phone("vic", 0, { password: "wrong" })).rejects.toThrow(/answered 40[13]/);
  });

  test("a SIP phone that claims to be another is refused", async () => {
    const vic = await actorsAt(house).phone("vic", 0, { claims: "una@sip.example" });
    const sent = await vic.say("wim@web.example", "I am una");
    expect(sent).toMatchObject({ answer: "refused", code: "403" });
    await vic.close();
  });

  test("a SIP phone without an account is asked for a password, and not believed", async () => {
    const options = {
      ports: house.ports.sip,
      transport: "udp",
      address: "una@sip.example",
      password: "guess",
    } as const;
    const stranger = await new SipPhone(options).plug();
    const sent = await stranger.say("wim@web.example", "I am una, too");
    expect(sent.answer).toBe("refused");
    await stranger.close();
  });

  test("a browser with a wrong password is not let in", async () => {
    await expect(actorsAt(house).web("vic", 0, { password: "wrong" })).rejects.toThrow(/web: /);
  });

  test("a browser cannot speak for an account that is not bound to it", async () => {
    const sent = await (cast.web as WebClient).say("una@sip.example", "I am vic", {
      account: "vic@web.example",
    });
    expect(sent.answer).toBe("refused");
  });

  test("an XMPP client cannot put another's JID into from", async () => {
    const vic = await actorsAt(house).xmpp("vic", { patienceMs: 3000, returns: false });
    await vic.say("wim@web.example", "I am xena, really", { attrs: "from='xena@xmpp.example'" });
    // Whatever the server does with it, nobody hears it from xena.
    await cast.xmpp.say("wim@web.example", "after the forger");
    await cast.web.heard((message) => message.text === "after the forger", patienceMs);
    expect(
      cast.web.messages.filter(({ text, from }) => text.includes("really") && from.startsWith("xena")),
    ).toEqual([]);
    await vic.close();
  });

  test("what comes from IRC is never shown as proved", async () => {
    await cast.irc.say("wim@web.example", "I am only a nick");
    const heard = await cast.web.heard((message) => message.text === "I am only a nick", patienceMs);
    expect(heard.more.assurance).toBe("none");
  });
});

describe("the id of another's message, used again, suppresses nothing", () => {
  test("on SIP", async () => {
    const vic = await actorsAt(house).phone("vic");
    await cast["sip-udp"].say("wim@web.example", "una with her id");
    const una = cast["sip-udp"] as SipPhone;
    await una.say("wim@web.example", "una, call 77", { id: "call-77@example" });
    await vic.say("wim@web.example", "vic, call 77", { id: "call-77@example" });
    for (const text of ["una, call 77", "vic, call 77"])
      await cast.web.heard((message) => message.text === text, patienceMs);
    await vic.close();
  });

  test("on the web", async () => {
    const vic = await actorsAt(house).web("vic");
    await (cast.web as WebClient).say("una@sip.example", "wim, 77", { message_id: "id-77" });
    await vic.say("una@sip.example", "vic, 77", { message_id: "id-77" });
    for (const text of ["wim, 77", "vic, 77"])
      await cast["sip-udp"].heard((message) => message.text === text, patienceMs);
    await vic.close();
  });

  test("on XMPP, even by the same client", async () => {
    const xena = cast.xmpp as XmppClient;
    for (const text of ["first of 77", "second of 77"])
      await xena.say("una@sip.example", text, { id: "id-77" });
    for (const text of ["first of 77", "second of 77"])
      await cast["sip-udp"].heard((message) => message.text === text, patienceMs);
  });

  test("a browser that sends the very same message again has it delivered once", async () => {
    const wim = cast.web as WebClient;
    for (let n = 0; n < 3; n += 1) await wim.say("una@sip.example", "three times", { message_id: "id-78" });
    await wim.say("una@sip.example", "after three times");
    await cast["sip-udp"].heard((message) => message.text === "after three times", patienceMs);
    expect(cast["sip-udp"].messages.filter(({ text }) => text === "three times")).toHaveLength(1);
  });
});

describe("somebody who is away", () => {
  test.each([
    ["sip", "ada"],
    ["web", "abe"],
  ] as const)(
    "on %s finds all in order when he is back, and what is said then comes after it",
    async (home, local) => {
      const to = `${local}@${domains[home]}`;
      const numbers = Array.from({ length: 10 }, (_none, n) => n);
      for (const way of others(home)) for (const n of numbers) await cast[way].say(to, `${way} ${n}`);
      const { phone, web } = actorsAt(house);
      const back = home === "sip" ? await phone(local) : await web(local);
      for (const way of others(home)) await cast[way].say(to, `${way} 10`);
      for (const way of others(home)) {
        await back.heard((message) => message.text === `${way} 10`, patienceMs);
        const his = back.messages.filter(({ text }) => text.startsWith(`${way} `)).map(({ text }) => text);
        expect(his).toEqual([...numbers, 10].map((n) => `${way} ${n}`));
      }
      await back.close();
    },
  );

  test("has a full mailbox one day: whoever writes then is told so; nobody else waits", async () => {
    const to = "full@web.example";
    const xena = cast.xmpp;
    const sent = await Promise.all(
      Array.from({ length: boxLimits.items + 10 }, (_none, n) => xena.say(to, `full ${n}`)),
    );
    expect(sent.every(({ answer }) => answer === "accepted")).toBe(true);
    // Meanwhile somebody else is served at once.
    const began = performance.now();
    await xena.say("una@sip.example", "not behind the heap");
    const { at } = await cast["sip-udp"].heard(
      (message) => message.text === "not behind the heap",
      patienceMs,
    );
    expect(at - began).toBeLessThan(2000);
    const refused = () => xena.reports.filter(({ from }) => from === to);
    await until("ten are told", () => refused().length >= 10, 30_000);
    expect(refused().map(({ code }) => code)).toEqual(Array(10).fill(mailboxFull.xmpp));
    const back = await actorsAt(house).web("full");
    await until("he has what it held", () => back.messages.length >= boxLimits.items, 60_000);
    const told = new Set(refused().map(({ id }) => id));
    const kept = sent.flatMap(({ id }, n) => (told.has(id) ? [] : [`full ${n}`]));
    expect(back.messages.map(({ text }) => text)).toEqual(kept);
    await back.close();
  });
});

describe("connections that are ill", () => {
  test("half-open ones and those that say nothing disturb nobody", async () => {
    const ports = [house.ports.sip[0], house.ports.web[0], house.ports.irc, house.ports.c2s];
    const idle = ports.flatMap((port) =>
      Array.from({ length: 20 }, () => createConnection(port ?? 0, "127.0.0.1")),
    );
    for (const socket of idle) socket.on("error", () => undefined).write("MESSAGE sip:");
    for (const way of others("sip")) {
      await cast[way].say("una@sip.example", `beside half-open: ${way}`);
      await cast["sip-udp"].heard((message) => message.text === `beside half-open: ${way}`, patienceMs);
    }
    for (const socket of idle) socket.destroy();
  });

  test.each(["sip", "web"] as const)(
    "a slow reader on %s delays nobody else, and loses nothing",
    async (home) => {
      const { phone, web } = actorsAt(house);
      const local = home === "sip" ? "amy" : "ann";
      const slow = home === "sip" ? await phone(local, 0, { transport: "tcp" }) : await web(local);
      slow.pause();
      const texts = Array.from({ length: 50 }, (_none, n) => `slow ${n}`);
      for (const text of texts) await cast.xmpp.say(slow.address, text);
      await cast.xmpp.say("wim@web.example", `beside slow ${home}`);
      await cast.web.heard((message) => message.text === `beside slow ${home}`, 3000);
      slow.resume();
      await slow.heard((message) => message.text === "slow 49", 45_000);
      expect(slow.messages.map(({ text }) => text)).toEqual(texts);
      await slow.close();
    },
  );
});

test("whoever was refused all along is still there, and the books close", async () => {
  for (const way of others("web")) {
    await cast[way].say("wim@web.example", `still here: ${way}`);
    await cast.web.heard((message) => message.text === `still here: ${way}`, patienceMs);
  }
  const books = await house.booksClose(15_000);
  for (const each of books) expect(each.uncertain).toBe(0);
});
