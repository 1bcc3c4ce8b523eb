// Where a new reader begins: behind the last line of the old one, whatever either of them has heard.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { arrived, type Entry, kept, place, type Read, scrollLimits } from "./scroll.ts";

const entries = (texts: string, at = 0): Entry[] =>
  [...texts].map((print, index) => ({ print, at: at + index }));
const tail = (texts: string, at = 0): Read[] =>
  [...texts].map((print, index) => ({ print, at: at + index, number: index + 1 }));

describe("place", () => {
  test.each<[string, string, string, number, number]>([
    ["it stops in the middle", "abcdef", "abc", 3, 0],
    ["it heard all", "abc", "abc", 3, 0],
    ["the standby came later than the tail begins", "cdef", "abcd", 2, 0],
    ["the standby is behind", "abc", "abcde", 3, 2],
    ["nothing in common: all is new", "xyz", "abc", 0, 0],
    ["nothing heard here yet: all is still to come", "", "abc", 0, 0],
    ["nothing read before", "abc", "", 0, 0],
    ["the longest agreement counts, not the first", "oxoabo", "xoabo", 6, 0],
  ])("%s", (_why, scroll, read, upTo, ahead) => {
    const found = place(entries(scroll), tail(read));
    expect([found.upTo, found.ahead.length]).toEqual([upTo, ahead]);
  });

  test("the same words again and again: the nearest in time", () => {
    const scroll = ["ok", "ok", "ok", "ok"].map((print, index) => ({ print, at: index * 1000 }));
    const read = [{ print: "ok", at: 1_010, number: 1 }];
    expect(place(scroll, read).upTo).toBe(2);
  });

  test("message ids decide where they are", () => {
    const scroll = [1, 2, 3].map((id) => ({ print: "ok", msgid: `m${id}`, at: 0 }));
    expect(place(scroll, [{ print: "ok", msgid: "m2", at: 99, number: 7 }]).upTo).toBe(2);
  });

  test("each line exactly once, wherever the reader stopped and however late the standby is", () => {
    const letters = fc.string({
      minLength: 3,
      maxLength: 60,
      unit: fc.constantFrom(..."abcdefghijklmnopqrstuvwxyz"),
    });
    fc.assert(
      fc.property(letters, fc.nat(), fc.nat(), (texts, a, b) => {
        // Every line is unlike the others, as with ids: place and number must then agree in every case.
        const all = [...texts].map((text, index) => `${text}${index}`);
        const stopped = 1 + (a % all.length);
        const hears = 1 + (b % all.length);
        const scroll = all.slice(0, hears).map((print, at) => ({ print, at }));
        const read = all.slice(0, stopped).map((print, at) => ({ print, at, number: at + 1 }));
        const found = place(scroll, read.slice(-scrollLimits.tail));
        let { ahead } = found;
        const fresh = scroll.slice(found.upTo).map(({ print }) => print);
        for (const entry of all.slice(hears).map((print, at) => ({ print, at }))) {
          const came = arrived(ahead, entry);
          ahead = came.ahead;
          if (came.read === undefined) fresh.push(entry.print);
        }
        expect(fresh).toEqual(all.slice(stopped));
      }),
    );
  });
});

test("kept: a minute, and no more than the limit", () => {
  let scroll: Entry[] = [];
  for (let at = 0; at < 3_000; at++) scroll = kept(scroll, { print: "x", at });
  expect(scroll).toHaveLength(scrollLimits.entries);
  scroll = kept(scroll, { print: "y", at: 2_999 + scrollLimits.keptMs });
  expect(scroll.map(({ print }) => print)).toEqual(["y"]);
  scroll = kept(scroll, { print: "z", at: 3_000 + scrollLimits.keptMs });
  expect(scroll).toHaveLength(2);
});
