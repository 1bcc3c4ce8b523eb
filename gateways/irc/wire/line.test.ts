// Lines in and out: whatever the bytes and wherever they are cut, no throw, no second command, no loss.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decode } from "./encoding.ts";
import { Framer } from "./frame.ts";
import { lineLimits, message } from "./message.ts";
import { parse } from "./parse.ts";
import { print } from "./print.ts";

const bytes = (text: string): Uint8Array => Buffer.from(text, "utf8");
const frames = (...chunks: Uint8Array[]): string[] => {
  const framer = new Framer();
  return chunks.flatMap((chunk) => framer.push(chunk)).map((line) => Buffer.from(line).toString("utf8"));
};

describe("frames", () => {
  test.each([
    ["CR LF", "a\r\nb\r\n", ["a", "b"]],
    ["a lone LF", "a\nb\n", ["a", "b"]],
    ["a lone CR", "a\rb\r", ["a", "b"]],
    ["empty lines", "\r\n\r\na\r\n", ["a"]],
    ["an unfinished line", "a\r\nb", ["a"]],
  ])("%s", (_name, text, lines) => expect(frames(bytes(text))).toEqual(lines));

  test("a line too long is dropped and counted, and the next one is read", () => {
    const framer = new Framer();
    const long = Buffer.alloc(lineLimits.receivedBytes + 1, 0x61);
    expect([...framer.push(long), ...framer.push(bytes("more\r\nnext\r\n"))].map(String)).toHaveLength(1);
    expect(framer.dropped).toBe(1);
  });

  test("any cut gives the same lines", () => {
    // Few different bytes, so that line ends are frequent and fall on every side of a cut.
    const chunk = fc.array(fc.constantFrom(0x0d, 0x0a, 0x61, 0x62, 0x00, 0xc3, 0xa9), { maxLength: 8 });
    fc.assert(
      fc.property(fc.array(chunk), (chunks) => {
        expect(frames(...chunks.map((each) => Uint8Array.from(each)))).toEqual(
          frames(Uint8Array.from(chunks.flat())),
        );
      }),
    );
  });
});

describe("parse and print", () => {
  test("never throw, whatever the bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), (any) => {
        parse(decode(any, "windows-1252"));
      }),
    );
    fc.assert(
      fc.property(
        fc.string({ unit: "binary" }),
        fc.array(fc.string({ unit: "binary" })),
        (command, params) => {
          const printed = print(message(command, params));
          if (printed.ok) expect(printed.value).not.toMatch(/[\0\r\n]/);
        },
      ),
    );
  });

  test("what was printed is read back the same", () => {
    const word = fc.stringMatching(/^[^\0\r\n :@][^\0\r\n ]{0,20}$/);
    const tag = fc.stringMatching(/^[a-z][a-z0-9/-]{0,9}$/);
    fc.assert(
      fc.property(
        fc.stringMatching(/^[A-Z]{1,10}$/),
        fc.array(word, { maxLength: 5 }),
        fc.stringMatching(/^[^\0\r\n]{0,40}$/),
        fc.dictionary(tag, fc.stringMatching(/^[^\0]{0,20}$/)),
        (command, middle, last, tags) => {
          const sent = message(command, [...middle, last], new Map(Object.entries(tags)));
          const printed = print(sent);
          if (!printed.ok) throw new Error(printed.error);
          const read = parse(printed.value);
          expect(read).toEqual({ ok: true, value: { ...sent, source: undefined } });
        },
      ),
    );
  });

  test.each([
    ["a line feed", message("PRIVMSG", ["bob", "hi\nQUIT"])],
    ["a NUL", message("PRIVMSG", ["bob", "a\0b"])],
    ["a target with a space", message("PRIVMSG", ["bob QUIT", "hi"])],
    ["511 bytes", message("PRIVMSG", ["bob", "x".repeat(499)])],
    ["too many tags", message("TAGMSG", ["bob"], new Map([["a", "x".repeat(4095)]]))],
  ])("refuses %s", (_name, sent) => expect(print(sent).ok).toBe(false));

  test("510 bytes are not too many", () => {
    expect(print(message("PRIVMSG", ["bob", `${"x".repeat(495)} `])).ok).toBe(true);
  });
});

describe("encodings", () => {
  test.each([
    ["UTF-8", bytes("grüße"), "grüße"],
    ["latin-1", Buffer.from("grüße", "latin1"), "grüße"],
    ["a latin-1 word that ends in a letter with a mark", Buffer.from("café", "latin1"), "café"],
    ["windows-1252 quotes", Uint8Array.of(0x93, 0x61, 0x94), "“a”"],
    ["UTF-8 cut inside its last character", bytes("grüße €").subarray(0, -1), "grüße \ufffd"],
    ["UTF-8 cut inside its only character", bytes("ab €").subarray(0, -1), "ab \ufffd"],
  ])("%s", (_name, line, text) => expect(decode(line, "windows-1252")).toBe(text));
});
