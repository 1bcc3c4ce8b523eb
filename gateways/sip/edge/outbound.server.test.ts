// Hand-over to phones: forks, sizes, repeats, CPIM, reports to senders, flows held by another instance. Raw phones on real sockets.
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { memoryServer } from "#bus-schemas/bus/memory.ts";
import type { OutcomeEvent } from "#bus-schemas/events/outcome.ts";
import { farId } from "#bus-schemas/ids.ts";
import { attempt, type House, messageEvent, openHouse } from "./test-house.ts";
import { bodyOf, header, openPhone, type Phone, status } from "./test-phone.ts";

let server: ReturnType<typeof memoryServer>;
let house: House;
const open: { close(): unknown }[] = [];

beforeEach(async () => {
  server = memoryServer();
  house = await openHouse({}, { server });
});
afterEach(async () => {
  for (const each of open.splice(0)) await each.close();
  await house.close();
});

async function bob(
  transport: "udp" | "tcp" = "udp",
  fields: string[] = [],
  at: House = house,
): Promise<Phone> {
  const phone = await openPhone("bob", { transport, port: at.port(transport) });
  open.push(phone);
  expect(status(await phone.register(fields))).toBe(200);
  return phone;
}

describe("to one phone", () => {
  test.each(["udp", "tcp"] as const)("over %s: text, who it is from, 200 is delivered", async (transport) => {
    const phone = await bob(transport);
    expect(
      await house.deliver({ text: "gr\u00fc\u00df \u{1f600}\nline two", subject: "S\u00fc", language: "de" }),
    ).toEqual({ end: "handed", delivered: true });
    const request = await phone.hear("MESSAGE ");
    expect(request).toMatch(
      new RegExp(`^MESSAGE sip:bob@127\\.0\\.0\\.1:${phone.port};transport=${transport} SIP/2\\.0\\r\\n`),
    );
    expect(header(request, "From")).toMatch(
      /^"Carol" <sip:carol%40xmpp\.example@gw\.example>;tag=\w+$|^"Carol" <sip:carol@xmpp\.example>;tag=\w+$/,
    );
    expect(header(request, "To")).toBe("<sip:bob@sip.example>");
    expect([
      header(request, "Subject"),
      header(request, "Content-Language"),
      header(request, "Contact"),
    ]).toEqual(["S\u00fc", "de", undefined]);
    expect(bodyOf(request)).toBe("gr\u00fc\u00df \u{1f600}\nline two");
  });
  test("an action is /me", async () => {
    const phone = await bob();
    await house.deliver({ action: true, text: "waves" });
    expect(bodyOf(await phone.hear("MESSAGE "))).toBe("/me waves");
  });
  test.each([
    [202, { end: "handed", delivered: false }],
    [404, { end: "refused", reason: "unknown-user" }],
    [403, { end: "refused", reason: "forbidden" }],
    [413, { end: "refused", reason: "too-large" }],
    [415, { end: "refused", reason: "not-supported" }],
    [600, { end: "refused", reason: "unreachable" }],
    [482, { end: "refused", reason: "loop" }],
    [480, { end: "away" }],
    [486, { end: "away" }],
    [500, { end: "away" }],
    [503, { end: "away" }],
  ])("it answers %i", async (code, expected) => {
    const phone = await bob();
    phone.answer = () => code;
    expect(await house.deliver({})).toEqual(expected);
  });
  test("nowhere registered: away", async () => {
    expect(await house.deliver({})).toEqual({ end: "away" });
  });
  test("again: the same Call-ID, CSeq, tag and branch", async () => {
    const phone = await bob();
    const event = messageEvent();
    await house.open.gateway.deliver(event, attempt());
    expect(await house.open.gateway.deliver(event, attempt(true))).toEqual({
      end: "handed",
      delivered: true,
    });
    const [first, second] = phone.heard.filter((each) => each.startsWith("MESSAGE"));
    expect(second).toBe(first);
  });
  test("again: 482 says that it has it", async () => {
    const phone = await bob();
    phone.answer = () => 482;
    expect(await house.deliver({}, true)).toEqual({ end: "handed", delivered: false });
  });
  test("after a refusal it is asked anew: the same Call-ID, a higher CSeq, another branch", async () => {
    const phone = await bob();
    const event = messageEvent();
    phone.answer = () => 480;
    await house.open.gateway.deliver(event, attempt());
    phone.answer = () => 200;
    expect(await house.open.gateway.deliver(event, attempt(true))).toEqual({
      end: "handed",
      delivered: true,
    });
    const [first = "", second = ""] = phone.heard.filter((each) => each.startsWith("MESSAGE"));
    expect(header(second, "Call-ID")).toBe(header(first, "Call-ID"));
    expect([header(first, "CSeq"), header(second, "CSeq")]).toEqual(["1 MESSAGE", "2 MESSAGE"]);
    expect(header(second, "Via")).not.toBe(header(first, "Via"));
  });
  test("silence over UDP: sent again as it was, until it answers", async () => {
    const phone = await bob();
    let count = 0;
    phone.answer = () => {
      count += 1;
      return count < 3 ? undefined : 200;
    };
    expect(await house.deliver({})).toEqual({ end: "handed", delivered: true });
    const sent = phone.heard.filter((each) => each.startsWith("MESSAGE"));
    expect(sent).toHaveLength(3);
    expect(new Set(sent).size).toBe(1);
  });
  test("its connection ends under the message: away at once; by its next one it gets the same request again", async () => {
    const [first, second] = [await bob("tcp"), await bob("tcp")];
    const contact = `<sip:bob@127.0.0.1:${first.port};transport=tcp>`;
    await second.register([], `<sip:bob@127.0.0.1:${second.port};transport=tcp>;expires=0`);
    first.answer = () => undefined;
    const event = messageEvent();
    const began = performance.now();
    const delivery = house.open.gateway.deliver(event, attempt());
    const unanswered = await first.hear("MESSAGE ");
    first.close();
    expect(await delivery).toEqual({ end: "away" });
    expect(performance.now() - began).toBeLessThan(2_000);
    expect(house.value("sip_client_transactions_count")).toBe(0);
    expect(status(await second.register([], contact))).toBe(200);
    expect(await house.open.gateway.deliver(event, attempt(true))).toEqual({
      end: "handed",
      delivered: true,
    });
    expect(await second.hear("MESSAGE ")).toBe(unanswered);
  });
  test("too long for a datagram: refused over UDP, carried over TCP", async () => {
    const long = "x".repeat(8_192);
    const phone = await bob("udp");
    expect(await house.deliver({ text: long })).toEqual({ end: "refused", reason: "too-large" });
    expect(phone.heard.filter((each) => each.startsWith("MESSAGE"))).toEqual([]);
    const other = await bob("tcp");
    expect(await house.deliver({ text: long })).toEqual({ end: "handed", delivered: true });
    expect(bodyOf(await other.hear("MESSAGE "))).toBe(long);
  });
  test("behind a NAT: over UDP back where the REGISTER came from", async () => {
    const phone = await openPhone("bob", { transport: "udp", port: house.port("udp") });
    open.push(phone);
    expect(status(await phone.register([], "<sip:bob@10.1.2.3:5060>"))).toBe(200);
    expect(await house.deliver({ text: "inside" })).toEqual({ end: "handed", delivered: true });
    expect(await phone.hear("MESSAGE ")).toMatch(/^MESSAGE sip:bob@10\.1\.2\.3:5060 SIP/);
  });
  test("no more after it has left", async () => {
    const phone = await bob();
    await phone.login("REGISTER", "sip:sip.example", ["Contact: *", "Expires: 0"]);
    expect(await house.deliver({})).toEqual({ end: "away" });
  });
  test("what would end a header field does not", async () => {
    const phone = await bob();
    await house.deliver({
      subject: "a\r\nEvil: yes",
      from: { local: "x", domain: "xmpp.example", assurance: "none", display: 'q"\r\nEvil: yes' },
    });
    expect(header(await phone.hear("MESSAGE "), "Evil")).toBeUndefined();
  });
});

