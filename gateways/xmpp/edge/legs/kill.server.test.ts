// The whole house: people of the web in a room that Prosody hosts, while the holder of the XMPP streams is killed, twice. Nothing that was
// said on either side is lost or there twice, nobody is seen to leave, and what theirs say keeps its order.
import { afterAll, beforeAll, expect, test } from "vitest";
import { WebRoom } from "#test/cast/web-room.ts";
import { type House, openHouse } from "#test/plays/house.ts";
import { until } from "#test/servers/child.ts";
import { type Raw, rawClient } from "../raw-for-test.ts";

const muc = "muc.other.example";
const den = `den@${muc}`;
const x = "<x xmlns='http://jabber.org/protocol/muc'/>";
let house: House;
let bob: Raw;

beforeAll(async () => {
  house = await openHouse({
    instances: 2,
    people: ["alice", "dora", "bob"],
    gateways: ["xmpp", "web"],
    conference: { create: "accounts" },
    elsewhere: muc,
  });
}, 120_000);
afterAll(async () => {
  bob?.end();
  await house?.close();
});

const pause = (ms: number): Promise<void> => new Promise((go) => setTimeout(go, ms));
const bodies = (who: Raw, start: string): string[] =>
  who
    .all(/<message [^>]*?type='groupchat'[^>]*?>(?:(?!<\/message>)[\s\S])*?<body>([^<]*)<\/body>/)
    .map((one) => one[1] ?? "")
    .filter((body) => body.startsWith(start));

test("kill -9 of each holder in turn, while both sides speak", async () => {
  bob = await rawClient(house.ports.c2s, "xmpp.example", "bob");
  bob.write(`<presence to='${den}/Bob'>${x}</presence>`);
  await bob.expect(/<subject/, 20_000);
  bob.write(
    `<iq type='set' id='unlock' to='${den}'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'/></query></iq>`,
  );
  await bob.expect(/id='unlock'/);
  const web = (name: string): WebRoom =>
    new WebRoom({
      ports: house.ports.web,
      address: `${name}@web.example`,
      password: `pw-${name}`,
      room: den,
    });
  const [alice, dora] = [web("alice"), web("dora")];
  for (const [who, nick] of [
    [alice, "Alice"],
    [dora, "Dora"],
  ] as const) {
    await who.joins(nick);
    await bob.expect(new RegExp(`from='${den}/${nick}'`), 20_000);
  }
  await until("Bob is shown", () => alice.roster.has("Bob") && dora.roster.has("Bob"), 20_000);
  const theirs: string[] = [];
  const ours: string[] = [];
  const talk = async (count: number): Promise<void> => {
    for (let n = 0; n < count; n += 1) {
      const line = `theirs ${theirs.length}`;
      theirs.push(line);
      bob.write(
        `<message to='${den}' type='groupchat' id='m${theirs.length}'><body>${line}</body></message>`,
      );
      await pause(20);
    }
  };
  const answer = async (count: number): Promise<void> => {
    for (let n = 0; n < count; n += 1) {
      const line = `ours ${ours.length}`;
      ours.push(line);
      await (n % 2 === 0 ? alice : dora).says(line);
      await pause(30);
    }
  };
  const heard = (who: WebRoom): string[] =>
    who.transcript.flatMap((entry) =>
      entry.kind === "said" && entry.text.startsWith("theirs") ? [entry.text] : [],
    );
  for (const name of ["xmpp-1", "xmpp-2"]) {
    const speaking = Promise.all([talk(150), answer(60)]);
    await pause(800);
    await house.kill(name);
    await speaking;
    await until(`all of theirs is heard after ${name}`, () => heard(dora).length >= theirs.length, 90_000);
    await until(
      `all of ours is heard after ${name}`,
      () => bodies(bob, "ours").length >= ours.length,
      90_000,
    );
    await house.start(name);
  }
  await pause(1_000);
  expect(heard(alice)).toEqual(theirs);
  expect(heard(dora)).toEqual(theirs);
  const said = bodies(bob, "ours");
  expect([...new Set(said)].sort()).toEqual([...ours].sort());
  // What was written and not acknowledged is sent again under the same id.
  console.info(
    `${theirs.length} of theirs, ${ours.length} of ours, ${said.length - ours.length} of ours seen twice`,
  );
  expect(said.length - ours.length).toBeLessThanOrEqual(2);
  expect(
    /from='den@muc\.other\.example\/(Alice|Dora)'[^>]*type='unavailable'|type='unavailable'[^>]*from='den@muc\.other\.example\/(Alice|Dora)'/.test(
      bob.text(),
    ),
  ).toBe(false);
  await alice.leaves();
  await dora.leaves();
}, 240_000);
