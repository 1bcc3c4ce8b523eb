// Ids: the same packet gives the same one, nobody can take another's, and a report finds its way back by it.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { eventId, farId, parseFarId } from "./ids.ts";

const parts = {
  carrier: "sip",
  source: "alice@sip.example",
  destination: "bob@xmpp.example",
  transportId: "1 MESSAGE x",
  body: "hi",
};

describe("eventId", () => {
  test("is stable: changing it would deliver twice what an older process stored", () => {
    expect(eventId(parts)).toBe("oLTPQ3QLVgnkEmV91D7P0L1TMk");
    expect(eventId({ ...parts })).toBe(eventId(parts));
  });

  test.each(["carrier", "source", "destination", "transportId", "body"] as const)("depends on %s", (part) => {
    expect(eventId({ ...parts, [part]: "other" })).not.toBe(eventId(parts));
  });

  test("no text can pass from one part into the next", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", minLength: 1, maxLength: 20 }), fc.nat(19), (text, at) => {
        const cut = Math.min(at, text.length - 1);
        const [a, b] = [
          { ...parts, transportId: text, body: "" },
          { ...parts, transportId: text.slice(0, cut), body: text.slice(cut) },
        ];
        expect(eventId(a)).not.toBe(eventId(b));
      }),
    );
  });
});

describe("far ids", () => {
  const event = eventId(parts);

  test.each([
    ["with the client's id", { event, carrier: "irc-demo", messageId: "m-1" }, `${event}.irc-demo.bS0x`],
    ["without", { event, carrier: "sip", messageId: undefined }, `${event}.sip`],
    ["with an empty one", { event, carrier: "sip", messageId: "" }, `${event}.sip.`],
  ])("%s", (_name, id, text) => {
    expect(farId(id)).toBe(text);
    expect(parseFarId(text)).toEqual({ ok: true, value: id });
  });

  test("whatever id a client may give comes back", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 300 }), (messageId) => {
        expect(parseFarId(farId({ event, carrier: "xmpp", messageId }))).toMatchObject({
          ok: true,
          value: { messageId },
        });
      }),
    );
    const longest = "\u{ffff}".repeat(1023);
    expect(parseFarId(farId({ event, carrier: "xmpp", messageId: longest })).ok).toBe(true);
  });

  test.each([
    ["empty", ""],
    ["a client's own", "34jk324j"],
    ["a short event id", "abc.sip"],
    ["no carrier", `${event}.`],
    ["a carrier in capitals", `${event}.SIP`],
    ["a fourth part", `${event}.sip.bS0x.bS0x`],
    ["no base64url", `${event}.sip.b=`],
    ["a line after it", `${event}.sip\n`],
    ["too long", `${event}.sip.${"a".repeat(5000)}`],
  ])("not ours: %s", (_name, text) => {
    expect(parseFarId(text).ok).toBe(false);
  });
});
