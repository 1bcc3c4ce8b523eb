// What becomes of what is said in this room? Asked in every protocol, of a room with people by each of them and a channel as its leg, on
// real servers; all are told the same. And whoever uses what the channel cannot show is left in peace.
import { afterAll, beforeAll, expect, test } from "vitest";
import type { RoomActor } from "#test/cast/room-actor.ts";
import { SipClient } from "#test/cast/sip-dialogs.ts";
import { statusOf } from "#test/cast/sip-message.ts";
import { openXmppClient, type XmppClient } from "#test/cast/xmpp-client.ts";
import { XmppRoom } from "#test/cast/xmpp-room.ts";
import { childOf, type Node } from "#test/cast/xmpp-stream.ts";
import { until } from "#test/servers/child.ts";
import { ForeignClient } from "../../gateways/irc/edge/foreign-client.ts";
import { type Json, openTestBrowser, type TestBrowser } from "../../gateways/webrtc/edge/test-browser.ts";
import { type House, openHouse, password } from "./house.ts";
import { atTheDoor, roomAddress } from "./room-company.ts";

const lobby = roomAddress("lobby");
const urn = "urn:parley:room:capabilities";
const names = ["sip", "web", "xmpp", "irc-demo/#lobby"];

let house: House;
let xmpp: XmppClient;
let browser: TestBrowser;
let ircer: ForeignClient;
let phone: RoomActor;

const inRoom = (name: string, fields: Json = {}): Promise<Json> =>
  browser.ask({ sylkrtc: `videoroom-${name}`, session: "s1", ...fields });
const of =
  (event: string, fields: Json = {}) =>
  (frame: Json): boolean =>
    frame.event === event && Object.entries(fields).every(([name, value]) => frame[name] === value);

beforeAll(async () => {
  const legs = [{ carrier: "irc-demo", channel: "#lobby" }];
  house = await openHouse({ people: ["anna", "xaver", "wim"], conference: { rooms: { lobby: { legs } } } });
  phone = await atTheDoor(house, "sip", "anna", "lobby");
  expect(await phone.joins("Anna")).toEqual({ answer: "done" });
  const address = "xaver@xmpp.example";
  xmpp = await openXmppClient({ port: house.ports.c2s, address, password: password("xaver") });
  expect(await new XmppRoom(xmpp, lobby).joins("Xaver")).toEqual({ answer: "done" });
  browser = await openTestBrowser(house.ports.web[0] ?? 0);
  const account = "wim@web.example";
  const login = { account, password: password("wim"), password_type: "plain", device_id: "tab" };
  expect(await browser.ask({ sylkrtc: "account-add", ...login })).toMatchObject({ sylkrtc: "ack" });
  await browser.ask({ sylkrtc: "videoroom-join", session: "s1", account, uri: lobby, nick: "Wim" });
  await browser.next(of("session-state", { state: "established" }), 20_000);
  ircer = await ForeignClient.login(house.ports.irc, "ines");
  ircer.write("JOIN #lobby");
  await until(
    "the channel's people are in the room, and its server is known",
    async () => {
      const { ways } = await askWeb();
      const leg = ways.find(({ name }) => name === "irc-demo/#lobby");
      return leg?.participants === 1 && leg.facts !== undefined && ways.length === names.length;
    },
    30_000,
  );
});
afterAll(async () => {
  browser?.close();
  await xmpp?.close();
  await phone?.close();
  await house?.close();
});

interface Told {
  readonly ways: readonly {
    readonly name: string;
    readonly participants: number;
    readonly fates: Readonly<Record<string, { readonly is: string }>>;
    readonly facts?: Json;
  }[];
  readonly lines: readonly string[];
}

async function askWeb(about?: string): Promise<Told> {
  const answer = await inRoom("capabilities", about === undefined ? {} : { about });
  expect(answer.sylkrtc).toBe("ack");
  return (await browser.next(of("capabilities"))) as unknown as Told;
}

