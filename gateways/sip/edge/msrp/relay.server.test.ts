// Sessions through a relay: Kamailio's MSRP module, and AUTH in all its answers from a relay played by hand (RFC 4976).
import { createHash } from "node:crypto";
import { createServer, type Server } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openClock } from "#bus-schemas/service/clock.ts";
import type { Clock } from "#bus-schemas/service/service.ts";
import { openWheel } from "#bus-schemas/service/wheel.ts";
import { Ear } from "#test/cast/actor.ts";
import { openMsrpClient } from "#test/cast/msrp-client.ts";
import { cutMsrp, type MsrpPacket, printMsrp } from "#test/cast/msrp-wire.ts";
import { type Child, privateFolder } from "#test/servers/child.ts";
import { freePort } from "#test/servers/free-port.ts";
import { hasKamailioMsrp, startMsrpRelay } from "#test/servers/kamailio-msrp.ts";
import { fakeClock } from "#test/support/fake-clock.ts";
import { fakeService } from "#test/support/fake-service.ts";
import { openMsrp } from "./open.ts";
import type { CloseReason, Msrp, MsrpMessage, MsrpReport, MsrpSession } from "./port.ts";

const clock = openClock();
let stack: Msrp;

beforeEach(() => open(clock));

async function open(on: Clock): Promise<void> {
  const service = fakeService({ clock: on });
  const parts = { clock: on, wheel: openWheel(on), log: service.log, metrics: service.metrics };
  stack = await openMsrp(parts, { listen: [{ scheme: "msrp", address: "127.0.0.1", port: 0 }] });
}
afterEach(() => stack.close());

type Relay = Awaited<ReturnType<Msrp["relay"]>>;
interface Side {
  readonly session: MsrpSession;
  readonly messages: Ear<MsrpMessage>;
  readonly reports: Ear<MsrpReport>;
  readonly closed: Promise<CloseReason>;
}

function through(relay: Relay): Side {
  const messages = new Ear<MsrpMessage>("messages");
  const reports = new Ear<MsrpReport>("reports");
  let end: (reason: CloseReason) => void = () => undefined;
  const closed = new Promise<CloseReason>((resolve) => {
    end = resolve;
  });
  const session = stack.expect(
    { acceptTypes: ["text/*"], maxSize: 1_000_000, relay },
    {
      message: (message) => {
        message.answer(200);
        messages.add(message);
      },
      report: (report) => reports.add(report),
      closed: end,
    },
  );
  return { session, messages, reports, closed };
}

describe.runIf(hasKamailioMsrp())("Kamailio between us and the peer", () => {
  let kamailio: Child;
  let uri: string;
  beforeEach(async () => {
    const port = await freePort();
    uri = `msrp://127.0.0.1:${port};tcp`;
    kamailio = await startMsrpRelay(privateFolder("kamailio-msrp"), port);
  });
  afterEach(async () => {
    await kamailio.stop();
  });

  test("we are behind it: the peer comes through, and we go through", async () => {
    const relay = await stack.relay({ uri, username: "us", password: "secret" });
    const { session, messages } = through(relay);
    expect(session.localPath.length).toBe(2);
    const peer = await openMsrpClient();
    session.accept([peer.path]);
    // The relay answers each SEND itself.
    expect(await peer.connect(session.localPath)).toBe(200);
    expect((await peer.send({ body: "in" })).statuses).toEqual([200]);
    expect((await messages.next(() => true, 2_000)).body.toString()).toBe("in");
    expect(session.state).toBe("bound");
    expect(
      await session.send({ contentType: "text/plain", body: Buffer.from("out"), messageId: "out1" }),
    ).toEqual({
      status: 200,
      written: true,
    });
    const heard = await peer.messages.next(() => true, 2_000);
    expect(heard.body.toString()).toBe("out");
    expect(heard.fromPath).toBe(session.localPath.join(" "));
    await peer.close();
  });

  test("each behind one of his own: chunks and reports of both", async () => {
    const port = await freePort();
    const second = await startMsrpRelay(privateFolder("kamailio-msrp"), port);
    const uris = [uri, `msrp://127.0.0.1:${port};tcp`];
    const [one, other] = await Promise.all(
      uris.map(async (its) => through(await stack.relay({ uri: its, username: "us", password: "x" }))),
    );
    if (one === undefined || other === undefined) throw new Error("no sides");
    other.session.accept(one.session.localPath);
    await one.session.connect(other.session.localPath);
    const body = Buffer.alloc(40_000, "0123456789");
    const end = await one.session.send({
      contentType: "text/plain",
      body,
      messageId: "long1",
      successReport: true,
    });
    expect(end.status).toBe(200);
    expect((await other.messages.next(() => true, 5_000)).body.equals(body)).toBe(true);
    expect(await one.reports.next(() => true, 5_000)).toMatchObject({
      messageId: "long1",
      status: 200,
      complete: true,
    });
    expect(
      (await other.session.send({ contentType: "text/plain", body: Buffer.from("back"), messageId: "back1" }))
        .status,
    ).toBe(200);
    expect((await one.messages.next(() => true, 5_000)).body.toString()).toBe("back");
    await second.stop();
  });

  test("it goes, and its sessions with it", async () => {
    const relay = await stack.relay({ uri, username: "us", password: "secret" });
    let lost = 0;
    relay.onLost(() => {
      lost += 1;
    });
    const { closed } = through(relay);
    await kamailio.stop();
    expect(await closed).toBe("lost");
    expect(lost).toBe(1);
    expect(() => through(relay)).toThrow("the relay is gone");
  });
});
if (!hasKamailioMsrp())
  console.warn("kamailio-extra's msrp module is not installed: no session goes through a real relay");

