// The component against a server that misbehaves in one way each, on a clock that the test moves.
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { until } from "#test/servers/child.ts";
import { type FakeClock, fakeClock } from "#test/support/fake-clock.ts";
import { XmppConfig } from "../config.ts";
import { type Link, openLink } from "./link.ts";
import { limits } from "./outbox.ts";
import { allSlots, attempt, messageEvent, type TestService, testService } from "./service-for-test.ts";
import { limits as socketLimits } from "./socket.ts";

// How the next connections are answered.
let enables: boolean;
let barriers: boolean;
let queue: string;
let heard: string[];
let sockets: Socket[];
let server: Server;
let clock: FakeClock;
let house: TestService;
let link: Link;

beforeEach(async () => {
  [enables, barriers, queue, heard, sockets] = [true, true, "q1", [], []];
  server = createServer((socket) => {
    const mine = sockets.push(socket) - 1;
    heard[mine] = "";
    socket.on("error", () => undefined);
    socket.on("data", (data) => {
      heard[mine] += String(data);
      const text = String(data);
      if (text.includes("<stream:stream"))
        socket.write(
          "<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' id='s'>",
        );
      if (text.includes("<handshake>")) socket.write("<handshake/>");
      if (enables && /<(enable|resume) /.test(text))
        socket.write(`<enabled xmlns='urn:parley:ack:0' id='${queue}' h='0' hold='60'/>`);
      if (barriers)
        for (const [, id] of text.matchAll(/<r [^>]*id='([^']+)'/g))
          socket.write(`<a xmlns='urn:parley:ack:0' id='${id}'/>`);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  clock = fakeClock();
  house = testService("xmpp-1", clock);
  const port = (server.address() as AddressInfo).port;
  link = await openLink(house.service, XmppConfig.parse({ port, secret: "x", domains: ["sip.example"] }));
  house.gateway().owns?.(allSlots, new Map());
});
afterEach(async () => {
  // The streams are left at once; what else ends waits for a clock that stands here.
  void link.close();
  for (const socket of sockets) socket.destroy();
  server.close();
});

const component = () => {
  const [one] = link.components;
  if (!one) throw new Error("no component");
  return one;
};
const hears = (connection: number, pattern: RegExp): Promise<unknown> =>
  until(`${pattern} on connection ${connection}`, () => pattern.test(heard[connection] ?? ""));
const runs = (): Promise<unknown> => until("runs", () => component().running);
/** Moves the clock on in steps, between which sockets have their say, until it is so; at most two minutes. */
const advanceUntil = async (what: string, so: () => boolean): Promise<void> => {
  for (const end = clock.monotonic() + 120_000; !so(); ) {
    if (clock.monotonic() > end) throw new Error(`not within two minutes: ${what}`);
    await clock.advance(250);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
};

describe("a server that", () => {
  test("ignores <enable/> is a plain one, after a while", async () => {
    await runs();
    void link.close();
    enables = false;
    house.gateway().owns?.(allSlots, new Map());
    await hears(1, /<(enable|resume) /);
    expect(component().status).toBe("connecting");
    await clock.advance(socketLimits.enableAnswerMs);
    expect(component().status).toBe("plain");
    expect(house.healths.get("xmpp sip.example")).toEqual({ well: true, why: "inbound best effort" });
  });

  test("does not answer the barrier is left, and gets the message again under the same id", async () => {
    await runs();
    barriers = false;
    const event = messageEvent();
    const handed = house.gateway().deliver(event, attempt);
    await hears(0, new RegExp(`id='${event.id}`));
    barriers = true;
    const before = clock.monotonic();
    await advanceUntil("a second connection", () => sockets.length === 2);
    expect(clock.monotonic() - before).toBeGreaterThanOrEqual(limits.barrierMs);
    expect(await handed).toEqual({ end: "handed" });
    expect(heard[1]).toContain(`id='${event.id}`);
  });

  test("never takes a message: it goes back in time, and its recipient is named when the server answers again", async () => {
    await runs();
    barriers = false;
    let end: unknown;
    void house
      .gateway()
      .deliver(messageEvent(), attempt)
      .then((it) => {
        end = it;
      });
    await advanceUntil("given back", () => end !== undefined);
    expect(end).toEqual({ end: "away" });
    expect(clock.monotonic()).toBeLessThan(40_000);
    barriers = true;
    const before = house.courier.woken.length;
    sockets.at(-1)?.destroy();
    await advanceUntil("named", () => house.courier.woken.length > before);
    expect(house.courier.woken.at(-1)).toMatchObject({ local: "bob" });
  });

  test("is quiet is tried", async () => {
    await runs();
    expect(heard[0]).not.toContain("<r ");
    await advanceUntil("a barrier", () => (heard[0] ?? "").includes("<r "));
    expect(clock.monotonic()).toBeGreaterThanOrEqual(limits.quietMs);
  });

  test("says nothing at all is left after a while", async () => {
    await runs();
    void link.close();
    server.removeAllListeners("connection");
    server.on("connection", (socket) => sockets.push(socket));
    const before = sockets.length;
    house.gateway().owns?.(allSlots, new Map());
    await until("connected", () => sockets.length > before);
    await advanceUntil("again", () => sockets.length > before + 1);
    expect(clock.monotonic()).toBeGreaterThanOrEqual(socketLimits.openMs);
  });
});

describe("after a new stream", () => {
  const subscribe = "<presence type='subscribe' from='bob@xmpp.example' to='alice@sip.example'/>";
  const presence = /<presence from='alice@sip\.example\/parley' to='bob@xmpp\.example'>/;

  test("who saw somebody of ours sees him again", async () => {
    await runs();
    sockets[0]?.write(subscribe);
    await hears(0, presence);
    queue = "q2";
    sockets[0]?.destroy();
    await advanceUntil("a second connection runs", () => sockets.length === 2 && component().running);
    await hears(1, presence);
  });

  test("but not who has unsubscribed", async () => {
    await runs();
    sockets[0]?.write(subscribe);
    await hears(0, presence);
    sockets[0]?.write("<presence type='unsubscribe' from='bob@xmpp.example' to='alice@sip.example'/>");
    await hears(0, /<presence type='unavailable'/);
    sockets[0]?.destroy();
    await advanceUntil("a second connection runs", () => sockets.length === 2 && component().running);
    expect(await house.gateway().deliver(messageEvent(), attempt)).toEqual({ end: "handed" });
    expect(heard[1]).not.toMatch(presence);
  });
});

test("numbers go on where an earlier stream of the queue ended", async () => {
  await runs();
  sockets[0]?.write(
    "<message from='bob@xmpp.example/x' to='alice@sip.example' id='1'><body>one</body></message>",
  );
  await hears(0, /<a xmlns='urn:parley:ack:0' h='1'\/>/);
  sockets[0]?.destroy();
  await advanceUntil("asked to resume", () => (heard[1] ?? "").includes("<resume "));
  expect(heard[1]).toContain("<resume xmlns='urn:parley:ack:0' previd='q1' h='1'/>");
});
