// Escaped addresses: opened once, never twice, and never a way in circles.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { unwrap, wrap } from "./gateway-address.ts";
import { toJid } from "./jid.ts";
import { printSipUri, toSipUri } from "./sip-address.ts";

const domains = { gateway: new Set(["gw.example"]), isLocal: (domain: string) => domain === "sip.example" };

test("an escaped address as each protocol writes it", () => {
  const wrapped = wrap({ local: "carol", domain: "sip.other", device: "desk" }, "gw.example");
  if (!wrapped.ok) throw new Error(wrapped.error);
  expect(toJid(wrapped.value)).toEqual({ ok: true, value: "carol\\40sip.other@gw.example/desk" });
  const uri = toSipUri(wrapped.value);
  expect(uri.ok && printSipUri(uri.value)).toBe("sip:carol%40sip.other@gw.example;gr=desk");
});

describe("wrap", () => {
  test("an address of the gateway is not escaped twice", () => {
    const address = { local: "carol@sip.other", domain: "gw.example" };
    expect(wrap(address, "gw.example")).toEqual({ ok: true, value: address });
  });

  test("what is too long to be escaped is refused", () => {
    expect(wrap({ local: "a".repeat(1020), domain: "b.example" }, "gw.example").ok).toBe(false);
  });
});

describe("unwrap", () => {
  test.each([
    [
      "another domain is left alone",
      "carol@x",
      "other.example",
      { local: "carol@x", domain: "other.example" },
    ],
    ["opened", "carol@sip.other", "gw.example", { local: "carol", domain: "sip.other" }],
    ["the last @ counts", "a@b@sip.other", "gw.example", { local: "a@b", domain: "sip.other" }],
    ["the domain is folded", "carol@SIP.Other", "gw.example", { local: "carol", domain: "sip.other" }],
  ])("%s", (_name, local, domain, value) => {
    expect(unwrap({ local, domain }, domains)).toEqual({ ok: true, value });
  });

  test.each([
    ["nobody inside", "carol", "unknown-user"],
    ["no name inside", "@sip.other", "unknown-user"],
    ["no domain inside", "carol@", "unknown-user"],
    ["no host name inside", "carol@a b", "unknown-user"],
    ["ourselves inside", "carol@x@gw.example", "loop"],
    ["a local domain inside, in other letters", "carol@SIP.example", "loop"],
  ])("refused: %s", (_name, local, reason) => {
    expect(unwrap({ local, domain: "gw.example" }, domains)).toMatchObject({ ok: false, reason });
  });

  test("opens what wrap closed, and never throws", () => {
    const local = fc.string({ minLength: 1, maxLength: 80, unit: "binary" });
    fc.assert(
      fc.property(local, local, (name, any) => {
        const address = { local: name, domain: "far.example", device: "d" };
        const wrapped = wrap(address, "gw.example");
        expect(wrapped.ok && unwrap(wrapped.value, domains)).toEqual({ ok: true, value: address });
        expect(typeof unwrap({ local: any, domain: "gw.example" }, domains).ok).toBe("boolean");
      }),
    );
  });
});
