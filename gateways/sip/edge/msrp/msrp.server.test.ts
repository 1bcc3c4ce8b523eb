// The MSRP stack on real sockets, against a raw client that shares no code with it.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openClock } from "#bus-schemas/service/clock.ts";
import type { Clock } from "#bus-schemas/service/service.ts";
import { openWheel } from "#bus-schemas/service/wheel.ts";
import { type MsrpClient, type MsrpClientOptions, openMsrpClient } from "#test/cast/msrp-client.ts";
import { privateFolder } from "#test/servers/child.ts";
import { fakeClock } from "#test/support/fake-clock.ts";
import { fakeService } from "#test/support/fake-service.ts";
import { openMsrp } from "./open.ts";
import type {
  CloseReason,
  Msrp,
  MsrpMessage,
  MsrpOutgoing,
  MsrpReport,
  MsrpSession,
  SessionHandlers,
  SessionOptions,
} from "./port.ts";

const folder = privateFolder("msrp");
const [keyFile, certFile] = [join(folder, "key.pem"), join(folder, "cert.pem")];
execFileSync(
  "openssl",
  ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"].concat([
    ...["-subj", "/CN=msrp.test", "-keyout", keyFile, "-out", certFile],
  ]),
  { stdio: "ignore" },
);
const tls = { key: readFileSync(keyFile), cert: readFileSync(certFile) };

const clock = openClock();
let stack: Msrp;
let service: ReturnType<typeof fakeService>;
const clients: MsrpClient[] = [];

beforeEach(() => open(clock));

async function open(on: Clock): Promise<void> {
  service = fakeService({ clock: on });
  const parts = { clock: on, wheel: openWheel(on), log: service.log, metrics: service.metrics };
  stack = await openMsrp(parts, {
    listen: [
      { scheme: "msrp", address: "127.0.0.1", port: 0 },
      { scheme: "msrps", address: "127.0.0.1", port: 0 },
      { scheme: "msrp", address: "::1", port: 0 },
    ],
    tls,
  });
}

afterEach(async () => {
  for (const client of clients.splice(0)) await client.close();
  await stack.close();
});

async function client(options: MsrpClientOptions = {}): Promise<MsrpClient> {
  const one = await openMsrpClient(options);
  clients.push(one);
  return one;
}

interface Side {
  readonly session: MsrpSession;
  readonly messages: MsrpMessage[];
  readonly reports: MsrpReport[];
  readonly closed: Promise<CloseReason>;
}

function side(options: Partial<SessionOptions> = {}, handlers: Partial<SessionHandlers> = {}): Side {
  const messages: MsrpMessage[] = [];
  const reports: MsrpReport[] = [];
  let end: (reason: CloseReason) => void = () => undefined;
  const closed = new Promise<CloseReason>((resolve) => {
    end = resolve;
  });
  const session = stack.expect(
    { acceptTypes: ["message/cpim", "text/*"], maxSize: 100_000, ...options },
    {
      message: (message) => {
        messages.push(message);
        message.answer(200);
      },
      report: (report) => reports.push(report),
      closed: end,
      ...handlers,
    },
  );
  return { session, messages, reports, closed };
}

/** A bound pair: the client has connected. */
async function pair(
  options: Partial<SessionOptions> = {},
  handlers: Partial<SessionHandlers> = {},
  clientOptions: MsrpClientOptions = {},
): Promise<Side & { peer: MsrpClient }> {
  const peer = await client(clientOptions);
  const one = side(options, handlers);
  one.session.accept([peer.path]);
  expect(await peer.connect(one.session.localPath)).toBe(200);
  return { ...one, peer };
}

let ids = 0;
const text = (body: string | Uint8Array, more: Partial<MsrpOutgoing> = {}): MsrpOutgoing => {
  ids += 1;
  return {
    contentType: "text/plain",
    body: typeof body === "string" ? Buffer.from(body) : body,
    messageId: `id${ids}xx`,
    ...more,
  };
};

