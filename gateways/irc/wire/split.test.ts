// Splitting by the real budget: never over it, nothing lost, styles kept on.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { actionCost, parseCtcp, printCtcp } from "./ctcp.ts";
import { parseFormat, type StyledPiece, styleMask, styles } from "./format.ts";
import { message } from "./message.ts";
import { print } from "./print.ts";
import { split, textBudget } from "./split.ts";

const plain = (text: string, budget: number, maxLines = 1000): string[] | undefined =>
  split(text, styleMask(text.length, []), budget, maxLines);

describe("split", () => {
  test.each([
    ["a short line", "hello", 20, ["hello"]],
    [
      "at a space, which begins the next line",
      "one two three four five",
      16,
      ["one two three", " four five"],
    ],
    ["a long word by bytes", "x".repeat(20), 16, ["x".repeat(16), "xxxx"]],
    ["CR LF, LF and CR are line ends", "a\r\nb\nc\rd", 20, ["a", "b", "c", "d"]],
    ["empty lines are left out", "a\n\n \nb", 20, ["a", "b"]],
    ["control characters go, TAB stays", "a\x01\0b\tc\x7f", 20, ["ab\tc"]],
    ["never inside a grapheme", "👩‍👩‍👧‍👦".repeat(2), 40, ["👩‍👩‍👧‍👦", "👩‍👩‍👧‍👦"]],
    ["nothing", "", 20, []],
  ])("%s", (_name, text, budget, lines) => expect(plain(text, budget)).toEqual(lines));

  test.each([
    ["more lines than allowed", "a\nb\nc\nd\ne\nf", 100],
    ["8 KiB", "x".repeat(8192), 400],
    ["no room at all", "hello", 10],
  ])("%s is refused", (_name, text, budget) => expect(plain(text, budget, 5)).toBeUndefined());

  test("five lines of 400 bytes pass", () => {
    expect(plain(Array.from({ length: 5 }, () => "x".repeat(400)).join("\n"), 420, 5)).toHaveLength(5);
  });

  test("never over the budget, and joined again the line is whole", () => {
    const text = fc.string({
      unit: fc.oneof(
        fc.constantFrom(" ", "a", "ß", "€", "👍🏽", "\u0301"),
        fc.string({ unit: "grapheme", minLength: 1, maxLength: 1 }),
      ),
      maxLength: 400,
    });
    fc.assert(
      fc.property(text, fc.integer({ min: 16, max: 120 }), (any, budget) => {
        const line = any.replace(/[\x00-\x1f\x7f]/g, "").toWellFormed();
        const lines = plain(line, budget);
        if (line.trim() === "") {
          expect(lines).toEqual([]);
          return;
        }
        expect(lines?.join("")).toBe(line);
        for (const piece of lines ?? []) expect(Buffer.byteLength(piece)).toBeLessThanOrEqual(budget);
      }),
    );
  });

  test("with styles: never over the budget, and each piece carries its styles", () => {
    const span = fc.record({ from: fc.nat(80), length: fc.nat(60), style: fc.constantFrom(...styles) });
    fc.assert(
      fc.property(
        fc.stringMatching(/^[a-zé ]{1,120}$/),
        fc.array(span, { maxLength: 6 }),
        fc.integer({ min: 16, max: 60 }),
        (text, marks, budget) => {
          const spans: StyledPiece[] = marks.map(({ from, length, style }) => ({
            from,
            to: from + length,
            style,
          }));
          const mask = styleMask(text.length, spans);
          const lines = split(text, mask, budget, 1000) ?? [];
          let read = "";
          const seen = new Uint8Array(text.length);
          for (const line of lines) {
            expect(Buffer.byteLength(line)).toBeLessThanOrEqual(budget);
            const back = parseFormat(line);
            const part = styleMask(back.text.length, back.spans);
            seen.set(part, read.length);
            read += back.text;
          }
          if (text.trim() === "") return;
          expect(read).toBe(text);
          expect([...seen]).toEqual([...mask]);
        },
      ),
    );
  });

  test("the budget leaves room for our mask as the receiver sees it, and for a CTCP frame", () => {
    const mask = `alice!alice@${"h".repeat(63)}`;
    const text = "x".repeat(textBudget(mask, "PRIVMSG", "carol", actionCost));
    const line = print({ ...message("PRIVMSG", ["carol", printCtcp("ACTION", text)]), source: mask });
    // Without a space the last parameter is printed without its colon, which the budget has counted.
    expect(line.ok && Buffer.byteLength(line.value)).toBe(510);
  });
});

describe("formatting and CTCP", () => {
  test.each([
    ["bold", "\x02a\x02b", "ab", [{ from: 0, to: 1, style: "bold" }]],
    ["open to the end", "a\x1db", "ab", [{ from: 1, to: 2, style: "italic" }]],
    [
      "reset",
      "\x02\x1fa\x0fb",
      "ab",
      [
        { from: 0, to: 1, style: "bold" },
        { from: 0, to: 1, style: "underline" },
      ],
    ],
    ["colours go", "\x0304,12red\x03 \x03plain", "red plain", []],
    ["a colour before a digit keeps what is text", "\x03045", "5", []],
    ["hex colours go", "\x04ff0000red", "red", []],
    ["other controls go", "a\x16b\x07c\td", "abc\td", []],
    ["an empty span is none", "\x02\x02a", "a", []],
  ])("%s", (_name, line, text, spans) => expect(parseFormat(line)).toEqual({ text, spans }));

  test.each([
    ["\x01ACTION waves\x01", { command: "ACTION", args: "waves" }],
    ["\x01action waves", { command: "ACTION", args: "waves" }],
    ["\x01VERSION\x01", { command: "VERSION", args: "" }],
    ["hello", undefined],
    ["\x01\x01", undefined],
  ])("CTCP %j", (text, ctcp) => expect(parseCtcp(text)).toEqual(ctcp));
});
