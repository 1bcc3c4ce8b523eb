// What configuration opens and limits: trusted proxies, strangers, registered flows, rates, long holds; and foreign domains by DNS.
import { createSocket, type Socket } from "node:dgram";
import { type AddressInfo, createServer } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { type House, openHouse } from "./test-house.ts";
import { bodyOf, header, openPhone, type Phone, status, text, waitFor } from "./test-phone.ts";

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close();
});
async function house(section: object): Promise<House> {
  const opened = await openHouse({ holdResponse: "0ms", ...section });
  open.push(opened);
  return opened;
}
async function phone(at: House, user = "alice", transport: "udp" | "tcp" = "udp"): Promise<Phone> {
  const opened = await openPhone(user, { transport, port: at.port(transport) });
  open.push(opened);
  return opened;
}
let serial = 0;
const message = (from: Phone, fields: string[], to = "sip:bob@sip.example"): string => {
  serial += 1;
  return `MESSAGE ${to} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:${from.port};branch=z9hG4bKpol${serial};rport\r\n${fields.join("\r\n")}\r\nTo: <${to}>\r\nCall-ID: pol${serial}\r\nCSeq: 1 MESSAGE\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi`;
};

describe("whom we believe", () => {
  test("a trusted proxy's P-Asserted-Identity, not its From", async () => {
    const at = await house({ trusted: ["127.0.0.1"] });
    const proxy = await phone(at);
    const answer = await proxy.ask(
      message(proxy, ["From: <sip:anybody@x>;tag=1", 'P-Asserted-Identity: "Alice" <sip:alice@sip.example>']),
    );
    expect(status(answer)).toBe(202);
    expect(at.accepted[0]?.draft.from).toEqual({
      local: "alice",
      domain: "sip.example",
      assurance: "server",
      display: "Alice",
    });
    expect(status(await proxy.ask(message(proxy, ["From: <sip:alice@sip.example>;tag=1"])))).toBe(407);
  });
  test("strangers, if they may: to our people, as nobody vouches for; never through us to others", async () => {
    const at = await house({ foreign: true });
    const stranger = await phone(at);
    const from = ["From: <sip:eve@elsewhere.example>;tag=1"];
    expect(status(await stranger.ask(message(stranger, from)))).toBe(202);
    expect(at.accepted[0]?.draft.from).toMatchObject({
      local: "eve",
      domain: "elsewhere.example",
      assurance: "none",
    });
    expect(status(await stranger.ask(message(stranger, from, "sip:x@third.example")))).toBe(403);
  });
  test.each(["udp", "tcp"] as const)(
    "the flow of a registration over %s, if so configured; another port is asked for its password",
    async (transport) => {
      const at = await house({ trustRegisteredFlow: true });
      const alice = await phone(at, "alice", transport);
      await alice.register();
      const from = ["From: <sip:alice@sip.example>;tag=1"];
      expect(status(await alice.ask(message(alice, from)))).toBe(202);
      expect(at.accepted[0]?.draft.from.assurance).toBe("verified");
      const other = await phone(at, "alice", transport);
      expect(status(await other.ask(message(other, from)))).toBe(407);
      expect(status(await alice.ask(message(alice, ["From: <sip:bob@sip.example>;tag=1"])))).toBe(407);
    },
  );
});

describe("limits", () => {
  test("one source may send so much; the rest is dropped unread and counted", async () => {
    const at = await house({ sourceRate: 10 });
    const flood = await phone(at);
    for (let n = 0; n < 200; n += 1) flood.send(message(flood, ["From: <sip:alice@sip.example>;tag=1"]));
    await waitFor(() => (at.value("sip_rate_limited_messages") > 150 ? true : undefined));
    expect(flood.heard.length).toBeLessThan(50);
  });
  test("a long hold: 100 after 3.5 s over UDP, none over TCP (RFC 4320 §4.1); nothing else before the final one", async () => {
    const at = await house({ holdResponse: "4s" });
    const [udp, tcp] = [await phone(at, "alice", "udp"), await phone(at, "alice", "tcp")];
    at.settle = () => new Promise((resolve) => setTimeout(() => resolve({ outcome: "handed" }), 3_900));
    const say = (each: Phone) => each.login("MESSAGE", "sip:bob@sip.example", ...text("slow"));
    expect((await Promise.all([say(udp), say(tcp)])).map(status)).toEqual([200, 200]);
    expect(udp.heard.map(status)).toEqual([407, 100, 200]);
    expect(tcp.heard.map(status)).toEqual([407, 200]);
  });
});

test("a process that is to end takes no new message: 500 with Retry-After", async () => {
  const at = await house({});
  const alice = await phone(at);
  at.stop();
  const answer = await alice.login("MESSAGE", "sip:bob@sip.example", ...text("late"));
  expect([status(answer), header(answer, "Retry-After"), at.accepted.length]).toEqual([500, "5", 0]);
});