describe("to several phones of one person", () => {
  test.each([
    ["one takes it", [200, 404], { end: "handed", delivered: true }],
    ["one stores it, one is busy", [202, 486], { end: "handed", delivered: false }],
    ["none now, one perhaps later", [403, 480], { end: "away" }],
    ["none at all: the most useful reason", [404, 403], { end: "refused", reason: "forbidden" }],
  ])("%s", async (_, codes, expected) => {
    const phones = [await bob("udp"), await bob("tcp")];
    for (const [n, phone] of phones.entries()) phone.answer = () => codes[n];
    expect(await house.deliver({})).toEqual(expected);
    for (const phone of phones)
      expect(phone.heard.filter((each) => each.startsWith("MESSAGE"))).toHaveLength(1);
  });
});

describe("a dead phone beside a living one", () => {
  test("holds nobody up, and is passed over while it is silent", async () => {
    const [dead, living] = [await bob("udp"), await bob("tcp")];
    dead.answer = () => undefined;
    const started = performance.now();
    expect(await house.deliver({ text: "one" })).toEqual({ end: "handed", delivered: true });
    expect(await house.deliver({ text: "two" })).toEqual({ end: "handed", delivered: true });
    expect(performance.now() - started).toBeLessThan(1_000);
    expect(living.heard.filter((each) => each.startsWith("MESSAGE")).map(bodyOf)).toEqual(["one", "two"]);
    // The second waits for the first there; it must not overtake it.
    expect(new Set(dead.heard.filter((each) => each.startsWith("MESSAGE")).map(bodyOf))).toEqual(
      new Set(["one"]),
    );
  });
});