describe("AUTH", () => {
  let server: Server;
  let port = 0;
  const asked: MsrpPacket[] = [];
  let answer: (packet: MsrpPacket, number: number) => readonly [string, ...(readonly [string, string])[]];

  beforeEach(async () => {
    asked.length = 0;
    server = createServer((socket) => {
      let rest: Buffer = Buffer.alloc(0);
      socket.on("error", () => undefined); // Gone, as the test wants it.
      socket.on("data", (chunk) => {
        const cut = cutMsrp(Buffer.concat([rest, chunk]));
        rest = cut.rest;
        for (const packet of cut.packets) {
          asked.push(packet);
          const [status, ...fields] = answer(packet, asked.length);
          const [to, from] = [packet.fields.get("from-path") ?? "", packet.fields.get("to-path") ?? ""];
          socket.write(printMsrp(packet.tid, status, [["To-Path", to], ["From-Path", from], ...fields]));
        }
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    port = typeof address === "object" && address !== null ? address.port : 0;
  });
  afterEach(() => {
    server.close();
  });
  const ask = (): Promise<Relay> =>
    stack.relay({ uri: `msrp://127.0.0.1:${port};tcp`, username: "Mufasa", password: "Circle of Life" });
  const path: readonly [string, string] = ["Use-Path", "msrp://r1.example:1/a;tcp msrp://r2.example:2/b;tcp"];

  test("a challenge is answered, and the path is turned round for a=path", async () => {
    answer = (_packet, number) =>
      number === 1
        ? ["401 Unauthorized", ["WWW-Authenticate", 'Digest realm="r", nonce="n", qop="auth", opaque="o"']]
        : ["200 OK", path, ["Expires", "900"]];
    const relay = await ask();
    expect(relay.path).toEqual(["msrp://r2.example:2/b;tcp", "msrp://r1.example:1/a;tcp"]);
    expect(relay.expiresMs).toBe(900_000);
    const credentials = asked[1]?.fields.get("authorization") ?? "";
    // The arithmetic of RFC 7616 §3.4.1, done once more by hand; the URI is that of To-Path and not repeated.
    const md5 = (text: string): string => createHash("md5").update(text).digest("hex");
    const cnonce = /cnonce="([^"]+)"/.exec(credentials)?.[1];
    const ha2 = md5(`AUTH:msrp://127.0.0.1:${port};tcp`);
    const response = md5(`${md5("Mufasa:r:Circle of Life")}:n:00000001:${cnonce}:auth:${ha2}`);
    expect(credentials).toContain(`response="${response}"`);
    expect(credentials).not.toContain("uri=");
    expect(credentials).toContain("nc=00000001");
  });

  test.each([
    ["Min-Expires", "3600", "3600"],
    ["Max-Expires", "60", "60"],
  ])("423 with %s", async (field, value, then) => {
    answer = (_packet, number) => (number === 1 ? ["423 Out", [field, value]] : ["200 OK", path]);
    await ask();
    expect(asked.map(({ fields }) => fields.get("expires"))).toEqual(["1800", then]);
  });

  test("it is renewed at the path that was granted, and lost when that is refused", async () => {
    await stack.close();
    const time = fakeClock();
    await open(time);
    answer = (_packet, number) => (number <= 2 ? ["200 OK", path, ["Expires", "900"]] : ["403 No"]);
    const relay = await ask();
    const { closed, session } = through(relay);
    expect(asked[0]?.fields.get("from-path")).toBe(session.localPath.at(-1));
    const renewed = async (count: number): Promise<void> => {
      await time.advance(730_000);
      while (asked.length < count) await new Promise((resolve) => setTimeout(resolve, 5));
      await new Promise((resolve) => setTimeout(resolve, 20));
    };
    await renewed(2);
    expect(asked[1]?.fields.get("to-path")).toBe(path[1]);
    let lost = 0;
    relay.onLost(() => {
      lost += 1;
    });
    await renewed(3);
    expect(lost).toBe(1);
    expect(await closed).toBe("not-bound");
  });

  test.each([
    ["refused", ["403 No"], 403, 1],
    [
      "challenged for ever",
      ["401 No", ["WWW-Authenticate", 'Digest realm="r", nonce="n", qop="auth"']],
      401,
      4,
    ],
    ["challenged in a way that is not known", ["401 No", ["WWW-Authenticate", "Basic x"]], 401, 1],
    ["granted without a path", ["200 OK"], 0, 1],
  ] as const)("%s", async (_name, said, status, times) => {
    answer = () => said as readonly [string];
    await expect(ask()).rejects.toMatchObject({ name: "MsrpFailure", status });
    expect(asked.length).toBe(times);
  });
});
