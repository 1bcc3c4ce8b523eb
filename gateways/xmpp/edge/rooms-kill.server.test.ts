// The holder of the streams is killed while people talk in a room: nothing is lost, nobody leaves, order stands.
import { afterAll, beforeAll, expect, test } from "vitest";
import { type House, openHouse } from "#test/plays/house.ts";
import { until } from "#test/servers/child.ts";
import { type Raw, rawClient } from "./raw-for-test.ts";

const x = "<x xmlns='http://jabber.org/protocol/muc'/>";
let house: House;
let bob: Raw;
let carol: Raw;

beforeAll(async () => {
  house = await openHouse({
    instances: 2,
    people: ["bob", "carol"],
    gateways: ["xmpp"],
    conference: { create: "everybody" },
  });
}, 120_000);
afterAll(async () => {
  bob?.end();
  carol?.end();
  await house?.close();
});

/** Each message once, by the room's id, in the order in which it came first. */
function heard(who: Raw): string[] {
  const seen = new Map<string, string>();
  for (const [stanza] of who.all(/<message [^>]*?>[\s\S]*?<\/message>/)) {
    const id = /<stanza-id (?:[^>]* )?id='([^']+)'/.exec(stanza)?.[1];
    const body = /<body>([^<]*)<\/body>/.exec(stanza)?.[1];
    if (id !== undefined && body !== undefined && !seen.has(id)) seen.set(id, body);
  }
  return [...seen.values()];
}

test("kill -9 of each holder in turn under talk", async () => {
  bob = await rawClient(house.ports.c2s, "xmpp.example", "bob");
  carol = await rawClient(house.ports.c2s, "xmpp.example", "carol");
  for (const [who, nick] of [
    [bob, "Bob"],
    [carol, "Carol"],
  ] as const) {
    who.write(`<presence to='den@rooms.example/${nick}'>${x}</presence>`);
    await who.expect(/<subject/, 20_000);
  }
  const wanted: string[] = [];
  const talk = async (count: number): Promise<void> => {
    for (let n = 0; n < count; n += 1) {
      const text = `line ${wanted.length}`;
      wanted.push(text);
      bob.write(
        `<message to='den@rooms.example' type='groupchat' id='m${wanted.length}'><body>${text}</body></message>`,
      );
      await new Promise((go) => setTimeout(go, 10));
    }
  };
  for (const name of ["xmpp-1", "xmpp-2"]) {
    const talking = talk(200);
    await new Promise((go) => setTimeout(go, 700));
    await house.kill(name);
    await talking;
    await talk(20);
    await until(`all is heard after ${name}`, () => heard(carol).length >= wanted.length, 60_000);
    await house.start(name);
  }
  await talk(5);
  await until(
    "the rest is heard",
    () => heard(carol).length >= wanted.length && heard(bob).length >= wanted.length,
    30_000,
  );
  expect(heard(carol)).toEqual(wanted);
  expect(heard(bob)).toEqual(wanted);
  for (const who of [bob, carol]) {
    expect(who.text()).not.toContain("type='unavailable'");
    expect(who.text()).not.toContain("type='error'");
    expect(who.all(/<subject/)).toHaveLength(1);
  }
}, 240_000);
