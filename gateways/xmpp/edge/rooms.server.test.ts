// Rooms against a real Prosody, with raw XMPP clients: who comes in, what he is shown, what is said.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { host } from "./prosody-for-test.ts";
import { type Raw, rawClient } from "./raw-for-test.ts";
import { openRoomsHouse, type RoomsHouse, running } from "./rooms-house-for-test.ts";

const muc = "http://jabber.org/protocol/muc";
const x = `<x xmlns='${muc}'/>`;

describe.each([
  ["with mod_parley_ack", true],
  ["as a plain component", false],
])("two people in a room, %s", (_, module) => {
  let house: RoomsHouse;
  let bob: Raw;
  let carol: Raw;

  beforeAll(async () => {
    house = await openRoomsHouse(["bob", "carol"], { create: "everybody" }, { module });
    const { link } = await house.gateway("xmpp-1");
    await running(link);
    bob = await rawClient(house.prosody.clientPort, host, "bob");
    carol = await rawClient(house.prosody.clientPort, host, "carol");
  });
  afterAll(async () => {
    bob?.end();
    carol?.end();
    await house?.close();
  });

  test("the first one makes the room", async () => {
    bob.write(`<presence to='lobby@rooms.example/Bob'>${x}</presence>`);
    const [self] = await bob.expect(/<presence[^>]*from='lobby@rooms.example\/Bob'[\s\S]*?<\/presence>/);
    expect(self).toContain("<status code='110'/>");
    expect(self).toContain("<status code='201'/>");
    expect(self).toMatch(/affiliation='owner'/);
    await bob.expect(/<message[^>]*type='groupchat'[^>]*><subject\/>|<subject[^>]*><\/subject>/);
  });

  test("the second one is shown to the first, and sees him before himself", async () => {
    carol.write(`<presence to='lobby@rooms.example/Carol'>${x}</presence>`);
    await carol.expect(/<subject/);
    const order = carol.all(/<presence[^>]*from='lobby@rooms.example\/(\w+)'/).map((one) => one[1]);
    expect(order).toEqual(["Bob", "Carol"]);
    await bob.expect(/from='lobby@rooms.example\/Carol'/);
  });

  test("they talk, and each hears himself", async () => {
    bob.write("<message to='lobby@rooms.example' type='groupchat' id='m1'><body>hello</body></message>");
    for (const one of [bob, carol]) {
      const [said] = await one.expect(/<message[^>]*id='m1'[\s\S]*?<\/message>/);
      expect(said).toContain("<body>hello</body>");
      expect(said).toMatch(/<stanza-id [^>]*by='lobby@rooms.example'/);
      expect(said).toContain("urn:xmpp:occupant-id:0");
    }
  });
});