describe("binding", () => {
  test.each([
    ["TCP", {}, {}],
    ["TLS", { scheme: "msrps" }, { tls }],
    ["TCP over IPv6", { family: 6 }, { host: "::1" }],
  ] as const)("the peer connects by %s, both ways speak", async (_name, options, clientOptions) => {
    const { session, messages, peer } = await pair(options, {}, clientOptions);
    expect(session.state).toBe("bound");
    expect(await peer.send({ body: "hello" })).toMatchObject({ statuses: [200] });
    expect(messages.map(({ body }) => body.toString())).toEqual(["hello"]);
    expect(await session.send(text("Grüße"))).toEqual({ status: 200, written: true });
    expect((await peer.messages.next(() => true, 1000)).body.toString()).toBe("Grüße");
  });

  test.each([
    ["TCP", {}, {}],
    ["TLS", { scheme: "msrps" }, { tls }],
  ] as const)("we connect by %s, and what waited goes out", async (_name, options, clientOptions) => {
    const peer = await client(clientOptions);
    const { session } = side(options);
    const sent = session.send(text("early"));
    await session.connect([peer.path]);
    expect(await sent).toEqual({ status: 200, written: true });
    expect(peer.requests.all[0]).toMatchObject({ what: "SEND", body: undefined });
    expect(await peer.messages.next(() => true, 1000)).toMatchObject({ chunks: 1 });
  });

  test("two sessions to one peer share a connection, and the connection ends with the last", async () => {
    const peer = await client();
    const [one, other] = [side(), side()];
    await one.session.connect([peer.path]);
    await other.session.connect([peer.path]);
    expect(peer.connections).toBe(1);
    one.session.close();
    expect(await one.closed).toBe("closed");
    expect((await other.session.send(text("still"))).status).toBe(200);
    other.session.close();
    await peer.gone(1000);
  });

  test("nobody is there", async () => {
    const peer = await client();
    const { session, closed } = side();
    await peer.close();
    await expect(session.connect([peer.path])).rejects.toMatchObject({ name: "MsrpFailure", status: 0 });
    expect(await closed).toBe("unreachable");
  });

  test("the peer refuses to be bound", async () => {
    const peer = await client({ answer: () => "481 Nobody" });
    const { session, closed } = side();
    await expect(session.connect([peer.path])).rejects.toMatchObject({ status: 481 });
    expect(await closed).toBe("refused");
  });

  test("nobody comes", async () => {
    const { session, closed } = side({ bindMs: 50 });
    const sent = session.send(text("x"));
    expect(await closed).toBe("not-bound");
    expect(await sent).toEqual({ status: 0, written: false });
    expect(await session.send(text("y"))).toEqual({ status: 0, written: false });
  });

  test("a certificate must be the one that was signalled", async () => {
    const good = stack.fingerprint ?? "";
    const bad = good.replace(/..$/, (end) => (end === "00" ? "01" : "00"));
    const peer = await client({ tls });
    const one = side({ scheme: "msrps" });
    await one.session.connect([peer.path], { fingerprints: [good.toLowerCase()] });
    const other = side({ scheme: "msrps" });
    await expect(other.session.connect([peer.path], { fingerprints: [bad] })).rejects.toThrow(
      "another certificate",
    );
    const passive = side({ scheme: "msrps" });
    const caller = await client({ tls });
    passive.session.accept([caller.path], { fingerprints: [bad] });
    expect(await caller.connect(passive.session.localPath)).toBe(403);
  });
});

describe("who may speak", () => {
  test("an unknown session, one that is bound elsewhere, another peer", async () => {
    const { session, peer } = await pair();
    const stranger = await client();
    expect(await stranger.connect(session.localPath)).toBe(506);
    stranger.expect([`${session.localPath[0]?.replace(/\/[0-9a-f]+;/, "/0123456789abcdef;")}`]);
    expect((await stranger.send({ body: "x" })).statuses).toEqual([481]);
    const waiting = side();
    waiting.session.accept([peer.path]);
    expect(await stranger.connect(waiting.session.localPath)).toBe(481);
    expect(waiting.session.state).toBe("waiting");
  });

  test("a session of TLS is not reached over TCP", async () => {
    const secure = side({ scheme: "msrps" });
    const plainPort = stack.listening[0]?.port;
    const peer = await client();
    secure.session.accept([peer.path]);
    await peer.connect([`msrp://127.0.0.1:${plainPort}/x;tcp`], false);
    peer.expect(secure.session.localPath);
    expect((await peer.send({ body: "x" })).statuses).toEqual([403]);
  });

  test("the peer may connect before its path is known, and must be the one who is signalled then", async () => {
    const [peer, other] = [await client(), await client()];
    const good = side();
    expect(await peer.connect(good.session.localPath)).toBe(200);
    const sent = good.session.send(text("x"));
    good.session.accept([peer.path]);
    expect((await sent).status).toBe(200);
    const bad = side();
    expect(await other.connect(bad.session.localPath)).toBe(200);
    bad.session.accept([peer.path]);
    expect(await bad.closed).toBe("refused");
  });

  test("several sessions of one connection do not disturb each other", async () => {
    const [one, other] = [side(), side()];
    const peer = await client();
    one.session.accept([peer.path]);
    other.session.accept([peer.path]);
    await peer.connect(one.session.localPath);
    peer.expect(other.session.localPath);
    expect((await peer.send({ body: "to the other" })).statuses).toEqual([200]);
    expect([one.messages.length, other.messages.length]).toEqual([0, 1]);
    peer.break();
    expect(await Promise.all([one.closed, other.closed])).toEqual(["lost", "lost"]);
  });
});

