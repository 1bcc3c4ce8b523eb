// What phones send: who is believed, what is answered, what reaches the courier. Raw phones on real sockets.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { BusTimeout } from "#bus-schemas/bus/port.ts";
import { type House, openHouse } from "./test-house.ts";
import { bodyOf, header, openPhone, type Phone, status, text, waitFor } from "./test-phone.ts";

let house: House;
let alice: Phone;
let tcp: Phone;

beforeAll(async () => {
  house = await openHouse({ holdResponse: "100ms" });
  alice = await openPhone("alice", { transport: "udp", port: house.port("udp") });
  tcp = await openPhone("alice", { transport: "tcp", port: house.port("tcp") });
});
afterAll(async () => {
  alice.close();
  tcp.close();
  await house.close();
});

const say = (phone: Phone, to: string, what: string, fields: string[] = []): Promise<string> =>
  phone.login("MESSAGE", to, [...text(what)[0], ...fields], what);
const bob = "sip:bob@sip.example";
const last = () => house.accepted.at(-1);

describe("REGISTER", () => {
  test.each(["MD5", "SHA-256"])(
    "with digest %s; the 200 lists the binding, the mailbox is told",
    async (algorithm) => {
      const phone = await openPhone("carol", { transport: "udp", port: house.port("udp") }, algorithm);
      const answer = await phone.register();
      expect(status(answer)).toBe(200);
      expect(header(answer, "Contact")).toMatch(/^<sip:carol@127\.0\.0\.1:\d+;transport=udp>;expires=600$/);
      expect(house.available.at(-1)).toMatchObject({ local: "carol", domain: "sip.example" });
      expect(status(await phone.login("REGISTER", "sip:sip.example", ["Contact: *", "Expires: 0"]))).toBe(
        200,
      );
      phone.close();
    },
  );
  test("too brief: 423 with Min-Expires", async () => {
    const answer = await alice.login("REGISTER", "sip:sip.example", [
      "Contact: <sip:a@127.0.0.1>",
      "Expires: 5",
    ]);
    expect([status(answer), header(answer, "Min-Expires")]).toEqual([423, "60"]);
  });
  test.each([
    ["a wrong password", { password: "wrong" }, 401],
    ["another's account", { user: "bob" }, 403],
    ["nobody", { user: "nobody", password: "x" }, 401],
  ])("%s", async (_, as, expected) => {
    const answer = await alice.login("REGISTER", "sip:sip.example", ["Contact: <sip:a@127.0.0.1>"], "", as);
    expect(status(answer)).toBe(expected);
  });
});

