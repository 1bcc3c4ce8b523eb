// What happens when something dies, against a real Prosody: a holder, the server, the bus; and what health says.
import { afterEach, describe, expect, test } from "vitest";
import { BusFull, BusTimeout } from "#bus-schemas/bus/port.ts";
import { until } from "#test/servers/child.ts";
import { XmppConfig } from "../config.ts";
import { type Link, openLink } from "./link.ts";
import { host, type Prosody, type ProsodyOptions, startProsody } from "./prosody-for-test.ts";
import { type Raw, rawClient, rawComponent } from "./raw-for-test.ts";
import { allSlots, attempt, messageEvent, type TestService, testService } from "./service-for-test.ts";

const open: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

const start = async (options: Partial<ProsodyOptions> = {}): Promise<Prosody> => {
  const prosody = await startProsody({
    users: ["bob"],
    components: { "sip.example": "", "gw.example": "" },
    ...options,
  });
  open.push(() => prosody.child.stop());
  return prosody;
};
const join = async (prosody: Prosody, house: TestService, part: object = {}): Promise<Link> => {
  const config = { port: prosody.componentPort, secret: prosody.secret, domains: ["sip.example"], ...part };
  const link = await openLink(house.service, XmppConfig.parse(config));
  open.push(() => link.close());
  return link;
};
const own = async (house: TestService, link: Link): Promise<void> => {
  house.gateway().owns?.(allSlots, new Map());
  await until("the stream runs", () => link.components.every((one) => one.running));
};
const client = async (prosody: Prosody): Promise<Raw> => {
  const bob = await rawClient(prosody.clientPort, host, "bob");
  open.push(() => bob.end());
  return bob;
};
const say = (bob: Raw, from: number, to: number): void => {
  let all = "";
  for (let n = from; n <= to; n++)
    all += `<message to='alice@sip.example' type='chat' id='m${n}'><body>n${n}</body></message>`;
  bob.write(all);
};
const range = (from: number, to: number): string[] =>
  Array.from({ length: to - from + 1 }, (_, i) => `n${from + i}`);
const texts = (house: TestService): string[] => house.courier.accepted.map((one) => one.draft.text);
const bodies = (bob: Raw): string[] => bob.all(/<body>([^<]*)<\/body>/).map((match) => match[1] ?? "");
const never = (): Promise<void> => new Promise(() => undefined);

describe("a holder that hangs", () => {
  test("the standby takes the stream over; together they hold everything, in order, under one id each", async () => {
    const prosody = await start();
    const [first, second] = [testService("xmpp-1"), testService("xmpp-2")];
    const [one, two] = [await join(prosody, first), await join(prosody, second)];
    await own(first, one);
    expect(two.components[0]?.status).toBe("stopped");
    const bob = await client(prosody);
    // Its bus hangs after 100: what came later is read, and never acknowledged.
    first.courier.before = () => (first.courier.accepted.length < 100 ? Promise.resolve() : never());
    say(bob, 1, 100);
    await until("100 accepted", () => texts(first).length === 100);
    say(bob, 101, 300);
    await own(second, two);
    await until("the first is kicked", () => one.components[0]?.status === "conflict");
    say(bob, 301, 400);
    await until("the rest", () => texts(second).includes("n400"));
    expect(texts(first)).toEqual(range(1, 100));
    // Acknowledged before the take-over or not: a stanza that comes again has the same id.
    const again = texts(second).filter((text) => texts(first).includes(text));
    expect(texts(second)).toEqual([...again, ...range(101, 400)]);
    for (const text of again) {
      const ids = [first, second].map(
        (house) => house.courier.accepted.find((item) => item.draft.text === text)?.id,
      );
      expect(ids[0]).toBe(ids[1]);
    }
    expect(bob.text()).not.toContain("type='error'");
    first.gateway().owns?.(new Set(), new Map());
    expect(one.components[0]?.status).toBe("stopped");
  });

  test("one stanza that the bus does not hold keeps all behind it unacknowledged", async () => {
    const prosody = await start();
    const [first, second] = [testService("xmpp-1"), testService("xmpp-2")];
    const [one, two] = [await join(prosody, first), await join(prosody, second)];
    await own(first, one);
    const bob = await client(prosody);
    let asked = 0;
    first.courier.before = () => (++asked === 3 ? never() : Promise.resolve());
    say(bob, 1, 10);
    await until("all but one", () => texts(first).length === 9);
    // The acknowledgement of the first two goes out behind what the bus has answered.
    expect(await first.gateway().deliver(messageEvent(), attempt)).toEqual({ end: "handed" });
    await own(second, two);
    await until("the rest", () => texts(second).includes("n10"));
    expect(texts(second)).toEqual(range(3, 10));
  });

  test("letting go leaves at once, and what is not taken goes back", async () => {
    const prosody = await start();
    const house = testService();
    const link = await join(prosody, house);
    await own(house, link);
    prosody.child.signal("SIGSTOP");
    const handed = house.gateway().deliver(messageEvent(), attempt);
    house.gateway().owns?.(new Set(), new Map());
    expect(await handed).toEqual({ end: "away" });
    prosody.child.signal("SIGCONT");
    await own(house, link);
    expect(house.courier.woken).toMatchObject([{ local: "bob", domain: "xmpp.example" }]);
  });
});

