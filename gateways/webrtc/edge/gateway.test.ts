// The whole gateway over real WebSockets on loopback, with a bus in memory and a courier that the test holds.
import { createHash } from "node:crypto";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { memoryServer } from "#bus-schemas/bus/memory.ts";
import { BusTimeout } from "#bus-schemas/bus/port.ts";
import { type OutcomeEvent, OutcomeEvent as OutcomeSchema } from "#bus-schemas/events/outcome.ts";
import { main } from "../main.ts";
import { attempt, eventFor, serviceWithFakeCourier } from "./fake-courier.ts";
import { type Json, openTestBrowser, type TestBrowser } from "./test-browser.ts";

const section = { listen: "127.0.0.1:0", ackTimeout: "300ms" };
const ha1 = (user: string, password: string): string =>
  createHash("md5").update(`${user}:web.example:${password}`).digest("hex");

let house: ReturnType<typeof serviceWithFakeCourier>;
const browsers: TestBrowser[] = [];

const connect = async (port = house.port()): Promise<TestBrowser> => {
  const browser = await openTestBrowser(port);
  browsers.push(browser);
  return browser;
};
const login = async (user = "dave", password = "secret", port = house.port()): Promise<TestBrowser> => {
  const browser = await connect(port);
  const account = `${user}@web.example`;
  const answer = await browser.ask({ sylkrtc: "account-add", account, password: ha1(user, password) });
  expect(answer).toMatchObject({ sylkrtc: "ack" });
  return browser;
};
const isMessage = (event: Json): boolean => event.event === "message";
const send = (browser: TestBrowser, rest: Json = {}): Promise<Json> =>
  browser.ask({
    sylkrtc: "account-message",
    account: "dave@web.example",
    uri: "alice@sip.example",
    message_id: "m1",
    content: "hello",
    content_type: "text/plain",
    timestamp: "2026-01-01T00:00:00Z",
    ...rest,
  });

beforeEach(async () => {
  house = serviceWithFakeCourier({ section });
  await main(house.service);
});
afterEach(async () => {
  for (const browser of browsers.splice(0)) browser.close();
  await house.service.stop();
});

describe("a browser's way through the gateway", () => {
  it("is greeted, adds and registers an account", async () => {
    const browser = await login();
    await browser.next((event) => event.sylkrtc === "ready-event");
    expect(await browser.ask({ sylkrtc: "account-register", account: "dave@web.example" })).toMatchObject({
      sylkrtc: "ack",
    });
    await browser.next((event) => event.state === "registered");
    expect(house.courier.available).toContain("dave@web.example");
  });

  it("sends a message, is answered when the bus holds it, and hears that it is accepted", async () => {
    const browser = await login();
    expect(await send(browser)).toMatchObject({ sylkrtc: "ack" });
    await browser.next((event) => event.state === "accepted" && event.message_id === "m1");
    expect(house.courier.accepted).toMatchObject([
      {
        draft: {
          text: "hello",
          to: { local: "alice", domain: "sip.example" },
          from: { assurance: "verified", display: "Dave" },
        },
        arrival: { source: "dave@web.example", transportId: "m1" },
      },
    ]);
  });

  it("receives a message; its acknowledgement is what hands it over", async () => {
    const browser = await login();
    const delivery = house.courier.deliver(eventFor("dave@web.example", "hi"));
    const message = await browser.next(isMessage);
    expect(message).toMatchObject({
      content: "hi",
      sender: { uri: "alice@sip.example", display_name: "Alice" },
    });
    await browser.ask({
      sylkrtc: "account-ack",
      account: "dave@web.example",
      message_id: message.message_id as string,
    });
    expect(await delivery).toEqual({ end: "handed", delivered: true });
  });

  it("counts a delivered disposition of a published client as the acknowledgement", async () => {
    const browser = await login();
    const delivery = house.courier.deliver(eventFor("dave@web.example", "hi"));
    const message = await browser.next(isMessage);
    await browser.ask({
      sylkrtc: "account-disposition-notification",
      account: "dave@web.example",
      uri: "alice@sip.example",
      message_id: message.message_id,
      state: "delivered",
      timestamp: "x",
    });
    expect(await delivery).toEqual({ end: "handed", delivered: true });
    expect(house.courier.reports).toEqual([]);
  });
});