describe("MESSAGE in", () => {
  test.each(["udp", "tcp"] as const)("over %s: 202 when the hold ends without news", async (transport) => {
    house.settle = () => Promise.resolve(undefined);
    const answer = await say(transport === "udp" ? alice : tcp, bob, "hello \u00fc\u{1f600}");
    expect([status(answer), header(answer, "Contact")]).toEqual([202, undefined]);
    expect(last()?.draft).toMatchObject({
      text: "hello \u00fc\u{1f600}",
      from: { local: "alice", domain: "sip.example", assurance: "verified" },
      to: { local: "bob", domain: "sip.example" },
    });
    expect(last()?.arrival).toMatchObject({ source: "alice@sip.example", holdMs: 100 });
  });
  test("over IPv6", async () => {
    const phone = await openPhone("alice", { transport: "udp", port: house.port("udp", 6), host: "::1" });
    expect(status(await say(phone, bob, "six"))).toBe(202);
    phone.close();
  });
  test.each([
    [{ outcome: "handed" as const }, 200],
    [{ outcome: "refused" as const, reason: "unknown-user" as const }, 404],
    [{ outcome: "refused" as const, reason: "too-large" as const, text: "too much" }, 413],
    [{ outcome: "uncertain" as const }, 500],
    [{ outcome: "expired" as const }, 480],
  ])("held: %o is answered %i", async (settled, expected) => {
    house.settle = () => Promise.resolve(settled);
    expect(status(await say(alice, bob, "held"))).toBe(expected);
    house.settle = () => Promise.resolve(undefined);
  });
  test("a retransmission is absorbed: one message, the same answer again", async () => {
    const before = house.accepted.length;
    await say(alice, bob, "once");
    const request = `MESSAGE ${bob} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:${alice.port};branch=z9hG4bKretrans;rport\r\nFrom: <sip:alice@sip.example>;tag=r1\r\nTo: <${bob}>\r\nCall-ID: retrans\r\nCSeq: 1 MESSAGE\r\nContent-Length: 0\r\n\r\n`;
    const [first, second] = [await alice.ask(request), await alice.ask(request)];
    expect(second).toBe(first);
    expect(house.accepted.length).toBe(before + 1);
  });
  test("sent again on a new connection because its answer was lost: one message, the same answer", async () => {
    const before = house.accepted.length;
    let settle = (_: { outcome: "refused"; reason: "unreachable" }): void => undefined;
    house.settle = () =>
      new Promise((resolve) => {
        settle = resolve;
      });
    const lost = await openPhone("alice", { transport: "tcp", port: house.port("tcp") });
    void say(lost, bob, "lost answer").catch(() => undefined);
    await waitFor(() => house.accepted.length > before || undefined);
    const request = lost.said.at(-1) ?? "";
    lost.close();
    const back = await openPhone("alice", { transport: "tcp", port: house.port("tcp") });
    // While the first is held; then after it was answered; each as it was.
    const again = back.ask(request);
    await back.login("OPTIONS", bob); // Read behind it: it has been seen.
    settle({ outcome: "refused", reason: "unreachable" });
    expect([status(await again), status(await back.ask(request))]).toEqual([480, 480]);
    house.settle = () => Promise.resolve(undefined);
    // Somebody who has heard the credentials and uses them for something else is challenged.
    const other = request.replace("Call-ID: ", "Call-ID: other").replace("lost answer", "evil answer");
    expect(status(await back.ask(other))).toBe(407);
    expect(house.accepted.length).toBe(before + 1);
    back.close();
  });
  test("the same by another branch is merged: 482", async () => {
    const make = (branch: string) =>
      `MESSAGE ${bob} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:${alice.port};branch=z9hG4bK${branch};rport\r\nFrom: <sip:alice@sip.example>;tag=r2\r\nTo: <${bob}>\r\nCall-ID: merged\r\nCSeq: 1 MESSAGE\r\nContent-Length: 0\r\n\r\n`;
    expect([status(await alice.ask(make("one"))), status(await alice.ask(make("two")))]).toEqual([407, 482]);
  });
  test("the bus does not take it: 500 with Retry-After, never 503", async () => {
    house.trouble = new BusTimeout("no");
    const answer = await say(alice, bob, "later");
    house.trouble = undefined;
    expect([status(answer), header(answer, "Retry-After")]).toEqual([500, "10"]);
  });
});

describe("refused before it is accepted", () => {
  const message = ["Content-Type: text/plain"];
  test.each([
    ["unknown user", "sip:nobody@sip.example", message, "x", {}, 404],
    ["unknown domain", "sip:a@127.0.0.9", message, "x", {}, 404],
    ["no user", "sip:sip.example", message, "x", {}, 404],
    ["too large", bob, message, "x".repeat(70_000), {}, 413],
    ["sips", "sips:bob@sip.example", message, "x", {}, 416],
    ["another scheme", "tel:+123", message, "x", {}, 416],
    ["a type that we do not read", bob, ["Content-Type: text/html"], "x", {}, 415],
    ["an encoding", bob, [...message, "Content-Encoding: gzip"], "x", {}, 415],
    ["an unknown charset", bob, ["Content-Type: text/plain;charset=klingon"], "x", {}, 415],
    ["nothing to say", bob, message, "", {}, 488],
    ["an extension", bob, [...message, "Require: nothingSupportsThis"], "x", {}, 420],
    ["a wrong password", bob, message, "x", { password: "wrong" }, 407],
    ["in another's name", bob, message, "x", { user: "carol" }, 403],
  ])("%s", async (_, to, fields, body, as, expected) => {
    const before = house.accepted.length;
    const answer = await tcp.login("MESSAGE", to, fields, body, as);
    expect(status(answer)).toBe(expected);
    expect(house.accepted.length).toBe(before);
    if (expected === 415)
      expect(header(answer, "Accept") ?? header(answer, "Accept-Encoding") ?? "").toBeDefined();
    if (expected === 420) expect(header(answer, "Unsupported")).toBe("nothingSupportsThis");
  });
  test("a stranger: 403", async () => {
    expect(status(await say(alice, bob, "x", ["From: <sip:eve@elsewhere.example>;tag=1"]))).toBe(403);
  });
  test("somebody of another network by his SIP name: challenged, and nobody can answer", async () => {
    expect(status(await say(alice, bob, "x", ["From: <sip:carol@xmpp.example>;tag=1"]))).toBe(407);
  });
  test("P-Asserted-Identity of one whom we do not trust counts nothing", async () => {
    const answer = await alice.ask(
      `MESSAGE ${bob} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:${alice.port};branch=z9hG4bKpai;rport\r\nFrom: <sip:alice@sip.example>;tag=p\r\nP-Asserted-Identity: <sip:alice@sip.example>\r\nTo: <${bob}>\r\nCall-ID: pai\r\nCSeq: 1 MESSAGE\r\nContent-Length: 0\r\n\r\n`,
    );
    expect(status(answer)).toBe(407);
  });
});

