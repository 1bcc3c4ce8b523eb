// Who is known again: two Parleys in one room, somebody who is in our room and in theirs, and a foreign client with its own library.
// Against Prosody's MUC, which shows real addresses here.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { until } from "#test/servers/child.ts";
import { hasSlixmpp } from "#test/support/slixmpp.ts";
import { host } from "../prosody-for-test.ts";
import { rawClient } from "../raw-for-test.ts";
import { slixmpp } from "../slixmpp-for-test.ts";
import { type LegsHouse, muc, openLegsHouse, type Visitor, visit } from "./house-for-test.ts";

const pause = (ms: number): Promise<void> => new Promise((go) => setTimeout(go, ms));
const talk = `talk@${muc}`;
const room = { local: "talk", domain: muc };

describe("people who are known again", () => {
  let first: LegsHouse;
  let second: LegsHouse;
  let bob: Visitor;

  beforeAll(async () => {
    first = await openLegsHouse(["bob", "carol"], {
      conference: { rooms: { lobby: { legs: [{ carrier: "xmpp", channel: `tied@${muc}` }] } } },
      muc: "muc_room_default_public_jids = true",
    });
    second = await openLegsHouse([], { beside: first });
    await first.gateway("xmpp-1");
    await second.gateway("xmpp-2");
    bob = await visit(first, "bob", talk, "Bob");
  });
  afterAll(async () => {
    bob?.end();
    await second?.close();
    await first?.close();
  });

  test("two Parleys meet: each sees the other's people once, and hears them once", async () => {
    const alice = await first.web("alice", room, "Alice");
    const erik = await first.web("erik", room, "Erik");
    const dora = await second.web("dora", room, "Dora");
    const all = "Alice,Bob,Dora,Erik";
    await until("all are shown", () => alice.nicks().join() === all && dora.nicks().join() === all);
    expect(await alice.say("from the first")).toMatchObject({ outcome: "handed" });
    expect(await dora.say("from the second")).toMatchObject({ outcome: "handed" });
    bob.say("b1", "from outside");
    const words = (who: typeof alice): string[] => who.said().sort();
    const expected = ["Alice: from the first", "Bob: from outside", "Dora: from the second"];
    await until("all is heard", () => words(alice).length >= 3 && words(dora).length >= 3);
    await pause(500);
    expect(words(alice)).toEqual(expected);
    expect(words(dora)).toEqual(expected);
    expect(bob.bodies(/from the/)).toHaveLength(2);
    expect(alice.nicks().join()).toBe(all);
    await erik.leave();
    await until("he has left for all", () => dora.nicks().join() === "Alice,Bob,Dora");
    await alice.leave();
    await dora.leave();
  });

  test("who is in our room by himself is not shown a second time, and is heard from there too", async () => {
    const lobby = { local: "lobby", domain: "rooms.example" };
    const alice = await first.web("alice", lobby, "Alice");
    const carol = await rawClient(first.prosody.clientPort, host, "carol");
    carol.write(
      "<presence to='lobby@rooms.example/Carol'><x xmlns='http://jabber.org/protocol/muc'/></presence>",
    );
    await until("she is in ours", () => alice.nicks().join() === "Alice,Carol");
    carol.write(`<presence to='tied@${muc}/Caro'><x xmlns='http://jabber.org/protocol/muc'/></presence>`);
    await carol.expect(/from='tied@muc\.other\.example\/Caro'/);
    carol.write(`<message to='tied@${muc}' type='groupchat' id='c1'><body>over there</body></message>`);
    await until("heard", () => alice.said().some((one) => one.endsWith(": over there")));
    await pause(500);
    expect(alice.nicks()).toEqual(["Alice", "Carol"]);
    carol.end();
    await alice.leave();
  });

  test.runIf(hasSlixmpp())("a client of another library hears and is heard", async () => {
    const client = await slixmpp(
      first.prosody.clientPort,
      `carol@${host}/slix`,
      "pw-carol",
      "rooms-slixmpp-for-test.py",
    );
    client.do({ do: "join", room: talk, nick: "Caro" });
    const alice = await first.web("alice", room, "Alice");
    await until("she is shown", () => alice.nicks().includes("Caro"));
    client.do({ do: "say", room: talk, id: "s1", body: "from slixmpp" });
    await until("heard", () => alice.said().includes("Caro: from slixmpp"));
    await alice.say("to slixmpp");
    await client.tells({ kind: "said", body: "to slixmpp", sender: `${talk}/Alice` });
    await alice.say("psst", { to: "Caro" });
    await client.tells({ kind: "private", body: "psst", sender: `${talk}/Alice` });
    client.stop();
    await alice.leave();
  });
});