const account = "dave@web.example";
const acknowledge = (browser: TestBrowser, message: Json): Promise<Json> =>
  browser.ask({ sylkrtc: "account-ack", account, message_id: message.message_id });
const report = (browser: TestBrowser, messageId: unknown, state: string): Promise<Json> =>
  browser.ask({
    sylkrtc: "account-disposition-notification",
    account,
    uri: "alice@sip.example",
    message_id: messageId,
    state,
    timestamp: "x",
  });
const outcome = (fields: object): OutcomeEvent =>
  OutcomeSchema.parse({
    id: "e:x",
    type: "message.outcome",
    version: 1,
    time: 1,
    message: "e",
    messageId: "m1",
    to: { local: "dave", domain: "web.example" },
    from: { local: "alice", domain: "sip.example" },
    origin: "web",
    expires: Date.now() + 60_000,
    ...fields,
  });

describe("custody", () => {
  it("stays with the mailbox when nobody is there", async () => {
    expect(await house.courier.deliver(eventFor(account, "hi"))).toEqual({ end: "away" });
  });

  it("goes back when nobody acknowledges in time; a late acknowledgement ends the next attempt at once", async () => {
    const browser = await login();
    const event = eventFor(account, "hi");
    expect(await house.courier.deliver(event)).toEqual({ end: "away" });
    const asked = house.courier.available.length;
    await acknowledge(browser, await browser.next(isMessage));
    expect(house.courier.available.length).toBe(asked + 1);
    expect(await house.courier.deliver(event)).toEqual({ end: "handed", delivered: true });
    expect(browser.events.filter(isMessage)).toHaveLength(1);
  });

  it("goes back at once when the only tab closes before it acknowledged", async () => {
    const browser = await login();
    const began = performance.now();
    const delivery = house.courier.deliver(eventFor(account, "hi"));
    await browser.next(isMessage);
    browser.close();
    expect(await delivery).toEqual({ end: "away" });
    expect(performance.now() - began).toBeLessThan(250);
  });

  it("ends when one of two tabs has it, and both get it", async () => {
    const [first, second] = [await login(), await login()];
    const delivery = house.courier.deliver(eventFor(account, "hi"));
    await acknowledge(second, await second.next(isMessage));
    expect(await delivery).toEqual({ end: "handed", delivered: true });
    await first.next(isMessage);
  });

  it("ends when a client that never acknowledges synchronises past the message", async () => {
    const browser = await login();
    const event = eventFor(account, "hi");
    expect(await house.courier.deliver(event)).toEqual({ end: "away" });
    const message = await browser.next(isMessage);
    await house.courier.deliver(eventFor(account, "later"));
    const later = await browser.next(isMessage);
    await browser.ask({ sylkrtc: "account-sync-conversations", account, message_id: later.message_id });
    expect(message.message_id).not.toBe(later.message_id);
    expect(await house.courier.deliver(event)).toEqual({ end: "handed", delivered: true });
  });

  it("is not given to a tab that has unregistered", async () => {
    const browser = await login();
    await browser.ask({ sylkrtc: "account-unregister", account });
    expect(await house.courier.deliver(eventFor(account, "hi"))).toEqual({ end: "away" });
    await browser.ask({ sylkrtc: "account-register", account });
    const delivery = house.courier.deliver(eventFor(account, "hi"));
    await acknowledge(browser, await browser.next(isMessage));
    expect(await delivery).toEqual({ end: "handed", delivered: true });
  });
});

