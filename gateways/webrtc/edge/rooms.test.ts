// Rooms over real WebSockets on loopback: two instances of the gateway and the conference service, on one bus in memory.
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type MemoryServer, memoryServer } from "#bus-schemas/bus/memory.ts";
import { openRooms } from "#bus-schemas/rooms/open.ts";
import { type FakeService, fakeService } from "#test/support/fake-service.ts";
import { main as conference } from "../../../conference-svc/main.ts";
import { main } from "../main.ts";
import { portOf } from "./fake-courier.ts";
import { type Json, openTestBrowser, type TestBrowser } from "./test-browser.ts";

const uri = "lobby@rooms.example";
const people = ["dave", "erin", "fred"];
const directory = {
  domains: {
    "web.example": { homes: ["web"], deliver: "any" as const, faces: {} },
    "rooms.example": { homes: ["rooms"], deliver: "any" as const, faces: {} },
  },
  accounts: people.map((local) => ({ address: { local, domain: "web.example" }, password: "secret" })),
};

let server: MemoryServer;
let services: FakeService[];
let browsers: TestBrowser[];

async function start(
  name: "web" | "conference",
  instance: string,
  section: object = {},
): Promise<FakeService> {
  const service = fakeService({
    name,
    instance,
    bus: server.connect(),
    directory,
    sections: { web: { listen: "127.0.0.1:0", ackTimeout: "500ms", ...section }, conference: section },
  });
  await (name === "web" ? main : conference)(service);
  services.push(service);
  return service;
}

/** Somebody at the door: a browser that is logged in. */
async function login(user: string, at = 0, device = `${user}-tab`): Promise<TestBrowser> {
  const web = services.filter(({ name }) => name === "web")[at];
  if (web === undefined) throw new Error("no such instance");
  const browser = await openTestBrowser(portOf(web));
  browsers.push(browser);
  const account = `${user}@web.example`;
  const credentials = { account, password: "secret", password_type: "plain", device_id: device };
  expect(await browser.ask({ sylkrtc: "account-add", ...credentials })).toMatchObject({ sylkrtc: "ack" });
  return browser;
}

const join = (browser: TestBrowser, user: string, rest: Json = {}): Promise<Json> =>
  browser.ask({
    sylkrtc: "videoroom-join",
    session: "s1",
    account: `${user}@web.example`,
    uri,
    nick: user.toUpperCase(),
    ...rest,
  });
const inRoom = (browser: TestBrowser, name: string, rest: Json = {}): Promise<Json> =>
  browser.ask({ sylkrtc: `videoroom-${name}`, session: "s1", ...rest });
let count = 0;
const say = (browser: TestBrowser, content: string, rest: Json = {}): Promise<Json> =>
  inRoom(browser, "message", { message_id: `m${++count}`, content, content_type: "text/plain", ...rest });

const of =
  (event: string, fields: Json = {}) =>
  (frame: Json): boolean =>
    frame.event === event && Object.entries(fields).every(([name, value]) => frame[name] === value);
const established = of("session-state", { state: "established" });
const said = (content: string) => of("message", { content });

/** In the room, with the whole picture. */
async function seated(user: string, at = 0, rest: Json = {}, device?: string): Promise<TestBrowser> {
  const browser = await login(user, at, device);
  expect(await join(browser, user, rest)).toMatchObject({ sylkrtc: "ack" });
  await browser.next(established);
  return browser;
}
const all = (browser: TestBrowser, event: string): Json[] =>
  browser.events.filter((frame) => frame.event === event);
const quiet = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 150));

beforeEach(async () => {
  server = memoryServer();
  services = [];
  browsers = [];
  await start("conference", "conference-1");
  await start("web", "web-1");
});
afterEach(async () => {
  for (const browser of browsers) browser.close();
  for (const service of services.reverse()) await service.stop();
});