test("in the browser", async () => {
  const { ways, lines } = await askWeb();
  expect(ways.map(({ name, participants }) => [name, participants])).toEqual(names.map((name) => [name, 1]));
  const fates = Object.fromEntries(ways.map((way) => [way.name, way.fates.retracted?.is]));
  expect(fates).toEqual({ sip: "dropped", web: "carried", xmpp: "carried", "irc-demo/#lobby": "dropped" });
  // ngIRCd passes no tags on: the gateway has learned it from the server, and says so.
  expect(ways.at(-1)).toMatchObject({
    facts: { "message-tags": false },
    fates: { reacted: { is: "dropped" } },
  });
  expect(lines).toContainEqual(expect.stringMatching(/^irc-demo\/#lobby, dropped: .*taking back/));
  expect((await askWeb("reactions")).lines).toContain(
    "irc-demo/#lobby, reactions: dropped: this server passes no tags on",
  );
});

const nodes = (node: Node | undefined): readonly Node[] => node?.children ?? [];

test("by disco#info, from an XMPP client", async () => {
  const info = async (id: string, node: string): Promise<Node | undefined> => {
    const query = `<query xmlns='http://jabber.org/protocol/disco#info'${node}/>`;
    void xmpp.sendStanza(`<iq to='${lobby}' type='get' id='${id}'>${query}</iq>`, id);
    const answer = await xmpp.stanza((one) => one.name === "iq" && one.attrs.id === id, 10_000);
    expect(answer.attrs.type).toBe("result");
    return childOf(answer, "query", "http://jabber.org/protocol/disco#info");
  };
  expect(nodes(await info("plain", "")).map(({ attrs }) => attrs.var)).toContain(urn);
  const form = nodes(await info("table", ` node='${urn}'`)).find(({ name }) => name === "x");
  const rows = nodes(form)
    .filter(({ name }) => name === "item")
    .map((item) => nodes(item).map((field) => [field.attrs.var, childOf(field, "value")?.text] as const))
    .map((cells) => Object.fromEntries(cells) as Record<string, string>);
  expect([...new Set(rows.map(({ way }) => way))]).toEqual(names);
  expect(rows).toContainEqual(
    expect.objectContaining({
      way: "irc-demo/#lobby",
      deed: "retracted",
      name: "taking back",
      fate: "dropped",
    }),
  );
});

test("by OPTIONS, from a phone", async () => {
  const identity = { address: "anna@sip.example", password: password("anna") };
  const client = await new SipClient({ ports: [house.ports.sip[0] ?? 0], ...identity }).open();
  const dialog = client.dialog(`sip:${lobby}`);
  const answer = await client.request("OPTIONS", dialog, [["Accept", "application/json"]], Buffer.alloc(0));
  await client.close();
  if (answer === undefined) throw new Error("not answered");
  expect(statusOf(answer)).toBe(200);
  const { ways } = JSON.parse(answer.body.toString("utf8")) as {
    ways: { name: string; dropped: string[] }[];
  };
  expect(ways.map(({ name }) => name)).toEqual(names);
  expect(ways.at(-1)?.dropped).toEqual(expect.arrayContaining(["retracted", "reacted"]));
});

test("from the channel, by /msg Parley", async () => {
  ircer.say("Parley", "capabilities #lobby");
  const line = await ircer.next((one) => / NOTICE ines :irc-demo\/#lobby, dropped: /.test(one));
  expect(line).toContain("taking back");
  ircer.say("Parley", "capabilities #lobby taking");
  await ircer.next((one) => one.includes("xmpp, taking back: carried"));
  ircer.say("Parley", "capabilities #elsewhere");
  await ircer.next((one) => one.includes("There is no room behind #elsewhere of which you may ask."));
});

test("who reacts and takes back is not told that the channel shows neither, and the channel hears nothing of it", async () => {
  const said = await inRoom("message", { message_id: "m1", content: "oops", content_type: "text/plain" });
  expect(said).toMatchObject({ sylkrtc: "ack", event_id: expect.any(String) });
  await ircer.next((one) => one.endsWith(" PRIVMSG #lobby :oops"));
  const before = ircer.lines.length;
  await inRoom("react", { event_id: said.event_id, emoji: ["👍"] });
  await inRoom("retract", { event_id: said.event_id });
  await browser.next(of("retracted"));
  // What is said afterwards has come everywhere: a complaint would have come before it.
  await inRoom("message", { message_id: "m2", content: "well", content_type: "text/plain" });
  await ircer.next((one) => one.endsWith(" PRIVMSG #lobby :well"));
  expect(ircer.lines.slice(before).filter((one) => / (NOTICE|PRIVMSG) /.test(one))).toHaveLength(1);
  expect(browser.events.filter(of("message", { type: "status" }))).toEqual([]);
  expect(browser.events.filter(of("message-delivery", { delivered: false }))).toEqual([]);
});