/** A DNS server of four lines: answers from `zone` (`A name` or `SRV name`), else that there is no such name. */
async function dns(zone: Record<string, Buffer[]>): Promise<{ at: string; close(): void }> {
  const socket: Socket = createSocket("udp4");
  const types: Record<number, string> = { 1: "A", 33: "SRV", 28: "AAAA", 35: "NAPTR" };
  socket.on("message", (query, from) => {
    let end = 12;
    const labels: string[] = [];
    for (let size = query[end] ?? 0; size > 0; size = query[end] ?? 0) {
      labels.push(query.toString("latin1", end + 1, end + 1 + size));
      end += size + 1;
    }
    const type = query.readUInt16BE(end + 1);
    const records = zone[`${types[type]} ${labels.join(".")}`] ?? [];
    const head = Buffer.from(query.subarray(0, 12));
    head.writeUInt16BE(records.length > 0 ? 0x8180 : 0x8183, 2);
    head.writeUInt16BE(records.length, 6);
    head.fill(0, 8);
    const answers = records.map((data) => {
      const record = Buffer.alloc(12);
      record.writeUInt16BE(0xc00c, 0);
      record.writeUInt16BE(type, 2);
      record.writeUInt16BE(1, 4);
      record.writeUInt16BE(data.length, 10);
      return Buffer.concat([record, data]);
    });
    socket.send(Buffer.concat([head, query.subarray(12, end + 5), ...answers]), from.port, from.address);
  });
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
  return { at: `127.0.0.1:${socket.address().port}`, close: () => socket.close() };
}
const srv = (priority: number, port: number, name: string): Buffer => {
  const numbers = Buffer.alloc(6);
  numbers.writeUInt16BE(priority, 0);
  numbers.writeUInt16BE(port, 4);
  const labels = name
    .split(".")
    .map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)]));
  return Buffer.concat([numbers, ...labels, Buffer.from([0])]);
};

describe("a separator instead of %40", () => {
  const section = { separator: { sign: "*", domains: ["gw.example"] } };
  test("is read: whom a phone writes to", async () => {
    const at = await house(section);
    const alice = await phone(at);
    for (const user of ["dan*far.example", "dan%40far.example"])
      expect(status(await alice.login("MESSAGE", `sip:${user}@gw.example`, ...text(user)))).toBe(202);
    const person = { local: "dan", domain: "far.example" };
    expect(at.accepted.map(({ draft }) => draft.to)).toEqual([person, person]);
    expect(status(await alice.login("OPTIONS", "sip:dan*far.example@gw.example"))).toBe(200);
  });
  test("is written: a proxy or phone sees no %40 and can answer", async () => {
    const at = await house(section);
    const bob = await phone(at, "bob");
    await bob.register();
    expect(
      await at.deliver({ from: { local: "carol", domain: "far.example", assurance: "server" } }),
    ).toEqual({ end: "handed", delivered: true });
    expect(header(await bob.hear("MESSAGE "), "From")).toMatch(/<sip:carol\*far\.example@gw\.example>;tag=/);
  });
});

describe("foreign domains (RFC 3263)", () => {
  const to = { local: "dan", domain: "far.example" };
  async function abroad(
    zone: (good: Phone, bad: Phone) => Record<string, Buffer[]>,
    transport: "udp" | "tcp" = "udp",
  ) {
    const proxyHouse = await house({});
    const [good, bad] = [await phone(proxyHouse, "good", transport), await phone(proxyHouse, "bad")];
    const server = await dns({ "A pc.far.example": [Buffer.from([127, 0, 0, 1])], ...zone(good, bad) });
    open.push(server);
    return { at: await house({ dns: [server.at] }), good, bad };
  }
  test("found by SRV; Request-URI and To name the person, From the sender as he can be answered", async () => {
    const { at, good } = await abroad((phone) => ({
      "SRV _sip._udp.far.example": [srv(1, phone.port, "pc.far.example")],
    }));
    expect(await at.deliver({ to })).toEqual({ end: "handed", delivered: true });
    const request = await good.hear("MESSAGE ");
    expect(request.startsWith("MESSAGE sip:dan@far.example SIP/2.0\r\n")).toBe(true);
    expect(bodyOf(request)).toBe("hello bob");
    expect(header(request, "From")).toContain("carol");
  });
  test("503 leads to the next target, with the same Call-ID", async () => {
    const { at, good, bad } = await abroad((phone, other) => ({
      "SRV _sip._udp.far.example": [
        srv(1, other.port, "pc.far.example"),
        srv(2, phone.port, "pc.far.example"),
      ],
    }));
    bad.answer = () => 503;
    expect(await at.deliver({ to })).toEqual({ end: "handed", delivered: true });
    expect(header(await bad.hear("MESSAGE "), "Call-ID")).toBe(
      header(await good.hear("MESSAGE "), "Call-ID"),
    );
  });
  test("a connection that ends under the message leads to the next target; without one it is uncertain, at once", async () => {
    const cut = createServer((socket) => socket.once("data", () => socket.destroy()));
    await new Promise<void>((resolve) => cut.listen(0, "127.0.0.1", resolve));
    open.push(cut);
    const { port } = cut.address() as AddressInfo;
    const first = srv(1, port, "pc.far.example");
    const tcp = "SRV _sip._tcp.far.example";
    const { at } = await abroad((phone) => ({ [tcp]: [first, srv(2, phone.port, "pc.far.example")] }), "tcp");
    expect(await at.deliver({ to })).toEqual({ end: "handed", delivered: true });
    const began = performance.now();
    const alone = await abroad(() => ({ [tcp]: [first] }));
    expect(await alone.at.deliver({ to })).toEqual({ end: "uncertain" });
    expect(performance.now() - began).toBeLessThan(2_000);
  });
  test.each([
    ["unknown to DNS", {}, undefined, { end: "refused", reason: "unknown-domain" }],
    ["asks for a password", undefined, 407, { end: "refused", reason: "not-authorised" }],
    ["does not know him", undefined, 404, { end: "refused", reason: "unknown-user" }],
    ["he is away: there is no mailbox of ours", undefined, 480, { end: "refused", reason: "unreachable" }],
    ["500", undefined, 500, { end: "refused", reason: "unreachable" }],
  ])("%s", async (_, zone, code, expected) => {
    const { at, good } = await abroad(
      (phone) => zone ?? { "SRV _sip._udp.far.example": [srv(1, phone.port, "pc.far.example")] },
    );
    good.answer = () => code;
    expect(await at.deliver({ to })).toEqual(expected);
  });
});