describe("what a sender is told", () => {
  it("a refusal before acceptance answers the request, with code", async () => {
    const browser = await login();
    house.courier.refuseWith = { reason: "unknown-user", text: "nobody" };
    expect(await send(browser)).toMatchObject({ sylkrtc: "error", code: 404, error: "no such user: nobody" });
  });

  it("a bus that cannot take it: try again later, and again it goes", async () => {
    const browser = await login();
    house.courier.refuseWith = new BusTimeout("no");
    expect(await send(browser)).toMatchObject({ sylkrtc: "error", code: 503, error: "try again later" });
    expect(await send(browser)).toMatchObject({ sylkrtc: "ack" });
  });

  it("the same id again, from another connection, is the same message", async () => {
    const first = await login();
    await send(first);
    first.socket.terminate();
    const second = await login();
    expect(await send(second)).toMatchObject({ sylkrtc: "ack" });
    await second.next((event) => event.state === "accepted");
    expect(house.courier.accepted).toHaveLength(1);
  });

  it("every end, with code and reason; away when he is not there", async () => {
    const { tell } = house.courier.gateway;
    expect(await tell(outcome({ outcome: "delivered" }), attempt())).toBe("away");
    const browser = await login();
    const refused = outcome({ outcome: "refused", reason: "mailbox-full" });
    expect(await tell(refused, attempt())).toBe("told");
    expect(await browser.next((event) => event.state === "failed")).toMatchObject({
      message_id: "m1",
      code: 486,
      reason: "mailbox full",
    });
    expect(await tell(outcome({ outcome: "handed", messageId: undefined }), attempt())).toBe("dropped");
  });
});

describe("reports", () => {
  it("displayed goes back to the one who sent it, whoever the browser names", async () => {
    const browser = await login();
    const event = eventFor(account, "hi");
    const delivery = house.courier.deliver(event);
    const message = await browser.next(isMessage);
    expect(await report(browser, message.message_id, "displayed")).toMatchObject({ sylkrtc: "ack" });
    expect(await delivery).toMatchObject({ end: "handed" });
    expect(house.courier.reports).toMatchObject([
      {
        outcome: "displayed",
        message: event.id,
        messageId: "m1",
        to: { local: "alice" },
        from: { local: "dave" },
      },
    ]);
  });

  it("about a message that was never received is refused", async () => {
    const browser = await login();
    const forged = `${"A".repeat(26)}.sip.bTE`;
    expect(await report(browser, forged, "displayed")).toMatchObject({
      sylkrtc: "error",
      error: "no such message",
    });
    expect(house.courier.reports).toEqual([]);
  });
});

describe("synchronisation", () => {
  const synced = async (browser: TestBrowser, fields: Json = {}): Promise<Json[]> => {
    await browser.ask({ sylkrtc: "account-sync-conversations", account, ...fields });
    return (await browser.next((event) => event.event === "sync-conversations")).messages as Json[];
  };

  it("brings what was sent and received, with states, to a tab that comes later", async () => {
    const first = await login();
    await send(first);
    const delivery = house.courier.deliver(eventFor(account, "hi"));
    await acknowledge(first, await first.next(isMessage));
    await delivery;
    await house.courier.gateway.tell(outcome({ outcome: "delivered" }), attempt());
    const second = await login();
    expect(await synced(second)).toMatchObject([
      { contact: "alice@sip.example", direction: "outgoing", content: "hello", state: "delivered" },
      { contact: "alice@sip.example", direction: "incoming", content: "hi", state: "received" },
    ]);
    expect(await synced(second, { message_id: "m1", limit: 1 })).toHaveLength(1);
  });

  it("tells the other tabs at once what one does, and nobody else", async () => {
    const [first, second] = [await login(), await login()];
    const stranger = await login("erin", "secret2");
    await send(first);
    await second.next((event) => event.event === "sync" && event.action === "add");
    for (const [sylkrtc, type, action] of [
      ["account-mark-conversation-read", "conversation", "read"],
      ["account-remove-message", "message", "remove"],
      ["account-remove-conversation", "conversation", "remove"],
    ]) {
      await first.ask({ sylkrtc, account, contact: "alice@sip.example", message_id: "m1" });
      await second.next((event) => event.type === type && event.action === action);
    }
    expect(first.events.filter((event) => event.event === "sync")).toEqual([]);
    expect(stranger.events.filter((event) => event.sylkrtc === "account-event")).toEqual([]);
  });
});

