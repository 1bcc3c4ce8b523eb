// Histories on the bus: read back in order, cut to their limits by number, age and bytes.
import { describe, expect, it } from "vitest";
import { memoryBus } from "#bus-schemas/bus/memory.ts";
import type { Bus } from "#bus-schemas/bus/port.ts";
import { type FakeClock, fakeClock } from "#test/support/fake-clock.ts";
import { fakeService } from "#test/support/fake-service.ts";
import type { HistoryRecord } from "../session/history.ts";
import { type History, historyStream, openHistory } from "./history.ts";

const day = 86_400_000;
const record = (clock: FakeClock, id: string, content = "x"): HistoryRecord => ({
  kind: "message",
  time: clock.now(),
  contact: "e@x",
  id,
  direction: "incoming",
  contentType: "text/plain",
  content,
  disposition: [],
});
const idsOf = (records: readonly HistoryRecord[]): string[] =>
  records.map((one) => (one.kind === "message" ? one.id : one.kind));

async function open(limits: object = {}): Promise<{ clock: FakeClock; bus: Bus; history: History }> {
  const clock = fakeClock();
  const bus = memoryBus(clock);
  const { log } = fakeService({ clock, bus });
  const whole = { historyMessages: 1000, historyAge: 30 * day, historyBytes: 1_000_000, ...limits };
  return { clock, bus, history: await openHistory(bus, clock, log, whole) };
}

describe("histories", () => {
  it("are read in order, each by itself, and once for the same id", async () => {
    const { clock, history } = await open();
    for (const id of ["a", "b", "b", "c"]) await history.write("dave", id, record(clock, id));
    await history.write("erin", "a", record(clock, "other"));
    expect(idsOf(await history.read("dave"))).toEqual(["a", "b", "c"]);
    expect(idsOf(await history.read("erin"))).toEqual(["other"]);
    expect(await history.read("nobody")).toEqual([]);
  });

  it("are cut to the newest messages, now and then; what is said about them does not count", async () => {
    const { clock, bus, history } = await open({ historyMessages: 50 });
    for (let at = 0; at < 500; at += 1) {
      await history.write("dave", `${at}`, record(clock, `${at}`));
      await history.write("dave", `state ${at}`, {
        kind: "state",
        time: clock.now(),
        id: `${at}`,
        state: "delivered",
      });
    }
    await expect.poll(async () => (await bus.state(historyStream)).messages).toBeLessThan(110);
    const messages = (await history.read("dave")).filter((one) => one.kind === "message");
    expect(idsOf(messages)).toEqual(Array.from({ length: 50 }, (_, at) => `${450 + at}`));
  });

  it("lose what is too old", async () => {
    const { clock, history } = await open();
    await history.write("dave", "old", record(clock, "old"));
    await clock.advance(29 * day);
    await history.write("dave", "new", record(clock, "new"));
    expect(idsOf(await history.read("dave"))).toEqual(["old", "new"]);
    await clock.advance(2 * day);
    expect(idsOf(await history.read("dave"))).toEqual(["new"]);
  });

  it("lose the oldest when all of them together are too large, and take the new one", async () => {
    const { clock, history } = await open({ historyBytes: 20_000 });
    for (let at = 0; at < 60; at += 1)
      await history.write("dave", `${at}`, record(clock, `${at}`, "x".repeat(500)));
    const ids = idsOf(await history.read("dave"));
    expect(ids.at(-1)).toBe("59");
    expect(ids.length).toBeLessThan(40);
  });
});
