// Reports: XEP-0184, IMDN and web dispositions name the sender's own message, say "delivered" only when it was, and never for IRC.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Actor, Heard } from "#test/cast/actor.ts";
import type { WebClient } from "#test/cast/web-client.ts";
import type { XmppClient } from "#test/cast/xmpp-client.ts";
import { actorsAt, patienceMs, warm } from "./company.ts";
import { type House, openHouse } from "./house.ts";

let house: House;
type Way = "sip-tcp" | "xmpp" | "web";
/** They answer what they hear with `delivered`, each in his way, and ask for everything. */
const asking = {} as Record<Way, Actor>;
/** They get the same messages and never say a word about them. */
const silent = {} as Record<Way, Actor>;
let irc: Actor;

const asks = ["positive-delivery", "negative-delivery", "display"] as const;
const webAsks = ["handed", "delivered", "displayed"] as const;

beforeAll(async () => {
  house = await openHouse({ people: ["sam", "sue", "xara", "xavi", "wes", "abe"], instances: 2 });
  const { phone, xmpp, web, irc: ircClient } = actorsAt(house);
  asking["sip-tcp"] = await phone("sam", 0, { transport: "tcp", cpim: asks, reports: "displayed" });
  asking.xmpp = await xmpp("xara", { asks: true });
  asking.web = await web("wes", 1, { acknowledge: "disposition", receipts: webAsks });
  silent["sip-tcp"] = await phone("sue", 1, { transport: "tcp", cpim: asks, reports: "none" });
  silent.xmpp = await xmpp("xavi", { receipts: false });
  irc = await ircClient("ira");
  await warm({ ...asking, irc });
});

afterAll(async () => {
  await Promise.all([...Object.values(asking), ...Object.values(silent), irc].map((actor) => actor?.close()));
  await house?.close();
});

const names: readonly Way[] = ["sip-tcp", "xmpp", "web"];
const pairs = names.flatMap((from) => names.filter((to) => to !== from).map((to) => [from, to] as const));

test.each(pairs)("%s learns that %s has it, by his own id, once", async (from, to) => {
  const [speaker, hearer] = [asking[from], asking[to]];
  const sent = await speaker.say(hearer.address, `did it arrive, ${from} to ${to}?`);
  const heard = await hearer.heard(
    (message) => message.text === `did it arrive, ${from} to ${to}?`,
    patienceMs,
  );
  const report = await speaker.told((one) => one.kind === "delivered" && one.id === sent.id, patienceMs);
  expect(report.at).toBeGreaterThanOrEqual(heard.at);
  await ordered(speaker, hearer);
  expect(speaker.reports.filter((one) => one.kind === "delivered" && one.id === sent.id)).toHaveLength(1);
});

/** One more message and its report: reports before it have come. */
async function ordered(speaker: Actor, hearer: Actor): Promise<void> {
  const sent = await speaker.say(hearer.address, `after ${performance.now()}`);
  await speaker.told((one) => one.kind === "delivered" && one.id === sent.id, patienceMs);
}

describe("what was read is told as displayed", () => {
  const show: Record<Way, (hearer: Actor, heard: Heard) => Promise<unknown>> = {
    // The phone of this play says it by itself.
    "sip-tcp": async () => undefined,
    xmpp: (hearer, heard) => (hearer as XmppClient).report(heard, "displayed"),
    web: (hearer, heard) => (hearer as WebClient).report(heard, "displayed"),
  };
  test.each(pairs)("from %s to %s", async (from, to) => {
    const [speaker, hearer] = [asking[from], asking[to]];
    const text = `read it, ${from} to ${to}`;
    const sent = await speaker.say(hearer.address, text);
    const heard = await hearer.heard((message) => message.text === text, patienceMs);
    await show[to](hearer, heard);
    await speaker.told((one) => one.kind === "displayed" && one.id === sent.id, patienceMs);
  });
});

describe("nothing is invented", () => {
  test.each(["sip-tcp", "web"] as const)(
    "an XMPP client that sends no receipt: %s hears no delivered",
    async (from) => {
      const [speaker, hearer] = [asking[from], silent.xmpp];
      const sent = await speaker.say(hearer.address, `silent ${from}`);
      await hearer.heard((message) => message.text === `silent ${from}`, patienceMs);
      // What comes after it from one who does send receipts is told; this one is not.
      await ordered(speaker, asking.xmpp);
      const kinds = speaker.reports.filter((one) => one.id === sent.id).map(({ kind }) => kind);
      expect(kinds.filter((kind) => kind !== "handed")).toEqual([]);
    },
  );

  test.each(names)("IRC confirms nothing: %s hears no delivered for it", async (from) => {
    const speaker = asking[from];
    const sent = await speaker.say(irc.address, `to IRC from ${from}`);
    await irc.heard((message) => message.text === `to IRC from ${from}`, patienceMs);
    await ordered(speaker, asking[from === "xmpp" ? "web" : "xmpp"]);
    const kinds = speaker.reports.filter((one) => one.id === sent.id).map(({ kind }) => kind);
    expect(kinds.filter((kind) => kind !== "handed")).toEqual([]);
  });

  test("a sender who asks for no report gets none", async () => {
    const quiet = await actorsAt(house).web("abe", 0, { receipts: [] });
    const sent = await quiet.say(asking.xmpp.address, "no report, please");
    await asking.xmpp.heard((message) => message.text === "no report, please", patienceMs);
    const loud = await quiet.say(asking.xmpp.address, "but for this one", { receipts: ["delivered"] });
    await quiet.told((one) => one.id === loud.id, patienceMs);
    expect(quiet.reports.filter((one) => one.id === sent.id)).toEqual([]);
    await quiet.close();
  });

  test.each(["sip-tcp", "xmpp"] as const)(
    "mail for somebody away is delivered when he is back, not before: %s",
    async (from) => {
      const speaker = asking[from];
      const sent = await speaker.say("abe@web.example", `while away, from ${from}`);
      await ordered(speaker, asking.web);
      expect(speaker.reports.filter((one) => one.id === sent.id && one.kind === "delivered")).toEqual([]);
      const abe = await actorsAt(house).web("abe");
      const heard = await abe.heard((message) => message.text === `while away, from ${from}`, patienceMs);
      const report = await speaker.told((one) => one.id === sent.id && one.kind === "delivered", patienceMs);
      expect(report.at).toBeGreaterThanOrEqual(heard.at);
      await abe.close();
    },
  );
});

test("the books close", async () => {
  await house.booksClose(10_000);
});