describe("what comes in", () => {
  const body = Buffer.alloc(5_000, "0123456789");

  test.each([
    ["whole", {}, 1],
    ["in chunks", { chunk: 1_000 }, 5],
    ["in chunks that come backwards", { chunk: 1_000, order: [4, 3, 2, 1, 0] }, 5],
    ["in chunks of which one comes twice", { chunk: 1_000, order: [0, 2, 2, 1, 3, 4] }, 6],
  ])("%s", async (_name, how, count) => {
    const { messages, peer } = await pair();
    const { statuses } = await peer.send({ body, ...how });
    expect(statuses).toEqual(Array(count).fill(200));
    expect(messages.map((message) => message.body.equals(body))).toEqual([true]);
  });

  test.each([
    ["an empty body", { body: "" }, [200], 1],
    ["a type that is not taken", { body: "x", contentType: "image/png" }, [415], 0],
    ["no type at all", { body: "x", contentType: "" }, [415], 0],
    ["more than is taken", { body: Buffer.alloc(1001) }, [413], 0],
    ["more than is taken, in chunks", { body: Buffer.alloc(1001), chunk: 600 }, [413, 413], 0],
    ["as much as is taken", { body: Buffer.alloc(1000) }, [200], 1],
    ["a Message-ID that is none", { body: "x", messageId: "a" }, [400], 0],
    [
      "a failure when errors are wanted",
      { body: "x", contentType: "a/b", failureReport: "partial" },
      [415],
      0,
    ],
    ["a failure when nothing is wanted", { body: "x", contentType: "a/b", failureReport: "no" }, [], 0],
    ["success when only errors are wanted", { body: "x", failureReport: "partial", withinMs: 100 }, [], 1],
    ["success when nothing is wanted", { body: "x", failureReport: "no", withinMs: 100 }, [], 1],
  ] as const)("%s", async (_name, say, statuses, count) => {
    const { messages, peer } = await pair({ maxSize: 1000 });
    expect((await peer.send(say)).statuses).toEqual(statuses);
    await peer.send({ body: "the last" });
    expect(messages.length).toBe(count + 1);
    expect(peer.responses.all.length).toBe(1 + statuses.length + 1);
  });

  test("success is reported to whom asked for it, once", async () => {
    const { peer } = await pair(
      {},
      { message: (message) => [200, 200, 413].map((status) => message.answer(status)) },
    );
    const { messageId } = await peer.send({ body: "hello", successReport: true });
    expect(await peer.reports.next(() => true, 1000)).toMatchObject({
      messageId,
      status: "000 200 OK",
      range: "1-5/5",
    });
    const more = await peer.send({ body: "more", failureReport: "no" });
    await peer.send({ body: "last", successReport: true });
    await peer.reports.next(({ range }) => range === "1-4/4", 1000);
    expect(peer.reports.all.some((report) => report.messageId === more.messageId)).toBe(false);
    expect(peer.reports.all.length).toBe(2);
  });

  test("the owner refuses, with its own words, or later by a report", async () => {
    const kept: MsrpMessage[] = [];
    const { peer } = await pair(
      {},
      {
        message: (message) => {
          kept.push(message);
          message.answer(kept.length === 1 ? 403 : 200, kept.length === 1 ? "Not you" : undefined);
        },
      },
    );
    expect(await peer.send({ body: "a" })).toMatchObject({ statuses: [403], comment: "Not you" });
    kept[0]?.answer(413);
    const second = await peer.send({ body: "b" });
    expect(second.statuses).toEqual([200]);
    kept[1]?.answer(404, "Gone meanwhile");
    kept[1]?.answer(404, "Twice");
    const report = await peer.reports.next(() => true, 1000);
    expect(report).toMatchObject({ messageId: second.messageId, status: "000 404 Gone meanwhile" });
    await peer.send({ body: "c" });
    expect(peer.reports.all.length).toBe(1);
  });

  test("an id that came before is told as such", async () => {
    const { messages, peer } = await pair();
    for (const messageId of ["same", "same", "other"]) await peer.send({ body: "x", messageId });
    expect(messages.map(({ repeated }) => repeated)).toEqual([false, true, false]);
  });

  test("NICKNAME", async () => {
    const asked: string[] = [];
    const { peer } = await pair(
      {},
      {
        nickname: ({ nickname, answer }) => {
          asked.push(nickname);
          answer(nickname === "taken" ? 425 : 200);
          answer(500);
        },
      },
    );
    expect(await peer.nickname('Bob "the" Bär')).toBe(200);
    expect(await peer.nickname("taken")).toBe(425);
    expect(await peer.nickname("")).toBe(200);
    expect(await peer.nickname("x".repeat(1024))).toBe(424);
    expect(asked).toEqual(['Bob "the" Bär', "taken", ""]);
    const { peer: without } = await pair();
    expect(await without.nickname("x")).toBe(501);
  });

  test.each([
    [
      "an unknown method",
      "MSRP tid12345 FLY\r\nTo-Path: TO\r\nFrom-Path: FROM\r\n-------tid12345$\r\n",
      "501",
    ],
    [
      "AUTH to one who is no relay",
      "MSRP tid12345 AUTH\r\nTo-Path: TO\r\nFrom-Path: FROM\r\n-------tid12345$\r\n",
      "403",
    ],
    [
      "a malformed field",
      "MSRP tid12345 SEND\r\nTo-Path: TO\r\nFrom-Path: FROM\r\nMessage-ID 123\r\n-------tid12345$\r\n",
      "400",
    ],
    [
      "a body without a type",
      "MSRP tid12345 SEND\r\nTo-Path: TO\r\nFrom-Path: FROM\r\nMessage-ID: 1234\r\n\r\nx\r\n-------tid12345$\r\n",
      "400",
    ],
    [
      "a wrong Byte-Range",
      "MSRP tid12345 SEND\r\nTo-Path: TO\r\nFrom-Path: FROM\r\nMessage-ID: 1234\r\nByte-Range: 1-2/2\r\nContent-Type: text/plain\r\n\r\nabc\r\n-------tid12345$\r\n",
      "400",
    ],
    [
      "a Byte-Range that is none",
      "MSRP tid12345 SEND\r\nTo-Path: TO\r\nFrom-Path: FROM\r\nMessage-ID: 1234\r\nByte-Range: x\r\nContent-Type: text/plain\r\n\r\nabc\r\n-------tid12345$\r\n",
      "400",
    ],
    [
      "a chunk far away",
      "MSRP tid12345 SEND\r\nTo-Path: TO\r\nFrom-Path: FROM\r\nMessage-ID: 1234\r\nByte-Range: 900000000-*/*\r\nContent-Type: text/plain\r\n\r\nabc\r\n-------tid12345+\r\n",
      "413",
    ],
    [
      "a chunk given up",
      "MSRP tid12345 SEND\r\nTo-Path: TO\r\nFrom-Path: FROM\r\nMessage-ID: 1234\r\nByte-Range: 1-*/*\r\nContent-Type: text/plain\r\n\r\nabc\r\n-------tid12345#\r\n",
      "200",
    ],
  ])("%s", async (_name, raw, status) => {
    const { session, messages, peer } = await pair();
    peer.write(raw.replace("TO", session.localPath[0] ?? "").replace("FROM", peer.path));
    expect((await peer.responses.next(({ tid }) => tid === "tid12345", 1000)).what).toBe(status);
    expect(await peer.send({ body: "still there" })).toMatchObject({ statuses: [200] });
    expect(messages.length).toBe(1);
  });

  test("what is no MSRP ends the connection", async () => {
    const { closed, peer } = await pair();
    peer.write("GET / HTTP/1.1\r\n\r\n");
    expect(await closed).toBe("malformed");
    expect(service.metric("sip_msrp_ended_sessions", { reason: "malformed" })).toBe(1);
  });

  test("a chunk without end is not borne for ever", async () => {
    const { session, closed, peer } = await pair({ maxSize: 1000 });
    peer.write(
      `MSRP tid12345 SEND\r\nTo-Path: ${session.localPath[0]}\r\nFrom-Path: ${peer.path}\r\nMessage-ID: 1234\r\nContent-Type: text/plain\r\n\r\n`,
    );
    peer.write(Buffer.alloc(1_100_000, "x"));
    expect(await closed).toBe("limit");
  });
});