describe("the server is killed", () => {
  test.each([true, false])(
    "module %s: messages under way wait, and go out again under the same id, in order",
    async (module) => {
      const prosody = await start({ module });
      const house = testService();
      await own(house, await join(prosody, house));
      prosody.child.signal("SIGSTOP");
      const events = range(1, 50).map((text) => messageEvent({ text }));
      const handed = Promise.all(events.map((event) => house.gateway().deliver(event, attempt)));
      await prosody.child.kill();
      const next = await prosody.again();
      open.push(() => next.child.stop());
      const bob = await client(next);
      expect(new Set((await handed).map((one) => one.end))).toEqual(new Set(["handed"]));
      await until("all", () => bodies(bob).length >= 50);
      expect(bodies(bob)).toEqual(range(1, 50));
      for (const event of events) expect(bob.text()).toContain(`id='${event.id}.sip.`);
      // The other way works again too.
      say(bob, 1, 3);
      await until("three", () => texts(house).length === 3);
    },
  );
});

describe("the bus", () => {
  test("is full: the sender is told to try again", async () => {
    const prosody = await start();
    const house = testService();
    await own(house, await join(prosody, house));
    const bob = await client(prosody);
    house.courier.before = () => Promise.reject(new BusFull("full"));
    say(bob, 1, 1);
    await bob.expect(/<message[^>]*type='error'[\s\S]*resource-constraint/);
  });

  test("is late: nobody is told anything, and it is tried again under the same id", async () => {
    const prosody = await start();
    const house = testService();
    await own(house, await join(prosody, house));
    const bob = await client(prosody);
    let late = 2;
    house.courier.before = () => (late-- > 0 ? Promise.reject(new BusTimeout("late")) : Promise.resolve());
    say(bob, 1, 1);
    await until("accepted", () => texts(house).length === 1);
    expect(bob.text()).not.toContain("type='error'");
  });

  test("stands still: reading stops at the limit, and nothing is lost when it goes on", async () => {
    const prosody = await start();
    const house = testService();
    await own(house, await join(prosody, house));
    const bob = await client(prosody);
    let asked = 0;
    let go: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => {
      go = resolve;
    });
    house.courier.before = () => {
      asked += 1;
      return gate;
    };
    say(bob, 1, 5_000);
    bob.write("<iq type='get' id='all-read' to='xmpp.example'><ping xmlns='urn:xmpp:ping'/></iq>");
    await bob.expect(/id='all-read'/, 30_000);
    await until("reading has stopped", () => asked > 1_000);
    const before = asked;
    expect(before).toBeLessThan(3_000);
    go();
    await until("all", () => texts(house).length === 5_000, 20_000);
    expect(texts(house)).toEqual(range(1, 5_000));
  });
});

