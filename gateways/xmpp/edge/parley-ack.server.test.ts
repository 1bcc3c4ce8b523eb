// deploy/prosody/mod_parley_ack.lua in a real Prosody, against raw components and clients: urn:parley:ack:0, EDGES.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { until } from "#test/servers/child.ts";
import { host, type Prosody, startProsody } from "./prosody-for-test.ts";
import { type Raw, rawClient, rawComponent } from "./raw-for-test.ts";

const xmlns = "urn:parley:ack:0";
let prosody: Prosody;
let bob: Raw;

// One domain a test: a queue outlives its connections.
const components = {
  "basic.example": "",
  "take.example": "",
  "fresh.example": "",
  "hold.example": "parley_ack_hold = 1",
  "away.example": "parley_ack_hold = 1",
  "count.example": "parley_ack_max_stanzas = 10",
  "bytes.example": "parley_ack_max_bytes = 4000",
  "kick.example": "",
  "loser.example": 'component_conflict_resolve = "kick_new"',
  "plain.example": "parley_ack_grace = 0.3",
  "barrier.example": "",
  "wrong.example": "",
  "fast.example": "",
  "iq.example": "",
  "stop.example": "",
  "back.example": "parley_ack_hold = 1",
  "reload.example": "",
  "late.example": "modules_enabled = {}",
  "fan.example": "",
  "false.example": "",
};

beforeAll(async () => {
  prosody = await startProsody({ users: ["bob", "carol"], components });
  bob = await rawClient(prosody.clientPort, host, "bob");
});
afterAll(async () => {
  bob?.end();
  await prosody?.child.stop();
});

const component = (domain: string): Promise<Raw> =>
  rawComponent(prosody.componentPort, domain, prosody.secret);

const say = (domain: string, from: number, to: number): void => {
  let all = "";
  for (let n = from; n <= to; n++)
    all += `<message to='x@${domain}' type='chat' id='${domain}-${n}'><body>n${n}</body></message>`;
  bob.write(all);
};
/** The numbers of the messages that this connection has got. */
const numbers = (raw: Raw): number[] => raw.all(/<body>n(\d+)<\/body>/).map((match) => Number(match[1]));
const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, i) => from + i);

