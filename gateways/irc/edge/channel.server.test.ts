// A channel on a real ngIRCd as a leg of a hosted room: what is said both ways, who is there, and who does what.
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { main as conference } from "../../../conference-svc/main.ts";
import { ForeignClient, type Ircd, startNgircd } from "./foreign-client.ts";
import { openRoomsHouse, type RoomsHouse, type RoomsHouseOptions } from "./rooms-house.ts";

let ircd: Ircd;
let house: RoomsHouse | undefined;
const clients: ForeignClient[] = [];

beforeAll(async () => {
  ircd = await startNgircd();
});
afterAll(async () => {
  await ircd.child.stop();
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await house?.stop();
  house = undefined;
});

const login = async (nick: string): Promise<ForeignClient> => {
  const client = await ForeignClient.login(ircd.port, nick);
  clients.push(client);
  client.write("JOIN #lobby");
  await client.next((line) => / 366 /.test(line));
  return client;
};

const open = async (options: Partial<RoomsHouseOptions> = {}): Promise<RoomsHouse> => {
  house = await openRoomsHouse(ircd.port, { startConference: conference, ...options });
  return house;
};

/** Resolves when the room shows this one. */
const shown = (parts: RoomsHouse, nick: string): Promise<unknown> =>
  parts.until(() => [...parts.view().participants.values()].some((one) => one.nick === nick));

describe("said", () => {
  test("by the person's own nick into the channel, and back into the room", async () => {
    const zoe = await login("zoe");
    const parts = await open();
    await parts.join("alice");
    await zoe.next((line) => /^:alice!.* JOIN :?#lobby$/.test(line));
    await parts.say("alice", "hello channel");
    await zoe.next((line) => /^:alice!.* PRIVMSG #lobby :hello channel$/.test(line));
    await shown(parts, "zoe");
    zoe.say("#lobby", "\x02hi\x02 room");
    zoe.say("#lobby", "\x01ACTION waves\x01");
    await parts.until(() => parts.said().length === 3);
    expect(parts.said()).toEqual(["<alice> hello channel", "<zoe> hi room", "<zoe> waves"]);
    const [, said, acted] = parts.changes("said");
    expect(said?.message).toMatchObject({
      leg: "irc-demo/#lobby",
      from: { key: "irc-demo/#lobby/zoe", address: { local: "zoe", domain: "irc.example" } },
      spans: [{ from: 0, to: 2, style: "bold" }],
    });
    expect(acted?.message.action).toBe(true);
  });
});