describe("many at once", () => {
  test.each([true, false])("module %s: 5,000 handed over in order", async (module) => {
    const prosody = await start({ module });
    const house = testService();
    await own(house, await join(prosody, house));
    const bob = await client(prosody);
    const began = performance.now();
    const ends = await Promise.all(
      range(1, 5_000).map((text) => house.gateway().deliver(messageEvent({ text }), attempt)),
    );
    const took = performance.now() - began;
    expect(new Set(ends.map((one) => one.end))).toEqual(new Set(["handed"]));
    await until("all heard", () => bodies(bob).length >= 5_000, 20_000);
    expect(bodies(bob)).toEqual(range(1, 5_000));
    console.log(`5,000 messages handed over in ${took.toFixed(0)} ms (module ${module})`);
  });
});

describe("what health says", () => {
  test.each([
    ["a wrong secret", { secret: "wrong" }, true, "refused", false, /not-authorized/],
    [
      "a domain that the server does not know",
      { domains: ["other.example"] },
      true,
      "refused",
      false,
      /host-unknown/,
    ],
    [
      "acknowledgements required, and no module",
      { ack: "require" },
      false,
      "no-module",
      false,
      /unsupported-stanza-type/,
    ],
    ["no acknowledgements wanted", { ack: "off" }, true, "plain", true, /inbound best effort/],
  ] as const)("%s", async (_, part, module, status, well, why) => {
    const prosody = await start({ module });
    const house = testService();
    const link = await join(prosody, house, part);
    house.gateway().owns?.(allSlots, new Map());
    await until(status, () => link.components[0]?.status === status);
    const health = house.healths.get(`xmpp ${link.components[0]?.domain}`);
    expect(health?.well).toBe(well);
    expect(health?.why).toMatch(why);
  });

  test("nobody listens: connecting, and again", async () => {
    const prosody = await start();
    await prosody.child.kill();
    const house = testService();
    const link = await join(prosody, house);
    house.gateway().owns?.(allSlots, new Map());
    await until("not well", () => house.healths.get("xmpp sip.example")?.well === false);
    const next = await prosody.again();
    open.push(() => next.child.stop());
    await until("runs", () => link.components[0]?.running);
    expect(house.healths.get("xmpp sip.example")?.well).toBe(true);
  });

  test("another holder kicks us: conflict, and we do not fight", async () => {
    const prosody = await start();
    const house = testService();
    const link = await join(prosody, house);
    await own(house, link);
    const other = await rawComponent(prosody.componentPort, "sip.example", prosody.secret);
    open.push(() => other.end());
    await until("conflict", () => link.components[0]?.status === "conflict");
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect(other.closed).toBe(false);
  });
});

test("a stanza longer than we read is refused, and stops nobody", async () => {
  const prosody = await start();
  const house = testService();
  const link = await join(prosody, house, { maxStanza: 10_000 });
  await own(house, link);
  const bob = await client(prosody);
  bob.write(`<message to='alice@sip.example' id='big'><body>${"x".repeat(20_000)}</body></message>`);
  say(bob, 1, 1);
  await until("the next message", () => texts(house).includes("n1"));
  const [error] = await bob.expect(/<message[^>]*id='big'[\s\S]*?<\/message>/);
  expect(error).toContain("policy-violation");
  expect(texts(house)).toEqual(["n1"]);
});

test("a stanza that cannot be read at all is passed over the second time", async () => {
  const prosody = await start();
  const house = testService();
  const link = await join(prosody, house, { maxStanza: 10_000 });
  await own(house, link);
  const bob = await client(prosody);
  // More than even skipping allows: the stream breaks, twice, at the same number.
  bob.write(`<message to='alice@sip.example' id='big'><body>${"x".repeat(200_000)}</body></message>`);
  say(bob, 1, 1);
  await until("the next message", () => texts(house).includes("n1"));
  expect(link.components[0]?.status).toBe("acked");
});