describe("a room on the web", () => {
  it("is made by whoever enters, and draws the whole picture before anything else", async () => {
    const dave = await seated("dave");
    const [accepted] = all(dave, "session-state");
    expect(accepted).toMatchObject({
      state: "accepted",
      audio: false,
      uri,
      created: true,
      resumed: false,
      self: { nick: "DAVE", uri: "dave@web.example", role: "moderator", affiliation: "owner" },
    });
    const erin = await seated("erin");
    expect(
      erin.events.filter(({ session }) => session === "s1").map(({ event, state }) => state ?? event),
    ).toEqual(["accepted", "roster", "history", "established"]);
    expect(all(erin, "roster")[0]).toMatchObject({
      first: true,
      last: true,
      participants: [{ nick: "DAVE" }, { nick: "ERIN", uri: "erin@web.example" }],
    });
    expect(JSON.stringify(erin.events)).not.toContain("dave@web.example");
    expect(await dave.next(of("participant-joined"))).toMatchObject({
      participant: { nick: "ERIN", uri: "erin@web.example", carriers: ["web"] },
    });
  });

  it("answers what is said with its number; others hear it as an event, his other tab too", async () => {
    const dave = await seated("dave");
    const erin = await seated("erin");
    const tab = await seated("dave", 0, {}, "dave-second");
    const answer = await say(dave, "hello", { message_id: "mine" });
    expect(answer).toMatchObject({
      sylkrtc: "ack",
      event_id: expect.any(String),
      number: expect.any(Number),
    });
    const heard = await erin.next(said("hello"));
    expect(heard).toMatchObject({
      number: answer.number,
      event_id: answer.event_id,
      message_id: "mine",
      sender: { nick: "DAVE" },
    });
    expect(await tab.next(said("hello"))).toMatchObject({ own: true });
    await quiet();
    expect(all(dave, "message")).toEqual([]);
    expect(all(erin, "participant-joined")).toEqual([]);
    // The same id again is the same message.
    expect(await say(dave, "hello", { message_id: "mine" })).toMatchObject({ number: answer.number });
    await quiet();
    expect(all(erin, "message").length).toBe(1);
  });

  it("whispers to one, and nobody else", async () => {
    const [dave, erin, fred] = [await seated("dave"), await seated("erin"), await seated("fred")];
    await say(dave, "psst", { to: "ERIN" });
    expect(await erin.next(said("psst"))).toMatchObject({ to: { nick: "ERIN" }, sender: { nick: "DAVE" } });
    expect(await say(dave, "psst", { to: "nobody" })).toMatchObject({ sylkrtc: "error", code: 404 });
    await say(dave, "aloud");
    await fred.next(said("aloud"));
    expect(all(fred, "message").length).toBe(1);
  });

  it("corrects, answers, reacts, takes back", async () => {
    const [dave, erin] = [await seated("dave"), await seated("erin")];
    const first = await say(dave, "helo", { message_id: "a" });
    await say(dave, "hello", { message_id: "b", correction_of: "a" });
    expect(await erin.next(said("hello"))).toMatchObject({ corrects: first.event_id });
    await say(erin, "hi", { reply_to: { event_id: first.event_id } });
    expect(await dave.next(said("hi"))).toMatchObject({
      reply_to: { event_id: first.event_id, nick: "DAVE" },
    });
    await inRoom(erin, "react", { event_id: first.event_id, emoji: ["👍"] });
    expect(await dave.next(of("reacted"))).toMatchObject({
      reacts_to: first.event_id,
      emoji: ["👍"],
      by: { nick: "ERIN" },
    });
    expect(await inRoom(erin, "retract", { event_id: first.event_id })).toMatchObject({ code: 403 });
    expect(await inRoom(dave, "retract", { event_id: first.event_id })).toMatchObject({ sylkrtc: "ack" });
    expect(await erin.next(of("retracted"))).toMatchObject({ retracts: first.event_id, moderated: false });
    const fred = await seated("fred");
    const entries = all(fred, "history").flatMap((frame) => frame.entries as Json[]);
    expect(entries.map(({ entry, content }) => content ?? entry)).toEqual([
      "",
      "hello",
      "hi",
      "reacted",
      "retracted",
    ]);
  });

  it("changes nick, subject, roles; shows somebody out, keeps him out", async () => {
    const [dave, erin] = [await seated("dave"), await seated("erin")];
    expect(await inRoom(erin, "nick", { nick: "dave" })).toMatchObject({ code: 409, cause: "nick-taken" });
    await inRoom(erin, "nick", { nick: "Erin" });
    expect(await dave.next(of("participant-changed", { what: "nick" }))).toMatchObject({
      from: "ERIN",
      participant: { nick: "Erin" },
    });
    await inRoom(dave, "subject", { text: "Tea" });
    expect(await erin.next(of("subject"))).toMatchObject({ text: "Tea", by: { nick: "DAVE" } });
    await inRoom(dave, "role", { nick: "Erin", role: "observer" });
    await erin.next(of("participant-changed", { what: "role" }));
    expect(await say(erin, "may I?")).toMatchObject({ sylkrtc: "error", code: 403 });
    expect(await inRoom(erin, "kick", { nick: "DAVE" })).toMatchObject({ code: 403, cause: "forbidden" });
    await inRoom(dave, "kick", { nick: "Erin", reason: "enough" });
    expect(await erin.next(of("session-state", { state: "terminated" }))).toMatchObject({
      cause: "kicked",
      code: 403,
      reason: "enough",
    });
    expect(await dave.next(of("participant-left"))).toMatchObject({ nick: "Erin", cause: "kicked" });
    expect(await say(erin, "still here?")).toMatchObject({ code: 481 });
    await inRoom(dave, "affiliation", { changes: [{ uri: "erin@web.example", affiliation: "outcast" }] });
    expect(await join(erin, "erin")).toMatchObject({ sylkrtc: "error", code: 403, cause: "banned" });
    await inRoom(dave, "affiliations");
    expect(await dave.next(of("affiliations"))).toMatchObject({
      entries: expect.arrayContaining([{ uri: "erin@web.example", affiliation: "outcast" }]),
    });
  });

  it("says what becomes of what is said here, in data and in words", async () => {
    const dave = await seated("dave");
    await inRoom(dave, "configure", { config: { private_messages: "nobody" } });
    await dave.next(of("configure"));
    expect(await inRoom(dave, "capabilities")).toMatchObject({ sylkrtc: "ack" });
    const told = await dave.next(of("capabilities"));
    expect(told).toMatchObject({
      ways: [
        {
          name: "web",
          participants: 1,
          fates: {
            "said.text": { is: "carried" },
            "said.to": { is: "refused" },
            "said.spans": { is: "dropped" },
          },
        },
      ],
    });
    await inRoom(dave, "capabilities", { about: "formatting" });
    const lines = ["web, formatting: dropped: pages here show text alone"];
    expect((await dave.next((frame) => frame !== told && frame.event === "capabilities")).lines).toEqual(
      lines,
    );
  });

  it("shows addresses to a new moderator, and to all when the room opens them", async () => {
    const [dave, erin, fred] = [await seated("dave"), await seated("erin"), await seated("fred")];
    await inRoom(dave, "role", { nick: "ERIN", role: "moderator" });
    await erin.next(
      (frame) => frame.event === "roster" && JSON.stringify(frame).includes("dave@web.example"),
    );
    await inRoom(dave, "configure", { config: { open_addresses: true, title: "Lobby", password: "key" } });
    expect(await fred.next(of("configure"))).toMatchObject({
      settings: { title: "Lobby", open_addresses: true, needs_password: true },
    });
    await fred.next(
      (frame) => frame.event === "roster" && JSON.stringify(frame).includes("dave@web.example"),
    );
    expect(JSON.stringify(fred.events)).not.toContain("key");
  });

  it("invites; the invited is told, may decline, and the room is in the list", async () => {
    const [dave, erin] = [await seated("dave"), await login("erin")];
    await erin.ask({ sylkrtc: "account-register", account: "erin@web.example" });
    await inRoom(dave, "invite", { participants: ["erin@web.example"], reason: "come in" });
    expect(await erin.next(of("message"))).toMatchObject({
      invitation: { room: uri, originator: { nick: "DAVE" }, reason: "come in" },
    });
    const account = "erin@web.example";
    const decline = { sylkrtc: "videoroom-decline", account, uri, to: "dave@web.example", reason: "no time" };
    expect(await erin.ask(decline)).toMatchObject({ sylkrtc: "ack" });
    expect(await dave.next(of("declined"))).toMatchObject({ uri: account, reason: "no time" });
    const create = { sylkrtc: "videoroom-create", account, uri: "tea@rooms.example" };
    expect(await erin.ask({ ...create, config: { title: "Tea", persistent: true } })).toMatchObject({
      sylkrtc: "ack",
    });
    await quiet();
    await erin.ask({ sylkrtc: "videoroom-list", account });
    expect(await erin.next(of("room-list"))).toMatchObject({
      rooms: [
        { uri, participants: 1 },
        { uri: "tea@rooms.example", title: "Tea", participants: 0 },
      ],
    });
  });

  it("shows who writes, to others alone", async () => {
    const [dave, erin, fred] = [await seated("dave"), await seated("erin"), await seated("fred")];
    await inRoom(dave, "composing-indication", { state: "active" });
    expect(await erin.next(of("composing-indication"))).toMatchObject({
      state: "active",
      sender: { nick: "DAVE" },
    });
    await inRoom(dave, "composing-indication", { state: "idle", to: "ERIN" });
    expect(await erin.next(of("composing-indication"))).toMatchObject({ state: "idle", private: true });
    await quiet();
    expect(all(fred, "composing-indication").length).toBe(1);
    expect(all(dave, "composing-indication")).toEqual([]);
  });

  it("pages back through the history", async () => {
    const dave = await seated("dave");
    const ids: unknown[] = [];
    for (let at = 0; at < 7; at += 1) ids.push((await say(dave, `line ${at}`)).event_id);
    expect(await inRoom(dave, "history", { before: ids[4], limit: 3 })).toMatchObject({ sylkrtc: "ack" });
    const page = await dave.next((frame) => frame.event === "history" && frame.request !== undefined);
    expect((page.entries as Json[]).map(({ content }) => content)).toEqual(["line 1", "line 2", "line 3"]);
    expect(page.more).toBe(true);
  });

  it("asks for its secret", async () => {
    const [dave, erin] = [await seated("dave"), await login("erin")];
    await inRoom(dave, "configure", { config: { password: "key" } });
    expect(await join(erin, "erin")).toMatchObject({ sylkrtc: "error", code: 401, cause: "password" });
    expect(await join(erin, "erin", { password: "wrong" })).toMatchObject({ code: 401 });
    expect(await join(erin, "erin", { password: "key" })).toMatchObject({ sylkrtc: "ack" });
  });

  it("gives back what it holds, however one goes", async () => {
    const web = services.find(({ name }) => name === "web");
    const seats = (): number => web?.metric("web_room_seats") ?? -1;
    const [dave, erin, fred] = [await seated("dave"), await seated("erin"), await seated("fred")];
    expect(seats()).toBe(3);
    expect(await inRoom(erin, "leave", { reason: "bye" })).toMatchObject({ sylkrtc: "ack" });
    await erin.next(of("session-state", { state: "terminated" }));
    expect(await dave.next(of("participant-left"))).toMatchObject({
      nick: "ERIN",
      cause: "left",
      reason: "bye",
    });
    await inRoom(dave, "kick", { nick: "FRED" });
    await fred.next(of("session-state", { state: "terminated" }));
    await expect.poll(seats).toBe(1);
    await dave.ask({ sylkrtc: "account-remove", account: "dave@web.example" });
    await expect.poll(seats).toBe(0);
    const again = await seated("erin");
    expect(all(again, "session-state")[0]).toMatchObject({ created: true });
    again.socket.terminate();
    await expect.poll(seats).toBe(0);
  });

  it("ends for all when it is destroyed", async () => {
    const [dave, erin] = [await seated("dave"), await seated("erin")];
    expect(await inRoom(erin, "destroy")).toMatchObject({ code: 403 });
    await inRoom(dave, "destroy", { reason: "over", alternate: "tea@rooms.example" });
    expect(await erin.next(of("session-state", { state: "terminated" }))).toMatchObject({
      cause: "destroyed",
      code: 410,
      reason: "over",
      alternate: "tea@rooms.example",
    });
  });

  it.each<[string, Json, Json]>([
    ["a room that is not here", { uri: "lobby@elsewhere.example" }, { code: 404, cause: "no-such-room" }],
    ["audio and video", { sdp: "v=0" }, { code: 488 }],
    ["an account that is not bound", { account: "erin@web.example" }, { code: 403 }],
    ["a nick of nothing", { nick: "\u0007" }, { code: 422, cause: "nick-invalid" }],
  ])("refuses %s", async (_name, rest, error) => {
    const dave = await login("dave");
    expect(await join(dave, "dave", rest)).toMatchObject({ sylkrtc: "error", ...error });
    // The session is free again.
    expect(await join(dave, "dave")).toMatchObject({ sylkrtc: "ack" });
  });
});