describe("who may come in", () => {
  it.each([
    ["without the subprotocol", { protocols: ["sylkRTC-1"] }, "status 406"],
    ["on another path", { path: "/other" }, "status 404"],
    ["from a foreign page", { origin: "http://evil.example" }, "status 403"],
  ])("nobody %s", async (_name, options, status) => {
    await expect(openTestBrowser(house.port(), options)).rejects.toThrow(status);
  });

  it("the page served here", async () => {
    browsers.push(await openTestBrowser(house.port(), { origin: `http://127.0.0.1:${house.port()}` }));
  });

  it.each([
    ["a wrong digest", { password: "0".repeat(32) }],
    ["the password where the digest belongs", { password: "secret" }],
    ["somebody else's digest", { password: ha1("erin", "secret2") }],
    ["an unknown account", { account: "nobody@web.example", password: ha1("nobody", "x") }],
  ])("not with %s", async (_name, fields) => {
    const browser = await connect();
    const answer = await browser.ask({ sylkrtc: "account-add", account, ...fields });
    expect(answer).toMatchObject({ sylkrtc: "error", error: "wrong account or password" });
    expect(await send(browser)).toMatchObject({ error: "this account is not bound to this connection" });
  });

  it("with the password itself, if it says so, and in any letter case", async () => {
    const browser = await connect();
    const add = {
      sylkrtc: "account-add",
      account: "DAVE@web.example",
      password: "secret",
      password_type: "plain",
    };
    expect(await browser.ask(add)).toMatchObject({ sylkrtc: "ack" });
  });

  it("not after too many wrong passwords, even with the right one", async () => {
    const browser = await connect();
    for (let at = 0; at < 10; at += 1) await browser.ask({ sylkrtc: "account-add", account, password: "x" });
    const answer = await browser.ask({ sylkrtc: "account-add", account, password: ha1("dave", "secret") });
    expect(answer.error).toContain("too many wrong passwords");
  });

  it("shows the name that the configuration gives, not the client's", async () => {
    const browser = await connect();
    const add = { account, password: ha1("dave", "secret"), display_name: "The Director" };
    await browser.ask({ sylkrtc: "account-add", ...add });
    await send(browser);
    expect(house.courier.accepted[0]?.draft.from.display).toBe("Dave");
  });

  it("nobody in another's name", async () => {
    const browser = await login();
    expect(await send(browser, { account: "erin@web.example" })).toMatchObject({ sylkrtc: "error" });
    expect(house.courier.accepted).toEqual([]);
  });
});

describe("limits", () => {
  it("a frame that is too long closes the connection", async () => {
    const browser = await login();
    browser.raw("x".repeat(270_000));
    expect(await browser.closed).toEqual({ code: 1009 });
  });

  it("a text above the house's limit is refused in words", async () => {
    const browser = await login();
    expect(await send(browser, { content: "x".repeat(65_537) })).toMatchObject({
      sylkrtc: "error",
      code: 413,
    });
    expect(await send(browser, { content: '"'.repeat(65_536) })).toMatchObject({ sylkrtc: "ack" });
  });

  it("a binary frame closes the connection", async () => {
    const browser = await login();
    browser.raw(new Uint8Array([1, 2, 3]));
    expect(await browser.closed).toEqual({ code: 1003 });
  });

  it("nonsense is answered and the connection stays", async () => {
    const browser = await login();
    browser.raw("{");
    await browser.next((event) => event.sylkrtc === "error" && event.transaction === "");
    expect(await browser.ask({ sylkrtc: "session-create" })).toMatchObject({
      error: "session-create is not supported yet",
    });
    expect(await browser.ask({ sylkrtc: "ping" })).toMatchObject({ sylkrtc: "ack" });
  });
});

describe("whatever a browser sends", () => {
  it("the gateway answers the next one", async () => {
    const browser = await login();
    const names = [
      "ping",
      "account-add",
      "account-message",
      "account-ack",
      "account-sync-conversations",
      "x",
    ];
    const frames = fc.sample(
      fc.oneof(
        fc.string(),
        fc.json(),
        fc
          .record({
            sylkrtc: fc.constantFrom(...names),
            account: fc.constantFrom(account, "x"),
            uri: fc.string(),
          })
          .map((fields) => JSON.stringify({ transaction: "f", message_id: "m", content: "x", ...fields })),
      ),
      150,
    );
    for (const frame of frames) browser.raw(frame);
    expect(await browser.ask({ sylkrtc: "ping" })).toMatchObject({ sylkrtc: "ack" });
    expect(house.service.lines.filter((line) => line.level === "error")).toEqual([]);
  });
});

