// Domains: one spelling for each, and no guessing at what is none.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isIpLiteral, toAsciiDomain, toUnicodeDomain } from "./domain.ts";

describe("toAsciiDomain", () => {
  test.each([
    ["lower case", "SIP.Example", "sip.example"],
    ["the root dot", "sip.example.", "sip.example"],
    ["one label", "localhost", "localhost"],
    ["a U-label", "müller.example", "xn--mller-kva.example"],
    ["a U-label in capitals", "MÜLLER.example", "xn--mller-kva.example"],
    ["an A-label in capitals", "XN--MLLER-KVA.example", "xn--mller-kva.example"],
    ["sharp s stays itself", "faß.example", "xn--fa-hia.example"],
    ["full width", "ｓｉｐ．example", "sip.example"],
    ["the ideographic full stop", "sip。example", "sip.example"],
    ["IPv4", "192.0.2.1", "192.0.2.1"],
    ["IPv6 in brackets", "[2001:DB8:0:0::1]", "[2001:db8::1]"],
    ["IPv6 bare", "::1", "[::1]"],
    ["IPv4 in IPv6", "[::ffff:192.0.2.1]", "[::ffff:c000:201]"],
    ["digits in a name", "3com.example", "3com.example"],
  ])("%s", (_name, text, domain) => {
    expect(toAsciiDomain(text)).toEqual({ ok: true, value: domain });
    expect(toAsciiDomain(domain)).toEqual({ ok: true, value: domain });
  });

  test.each([
    ["empty", ""],
    ["only a dot", "."],
    ["an empty label", "a..b"],
    ["a leading dot", ".a"],
    ["a hyphen first", "-a.b"],
    ["a hyphen last", "a-.b"],
    ["an underscore", "a_b"],
    ["a space", "a b"],
    ["a port", "a.example:5060"],
    ["a path, which a URL parser would cut off", "a/b"],
    ["an escape, which a URL parser would decode", "%61"],
    ["a user", "a@b"],
    ["half an IPv4 address, which a URL parser would complete", "127.1"],
    ["a number", "1"],
    ["a hexadecimal number", "0x7f.0x1"],
    ["IPv4 beyond 255", "256.1.1.1"],
    ["IPv4 with leading zeroes", "192.000.002.001"],
    ["IPv6 with a zone", "[fe80::1%eth0]"],
    ["broken IPv6", "[::1"],
    ["a broken A-label", "xn--a.example"],
    ["an A-label of plain letters", "xn--abc-.example"],
    ["a long label", `${"a".repeat(64)}.example`],
    ["a long name", `${"a.".repeat(127)}example`],
    ["a letterlike sign with a slash inside", "℀.example"],
    ["NUL", "a\u0000b"],
  ])("refused: %s", (_name, text) => {
    expect(toAsciiDomain(text).ok).toBe(false);
  });
});

test.each([
  ["xn--mller-kva.example", "müller.example"],
  ["sip.example", "sip.example"],
  ["[::1]", "[::1]"],
])("people read %s as %s", (domain, shown) => {
  expect(toUnicodeDomain(domain)).toBe(shown);
});

test("IP literals are told from names", () => {
  expect(["192.0.2.1", "[::1]", "sip.example"].map(isIpLiteral)).toEqual([true, true, false]);
});

test("whatever is taken as a domain keeps its spelling, and comes back from what people read", () => {
  const label = fc.string({ minLength: 1, maxLength: 12, unit: "binary" });
  fc.assert(
    fc.property(fc.array(label, { minLength: 1, maxLength: 4 }), (labels) => {
      const domain = toAsciiDomain(labels.join("."));
      if (!domain.ok) return;
      expect(domain.value).toMatch(/^(?:[a-z0-9.-]+|\[[0-9a-f:]+\])$/);
      expect(toAsciiDomain(domain.value)).toEqual(domain);
      expect(toAsciiDomain(toUnicodeDomain(domain.value))).toEqual(domain);
    }),
    { numRuns: 1000 },
  );
});