describe("a connection that breaks", () => {
  it("is expected back: no noise, and exactly what it missed, also on another instance", async () => {
    await start("web", "web-2");
    const [dave, erin] = [await seated("dave"), await seated("erin")];
    await say(erin, "before");
    const { number } = await dave.next(said("before"));
    dave.socket.terminate();
    await say(erin, "missed 1");
    await say(erin, "missed 2", { to: "DAVE" });
    const back = await seated("dave", 1, { since: number });
    expect(all(back, "session-state")[0]).toMatchObject({
      state: "accepted",
      resumed: true,
      since: number,
      self: { nick: "DAVE" },
    });
    const entries = all(back, "history").flatMap((frame) => frame.entries as Json[]);
    expect(entries.map(({ content }) => content)).toEqual(["missed 1", "missed 2"]);
    await say(erin, "after");
    await back.next(said("after"));
    expect(all(erin, "participant-left")).toEqual([]);
    expect(all(erin, "participant-joined")).toEqual([]);
    expect(all(back, "message").length).toBe(1);
  });

  it("leaves its place to the newer connection of the same device", async () => {
    await start("web", "web-2");
    const erin = await seated("erin");
    const [old, older] = [await seated("dave"), erin];
    const second = await seated("dave", 0);
    expect(await old.next(of("session-state", { state: "terminated" }))).toMatchObject({ cause: "replaced" });
    const third = await seated("dave", 1);
    expect(await second.next(of("session-state", { state: "terminated" }))).toMatchObject({
      cause: "replaced",
    });
    old.socket.terminate();
    second.socket.terminate();
    await quiet();
    await say(older, "who hears?");
    await third.next(said("who hears?"));
    expect(await say(third, "I do")).toMatchObject({ sylkrtc: "ack", number: expect.any(Number) });
    expect(all(erin, "participant-left")).toEqual([]);
  });

  it("draws the picture before anything live, however much is said meanwhile", async () => {
    const [dave, erin] = [await seated("dave"), await seated("erin")];
    const { number } = await say(dave, "first");
    erin.socket.terminate();
    // More than the view itself remembers: the room has to be asked.
    for (let at = 0; at < 100; at += 1) await say(dave, `${at} ${"x".repeat(4000)}`);
    const back = await login("erin");
    const joining = join(back, "erin", { since: number });
    for (let at = 0; at < 20; at += 1) await say(dave, `meanwhile ${at}`);
    await joining;
    await say(dave, "the end");
    await back.next(said("the end"));
    const frames = back.events.filter(({ session }) => session === "s1");
    const ready = frames.findIndex(({ state }) => state === "established");
    expect(frames.slice(0, ready).some(({ event }) => event === "message")).toBe(false);
    const numbers = frames.flatMap(({ event, entries, number: one }) =>
      event === "history"
        ? (entries as Json[]).map((entry) => entry.number)
        : event === "message"
          ? [one]
          : [],
    );
    expect(numbers.length).toBe(121);
    expect(numbers).toEqual([...numbers].sort((a, b) => Number(a) - Number(b)));
    expect(new Set(numbers).size).toBe(121);
  });

  it("is answered without a number by a room that takes its time, and told the number when it comes", async () => {
    const [dave, erin] = [await seated("dave"), await seated("erin")];
    const away = services.findIndex(({ name }) => name === "conference");
    await services.splice(away, 1)[0]?.stop();
    const answer = await say(dave, "is anybody there?", { message_id: "slow" });
    expect(answer).toMatchObject({ sylkrtc: "ack" });
    expect(answer.number).toBeUndefined();
    await start("conference", "conference-2");
    const heard = await erin.next(said("is anybody there?"), 20_000);
    expect(await dave.next(of("message-delivery"), 20_000)).toMatchObject({
      message_id: "slow",
      delivered: true,
      number: heard.number,
      event_id: heard.event_id,
    });
  }, 60_000);

  it("says that it is there when the room thought it lost", async () => {
    const dave = await seated("dave");
    const rooms = await openRooms(services[0] as FakeService, "web");
    const states: string[] = [];
    await rooms.follow(
      { local: "lobby", domain: "rooms.example" },
      { event: ({ change }) => void (change.kind === "endpoint" && states.push(change.endpoint.state)) },
    );
    const from = { local: "dave", domain: "web.example", device: "dave-tab", assurance: "verified" as const };
    const endpoint = "web:dave@web.example/dave-tab";
    const room = { local: "lobby", domain: "rooms.example" };
    await rooms.command({ room, from, do: { kind: "disconnected", endpoint } });
    await expect.poll(() => states).toEqual(["disconnected", "connected"]);
    expect(await say(dave, "here")).toMatchObject({ sylkrtc: "ack" });
  });

  it("is given up after a while", async () => {
    for (const service of services.splice(0).reverse()) await service.stop();
    server = memoryServer();
    await start("conference", "conference-1", { disconnectedFor: "1s" });
    await start("web", "web-1");
    const [dave, erin] = [await seated("dave"), await seated("erin")];
    dave.socket.terminate();
    expect(await erin.next(of("participant-left"), 10_000)).toMatchObject({ nick: "DAVE", cause: "lost" });
    // Who comes back later all the same gets what was said since, and is told that he had been gone.
    const { number } = await say(erin, "he is gone");
    const back = await seated("dave", 0, { since: Number(number) - 1 });
    expect(all(back, "session-state")[0]).toMatchObject({ resumed: false, since: Number(number) - 1 });
    expect(all(back, "history")).toMatchObject([{ entries: [{ content: "he is gone" }] }]);
  }, 20_000);

  it("sends one who cannot keep up away", async () => {
    await start("web", "web-2", { limits: { bufferedBytes: 65_536 } });
    const [dave, erin] = [await seated("dave"), await seated("erin", 1)];
    erin.socket.pause();
    const closed = erin.closed;
    const long = "x".repeat(60_000);
    for (let at = 0; at < 120; at += 1) await say(dave, long);
    erin.socket.resume();
    expect((await closed).code).not.toBe(1000);
    const last = Math.max(...all(erin, "message").map((frame) => Number(frame.number)));
    const back = await seated("erin", 0, { since: last });
    const entries = all(back, "history").flatMap((frame) => frame.entries as Json[]);
    expect(all(erin, "message").length + entries.length).toBe(120);
  }, 30_000);
});

describe("limits", () => {
  it("refuses what comes too fast, and only that", async () => {
    await start("web", "web-2", { limits: { roomCommandsPerSecond: 0.1, roomCommandsAtOnce: 3 } });
    const dave = await seated("dave", 1);
    expect(await inRoom(dave, "subject", { text: "1" })).toMatchObject({ sylkrtc: "ack" });
    expect(await inRoom(dave, "subject", { text: "2" })).toMatchObject({ sylkrtc: "ack" });
    expect(await inRoom(dave, "subject", { text: "3" })).toMatchObject({ code: 429, cause: "rate-limited" });
    expect(await say(dave, "still talking")).toMatchObject({ sylkrtc: "ack" });
  });
});
