// The one suite that every bus must pass: what port.ts promises, in tests. Memory and NATS are held to it alike.
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Bus, BusFull, BusTimeout, type Reader, type Stored, type StreamSpec } from "./port.ts";

/** A running server, as the suite needs it. */
export interface Stage {
  /** A connection of its own. */
  connect(): Promise<Bus>;
  /** Takes the server away: in order (SIGTERM) or killed (SIGKILL). What was stored stays. */
  down(how: "ended" | "killed"): Promise<void>;
  /** Brings it back under the same address. */
  up(): Promise<void>;
  close(): Promise<void>;
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (data: Uint8Array | undefined): string | undefined => data && new TextDecoder().decode(data);
const shownKey = (key: string, value: Uint8Array | undefined): string => `${key}=${text(value) ?? "gone"}`;
const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

/** Waits for a condition, under a deadline. */
async function eventually(what: string, holds: () => boolean, withinMs = 15_000): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`not within ${withinMs} ms: ${what}`);
    await sleep(5);
  }
}

/** Runs the suite against what `open` starts. */
export function busCompliance(name: string, open: () => Promise<Stage>): void {
  describe(`bus compliance: ${name}`, () => {
    let stage: Stage;
    let bus: Bus;
    let other: Bus;
    let made = 0;

    beforeAll(async () => {
      stage = await open();
      bus = await stage.connect();
      other = await stage.connect();
    });
    afterAll(async () => {
      await bus?.close();
      await other?.close();
      await stage?.close();
    });

    const stream = async (spec: Partial<StreamSpec> = {}): Promise<string> => {
      made += 1;
      const own = `S${made}`;
      const base = { keep: "limits", maxBytes: 50_000_000, duplicateWindowMs: 120_000 } as const;
      await bus.ensureStream({ ...base, ...spec, name: own, subjects: [`${own}.>`] });
      return own;
    };
    const bucketName = (): string => {
      made += 1;
      return `B${made}`;
    };
    const storeAll = (on: Bus, subject: string, from: number, count: number): Promise<unknown> =>
      Promise.all(
        numbers(count).map((index) =>
          on.store(subject, bytes(`${from + index}`), { id: `${subject}-${from + index}` }),
        ),
      );
    const restart = async (how: "ended" | "killed"): Promise<void> => {
      await stage.down(how);
      await stage.up();
    };
    const standing = (on: Bus): Promise<void> => eventually("the connection stands", () => on.connected);

    describe("storing", () => {
      test("confirms with ascending numbers and keeps the order of the calls", async () => {
        const own = await stream();
        const acks = await Promise.all(
          numbers(2_000).map((index) => bus.store(`${own}.a`, bytes(`${index}`), {})),
        );
        expect(acks.map((ack) => ack.sequence)).toEqual(numbers(2_000).map((index) => index + 1));
        expect(acks.some((ack) => ack.duplicate)).toBe(false);
      });

      test("knows an id again within the window and stores nothing", async () => {
        const own = await stream();
        const first = await bus.store(`${own}.a`, bytes("one"), { id: "x" });
        expect(await other.store(`${own}.a`, bytes("two"), { id: "x" })).toEqual({
          sequence: first.sequence,
          duplicate: true,
        });
        expect(await bus.store(`${own}.a`, bytes("two"), { id: "y" })).toMatchObject({ duplicate: false });
        expect(text((await bus.last(own, `${own}.a`))?.data)).toBe("two");
        expect((await bus.state(own)).messages).toBe(2);
      });

      test("forgets an id after the window", async () => {
        const own = await stream({ duplicateWindowMs: 300 });
        await bus.store(`${own}.a`, bytes("one"), { id: "x" });
        await sleep(700);
        expect(await bus.store(`${own}.a`, bytes("one"), { id: "x" })).toEqual({
          sequence: 2,
          duplicate: false,
        });
      });

      test("keeps an id of which the message was removed", async () => {
        const own = await stream();
        const { sequence } = await bus.store(`${own}.a`, bytes("one"), { id: "x" });
        await bus.purge(own, sequence);
        expect(await bus.store(`${own}.a`, bytes("one"), { id: "x" })).toEqual({ sequence, duplicate: true });
      });

      test("carries headers and bytes through unchanged", async () => {
        const own = await stream();
        const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        const data = Uint8Array.from(numbers(256));
        const headers = { traceparent, "Content-Type": "text/plain; charset=ü" };
        const before = Date.now();
        await bus.store(`${own}.a`, data, { id: "x", headers });
        const last = await bus.last(own, `${own}.a`);
        expect(last?.headers).toEqual(headers);
        expect([...(last?.data ?? [])]).toEqual([...data]);
        expect(Math.abs((last?.storedAt ?? 0) - before)).toBeLessThan(5_000);
        const read: Stored[] = [];
        const reader = await bus.read(own, `${own}.a`, 0, (message) => void read.push(message));
        await eventually("it is read", () => read.length === 1);
        await reader.stop();
        expect(read[0]?.headers).toEqual(headers);
        expect([...(read[0]?.data ?? [])]).toEqual([...data]);
        expect(read[0]?.storedAt).toBe(last?.storedAt);
      });

      test("refuses a header that would break out of its line", async () => {
        const own = await stream();
        await expect(bus.store(`${own}.a`, bytes("x"), { headers: { a: "b\r\nc: d" } })).rejects.toThrow(
          /header/,
        );
      });

      test("refuses when full, says so, and takes again after a purge", async () => {
        const own = await stream({ maxBytes: 10_000 });
        const big = new Uint8Array(1_000);
        const stored = await Promise.allSettled(numbers(20).map(() => bus.store(`${own}.a`, big, {})));
        const refused = stored
          .filter((result) => result.status === "rejected")
          .map((result) => result.reason);
        expect(refused.length).toBeGreaterThan(5);
        for (const error of refused) expect(error).toBeInstanceOf(BusFull);
        expect((await bus.state(own)).messages).toBe(20 - refused.length);
        await bus.purge(own, 5);
        await bus.store(`${own}.a`, big, {});
      });

      test("times out when nobody confirms, and tells it from full", async () => {
        const started = performance.now();
        await expect(bus.store("nowhere.a", bytes("x"), { timeoutMs: 400 })).rejects.toBeInstanceOf(
          BusTimeout,
        );
        expect(performance.now() - started).toBeGreaterThan(350);
        expect(performance.now() - started).toBeLessThan(3_000);
      });

      test("a subject that nobody stores does not hold up others", async () => {
        const own = await stream();
        const lost = Promise.allSettled(
          numbers(1_000).map(() => bus.store("nowhere.b", bytes("x"), { timeoutMs: 1_500 })),
        );
        const started = performance.now();
        await storeAll(bus, `${own}.a`, 0, 100);
        expect(performance.now() - started).toBeLessThan(1_000);
        expect((await lost).every((result) => result.status === "rejected")).toBe(true);
      });

      test("waits for a stream that comes later, and keeps the order", async () => {
        made += 1;
        const own = `S${made}`;
        const stores = storeAll(bus, `${own}.a`, 0, 1_000);
        await sleep(250);
        await other.ensureStream({
          name: own,
          subjects: [`${own}.>`],
          keep: "limits",
          maxBytes: 1_000_000,
          duplicateWindowMs: 120_000,
        });
        await stores;
        expect(await readTexts(own, 1_000)).toEqual(numbers(1_000).map(String));
      });
    });

    /** Reads `count` from the beginning. */
    const readTexts = async (own: string, count: number): Promise<(string | undefined)[]> => {
      const read: (string | undefined)[] = [];
      const reader = await bus.read(own, `${own}.>`, 0, (message) => void read.push(text(message.data)));
      await eventually(`${count} are read`, () => read.length >= count);
      await reader.stop();
      return read;
    };

    describe("streams", () => {
      test("are made once and refused when they are others", async () => {
        const own = await stream();
        const spec = {
          name: own,
          subjects: [`${own}.>`],
          keep: "limits",
          maxBytes: 60_000_000,
          duplicateWindowMs: 120_000,
        } as const;
        await Promise.all([bus.ensureStream(spec), other.ensureStream(spec)]);
        await expect(bus.ensureStream({ ...spec, keep: "latest" })).rejects.toThrow(/another/);
        await expect(bus.ensureStream({ ...spec, subjects: [`${own}.b`] })).rejects.toThrow(/another/);
      });

      test("take a new size", async () => {
        const own = await stream({ maxBytes: 3_000 });
        const spec = {
          name: own,
          subjects: [`${own}.>`],
          keep: "limits",
          duplicateWindowMs: 60_000,
        } as const;
        const fill = (): Promise<unknown> =>
          Promise.all(numbers(5).map(() => bus.store(`${own}.a`, new Uint8Array(1_000), {})));
        await expect(fill()).rejects.toBeInstanceOf(BusFull);
        await other.ensureStream({ ...spec, maxBytes: 30_000 });
        await fill();
      });

      test("are made by several at once", async () => {
        made += 1;
        const own = `S${made}`;
        const spec = {
          name: own,
          subjects: [`${own}.>`],
          keep: "limits",
          maxBytes: 60_000,
          duplicateWindowMs: 120_000,
        } as const;
        await Promise.all([bus, other, bus, other].map((one) => one.ensureStream(spec)));
        await bus.store(`${own}.a`, bytes("x"), {});
      });

      test("of kind latest keep the last of each subject; a full one refuses and loses nothing", async () => {
        const own = await stream({ keep: "latest", maxBytes: 8_000 });
        const big = new Uint8Array(1_000);
        await bus.store(`${own}.a`, big, {});
        await bus.store(`${own}.b`, big, {});
        for (const _ of numbers(20)) await bus.store(`${own}.a`, big, {});
        await bus.store(`${own}.a`, bytes("newest"), {});
        await expect(storeBigs(own, big)).rejects.toBeInstanceOf(BusFull);
        expect(text((await bus.last(own, `${own}.a`))?.data)).toBe("newest");
        const first = (await bus.lastOfEach(own, `${own}.*`)).map((message) => message.subject).slice(0, 2);
        expect(first).toEqual([`${own}.b`, `${own}.a`]);
      });
      const storeBigs = async (own: string, big: Uint8Array): Promise<void> => {
        for (const index of numbers(10)) await bus.store(`${own}.more${index}`, big, {});
      };

      test("show the last one, and the last one of each", async () => {
        const own = await stream();
        expect(await bus.last(own, `${own}.a`)).toBeUndefined();
        expect(await bus.lastOfEach(own, `${own}.>`)).toEqual([]);
        for (const [subject, value] of [
          ["a", "1"],
          ["b", "2"],
          ["a", "3"],
          ["c.d", "4"],
        ]) {
          await bus.store(`${own}.${subject}`, bytes(`${value}`), {});
        }
        expect(text((await bus.last(own, `${own}.a`))?.data)).toBe("3");
        expect((await bus.lastOfEach(own, `${own}.*`)).map((message) => text(message.data))).toEqual([
          "2",
          "3",
        ]);
        expect((await bus.lastOfEach(own, `${own}.>`)).map((message) => text(message.data))).toEqual([
          "2",
          "3",
          "4",
        ]);
      });

      test("lose one by its number, twice without complaint", async () => {
        const own = await stream();
        await storeAll(bus, `${own}.a`, 0, 3);
        await bus.remove(own, 2);
        await bus.remove(own, 2);
        await bus.remove(own, 99);
        expect(await readTexts(own, 2)).toEqual(["0", "2"]);
        expect((await bus.state(own)).messages).toBe(2);
      });

      test("are purged up to a number, with and without a filter, also far", async () => {
        const own = await stream();
        await storeAll(bus, `${own}.a`, 0, 6_000);
        await storeAll(bus, `${own}.b`, 0, 6_000);
        await bus.purge(own, 11_990, `${own}.b`);
        expect((await bus.state(own)).messages).toBe(6_010);
        await bus.purge(own, 5_999);
        expect(await bus.state(own)).toMatchObject({
          messages: 11,
          firstSequence: 6_000,
          lastSequence: 12_000,
        });
        await bus.purge(own, 99_999);
        expect(await bus.state(own)).toMatchObject({ messages: 0, lastSequence: 12_000 });
        expect((await bus.store(`${own}.a`, bytes("x"), {})).sequence).toBe(12_001);
      });
    });

    describe("reading", () => {
      test("brings one filter in order, after the given number, with what waits behind", async () => {
        const own = await stream();
        for (const index of numbers(10))
          await bus.store(`${own}.${index % 2 ? "odd" : "even"}`, bytes(`${index}`), {});
        const read: Stored[] = [];
        const reader = await other.read(own, `${own}.odd`, 4, (message) => void read.push(message));
        await eventually("3 are read", () => read.length === 3);
        expect(read.map((message) => [text(message.data), message.sequence, message.pending])).toEqual([
          ["5", 6, 2],
          ["7", 8, 1],
          ["9", 10, 0],
        ]);
        await bus.store(`${own}.odd`, bytes("11"), {});
        await eventually("a new one is read", () => read.length === 4);
        await reader.stop();
      });

      test("never calls twice at a time, and nothing after stop", async () => {
        const own = await stream();
        await storeAll(bus, `${own}.a`, 0, 1_500);
        const read: (string | undefined)[] = [];
        let inside = 0;
        const reader = await bus.read(own, `${own}.a`, 0, async (message) => {
          inside += 1;
          expect(inside).toBe(1);
          if (read.length % 100 === 0) await sleep(2);
          read.push(text(message.data));
          inside -= 1;
        });
        await eventually("1,200 are read", () => read.length >= 1_200);
        await reader.stop();
        expect(inside).toBe(0);
        const after = read.length;
        await storeAll(bus, `${own}.a`, 1_500, 10);
        await sleep(50);
        expect(read.length).toBe(after);
        expect(read).toEqual(numbers(after).map(String));
      });

      test("waits for a handler as long as it takes", async () => {
        const own = await stream();
        await storeAll(bus, `${own}.a`, 0, 3_000);
        let release: () => void = () => undefined;
        const gate = new Promise<void>((resolve) => {
          release = resolve;
        });
        const read: (string | undefined)[] = [];
        const reader = await bus.read(own, `${own}.a`, 0, (message) => {
          read.push(text(message.data));
          return read.length === 1 ? gate : undefined;
        });
        await sleep(300);
        expect(read.length).toBe(1);
        release();
        await eventually("all are read", () => read.length === 3_000);
        expect(read).toEqual(numbers(3_000).map(String));
        await reader.stop();
      });

      test("calls again a handler that failed, and skips nothing", async () => {
        const own = await stream();
        await storeAll(bus, `${own}.a`, 0, 3);
        const calls: (string | undefined)[] = [];
        const reader = await bus.read(own, `${own}.a`, 0, (message) => {
          calls.push(text(message.data));
          if (calls.length === 2) throw new Error("planted");
        });
        await eventually("all were taken", () => calls.length === 4);
        expect(calls).toEqual(["0", "1", "1", "2"]);
        await reader.stop();
      });

      test("stop waits for the call under way", async () => {
        const own = await stream();
        await storeAll(bus, `${own}.a`, 0, 2);
        let ended = false;
        let begun = false;
        const reader = await bus.read(own, `${own}.a`, 0, async () => {
          begun = true;
          await sleep(50);
          ended = true;
        });
        await eventually("it has begun", () => begun);
        await reader.stop();
        expect(ended).toBe(true);
      });

      test("passes over what was removed", async () => {
        const own = await stream();
        await storeAll(bus, `${own}.a`, 0, 5);
        await bus.remove(own, 1);
        await bus.remove(own, 3);
        expect(await readTexts(own, 3)).toEqual(["1", "3", "4"]);
      });
    });

    describe("buckets", () => {
      test("put, get, list and remove", async () => {
        const bucket = await bus.bucket(bucketName());
        expect(await bucket.get("a.1")).toBeUndefined();
        const first = await bucket.put("a.1", bytes("x"));
        const second = await bucket.put("a.1", bytes("y"));
        expect(second).toBeGreaterThan(first);
        await bucket.put("b.1/=_-", bytes("z"));
        expect(text((await bucket.get("a.1"))?.value)).toBe("y");
        expect((await bucket.get("a.1"))?.revision).toBe(second);
        expect((await bucket.list("a.*")).map((entry) => [entry.key, text(entry.value)])).toEqual([
          ["a.1", "y"],
        ]);
        expect((await bucket.list(">")).length).toBe(2);
        await bucket.remove("a.1");
        await bucket.remove("never.there");
        expect(await bucket.get("a.1")).toBeUndefined();
        expect(await bucket.list(">")).toHaveLength(1);
        expect(await bucket.list("none.>")).toEqual([]);
      });

      test.for(["", "a b", "a..b", ".a", "a.", "a*", "ä"])("refuse the key %j", async (key) => {
        const bucket = await bus.bucket("keys");
        await expect(bucket.put(key, bytes("x"))).rejects.toThrow(/key/);
      });

      test("create has exactly one winner, again after a removal", async () => {
        const name = bucketName();
        const buckets = await Promise.all([bus.bucket(name), other.bucket(name)]);
        for (const round of numbers(20)) {
          const won = await Promise.all(
            buckets.map((bucket, index) => bucket.create(`k.${round}`, bytes(`${index}`))),
          );
          expect(won.filter(Boolean)).toHaveLength(1);
          expect(text((await bus.bucket(name).then((bucket) => bucket.get(`k.${round}`)))?.value)).toBe(
            won[0] ? "0" : "1",
          );
        }
        for (const round of numbers(20)) {
          await buckets[round % 2]?.remove(`k.${round}`);
          const won = await Promise.all(
            buckets.map((bucket, index) => bucket.create(`k.${round}`, bytes(`${index}`))),
          );
          expect(won.filter(Boolean)).toHaveLength(1);
        }
      });

      test("watch brings what is there, then ready, then changes", async () => {
        const name = bucketName();
        const bucket = await bus.bucket(name);
        await bucket.put("a.1", bytes("x"));
        await bucket.put("a.2", bytes("y"));
        await bucket.put("b.1", bytes("z"));
        await bucket.put("a.3", bytes("y"));
        await bucket.remove("a.3");
        const heard: string[] = [];
        const watcher = await (await other.bucket(name)).watch("a.*", {
          change: (key, value) => heard.push(shownKey(key, value)),
          ready: () => heard.push("ready"),
        });
        await eventually("it is ready", () => heard.includes("ready"));
        expect(heard.slice().sort()).toEqual(["a.1=x", "a.2=y", "ready"]);
        expect(heard.at(-1)).toBe("ready");
        heard.length = 0;
        await bucket.put("a.1", bytes("x2"));
        await bucket.remove("a.2");
        await bucket.create("a.4", bytes("new"));
        await bucket.put("b.1", bytes("unheard"));
        await eventually("all is heard", () => heard.length === 3);
        expect(heard).toEqual(["a.1=x2", "a.2=gone", "a.4=new"]);
        await watcher.stop();
        await bucket.put("a.1", bytes("x3"));
        await sleep(30);
        expect(heard).toHaveLength(3);
      });

      test("watch of an empty bucket is ready", async () => {
        const bucket = await bus.bucket(bucketName());
        let ready = 0;
        const watcher = await bucket.watch(">", { change: () => undefined, ready: () => (ready += 1) });
        await eventually("it is ready", () => ready === 1);
        await watcher.stop();
      });
    });

    describe("live", () => {
      test("reaches all that listen, with headers, and nobody after stop", async () => {
        const heard: string[] = [];
        const hear =
          (who: string) =>
          (message: { subject: string; headers: Readonly<Record<string, string>>; data: Uint8Array }) =>
            void heard.push(`${who} ${message.subject} ${text(message.data)} ${message.headers.traceparent}`);
        const readers = [bus.listen("live.*", hear("one")), other.listen("live.>", hear("two"))];
        await settled();
        bus.emit("live.x", bytes("hello"), { traceparent: "t" });
        await eventually("both hear", () => heard.length === 2);
        expect(heard.sort()).toEqual(["one live.x hello t", "two live.x hello t"]);
        await Promise.all(readers.map((reader) => reader.stop()));
        await settled();
        bus.emit("live.x", bytes("late"));
        await sleep(30);
        expect(heard).toHaveLength(2);
      });

      // A subscription is known to the server when a later request of the same connection was answered.
      const settled = async (): Promise<void> => {
        await Promise.all([bus, other].map((one) => one.bucket("settled").then((bucket) => bucket.get("x"))));
      };

      test("ask has one answer, askAll all that come in time", async () => {
        const answer = (who: string) => (message: { data: Uint8Array; answer: (data: Uint8Array) => void }) =>
          message.answer(bytes(`${who} ${text(message.data)}`));
        const readers: Reader[] = [
          other.listen("question", answer("one")),
          other.listen("question", answer("two")),
        ];
        await settled();
        expect(["one ?", "two ?"]).toContain(text(await bus.ask("question", bytes("?"), 1_000)));
        expect((await bus.askAll("question", bytes("!"), 150)).map(text).sort()).toEqual(["one !", "two !"]);
        await Promise.all(readers.map((reader) => reader.stop()));
      });

      test("ask ends without an answer: nobody there, or silent", async () => {
        expect(await bus.ask("nobody", bytes("?"), 200)).toBeUndefined();
        expect(await bus.askAll("nobody", bytes("?"), 100)).toEqual([]);
        const reader = other.listen("silent", () => undefined);
        await settled();
        expect(await bus.ask("silent", bytes("?"), 100)).toBeUndefined();
        expect(await bus.askAll("silent", bytes("?"), 100)).toEqual([]);
        await reader.stop();
      });
    });

    describe("when the server goes and comes back", () => {
      test.for(["ended", "killed"] as const)(
        "nothing confirmed is lost, and ids of what is kept are known (%s)",
        async (how) => {
          const own = await stream();
          await storeAll(bus, `${own}.a`, 0, 1_000);
          await restart(how);
          await standing(bus);
          const again = await Promise.all(
            numbers(1_000).map((index) =>
              bus.store(`${own}.a`, bytes(`${index}`), { id: `${own}.a-${index}` }),
            ),
          );
          expect(again.filter((ack) => !ack.duplicate)).toEqual([]);
          expect(await readTexts(own, 1_000)).toEqual(numbers(1_000).map(String));
        },
      );

      test("the bus says so, stores wait in order, live messages do not", async () => {
        const own = await stream();
        const heard: boolean[] = [];
        const forget = bus.onConnection((connected) => heard.push(connected));
        await stage.down("ended");
        await eventually("it is noticed", () => !bus.connected);
        const stores = storeAll(bus, `${own}.a`, 0, 2_000);
        bus.emit("dropped", bytes("x"));
        expect(await bus.ask("question", bytes("?"), 50)).toBeUndefined();
        await expect(bus.store(`${own}.b`, bytes("x"), { timeoutMs: 200 })).rejects.toBeInstanceOf(
          BusTimeout,
        );
        await stage.up();
        await stores;
        expect(bus.connected).toBe(true);
        expect(heard).toEqual([false, true]);
        forget();
        expect((await readTexts(own, 2_000)).slice(0, 2_000)).toEqual(numbers(2_000).map(String));
      });

      test("a reader goes on without gap and without double, under load", async () => {
        const own = await stream();
        const count = 6_000;
        const read: (string | undefined)[] = [];
        const reader = await other.read(own, `${own}.a`, 0, (message) => void read.push(text(message.data)));
        const load = (async () => {
          for (let from = 0; from < count; from += 20) {
            await Promise.all([storeAll(bus, `${own}.a`, from, 20), sleep(5)]);
          }
        })();
        for (const how of ["killed", "ended", "killed"] as const) {
          await sleep(250);
          await restart(how);
        }
        await load;
        await eventually("all are read", () => read.length >= count, 30_000);
        await sleep(100);
        expect(read).toEqual(numbers(count).map(String));
        await reader.stop();
      });

      test("readers that were idle hear what comes after", async () => {
        const own = await stream();
        const read: (string | undefined)[] = [];
        const readers = await Promise.all(
          numbers(16).map((slot) =>
            other.read(own, `${own}.${slot}`, 0, (message) => void read.push(text(message.data))),
          ),
        );
        await restart("killed");
        await standing(bus);
        await Promise.all(numbers(16).map((slot) => bus.store(`${own}.${slot}`, bytes(`${slot}`), {})));
        await eventually("all are read", () => read.length === 16);
        expect(read.map(Number).sort((a, b) => a - b)).toEqual(numbers(16));
        await Promise.all(readers.map((reader) => reader.stop()));
      });

      test("a watcher hears what changed meanwhile, and nothing twice", async () => {
        const name = bucketName();
        const bucket = await bus.bucket(name);
        for (const key of ["stays", "goes", "changes"]) await bucket.put(key, bytes("1"));
        const heard: string[] = [];
        let ready = 0;
        const watcher = await (await other.bucket(name)).watch(">", {
          change: (key, value) => heard.push(shownKey(key, value)),
          ready: () => (ready += 1),
        });
        await eventually("it is ready", () => ready === 1);
        heard.length = 0;
        await stage.down("killed");
        const later = Promise.all([
          bucket.remove("goes"),
          bucket.put("changes", bytes("2")),
          bucket.put("comes", bytes("1")),
        ]);
        await stage.up();
        await later;
        await eventually("all is heard", () => heard.length >= 3);
        await sleep(100);
        expect(heard.sort()).toEqual(["changes=2", "comes=1", "goes=gone"]);
        expect(ready).toBe(1);
        expect(await bucket.create("stays", bytes("2"))).toBe(false);
        expect(await bucket.create("goes", bytes("2"))).toBe(true);
        await watcher.stop();
      });

      test("listeners hear again", async () => {
        const heard: (string | undefined)[] = [];
        const reader = other.listen("again", (message) => heard.push(text(message.data)));
        await restart("killed");
        await Promise.all([standing(bus), standing(other)]);
        await eventually("it is heard", () => {
          bus.emit("again", bytes("x"));
          return heard.length > 0;
        });
        await reader.stop();
      });
    });

    test("close sends what is under way", async () => {
      const own = await stream();
      const third = await stage.connect();
      const stores = storeAll(third, `${own}.a`, 0, 1_500);
      const calls: number[] = [];
      await third.read(own, `${own}.>`, 0, (message) => void calls.push(message.sequence));
      await third.close();
      await stores;
      expect((await bus.state(own)).messages).toBe(1_500);
      expect(third.connected).toBe(false);
      const before = calls.length;
      await bus.store(`${own}.a`, bytes("x"), {});
      await sleep(50);
      expect(calls.length).toBe(before);
    });
  });
}