describe("CPIM", () => {
  const wrap = (from: string, inner = "Content-Type: text/plain\r\n\r\nhello"): string =>
    `From: <${from}>\r\nTo: <${bob}>\r\nNS: imdn <urn:ietf:params:imdn>\r\nimdn.Message-ID: m17\r\nimdn.Disposition-Notification: positive-delivery, display\r\n\r\n${inner}`;
  const cpim = ["Content-Type: message/cpim"];
  test("is unwrapped, its id and wishes are kept", async () => {
    expect(status(await alice.login("MESSAGE", bob, cpim, wrap("sip:alice@sip.example")))).toBe(202);
    expect(last()?.draft).toMatchObject({
      text: "hello",
      messageId: "m17",
      receipts: { handed: false, delivered: true, displayed: true },
    });
  });
  test("im: means the same person", async () => {
    expect(status(await alice.login("MESSAGE", bob, cpim, wrap("im:alice@sip.example")))).toBe(202);
  });
  test("another's From: 403", async () => {
    expect(status(await alice.login("MESSAGE", bob, cpim, wrap("sip:carol@sip.example")))).toBe(403);
  });
  test("typing is answered and goes no further", async () => {
    const before = house.accepted.length;
    const inner = "Content-Type: application/im-iscomposing+xml\r\n\r\n<isComposing/>";
    expect(status(await alice.login("MESSAGE", bob, cpim, wrap("sip:alice@sip.example", inner)))).toBe(200);
    expect(house.accepted.length).toBe(before);
  });
});

describe("other requests", () => {
  test.each([
    ["OPTIONS", "sip:sip.example", 200],
    ["OPTIONS", "sip:bob@sip.example", 200],
    ["OPTIONS", "sip:bob@elsewhere.example", 404],
    ["INVITE", bob, 405],
    ["SUBSCRIBE", bob, 405],
    ["FOO", bob, 501],
    ["CANCEL", bob, 481],
  ])("%s %s: %i", async (method, uri, expected) => {
    const answer = await alice.login(method, uri);
    expect(status(answer)).toBe(expected);
    if (expected === 405 || expected === 200) expect(header(answer, "Allow")).toContain("MESSAGE");
    if (expected === 200) expect(header(answer, "Accept")).toContain("message/cpim");
  });
  test("malformed: 400 over UDP; over TCP 400 and the connection is closed", async () => {
    const broken = `MESSAGE ${bob} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:${alice.port};branch=z9hG4bKbroken;rport\r\nFrom: <sip:alice@sip.example\r\nTo: <${bob}>\r\nCall-ID: broken\r\nCSeq: 1 MESSAGE\r\nContent-Length: 0\r\n\r\n`;
    expect(status(await alice.ask(broken))).toBe(400);
    const phone = await openPhone("alice", { transport: "tcp", port: house.port("tcp") });
    phone.send("MESSAGE x SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bKq\r\nContent-Length: -1\r\n\r\n");
    expect(status(await phone.hear("SIP/2.0"))).toBe(400);
    phone.close();
  });
  test("a ping is answered by a pong (RFC 5626 §4.4.1)", async () => {
    const { connect } = await import("node:net");
    const socket = connect({ host: "127.0.0.1", port: house.port("tcp") });
    let got = "";
    socket.on("data", (chunk) => {
      got += chunk.toString();
    });
    socket.write("\r\n\r\n");
    await waitFor(() => (got === "\r\n" ? true : undefined));
    socket.destroy();
  });
  test("nothing is answered 408 or 503", () => {
    for (const each of [...alice.heard, ...tcp.heard]) expect([408, 503]).not.toContain(status(each));
    expect(bodyOf(alice.heard[0] ?? "")).toBe("");
  });
});