describe("narrower limits", () => {
  const narrow = async (limits: object): Promise<void> => {
    await house.service.stop();
    house = serviceWithFakeCourier({ section: { ...section, limits } });
    await main(house.service);
  };

  it("slows a connection that sends too fast, and loses nothing", async () => {
    await narrow({ framesPerSecond: 100, framesAtOnce: 10 });
    const browser = await login();
    const began = performance.now();
    const answers = await Promise.all(Array.from({ length: 30 }, () => browser.ask({ sylkrtc: "ping" })));
    expect(answers.every((answer) => answer.sylkrtc === "ack")).toBe(true);
    expect(performance.now() - began).toBeGreaterThan(150);
  });

  it("closes a browser that does not read, and its mail goes back", async () => {
    await narrow({ bufferedBytes: 100_000 });
    const browser = await login();
    browser.socket.pause();
    const text = "x".repeat(60_000);
    const ends = await Promise.all(
      Array.from({ length: 200 }, () => house.courier.deliver(eventFor(account, text))),
    );
    expect(ends.every((end) => end.end === "away")).toBe(true);
    await expect.poll(() => house.service.metric("web_connections")).toBe(0);
  });

  it("refuses one connection too many from one source", async () => {
    await narrow({ connectionsPerSource: 2 });
    const [first] = [await connect(), await connect()];
    await expect(openTestBrowser(house.port())).rejects.toThrow("status 429");
    first.close();
    await first.closed;
    await expect
      .poll(() =>
        connect().then(
          () => true,
          () => false,
        ),
      )
      .toBe(true);
  });

  it("ends a connection that answers no ping", async () => {
    await house.service.stop();
    house = serviceWithFakeCourier({ section: { ...section, pingInterval: "50ms" } });
    await main(house.service);
    const browser = await openTestBrowser(house.port(), { autoPong: false });
    expect(await browser.closed).toEqual({ code: 1006 });
  });
});

describe("pages", () => {
  const get = (path: string, init?: RequestInit): Promise<Response> =>
    fetch(`http://127.0.0.1:${house.port()}${path}`, init);

  it("come with a policy that lets nothing else in", async () => {
    const response = await get("/");
    expect(response.status).toBe(200);
    expect(await response.text()).toContain("<title>Parley</title>");
    expect(response.headers.get("content-security-policy")).toContain("default-src 'none'");
    expect(response.headers.get("content-security-policy")).not.toContain("unsafe");
    expect((await get("/main.js")).headers.get("content-type")).toContain("text/javascript");
  });

  it.each(["/../package.json", "/%2e%2e/package.json", "/nothing", "//etc/passwd", "/store.test.js"])(
    "nothing at %s",
    async (path) => {
      expect((await get(path)).status).toBe(404);
    },
  );

  it("only GET and HEAD", async () => {
    expect((await get("/", { method: "POST" })).status).toBe(405);
  });
});

describe("two instances on one bus", () => {
  let other: ReturnType<typeof serviceWithFakeCourier>;
  beforeEach(async () => {
    await house.service.stop();
    const server = memoryServer();
    house = serviceWithFakeCourier({ section, bus: server.connect(), instance: "web-1" });
    other = serviceWithFakeCourier({ section, bus: server.connect(), instance: "web-2" });
    await main(house.service);
    await main(other.service);
  });
  afterEach(() => other.service.stop());

  it("a message reaches the tabs of both, and either may acknowledge", async () => {
    const here = await login();
    const there = await login("dave", "secret", other.port());
    const delivery = house.courier.deliver(eventFor(account, "hi"));
    await here.next(isMessage);
    await acknowledge(there, await there.next(isMessage));
    expect(await delivery).toEqual({ end: "handed", delivered: true });
  });

  it("an outcome and a change reach a tab that only the other has", async () => {
    const there = await login("dave", "secret", other.port());
    expect(await house.courier.gateway.tell(outcome({ outcome: "delivered" }), attempt())).toBe("told");
    await there.next((event) => event.state === "delivered");
    const here = await login();
    await send(here);
    await there.next((event) => event.event === "sync" && event.action === "add");
  });

  it("an instance that has stopped is not asked", async () => {
    await login("dave", "secret", other.port());
    await other.service.stop();
    const began = performance.now();
    expect(await house.courier.deliver(eventFor(account, "hi"))).toEqual({ end: "away" });
    expect(performance.now() - began).toBeLessThan(200);
  });
});