describe("CPIM and IMDN", () => {
  const asked = { handed: false, delivered: true, displayed: true };
  test("a phone that reads CPIM gets it, with an id under which it can report; its report goes back", async () => {
    const phone = await bob("tcp", ["Accept: text/plain, message/cpim"]);
    const event = messageEvent({ receipts: asked });
    expect(await house.open.gateway.deliver(event, attempt())).toEqual({ end: "handed", delivered: true });
    const request = await phone.hear("MESSAGE ");
    const id = farId({ event: event.id, carrier: "xmpp", messageId: "m1" });
    expect(header(request, "Content-Type")).toBe("message/cpim");
    expect(header(request, "imdn.Message-ID")).toBe(id);
    expect(header(request, "imdn.Disposition-Notification")).toBe(
      "positive-delivery, negative-delivery, display",
    );
    expect(request.endsWith("\r\n\r\nhello bob")).toBe(true);
    const xml = `<?xml version="1.0"?><imdn xmlns="urn:ietf:params:xml:ns:imdn"><message-id>${id}</message-id><datetime>2026-01-01T00:00:00Z</datetime><display-notification><status><displayed/></status></display-notification></imdn>`;
    const report = `From: <sip:bob@sip.example>\r\nTo: <sip:carol@xmpp.example>\r\n\r\nContent-Type: message/imdn+xml\r\n\r\n${xml}`;
    const to = /<(sip:carol[^>]*)>/.exec(header(request, "From") ?? "")?.[1] ?? "";
    expect(status(await phone.login("MESSAGE", to, ["Content-Type: message/cpim"], report))).toBe(200);
    expect(house.reports).toMatchObject([
      {
        outcome: "displayed",
        message: event.id,
        messageId: "m1",
        origin: "xmpp",
        to: { local: "carol", domain: "xmpp.example" },
        from: { local: "bob", domain: "sip.example" },
      },
    ]);
  });
  test("one that refuses CPIM after all gets the plain text", async () => {
    const phone = await bob("tcp", ["Accept: message/cpim"]);
    phone.answer = (request) => (request.includes("message/cpim") ? 415 : 200);
    expect(await house.deliver({ receipts: asked })).toEqual({ end: "handed", delivered: true });
    const sent = phone.heard.filter((each) => each.startsWith("MESSAGE"));
    expect(sent.map((each) => header(each, "CSeq"))).toEqual(["1 MESSAGE", "2 MESSAGE"]);
    expect(bodyOf(sent[1] ?? "")).toBe("hello bob");
  });
});

