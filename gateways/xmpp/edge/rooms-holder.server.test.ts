// Rooms when the holder of the streams changes: occupants stay, and what was missed is shown by the next one.
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Party } from "#bus-schemas/address.ts";
import type { RoomDo } from "#bus-schemas/events/room-command.ts";
import { until } from "#test/servers/child.ts";
import { host } from "./prosody-for-test.ts";
import { type Raw, rawClient } from "./raw-for-test.ts";
import { openRoomsHouse, type RoomsHouse, running } from "./rooms-house-for-test.ts";

const x = "<x xmlns='http://jabber.org/protocol/muc'/>";
const room = { local: "den", domain: "rooms.example" };
const alice: Party = { local: "alice", domain: "sip.example", device: "d", assurance: "verified" };

describe("another holder", () => {
  let house: RoomsHouse;
  let bob: Raw;
  let carol: Raw;
  let sip: Awaited<ReturnType<RoomsHouse["sip"]>>;
  let count = 0;

  beforeEach(async () => {
    house = await openRoomsHouse(["bob", "carol"], {
      create: "everybody",
      rooms: { "den@rooms.example": { owners: [`bob@${host}`] } },
    });
    sip = await house.sip();
  });
  afterEach(async () => {
    bob?.end();
    carol?.end();
    await house?.close();
  });

  const client = async (name: string, nick: string): Promise<Raw> => {
    const raw = await rawClient(house.prosody.clientPort, host, name);
    raw.write(`<presence to='den@rooms.example/${nick}'>${x}</presence>`);
    await raw.expect(/<subject/);
    return raw;
  };
  const command = (what: RoomDo): ReturnType<typeof sip.rooms.command> =>
    sip.rooms.command({ room, from: alice, do: what });
  const join = (nick: string): ReturnType<typeof sip.rooms.command> =>
    command({
      kind: "join",
      nick,
      mangle: false,
      endpoint: {
        id: "sip:alice",
        carrier: "sip",
        instance: sip.courier.process,
        address: { local: "alice", domain: "sip.example", device: "d" },
        state: "connected",
        since: 0,
      },
    });
  const say = async (text: string, nick?: string): Promise<string | undefined> => {
    count += 1;
    const to = nick === undefined ? room : { ...room, device: nick };
    const taken = await sip.courier.accept(
      { from: alice, to, kind: "chat", text, messageId: `a${count}` },
      { source: "alice", transportId: `t${count}`, holdMs: 8_000 },
    );
    return taken.accepted ? (await taken.settled)?.outcome : taken.text;
  };

  test("shows what was said, who came, who went, while nobody held the streams", async () => {
    const first = await house.gateway("xmpp-1");
    await running(first.link);
    bob = await client("bob", "Bob");
    carol = await client("carol", "Carol");
    await bob.expect(/from='den@rooms.example\/Carol'/);
    expect((await join("Alice")).ok).toBe(true);
    expect(await say("before")).toBe("handed");
    await carol.expect(/<body>before<\/body>/);
    const before = carol.all(/<stanza-id [^>]*id='([^']+)'/).map((one) => one[1]);
    // What the server has taken is written down at most every 200 ms.
    await until("the number is written down", async () => {
      const bucket = await house.bus.connect().bucket("xmpp-rooms");
      return (await bucket.list("number.>")).length === 1 && (await bucket.list("roster.>")).length === 1;
    });
    await new Promise((go) => setTimeout(go, 400));
    await first.end();

    expect(await say("meanwhile 1")).toBe("handed");
    expect((await command({ kind: "nick", nick: "Alicia", mangle: false })).ok).toBe(true);
    expect(await say("meanwhile 2")).toBe("handed");
    expect(await say("only for you", "Carol")).toBe("handed");
    carol.write("<message to='den@rooms.example' type='groupchat' id='c1'><body>waiting</body></message>");

    const second = await house.gateway("xmpp-2");
    await running(second.link);
    await carol.expect(/<body>waiting<\/body>/, 30_000);
    for (const one of [bob, carol]) {
      await one.expect(/<body>meanwhile 2<\/body>[\s\S]*<body>waiting<\/body>/);
      expect(one.all(/<body>meanwhile 1<\/body>/)).toHaveLength(1);
      expect(one.all(/<body>before<\/body>/)).toHaveLength(1);
      expect(one.all(/code='303'/)).toHaveLength(1);
      await one.expect(/from='den@rooms.example\/Alicia'/);
      // Nobody is shown to come again.
      expect(one.all(/<subject/)).toHaveLength(1);
    }
    expect(carol.all(/<body>only for you<\/body>/)).toHaveLength(1);
    expect(bob.all(/<body>only for you<\/body>/)).toHaveLength(0);
    const ids = carol.all(/<stanza-id [^>]*id='([^']+)'/).map((one) => one[1]);
    expect(ids.slice(0, before.length)).toEqual(before);
    expect(new Set(ids).size).toBe(ids.length);
  }, 60_000);

  test("someone whose entering was not finished is shown the room", async () => {
    const first = await house.gateway("xmpp-1");
    await running(first.link);
    bob = await client("bob", "Bob");
    await first.end();
    carol = await rawClient(house.prosody.clientPort, host, "carol");
    carol.write(`<presence to='den@rooms.example/Carol'>${x}</presence>`);
    const second = await house.gateway("xmpp-2");
    await running(second.link);
    await carol.expect(/from='den@rooms.example\/Carol'[\s\S]*<subject/, 30_000);
    await bob.expect(/from='den@rooms.example\/Carol'/);
  }, 60_000);

  test("an XMPP server that was killed has forgotten its people: whoever does not come back is taken out", async () => {
    const { link } = await house.gateway("xmpp-1");
    await running(link);
    bob = await client("bob", "Bob");
    carol = await client("carol", "Carol");
    // What is under way when the server dies is sent again, and would come back of itself.
    await new Promise((go) => setTimeout(go, 500));
    await house.prosody.child.kill();
    await house.prosody.again();
    await running(link);
    bob = await client("bob", "Bob");
    await until("Carol is out", async () => {
      const { view, release } = await sip.rooms.follow(room, { event: () => undefined });
      const nicks = [...view.participants.values()].map(({ nick }) => nick);
      await release();
      return nicks.join(" ") === "Bob";
    });
  }, 60_000);
});