describe("hostile bytes", () => {
  test("whatever comes, however cut: nothing throws, the session of another lives, and no memory stays", async () => {
    const { peer, messages } = await pair();
    const piece = (to: string, from: string): fc.Arbitrary<string> =>
      fc.oneof(
        fc.constantFrom(
          "MSRP tidtid12 SEND\r\n",
          "MSRP tidtid12 REPORT\r\n",
          "MSRP tidtid12 NICKNAME\r\n",
          "MSRP tidtid12 200 OK\r\n",
          "MSRP tidtid12 999\r\n",
        ),
        fc.constantFrom(
          `To-Path: ${to}\r\nFrom-Path: ${from}\r\n`,
          `To-Path: ${from}\r\nFrom-Path: ${to}\r\n`,
          "To-Path: x\r\n",
        ),
        fc.constantFrom(
          "Message-ID: mess1\r\n",
          "Byte-Range: 5-4/3\r\n",
          "Byte-Range: 1-*/*\r\n",
          "Byte-Range: 99999-*/*\r\n",
          "Status: 000 200 OK\r\n",
          "Success-Report: yes\r\n",
          "Failure-Report: no\r\n",
          'Use-Nickname: "x"\r\n',
        ),
        fc.constantFrom(
          "Content-Type: text/plain\r\n\r\n",
          "\r\n",
          "x".repeat(3000),
          "-------tidtid12$\r\n",
          "-------tidtid12+\r\n",
          "\r\n-------tidtid12#\r\n",
        ),
        fc.string({ unit: "binary", maxLength: 40 }),
      );
    for (let round = 0; round < 60; round += 1) {
      const one = side();
      const hostile = await client();
      one.session.accept([hostile.path]);
      await hostile.connect(one.session.localPath);
      const [noise] = fc.sample(
        fc.array(piece(one.session.localPath[0] ?? "", hostile.path), { maxLength: 40 }),
        1,
      );
      for (const bytes of noise ?? []) {
        if (hostile.connections === 0) break;
        hostile.write(bytes);
        if (round % 3 === 0) await sleep(0);
      }
      await sleep(2);
      hostile.break();
      await one.closed;
    }
    expect((await peer.send({ body: "still here" })).statuses).toEqual([200]);
    expect(messages.length).toBe(1);
    expect(service.metric("sip_msrp_sessions_count")).toBeLessThanOrEqual(1);
  });
});

