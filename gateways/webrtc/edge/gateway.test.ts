// The whole gateway over real WebSockets on loopback, with a bus in memory and a courier that the test holds.
import { createHash } from "node:crypto";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { BusTimeout } from "#bus-schemas/bus/port.ts";
import { main } from "../main.ts";
import { eventFor, serviceWithFakeCourier } from "./fake-courier.ts";
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

void BusTimeout;
