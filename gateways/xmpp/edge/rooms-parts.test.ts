// The parts of which rooms are made: the writer, the progress, the lanes, the pace.
import { describe, expect, test } from "vitest";
import { memoryBus } from "#bus-schemas/bus/memory.ts";
import { fakeClock } from "#test/support/fake-clock.ts";
import { fakeService } from "#test/support/fake-service.ts";
import { coven, roomOf, shownTo, witch } from "../translate/rooms/coven-for-test.ts";
import { element, ns } from "../wire/element.ts";
import { Lanes } from "./rooms-lanes.ts";
import { openPace, limits as pace } from "./rooms-pace.ts";
import { Progress, saveMs } from "./rooms-progress.ts";
import { openSaved } from "./rooms-saved.ts";
import { Writer, limits as writing } from "./rooms-writer.ts";

const recipient = (n: number): { id: string; key: string; jid: string } => ({
  id: `${n}`,
  key: `${n}`,
  jid: `u${n}@x.example/d'${n}`,
});
const message = (body: string): ReturnType<typeof element> =>
  element("message", ns.component, { from: "r@x.example" }, element("body", ns.component, {}, body));
const soon = (): Promise<void> => new Promise((go) => setImmediate(go));

describe("the writer", () => {
  test("prints once and addresses each", async () => {
    const texts: string[] = [];
    const writer = new Writer((_, text) => {
      texts.push(text.plain());
      return Promise.resolve(true);
    });
    const { taken } = await writer.write([{ stanza: message("hi"), to: [recipient(1), recipient(2)] }]);
    expect(await taken).toBe(true);
    expect(texts).toEqual([
      [1, 2]
        .map((n) => `<message to='u${n}@x.example/d&apos;${n}' from='r@x.example'><body>hi</body></message>`)
        .join(""),
    ]);
  });

  test("what is large goes in pieces, and waits for the server", async () => {
    const hands: { settle: (taken: boolean) => void }[] = [];
    const writer = new Writer(() => new Promise((settle) => hands.push({ settle })));
    const big = [
      { stanza: message("x".repeat(60_000)), to: Array.from({ length: 200 }, (_, n) => recipient(n)) },
    ];
    let done = false;
    const writing1 = writer.write(big).then((result) => {
      done = true;
      return result;
    });
    await soon();
    expect(writer.waiting).toBeGreaterThanOrEqual(writing.waiting);
    expect(writer.waiting).toBeLessThan(writing.waiting + writing.piece + 70_000);
    expect(done).toBe(false);
    for (let at = 0; !done || at < hands.length; at += 1) {
      hands[at]?.settle(true);
      await soon();
    }
    expect(await (await writing1).taken).toBe(true);
    expect(writer.waiting).toBe(0);
  });

  test("what comes back is not taken", async () => {
    const writer = new Writer(() => Promise.resolve(false));
    const { taken } = await writer.write([{ stanza: message("hi"), to: [recipient(1)] }]);
    expect(await taken).toBe(false);
  });

  test("nothing to write is taken at once", async () => {
    const { taken } = await new Writer(() => Promise.reject(new Error("never"))).write([]);
    expect(await taken).toBe(true);
  });
});

describe("the progress", () => {
  const setup = async (): Promise<{
    clock: ReturnType<typeof fakeClock>;
    saved: Awaited<ReturnType<typeof openSaved>>;
    progress: Progress;
  }> => {
    const clock = fakeClock();
    const service = fakeService({ clock, bus: memoryBus(clock) });
    const saved = await openSaved(service);
    return { clock, saved, progress: new Progress({ room: coven, clock, log: service.log, saved }) };
  };
  const view = roomOf([witch("a", "x", "ann"), witch("b", "x", "ben")]);
  const stage = shownTo(view);
  const roster = { participants: [...stage.participants.values()], audience: [...stage.audience.keys()] };

  test("is written down as far as there is no gap, at most every 200 ms", async () => {
    const { clock, saved, progress } = await setup();
    let second: (taken: boolean) => void = () => undefined;
    progress.handed(7, roster, Promise.resolve(true));
    progress.handed(8, undefined, new Promise((settle) => (second = settle)));
    progress.handed(9, undefined, Promise.resolve(true));
    await soon();
    expect(await saved.load(coven)).toBeUndefined();
    await clock.advance(saveMs);
    await soon();
    await soon();
    const loaded = await saved.load(coven);
    expect(loaded?.number).toBe(7);
    expect([...(loaded?.audience.keys() ?? [])]).toEqual(roster.audience);
    expect([...(loaded?.participants.values() ?? [])]).toEqual(roster.participants);
    second(true);
    await soon();
    await clock.advance(saveMs);
    await soon();
    await soon();
    expect((await saved.load(coven))?.number).toBe(9);
    expect(await saved.rooms()).toEqual([coven]);
  });

  test("what came back is not written down, also at the end", async () => {
    const { saved, progress } = await setup();
    progress.handed(3, roster, Promise.resolve(true));
    progress.handed(4, undefined, Promise.resolve(false));
    await soon();
    await progress.close();
    expect((await saved.load(coven))?.number).toBe(3);
  });

  test("a room without people is forgotten", async () => {
    const { saved, progress } = await setup();
    progress.handed(3, roster, Promise.resolve(true));
    await soon();
    await progress.forget();
    expect(await saved.load(coven)).toBeUndefined();
    expect(await saved.rooms()).toEqual([]);
  });

  test("the secret is one for all; a new stream is known as new once", async () => {
    const { saved } = await setup();
    expect(await saved.secret()).toBe(await saved.secret());
    expect(await saved.isNewStream("r.example", "q1")).toBe(true);
    expect(await saved.isNewStream("r.example", "q1")).toBe(false);
    expect(await saved.isNewStream("r.example", "q2")).toBe(true);
    expect(await saved.isNewStream("r.example", undefined)).toBe(true);
  });
});

describe("lanes", () => {
  test("one after the other in a lane, side by side in two; a failure holds nobody up", async () => {
    const lanes = new Lanes();
    const done: string[] = [];
    let go: () => void = () => undefined;
    const slow = lanes.run("a", async () => {
      await new Promise<void>((release) => (go = release));
      done.push("a1");
      throw new Error("failed");
    });
    const after = lanes.run("a", async () => void done.push("a2"));
    await lanes.run("b", async () => void done.push("b1"));
    expect(done).toEqual(["b1"]);
    go();
    await expect(slow).rejects.toThrow("failed");
    await after;
    expect(done).toEqual(["b1", "a1", "a2"]);
  });

  test("what was said is waited for", async () => {
    const lanes = new Lanes();
    let place: () => void = () => undefined;
    lanes.said("a", new Promise<void>((settle) => (place = settle)));
    let settled = false;
    const waiting = lanes.settled("a").then(() => {
      settled = true;
    });
    await soon();
    expect(settled).toBe(false);
    place();
    await waiting;
    await lanes.settled("a");
  });
});

test("the pace: all bookmarks at once, then slowly, each source for itself", async () => {
  const clock = fakeClock();
  const mayEnter = openPace(clock);
  for (let n = 0; n < pace.burst; n += 1) expect(mayEnter("a")).toBe(true);
  expect(mayEnter("a")).toBe(false);
  expect(mayEnter("b")).toBe(true);
  await clock.advance(1_000);
  for (let n = 0; n < pace.perSecond; n += 1) expect(mayEnter("a")).toBe(true);
  expect(mayEnter("a")).toBe(false);
});
