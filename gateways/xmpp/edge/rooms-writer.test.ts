// How what many are shown is written: by name to a server that fans out, as copies to any other; in pieces that are not too large.
import { describe, expect, test } from "vitest";
import type { Recipient } from "../translate/rooms/stage.ts";
import { type Element, element, ns } from "../wire/element.ts";
import type { Printed } from "./outbox.ts";
import { limits, Writer } from "./rooms-writer.ts";

const stanza = (text: string): Element =>
  element("message", ns.component, { from: "room@r/x" }, element("body", ns.component, {}, text));
const people = (count: number): Recipient[] =>
  Array.from({ length: count }, (_, index) => ({
    id: `e${index}`,
    key: `k${index}`,
    jid: `u${index}@x/<d>`,
  }));

function open(): { writer: Writer; pieces: Printed[]; take: (() => void)[] } {
  const [pieces, take]: [Printed[], (() => void)[]] = [[], []];
  const writer = new Writer((_, text) => {
    pieces.push(text);
    return new Promise((resolve) => take.push(() => resolve(true)));
  });
  return { writer, pieces, take };
}

describe("one stanza", () => {
  test.each([
    [
      "for three: named once each",
      3,
      "<fan xmlns='urn:parley:ack:0'><message xmlns='jabber:component:accept' from='room@r/x'><body>hi</body></message><to>u0@x/&lt;d&gt;\nu1@x/&lt;d&gt;\nu2@x/&lt;d&gt;</to></fan>",
    ],
    [
      "for two: a copy for each",
      2,
      "<message to='u0@x/&lt;d&gt;' from='room@r/x'><body>hi</body></message><message to='u1@x/&lt;d&gt;' from='room@r/x'><body>hi</body></message>",
    ],
    ["for nobody: nothing", 0, undefined],
  ])("%s", async (_, count, fan) => {
    const { writer, pieces } = open();
    await writer.write([{ stanza: stanza("hi"), to: people(count) }]);
    expect(pieces[0]?.fan()).toBe(fan);
    const copies = people(count).map(
      (_, index) => `<message to='u${index}@x/&lt;d&gt;' from='room@r/x'><body>hi</body></message>`,
    );
    expect(pieces[0]?.plain() ?? "").toBe(copies.join(""));
  });
});

test("whom a large stanza is for is named in several fans, all in their order, each piece counted by its copies", async () => {
  const { writer, pieces, take } = open();
  const to = people(2_000);
  const long = "x".repeat(400);
  const writing = writer.write([
    { stanza: stanza(long), to },
    { stanza: stanza("last"), to: to.slice(0, 1) },
  ]);
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
  const size = pieces.reduce((sum, piece) => sum + piece.plain().length, 0);
  expect(writer.waiting).toBe(size);
  for (const go of take) go();
  const { taken } = await writing;
  for (const go of take) go();
  expect(await taken).toBe(true);
  expect(writer.waiting).toBe(0);
  const names = pieces.flatMap((piece) =>
    [...piece.fan().matchAll(/<to>([^<]*)<\/to>/g)].map(([, text = ""]) => text.split("\n")),
  );
  expect(Math.max(...names.map(({ length }) => length))).toBeLessThanOrEqual(limits.fan);
  expect(names.flat().map((name) => name.replace("&lt;d&gt;", "<d>"))).toEqual(to.map(({ jid }) => jid));
  expect(pieces.at(-1)?.fan()).toContain("<body>last</body>");
});