describe("what goes out", () => {
  test("long bodies go in chunks that others may pass", async () => {
    const [one, other] = [side(), side()];
    const peer = await client();
    await one.session.connect([peer.path]);
    await other.session.connect([peer.path]);
    const long = Buffer.alloc(900_000, "long ");
    const first = one.session.send(text(long));
    const second = other.session.send(text("short"));
    expect(await Promise.all([first, second])).toMatchObject([{ status: 200 }, { status: 200 }]);
    const [short, whole] = [
      await peer.messages.next(({ body }) => body.length === 5, 1000),
      await peer.messages.next(({ body }) => body.length > 5, 1000),
    ];
    expect(whole.body.equals(long)).toBe(true);
    expect(short.at).toBeLessThan(whole.at);
    expect(whole.chunks).toBeGreaterThan(1);
    const ranges = peer.requests.all.flatMap(({ body, fields }) =>
      body !== undefined && body.length > 2048 ? [fields.get("byte-range")] : [],
    );
    expect(ranges.every((range) => range?.endsWith("-*/900000"))).toBe(true);
  });

  test("answers pass between the chunks of a long message", async () => {
    const { session, peer } = await pair();
    peer.pause();
    const sent = session.send(text(Buffer.alloc(1_000_000, "x")));
    const answered = peer.send({ body: "hello" });
    await sleep(100);
    peer.resume();
    expect((await answered).statuses).toEqual([200]);
    expect(await sent).toEqual({ status: 200, written: true });
    expect((await peer.messages.next(() => true, 1000)).chunks).toBeGreaterThan(1);
  });

  test("a body that holds end-lines arrives as it is", async () => {
    const { session, peer } = await pair();
    await session.send(text("first"));
    const tid = peer.requests.all.at(-1)?.tid ?? "";
    const body = `-------${tid}$\r\n-------${tid.slice(0, -1)}2$\r\n-------${tid.slice(0, -1)}3$\r\n`;
    expect((await session.send(text(body))).status).toBe(200);
    expect(peer.messages.all.at(-1)?.body.toString()).toBe(body);
  });

  test("one message for many is printed once and arrives everywhere, short and long", async () => {
    const pairs = await Promise.all(Array.from({ length: 20 }, () => pair()));
    for (const size of [10, 3_000, 50_000]) {
      const message = text(Buffer.alloc(size, "y"));
      const ends = await Promise.all(pairs.map(({ session }) => session.send(message)));
      expect(ends.every(({ status }) => status === 200)).toBe(true);
      for (const { peer } of pairs) expect(peer.messages.all.at(-1)?.body.length).toBe(size);
    }
  });

  test("a stream, and one that fails", async () => {
    const { session, peer } = await pair();
    async function* pieces(fails: boolean): AsyncGenerator<Uint8Array> {
      for (let index = 0; index < 10; index += 1) {
        await sleep(1);
        yield Buffer.alloc(30_000, String(index));
      }
      if (fails) throw new Error("disk");
    }
    expect(await session.send(text("", { body: pieces(false) }))).toEqual({ status: 200, written: true });
    expect((await peer.messages.next(() => true, 1000)).body.length).toBe(300_000);
    expect(await session.send(text("", { body: pieces(true) }))).toMatchObject({ status: 0, written: true });
    expect((await session.send(text("after"))).status).toBe(200);
    expect(peer.requests.all.some(({ flag }) => flag === "#")).toBe(true);
    expect(peer.messages.all.map(({ body }) => body.length)).toEqual([300_000, 5]);
  });

  test.each([
    ["yes", "200 OK", { status: 200, written: true }],
    ["yes", "413 Enough", { status: 413, written: true, comment: "Enough" }],
    ["no", "413 Enough", { status: 200, written: true }],
    ["partial", "200 OK", { status: 200, written: true }],
  ] as const)("Failure-Report %s, answered %s", async (failureReport, answer, end) => {
    const { session } = await pair({}, {}, { answer: () => answer });
    expect(await session.send(text("x", { failureReport }))).toEqual(end);
  });

  test("the peer wants no more: the rest is not sent, and the next message is", async () => {
    const { session, peer } = await pair(
      {},
      {},
      {
        answer: ({ body, flag }) =>
          body !== undefined && body.length > 100 && flag !== "#" ? "413 Enough" : "200 OK",
      },
    );
    const long = session.send(text(Buffer.alloc(900_000)));
    // Something that interrupts it, so that there is a chunk to answer.
    await peer.send({ body: "x" });
    expect(await long).toMatchObject({ status: 413 });
    expect((await session.send(text("next"))).status).toBe(200);
  });

  test("reports of success, and forged ones", async () => {
    const { session, reports, peer } = await pair();
    await session.send(text("reported", { messageId: "reported", successReport: true }));
    await session.send(text("silent", { messageId: "silent" }));
    const [reported, silent] = peer.messages.all;
    if (reported === undefined || silent === undefined) throw new Error("not heard");
    peer.report({ ...silent, messageId: "never" }, "000 200 OK");
    peer.report(silent, "000 200 OK");
    peer.report(reported, "000 200 OK");
    peer.report(reported, "000 200 OK");
    peer.report(silent, "000 413 Too big");
    await peer.send({ body: "x" });
    expect(reports).toEqual([
      { messageId: "reported", status: 200, comment: "OK", complete: true },
      { messageId: "silent", status: 413, comment: "Too big", complete: false },
    ]);
    expect(service.metric("sip_msrp_unasked_reports")).toBe(3);
  });

  test("the connection ends under a message", async () => {
    const { session, closed, peer } = await pair(
      {},
      {},
      { answer: ({ body }) => (body === undefined ? "200 OK" : undefined) },
    );
    const sent = session.send(text("x"));
    await peer.messages.next(() => true, 1000);
    peer.break();
    expect(await sent).toEqual({ status: 0, written: true });
    expect(await closed).toBe("lost");
  });

  test("a reader that does not read is let go, and what it did not get is said", async () => {
    const { session, closed, peer } = await pair();
    peer.pause();
    const ends: Promise<{ status: number; written: boolean }>[] = [];
    while (session.state === "bound") {
      ends.push(session.send(text(Buffer.alloc(60_000))));
      await sleep(0);
    }
    expect(await closed).toBe("slow-reader");
    const all = await Promise.all(ends);
    expect(all.every(({ status }) => status === 0)).toBe(true);
    expect(all.at(-1)?.written).toBe(false);
    expect(session.buffered).toBe(0);
  });

  test("NICKNAME of ours", async () => {
    const { session } = await pair(
      {},
      {},
      { answer: ({ what }) => (what === "NICKNAME" ? "425 In use" : "200 OK") },
    );
    expect(await session.nickname("bob")).toEqual({ status: 425, written: true, comment: "In use" });
  });
});

