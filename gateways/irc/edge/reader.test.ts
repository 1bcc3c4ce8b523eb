// A reader whose lease runs out for a moment: what it hears meanwhile goes on afterwards.
import { expect, test } from "vitest";
import { openClock } from "#bus-schemas/service/clock.ts";
import type { Ear, Heard } from "./ear.ts";
import { Reader } from "./reader.ts";

/** A reader with a bus in a variable: what was passed on, and the record. */
function open(): {
  reader: Reader;
  passed: string[];
  heard: (text: string) => Heard;
  bus: { holds: boolean; record: string; stands: boolean };
} {
  const passed: string[] = [];
  const bus = { holds: true, record: "", stands: true };
  const heard = (print: string): Heard =>
    ({ print, at: Date.now(), fact: { is: "said" }, link: { pause() {}, resume() {} } }) as unknown as Heard;
  const bucket = {
    get: async () => (bus.record === "" ? undefined : { value: Buffer.from(bus.record) }),
    put: async (_key: string, value: Uint8Array) => {
      bus.record = Buffer.from(value).toString("utf8");
    },
  };
  const reader = new Reader({
    channel: "#lobby",
    clock: openClock(),
    log: { warn: () => undefined } as never,
    bucket: bucket as never,
    ear: { scroll: [], since: undefined, link: undefined } as unknown as Ear,
    holds: () => bus.holds,
    pass: async ({ print }) => {
      if (!bus.stands) throw new Error("the bus is away");
      passed.push(print);
    },
    follow: async () => undefined,
    gap: async () => undefined,
    began: async () => undefined,
  });
  return { reader, passed, heard, bus };
}

test("at the end what the bus does not take is not counted as passed on, and nothing waits for it", async () => {
  const { reader, passed, heard, bus } = open();
  reader.begin();
  reader.heard(heard("one"));
  await expect.poll(() => passed).toEqual(["one"]);
  bus.stands = false;
  reader.heard(heard("two"));
  await new Promise((resolve) => setTimeout(resolve, 30));
  await reader.rest();
  expect(passed).toEqual(["one"]);
  expect(JSON.parse(bus.record)).toMatchObject({ next: 3, done: 1 });
}, 4_000);

test("what is heard while the lease has run out is passed on once it is there again", async () => {
  const { reader, passed, heard, bus } = open();
  reader.begin();
  reader.heard(heard("before"));
  await expect.poll(() => passed).toEqual(["before"]);
  bus.holds = false;
  reader.heard(heard("meanwhile"));
  await new Promise((resolve) => setTimeout(resolve, 120));
  expect(passed).toEqual(["before"]);
  bus.holds = true;
  await expect.poll(() => passed).toEqual(["before", "meanwhile"]);
  reader.end();
});
