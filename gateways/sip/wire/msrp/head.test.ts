// Header values and URIs: named rows, then that printing is read back.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isIdent, parseByteRange, parseNickname, reportStatus } from "./head.ts";
import { printByteRange, printNickname } from "./print.ts";
import { parseMsrpUri, parsePath, printMsrpUri, sameMsrpUri, samePath, sessionOf } from "./uri.ts";

describe("Byte-Range", () => {
  test.each([
    ["1-15/15", { start: 1, end: 15, total: 15 }],
    ["1-*/*", { start: 1, end: undefined, total: undefined }],
    ["5-*/9", { start: 5, end: undefined, total: 9 }],
    ["1-0/0", { start: 1, end: 0, total: 0 }],
    ["0-4/4", undefined],
    ["*-4/4", undefined],
    ["9-4/20", undefined],
    ["1-21/20", undefined],
    ["1-2", undefined],
    ["-1-2/3", undefined],
    ["1-9999999999999999/9999999999999999", undefined],
    ["constructor", undefined],
  ])("%s", (text, range) => {
    expect(parseByteRange(text)).toEqual(range);
    if (range !== undefined) expect(printByteRange(range)).toBe(text);
  });
});

describe("Use-Nickname", () => {
  test.each([
    ['"Alice the great"', "Alice the great"],
    ['""', ""],
    ['"a \\"b\\" \\\\"', 'a "b" \\'],
    ['"Grüße"', "Grüße"],
    ["Alice", "Alice"],
    ["", ""],
    ['"a\tb"', undefined],
    ['"Alice', undefined],
    ['"A"B"', undefined],
    [`"${"x".repeat(1023)}"`, "x".repeat(1023)],
    [`"${"x".repeat(1024)}"`, undefined],
    [`"${"ü".repeat(512)}"`, undefined],
  ])("%s", (text, nickname) => {
    expect(parseNickname(text)).toBe(nickname);
  });

  test("what is printed is read", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: "grapheme", maxLength: 50 }).filter((text) => !/[\x00-\x1f\x7f]/.test(text)),
        (text) => {
          const line = Buffer.from(printNickname(text), "latin1").toString("utf8");
          expect(parseNickname(line.slice("Use-Nickname: ".length, -2))).toBe(text);
        },
      ),
    );
  });
});

test.each([
  ["000 200 OK", { status: 200, comment: "OK" }],
  ["000 413", { status: 413, comment: undefined }],
  ["001 200 OK", undefined],
  ["200 OK", undefined],
])("Status: %s", (text, status) => {
  expect(reportStatus(text)).toEqual(status);
});

test.each([
  ["abcd", true],
  ["abc", false],
  ["-bcd", false],
  ["a.-+%=", true],
  ["a".repeat(32), true],
  ["a".repeat(33), false],
  ["ab d", false],
])("ident %s", (text, is) => {
  expect(isIdent(text)).toBe(is);
});

describe("URI", () => {
  test.each([
    ["msrp://atlanta.example.com:7654/jshA7weztas;tcp", "atlanta.example.com", 7654, "jshA7weztas"],
    ["msrps://alice@[2001:db8::1]:7777/iau39;tcp", "2001:db8::1", 7777, "iau39"],
    ["msrp://df7jal23ls0d.invalid:2855/98cjs;ws", "df7jal23ls0d.invalid", 2855, "98cjs"],
    ["msrps://relay.example.com:9000;tcp", "relay.example.com", 9000, undefined],
    ["msrp://a.example/s+=/x;tcp;foo=bar", "a.example", undefined, "s+=/x"],
  ])("%s", (text, host, port, session) => {
    const uri = parseMsrpUri(text);
    expect(uri).toMatchObject({ ok: true, value: { host, port, session } });
    if (uri.ok) expect(printMsrpUri(uri.value)).toBe(text);
    expect(sessionOf(text)).toBe(session);
  });

  test.each([
    "sip:alice@a.example",
    "msrp://a.example:1/x",
    "msrp://a.example:70000/x;tcp",
    "msrp://a.example:0/x;tcp",
    "msrp://[1.2.3]:5/x;tcp",
    "msrp:///x;tcp",
    "msrp://a b:5/x;tcp",
    "",
  ])("not %s", (text) => {
    expect(parseMsrpUri(text).ok).toBe(false);
  });

  // RFC 4975 §6.1 and §9.
  test.each([
    ["msrp://HOST:8000/asfd34;tcp", "MSRP://host:8000/asfd34;TCP", true],
    ["msrp://host:8000/asfd34;tcp", "msrp://bob@host:8000/asfd34;tcp;x", true],
    ["msrp://host:8000/asfd34;tcp", "msrp://host:8000/ASFD34;tcp", false],
    ["msrp://host/asfd34;tcp", "msrp://host:2855/asfd34;tcp", false],
    ["msrp://host:8000/asfd34;tcp", "msrps://host:8000/asfd34;tcp", false],
    ["msrp://[::1]:8000/asfd34;tcp", "msrp://[0:0:0:0:0:0:0:1]:8000/asfd34;tcp", true],
    ["msrp://host:8000/asfd34;tcp", "msrp://host:8000/asfd34;ws", false],
  ])("%s and %s", (one, other, same) => {
    const [left, right] = [parseMsrpUri(one), parseMsrpUri(other)];
    expect(left.ok && right.ok && sameMsrpUri(left.value, right.value)).toBe(same);
    expect(samePath(one, other)).toBe(same);
  });

  test("a path", () => {
    const path = "msrps://r.example:9000/a;tcp msrp://b.example:1/c;tcp";
    expect(parsePath(path)).toMatchObject({ ok: true, value: [{ session: "a" }, { session: "c" }] });
    expect(sessionOf(path)).toBe("a");
    expect(parsePath(Array(21).fill("msrp://b:1/c;tcp").join(" ")).ok).toBe(false);
    expect(parsePath("msrp://b:1/c;tcp  msrp://b:1/c;tcp").ok).toBe(false);
  });

  test("no text makes it throw", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        parseMsrpUri(text);
        parsePath(`msrp://${text};tcp`);
        sessionOf(text);
        samePath(text, `${text} `);
      }),
    );
  });
});