describe("time", () => {
  let time: ReturnType<typeof fakeClock>;
  beforeEach(async () => {
    await stack.close();
    time = fakeClock();
    await open(time);
  });

  async function raw(): Promise<{ write: (text: string) => void; closed: Promise<void> }> {
    const socket = connect(stack.listening[0]?.port ?? 0, "127.0.0.1");
    socket.on("error", () => undefined).resume();
    const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
    await new Promise<void>((resolve) => socket.once("connect", resolve));
    await sleep(20);
    return { write: (text) => void socket.write(text), closed };
  }
  const ended = (reason: string): number => service.metric("sip_msrp_ended_connections", { reason });

  test("a connection that says nothing has 30 s", async () => {
    const { closed } = await raw();
    await time.advance(29_900);
    expect(ended("not-bound")).toBe(0);
    await time.advance(200);
    await closed;
    expect(ended("not-bound")).toBe(1);
  });

  test("a message that stands still has 60 s", async () => {
    const { session, peer, closed } = await pair();
    peer.write(`MSRP tid12345 SEND\r\nTo-Path: ${session.localPath[0]}\r\n`);
    await sleep(20);
    await time.advance(50_000);
    peer.write(`From-Path: ${peer.path}\r\n`);
    await sleep(20);
    await time.advance(50_000);
    expect(session.state).toBe("bound");
    await time.advance(10_100);
    expect(await closed).toBe("silent");
  });

  test("no answer in 30 s is 408", async () => {
    const { session, peer } = await pair(
      {},
      {},
      { answer: ({ body }) => (body === undefined ? "200 OK" : undefined) },
    );
    const sent = [session.send(text("x")), session.send(text("y", { failureReport: "partial" }))];
    await peer.messages.next(({ body }) => body.toString() === "y", 1000);
    await time.advance(29_900);
    const later = session.send(text("z"));
    await peer.messages.next(({ body }) => body.toString() === "z", 1000);
    await time.advance(200);
    expect(await Promise.all(sent)).toMatchObject([{ status: 408, written: true }, { status: 200 }]);
    await time.advance(30_000);
    expect(await later).toMatchObject({ status: 408 });
  });

  test("an owner that says nothing in 25 s has it answered, and can still refuse", async () => {
    const kept: MsrpMessage[] = [];
    const { peer } = await pair({}, { message: (message) => kept.push(message) });
    const said = peer.send({ body: "x", successReport: true });
    await peer.requests.next(() => true, 10).catch(() => undefined);
    await sleep(30);
    await time.advance(25_100);
    expect((await said).statuses).toEqual([200]);
    expect(peer.reports.all).toEqual([]);
    kept[0]?.answer(404);
    expect(await peer.reports.next(() => true, 1000)).toMatchObject({ status: "000 404 Not Found" });
  });

  test("chunks that never come are given up after nine minutes, and their sender is told", async () => {
    const { messages, peer } = await pair();
    expect((await peer.send({ body: "x".repeat(30), chunk: 10, order: [0, 2] })).statuses).toEqual([
      200, 200,
    ]);
    await time.advance(1_090_000);
    expect(await peer.reports.next(() => true, 1000)).toMatchObject({ status: "000 408 Chunks are missing" });
    expect(messages).toEqual([]);
  });

  test("a session that nobody binds has 32 s", async () => {
    const { closed } = side();
    await time.advance(32_100);
    expect(await closed).toBe("not-bound");
  });
});
