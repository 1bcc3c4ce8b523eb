// Rooms that others host, against Prosody's own MUC service with raw XMPP people in it: our people enter as themselves, hear and are heard.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { until } from "#test/servers/child.ts";
import { host } from "../prosody-for-test.ts";
import { type Raw, rawClient } from "../raw-for-test.ts";
import { type Guest, type LegsHouse, muc, openLegsHouse } from "./house-for-test.ts";

const x = "<x xmlns='http://jabber.org/protocol/muc'/>";
/** An instant room (XEP-0045 §10.1.2). */
const unlock = (room: string): string =>
  `<iq type='set' id='unlock' to='${room}'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'/></query></iq>`;

const talk = `talk@${muc}`;
const room = { local: "talk", domain: muc };

describe("a room that somebody else hosts", () => {
  let house: LegsHouse;
  let bob: Raw;
  let alice: Guest;

  beforeAll(async () => {
    house = await openLegsHouse(["bob", "carol"]);
    await house.gateway("xmpp-1");
    bob = await rawClient(house.prosody.clientPort, host, "bob");
    bob.write(`<presence to='${talk}/Bob'>${x}</presence>`);
    await bob.expect(/<status code='110'\/>/);
    bob.write(unlock(talk));
    await bob.expect(/id='unlock'/);
    bob.write(`<message to='${talk}' type='groupchat' id='b0'><body>before</body></message>`);
    await bob.expect(/id='b0'/);
  });
  afterAll(async () => {
    bob?.end();
    await house?.close();
  });

  test("somebody of the web enters as himself, and sees who is there", async () => {
    alice = await house.web("alice", room, "Alice");
    const [presence] = await bob.expect(
      /<presence[^>]*from='talk@muc.other.example\/Alice'[\s\S]*?<\/presence>/,
    );
    expect(presence).toContain("role='participant'");
    await until("Bob is shown", () => alice.nicks().join() === "Alice,Bob");
  });

  test("what was said before is shown, once", async () => {
    await until("history", () => alice.said().length > 0);
    expect(alice.said()).toEqual(["Bob: before"]);
  });

  test("he hears and is heard", async () => {
    bob.write(`<message to='${talk}' type='groupchat' id='b1'><body>hello web</body></message>`);
    await until("heard", () => alice.said().includes("Bob: hello web"));
    expect(await alice.say("hello xmpp")).toMatchObject({ outcome: "handed" });
    const [said] = await bob.expect(/<message[^>]*from='talk@muc.other.example\/Alice'[\s\S]*?<\/message>/);
    expect(said).toContain("<body>hello xmpp</body>");
    await until("his own words are there once", () => alice.said().includes("Alice: hello xmpp"));
    expect(alice.said().filter((one) => one.includes("hello xmpp"))).toHaveLength(1);
  });
});