const enable = async (raw: Raw): Promise<{ id: string; h: number }> => {
  raw.write(`<enable xmlns='${xmlns}'/>`);
  const [tag] = await raw.expect(/<enabled [^>]*>/);
  return {
    id: /id=['"]([^'"]*)/.exec(tag)?.[1] ?? "",
    h: Number(/ h=['"](\d+)/.exec(tag)?.[1]),
  };
};
const got = (raw: Raw, count: number): Promise<unknown> =>
  until(`${count} messages`, () => numbers(raw).length >= count);
const ack = (raw: Raw, h: number): void => raw.write(`<a xmlns='${xmlns}' h='${h}'/>`);
/** Resolves when the server has worked through all that this component wrote. */
const barrier = async (raw: Raw, id: string): Promise<void> => {
  raw.write(`<r xmlns='${xmlns}' id='${id}'/>`);
  await raw.expect(new RegExp(`<a [^>]*id=['"]${id}['"]`));
};
const bounce = (id: string): Promise<RegExpMatchArray> =>
  bob.expect(new RegExp(`<message[^>]*id=['"]${id}['"](?:(?!</message>)[\\s\\S])*</message>`));

describe("a killed holder loses nothing", () => {
  test("500 sent, 200 acknowledged, holder killed, 100 more: the next one gets exactly the other 400 in order", async () => {
    const first = await component("take.example");
    const queue = await enable(first);
    expect(queue.h).toBe(0);
    say("take.example", 1, 500);
    await got(first, 500);
    ack(first, 200);
    await barrier(first, "acked");
    first.socket.resetAndDestroy();
    say("take.example", 501, 600);

    const second = await component("take.example");
    second.write(`<resume xmlns='${xmlns}' previd='${queue.id}' h='200'/>`);
    await second.expect(/<resumed [^>]*h=['"]200['"]/);
    await got(second, 400);
    expect(numbers(second)).toEqual(range(201, 600));
    expect(bob.text()).not.toContain("type='error'");
    second.end();
  });

  test("a holder that knows of nothing earlier adopts the queue and its numbers", async () => {
    const first = await component("fresh.example");
    const queue = await enable(first);
    say("fresh.example", 1, 5);
    await got(first, 5);
    ack(first, 2);
    await barrier(first, "acked");
    first.end();
    const second = await component("fresh.example");
    expect(await enable(second)).toEqual({ id: queue.id, h: 2 });
    await got(second, 3);
    expect(numbers(second)).toEqual([3, 4, 5]);
    second.end();
  });

  test("what waited while nobody was connected says since when", async () => {
    say("basic.example", 1, 1);
    const holder = await component("basic.example");
    await enable(holder);
    await holder.expect(/<delay [^>]*urn:xmpp:delay[^>]*>/);
    holder.end();
  });

  test("10,000 waiting stanzas come fast", async () => {
    say("fast.example", 1, 10_000);
    // Ours is another connection: only bob's own answer shows that the server has read them all.
    bob.write("<iq type='get' id='all-read' to='xmpp.example'><ping xmlns='urn:xmpp:ping'/></iq>");
    await bob.expect(/id='all-read'/, 30_000);
    const holder = await component("fast.example");
    const began = performance.now();
    await enable(holder);
    await until("10,000", () => numbers(holder).length >= 10_000, 20_000);
    const took = performance.now() - began;
    expect(numbers(holder)).toEqual(range(1, 10_000));
    console.log(`10,000 waiting stanzas handed to a new holder in ${took.toFixed(0)} ms`);
    expect(took).toBeLessThan(5_000);
    holder.end();
  });
});

describe("limits have an answer", () => {
  test("nobody came back within the hold: bounced recipient-unavailable", async () => {
    const holder = await component("hold.example");
    await enable(holder);
    holder.end();
    say("hold.example", 1, 2);
    const [first] = await bounce("hold.example-1");
    expect(first).toMatch(/type='error'/);
    expect(first).toMatch(/<error[^>]*type='wait'/);
    expect(first).toContain("recipient-unavailable");
    await bounce("hold.example-2");
    say("hold.example", 3, 3);
    await bounce("hold.example-3");
    // Bounced numbers are never used again.
    const next = await component("hold.example");
    const { h } = await enable(next);
    say("hold.example", 4, 4);
    await got(next, 1);
    expect(h).toBe(2);
    expect(numbers(next)).toEqual([4]);
    next.end();
  });

  test("who comes back within the hold finds all, and nothing is bounced later", async () => {
    const holder = await component("back.example");
    const queue = await enable(holder);
    say("back.example", 1, 2);
    await got(holder, 2);
    holder.end();
    const next = await component("back.example");
    next.write(`<resume xmlns='${xmlns}' previd='${queue.id}' h='1'/>`);
    await got(next, 1);
    await new Promise((resolve) => setTimeout(resolve, 1_300));
    say("back.example", 3, 3);
    await got(next, 2);
    expect(numbers(next)).toEqual([2, 3]);
    expect(bob.text()).not.toMatch(
      /id='back\.example-\d'[^>]*type='error'|type='error'[^>]*id='back\.example-\d'/,
    );
    next.end();
  });

  test("nobody ever came: the hold runs from the start of the server", async () => {
    say("away.example", 1, 1);
    await bounce("away.example-1");
  });

  test("too many unacknowledged: bounced resource-constraint, the earlier ones stay", async () => {
    const holder = await component("count.example");
    await enable(holder);
    say("count.example", 1, 12);
    expect((await bounce("count.example-11"))[0]).toContain("resource-constraint");
    await bounce("count.example-12");
    await got(holder, 10);
    expect(numbers(holder)).toEqual(range(1, 10));
    ack(holder, 10);
    await barrier(holder, "room");
    say("count.example", 13, 13);
    await got(holder, 11);
    expect(numbers(holder).at(-1)).toBe(13);
    holder.end();
  });

  test("too many bytes unacknowledged: likewise", async () => {
    const holder = await component("bytes.example");
    await enable(holder);
    bob.write(`<message to='x@bytes.example' id='big-1'><body>${"y".repeat(3_000)}</body></message>`);
    bob.write(`<message to='x@bytes.example' id='big-2'><body>${"y".repeat(3_000)}</body></message>`);
    expect((await bounce("big-2"))[0]).toContain("resource-constraint");
    await holder.expect(/id='big-1'/);
    holder.end();
  });
});

describe("one holder at a time", () => {
  test("kick_old: the new one takes over what the old one had not acknowledged", async () => {
    const old = await component("kick.example");
    const queue = await enable(old);
    say("kick.example", 1, 3);
    await got(old, 3);
    ack(old, 1);
    await barrier(old, "acked");
    const next = await component("kick.example");
    await old.expect(/<conflict /);
    await until("the old one is closed", () => old.closed);
    next.write(`<resume xmlns='${xmlns}' previd='${queue.id}' h='2'/>`);
    await got(next, 1);
    expect(numbers(next)).toEqual([3]);
    next.end();
  });

  test("kick_new: the rejected one takes nothing from the holder", async () => {
    const holder = await component("loser.example");
    await enable(holder);
    await expect(component("loser.example")).rejects.toThrow();
    say("loser.example", 1, 1);
    await got(holder, 1);
    holder.end();
  }, 20_000);
});

describe("what a component says", () => {
  test("a plain component gets what waited, and all later stanzas, without asking", async () => {
    say("plain.example", 1, 2);
    const plain = await component("plain.example");
    await got(plain, 2);
    say("plain.example", 3, 3);
    await got(plain, 3);
    expect(numbers(plain)).toEqual([1, 2, 3]);
    plain.end();
    // And its successor finds nothing of that in the queue.
    const next = await component("plain.example");
    await enable(next);
    say("plain.example", 4, 4);
    await got(next, 1);
    expect(numbers(next)).toEqual([4]);
    next.end();
  });

  test("an error comes before the answer to the barrier", async () => {
    const holder = await component("barrier.example");
    await enable(holder);
    holder.write(
      "<message from='a@barrier.example' to='nobody@xmpp.example' type='chat' id='lost'><body>x</body></message>",
    );
    await barrier(holder, "after");
    expect(holder.text()).toMatch(/id='lost'[\s\S]*<a [^>]*id='after'/);
    holder.end();
  });

  test.each([
    ["an unknown queue", "previd='nonsense' h='0'"],
    ["a counter ahead of ours", "previd='QUEUE' h='99'"],
    ["a counter behind ours", "previd='QUEUE' h='0'"],
    ["no counter", "previd='QUEUE'"],
    ["a negative counter", "previd='QUEUE' h='-1'"],
    ["a broken counter", "previd='QUEUE' h='BROKEN'"],
  ])("resume with %s fails, and enable still works", async (_, attributes) => {
    const first = await component("wrong.example");
    const queue = await enable(first);
    say("wrong.example", 1, 2);
    await got(first, 2);
    ack(first, queue.h + 1);
    ack(first, 9_999);
    await barrier(first, "acked");
    first.end();
    const next = await component("wrong.example");
    next.write(
      `<resume xmlns='${xmlns}' ${attributes.replace("QUEUE", queue.id).replace("BROKEN", `${queue.h + 1}.5`)}/>`,
    );
    await next.expect(/<failed [^>]*>/);
    const again = await enable(next);
    expect(again).toEqual({ id: queue.id, h: queue.h + 1 });
    await got(next, 1);
    ack(next, again.h + 1);
    await barrier(next, "done");
    next.end();
  });

  test("requests and results are queued like messages; a result is never bounced", async () => {
    bob.write("<iq type='get' id='q1' to='x@iq.example'><ping xmlns='urn:xmpp:ping'/></iq>");
    bob.write("<iq type='result' id='q2' to='x@iq.example'/>");
    bob.write("<presence to='x@iq.example' type='subscribe' id='p1'/>");
    const holder = await component("iq.example");
    await enable(holder);
    await holder.expect(/<iq[^>]*id='q1'[\s\S]*<iq[^>]*id='q2'[\s\S]*<presence/);
    holder.end();
  });
});

describe("the module is loaded anew", () => {
  test("under a holder: stream, queue and numbers stay", async () => {
    const holder = await component("reload.example");
    const queue = await enable(holder);
    say("reload.example", 1, 2);
    await got(holder, 2);
    ack(holder, 1);
    await barrier(holder, "acked");
    expect(await prosody.shell("module:reload('parley_ack', 'reload.example')")).toContain("OK");
    say("reload.example", 3, 3);
    await got(holder, 3);
    await barrier(holder, "after");
    holder.end();
    const next = await component("reload.example");
    expect(await enable(next)).toEqual({ id: queue.id, h: 1 });
    await got(next, 2);
    expect(numbers(next)).toEqual([2, 3]);
    next.end();
  });

  test("for the first time, under a plain component: it stays a plain one", async () => {
    const plain = await component("late.example");
    say("late.example", 1, 1);
    await got(plain, 1);
    expect(await prosody.shell("module:load('parley_ack', 'late.example')")).toContain("OK");
    say("late.example", 2, 2);
    await got(plain, 2);
    plain.end();
    const next = await component("late.example");
    expect((await enable(next)).h).toBe(0);
    say("late.example", 3, 3);
    await got(next, 1);
    expect(numbers(next)).toEqual([3]);
    next.end();
  });
});

describe("one stanza for many", () => {
  const inner = (id: string): string =>
    `from='room@fan.example/Ünal &amp; ich' type='groupchat' id='${id}' xml:lang='de'><body>a &lt; b
c</body><thread>t</thread><x xmlns='urn:x'><y/><item xmlns='jabber:component:accept'/></x></message>`;
  const fan = (id: string, names: string): string =>
    `<fan xmlns='${xmlns}'><message xmlns='jabber:component:accept' ${inner(id)}<to>${names}</to></fan>`;
  const copies = (raw: Raw, id: string): RegExpMatchArray[] =>
    raw.all(new RegExp(`<message[^>]*id='${id}'(?:(?!</message>)[\\s\\S])*</message>`));
  // The order of attributes is none.
  const sorted = (text: string): string =>
    text.replace(/<([a-z]+) ([^>]*?)(\/?)>/g, (_, name, attrs, end) => {
      return `<${name} ${attrs
        .match(/[^ =]+='[^']*'/g)
        ?.sort()
        .join(" ")}${end}>`;
    });

  test("it arrives at each as a copy of its own would, in the order of the stream", async () => {
    const holder = await component("fan.example");
    holder.write(`<enable xmlns='${xmlns}'/>`);
    await holder.expect(/<enabled [^>]*fan='1'/);
    const carol = await rawClient(prosody.clientPort, host, "carol", "a desk");
    const [atBob, atCarol] = [`bob@${host}/desk`, `CAROL@${host}/a desk`];
    holder.write(`<message to='${atBob}' ${inner("alone")}`);
    holder.write(fan("many", `${atBob}\n@@/\nnobody@${host}/gone\n${atCarol}`));
    holder.write(`<message to='${atBob}' ${inner("behind")}`);
    await barrier(holder, "fanned");
    await bob.expect(/id='behind'/);
    await carol.expect(/id='many'/);
    const [alone, many] = [copies(bob, "alone"), copies(bob, "many")].map((all) => all.map(([text]) => text));
    expect(many).toHaveLength(1);
    expect(sorted(many?.[0] ?? "")).toBe(sorted((alone?.[0] ?? "").replace("id='alone'", "id='many'")));
    expect(bob.text().indexOf("id='alone'")).toBeLessThan(bob.text().indexOf("id='many'"));
    expect(bob.text().indexOf("id='many'")).toBeLessThan(bob.text().indexOf("id='behind'"));
    expect(copies(carol, "many")[0]?.[0]).toContain(`to='carol@${host}/a desk'`);
    // Who is not there is told of as with a copy of his own (RFC 6121 §8.5.3.2.1).
    await holder.expect(
      new RegExp(`type='error'[^>]*from='nobody@${host}/gone'|from='nobody@${host}/gone'[^>]*type='error'`),
    );
    for (const nothing of ["<fan xmlns='X'/>", "<fan xmlns='X'><to>a@b</to></fan>"])
      holder.write(nothing.replace("X", xmlns));
    await barrier(holder, "nothing");
    carol.end();
    holder.end();
  });

  test("from a sender of another domain it ends the stream, as a single copy does", async () => {
    const holder = await component("false.example");
    await enable(holder);
    holder.write(fan("false", `bob@${host}/desk`));
    await holder.expect(/invalid-from/);
    expect(bob.text()).not.toContain("id='false'");
    holder.end();
  });
});

test("a server that is stopped in order bounces what waits", async () => {
  say("stop.example", 1, 1);
  bob.write("<iq type='get' id='read-it' to='xmpp.example'><ping xmlns='urn:xmpp:ping'/></iq>");
  await bob.expect(/id='read-it'/);
  prosody.child.signal("SIGTERM");
  await bounce("stop.example-1");
});
