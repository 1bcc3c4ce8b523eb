// Events as bytes: what is written reads back, what is read is tolerated within its schema, and nothing throws.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decode, encode, eventBytes, eventTypes } from "./codec.ts";
import type { Event } from "./event.ts";
import { Event as EventSchema } from "./event.ts";
import type { MessageEvent } from "./events/message.ts";
import type { OutcomeEvent } from "./events/outcome.ts";

const message: MessageEvent = {
  id: "q0Yk3mC8vN2pX5tR7wZ1aB4dEf",
  type: "message.sent",
  version: 1,
  time: 1_767_225_600_000,
  from: { local: "alice", domain: "sip.example", assurance: "verified" },
  to: { local: "bob", domain: "xmpp.example" },
  origin: { carrier: "sip" },
  kind: "chat",
  action: false,
  text: "hello",
  receipts: { handed: false, delivered: false, displayed: false },
  expires: 1_767_312_000_000,
  hops: 0,
};
const outcome: OutcomeEvent = {
  id: "q0Yk3mC8vN2pX5tR7wZ1aB4dEf:handed",
  type: "message.outcome",
  version: 1,
  time: 1_767_225_600_000,
  message: "q0Yk3mC8vN2pX5tR7wZ1aB4dEf",
  outcome: "handed",
  to: message.from,
  from: message.to,
  origin: "sip",
  expires: 1_767_312_000_000,
};
const bytes = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));

test("knows every type of the union", () => {
  expect(new Set(eventTypes)).toEqual(new Set(EventSchema.options.map((option) => option.shape.type.value)));
});

describe("writing", () => {
  test("only what the schema knows", () => {
    const more = { ...message, secretOfOurs: 1, to: { ...message.to, extra: true } };
    expect(JSON.parse(Buffer.from(encode(more)).toString())).toEqual(message);
  });

  test.each([
    ["a broken event", { ...message, hops: -1 }],
    ["too many hops", { ...message, hops: 9 }],
    ["an empty local part", { ...message, to: { local: "", domain: "x.example" } }],
    ["too large", { ...message, text: "x".repeat(eventBytes) }],
  ])("throws at %s", (_name, event) => {
    expect(() => encode(event as Event)).toThrow();
  });
});

describe("reading", () => {
  test.each([
    ["unknown fields", { ...message, mood: "sunny", from: { ...message.from, hat: 1 } }, message],
    ["left-out defaults", { ...message, action: undefined, receipts: {} }, message],
    ["an outcome", outcome, { ...outcome, to: { local: "alice", domain: "sip.example" } }],
  ])("tolerates %s", (_name, value, event) => {
    expect(decode(bytes(value))).toEqual({ ok: true, value: event });
  });

  test.each([
    ["a type of tomorrow", { ...message, type: "message.painted" }, "an event of a type unknown here"],
    ["an inherited name", { ...message, type: "toString" }, "an event of a type unknown here"],
    ["a version of tomorrow", { ...message, version: 2 }, "a message.sent that is broken at version"],
    ["a missing field", { ...message, to: { domain: "x" } }, "a message.sent that is broken at to.local"],
    ["a list", [message], "not an event"],
    ["null", null, "not an event"],
    [
      "too large",
      { ...message, text: "x".repeat(eventBytes) },
      `an event of ${eventBytes + bytes(message).length - 5} bytes`,
    ],
  ])("refuses %s", (_name, value, error) => {
    expect(decode(bytes(value))).toEqual({ ok: false, error });
  });

  test("whatever bytes come, an answer and no exception", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (input) => decode(input).ok === false));
    fc.assert(fc.property(fc.json(), (input) => typeof decode(Buffer.from(input)).ok === "boolean"));
  });

  test("a whole event cut anywhere, or with one byte changed, gives an answer", () => {
    const whole = encode(message);
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.nat(255), (at, byte) => {
        expect(decode(whole.subarray(0, at)).ok).toBe(false);
        const changed = Uint8Array.from(whole);
        changed[at] = byte;
        expect(typeof decode(changed).ok).toBe("boolean");
      }),
    );
  });
});

test("every event reads back as it was written", () => {
  const text = fc.string({ unit: "binary", maxLength: 100 });
  const part = fc.string({ unit: "binary", minLength: 1, maxLength: 100 });
  const address = fc.record(
    { local: part, domain: part, device: part },
    { requiredKeys: ["local", "domain"] },
  );
  fc.assert(
    fc.property(address, text, text, fc.integer({ min: 0, max: 8 }), (to, body, subject, hops) => {
      const event: Event = { ...message, to, text: body, subject, hops };
      expect(decode(encode(event))).toEqual({ ok: true, value: event });
    }),
  );
});