describe("telling a sender", () => {
  const outcome = (change: Partial<OutcomeEvent>): OutcomeEvent => ({
    id: `m:${Math.random()}`,
    type: "message.outcome",
    version: 1,
    time: 0,
    message: "m",
    outcome: "refused",
    reason: "unknown-user",
    to: { local: "bob", domain: "sip.example" },
    from: { local: "carol", domain: "xmpp.example" },
    origin: "sip",
    excerpt: "hello carol",
    expires: 2e12,
    ...change,
  });
  test("a plain phone: one MESSAGE in words, from the recipient", async () => {
    const phone = await bob();
    expect(await house.open.gateway.tell(outcome({}), attempt())).toBe("told");
    const request = await phone.hear("MESSAGE ");
    expect(bodyOf(request)).toBe("Not delivered: no such user: hello carol");
    expect(header(request, "From")).toContain("carol");
  });
  test("one who used IMDN: a notification with his own id", async () => {
    const phone = await bob("tcp", ["Accept: message/cpim"]);
    expect(
      await house.open.gateway.tell(
        outcome({
          messageId: "m17",
          outcome: "displayed",
          asked: { handed: false, delivered: false, displayed: true },
        }),
        attempt(),
      ),
    ).toBe("told");
    const request = await phone.hear("MESSAGE ");
    expect(header(request, "Content-Type")).toBe("message/cpim");
    expect(request).toContain("<message-id>m17</message-id>");
    expect(request).toContain("<display-notification><status><displayed/>");
  });
  test("a plain phone has no way to show a receipt: dropped", async () => {
    await bob();
    expect(await house.open.gateway.tell(outcome({ outcome: "displayed" }), attempt())).toBe("dropped");
  });
  test("not registered: away", async () => {
    expect(await house.open.gateway.tell(outcome({}), attempt())).toBe("away");
  });
  test("a phone that refuses to be told: dropped, not for ever again", async () => {
    const phone = await bob();
    phone.answer = () => 403;
    expect(await house.open.gateway.tell(outcome({}), attempt())).toBe("dropped");
  });
});

describe("two instances, one house", () => {
  test("a flow of the other instance is reached through it, when there is no other way", async () => {
    const second = await openHouse({}, { server, instance: "sip-2" });
    open.push(second);
    const phone = await openPhone("bob", { transport: "tcp", port: second.port("tcp") });
    open.push(phone);
    expect(status(await phone.register([], "<sip:bob@127.0.0.1:1;transport=tcp>"))).toBe(200);
    expect(await house.deliver({ text: "through the other" })).toEqual({ end: "handed", delivered: true });
    expect(bodyOf(await phone.hear("MESSAGE "))).toBe("through the other");
  });
  test("a flow of the other instance ends under the message: away at once", async () => {
    const second = await openHouse({}, { server, instance: "sip-2" });
    open.push(second);
    const phone = await bob("tcp", [], second);
    phone.answer = () => undefined;
    const began = performance.now();
    const delivery = house.deliver({});
    await phone.hear("MESSAGE ");
    phone.close();
    expect(await delivery).toEqual({ end: "away" });
    expect(performance.now() - began).toBeLessThan(2_000);
  });
  test("a registration outlives its instance; a nonce of one is good at the other", async () => {
    const phone = await bob("udp");
    const second = await openHouse({}, { server, instance: "sip-2" });
    open.push(second);
    expect(await second.deliver({ text: "still there" })).toEqual({ end: "handed", delivered: true });
    expect(bodyOf(await phone.hear("still there"))).toBe("still there");
  });
});
