// The publisher against a server that answers as the test says: window, order, repetition, and what each error means.
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { BusFull, BusTimeout } from "../port.ts";
import type { Link } from "./link.ts";
import { AlreadyThere, Publisher } from "./publisher.ts";

interface Sent {
  readonly subject: string;
  readonly text: string;
  readonly id: string;
  readonly reply: string;
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

function stage() {
  const sent: Sent[] = [];
  let standing = true;
  let hear: (error: Error | null, message: object) => void = () => undefined;
  let tell: (connected: boolean) => void = () => undefined;
  const link = {
    inbox: "_INBOX.x",
    closed: false,
    get connected() {
      return standing;
    },
    onConnection: (listener: (connected: boolean) => void) => {
      tell = listener;
      return () => undefined;
    },
    connection: {
      subscribe: (_subject: string, options: { callback: typeof hear }) => {
        hear = options.callback;
      },
      publish: (
        subject: string,
        data: Uint8Array,
        options: { reply: string; headers: { encode(): Uint8Array } },
      ) => {
        if (data.length > 1_000) throw new Error("max_payload size exceeded");
        const id = /Nats-Msg-Id: (\S+)/.exec(Buffer.from(options.headers.encode()).toString())?.[1] ?? "";
        sent.push({ subject, text: Buffer.from(data).toString(), id, reply: options.reply });
      },
    },
  };
  const answer = (to: Sent | undefined, json?: object): void =>
    hear(null, {
      subject: to?.reply ?? "",
      data: json ? Buffer.from(JSON.stringify(json)) : new Uint8Array(0),
    });
  const setUp = (up: boolean): void => {
    standing = up;
    tell(up);
  };
  return { publisher: new Publisher(link as unknown as Link), sent, answer, setUp };
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "setTimeout", "clearTimeout", "performance"] });
});
afterEach(() => {
  vi.useRealTimers();
});

describe("window", () => {
  test("at most 512 are under way, the next goes when one is confirmed", async () => {
    const { publisher, sent, answer } = stage();
    const stores = numbers(600).map((index) => publisher.store("a", bytes(`${index}`), {}));
    expect(sent).toHaveLength(512);
    answer(sent[0], { seq: 1 });
    expect(sent).toHaveLength(513);
    for (let next = 1; next < 600; next += 1) answer(sent[next], { seq: next + 1 });
    expect((await Promise.all(stores)).map((ack) => ack.sequence)).toEqual(
      numbers(600).map((index) => index + 1),
    );
    expect(sent.map((one) => Number(one.text))).toEqual(numbers(600));
    expect(vi.getTimerCount()).toBe(0);
  });

  test("more than 65,536 waiting is full", async () => {
    const { publisher, setUp } = stage();
    setUp(false);
    const stores = Promise.allSettled(
      numbers(65_536).map(() => publisher.store("a", bytes("x"), { timeoutMs: 100 })),
    );
    await expect(publisher.store("a", bytes("x"), {})).rejects.toBeInstanceOf(BusFull);
    vi.advanceTimersByTime(200);
    expect((await stores).every((store) => store.status === "rejected")).toBe(true);
  });
});

describe("answers", () => {
  const rows: [string, object, new (message: string) => Error, RegExp][] = [
    [
      "stream full of bytes",
      { code: 503, err_code: 10077, description: "maximum bytes exceeded" },
      BusFull,
      /maximum bytes/,
    ],
    [
      "stream full of messages",
      { code: 503, err_code: 10077, description: "maximum messages exceeded" },
      BusFull,
      /messages/,
    ],
    [
      "server out of disk",
      { code: 500, err_code: 10047, description: "insufficient storage" },
      BusFull,
      /storage/,
    ],
    [
      "created by another",
      { code: 400, err_code: 10071, description: "wrong last sequence: 7" },
      AlreadyThere,
      /wrong last/,
    ],
    [
      "too large for the stream",
      { code: 400, err_code: 10054, description: "message size exceeds" },
      Error,
      /not stored/,
    ],
  ];
  test.for(rows)("%s ends the store", async ([_, error, kind, words]) => {
    const { publisher, sent, answer } = stage();
    const store = publisher.store("a", bytes("x"), {});
    answer(sent[0], { error });
    await expect(store).rejects.toBeInstanceOf(kind);
    await expect(store).rejects.toThrow(words);
  });

  const again: [string, object | undefined][] = [
    ["no responders", undefined],
    ["no leader", { error: { code: 503, err_code: 10008, description: "system temporarily unavailable" } }],
    ["disk error", { error: { code: 503, err_code: 10077, description: "stream closed" } }],
    ["duplicate still being stored", { seq: 0, duplicate: true }],
  ];
  test.for(again)("%s is tried again with the same id", async ([_, json]) => {
    const { publisher, sent, answer } = stage();
    const store = publisher.store("a", bytes("x"), { id: "me" });
    answer(sent[0], json);
    vi.advanceTimersByTime(99);
    expect(sent).toHaveLength(1);
    vi.advanceTimersByTime(60);
    expect(sent.map((one) => one.id)).toEqual(["me", "me"]);
    answer(sent[1], { seq: 4, duplicate: true });
    expect(await store).toEqual({ sequence: 4, duplicate: true });
  });

  test("none within 2 s: tried again; the first answer that comes counts", async () => {
    const { publisher, sent, answer } = stage();
    const store = publisher.store("a", bytes("x"), {});
    vi.advanceTimersByTime(2_150);
    expect(sent).toHaveLength(2);
    expect(sent[0]?.id).toBe(sent[1]?.id);
    answer(sent[0], { seq: 1 });
    answer(sent[1], { seq: 1, duplicate: true });
    expect(await store).toEqual({ sequence: 1, duplicate: false });
  });

  test("none within the time is a time-out, and the window is free again", async () => {
    const { publisher, sent } = stage();
    const stores = Promise.allSettled(
      numbers(512).map(() => publisher.store("a", bytes("x"), { timeoutMs: 500 })),
    );
    vi.advanceTimersByTime(600);
    for (const store of await stores) expect(store).toMatchObject({ reason: expect.any(BusTimeout) });
    sent.length = 0;
    void publisher.store("b", bytes("y"), {});
    expect(sent).toHaveLength(1);
  });

  test("what the client refuses to send is refused at once", async () => {
    const { publisher } = stage();
    await expect(publisher.store("a", new Uint8Array(2_000), {})).rejects.toThrow(/cannot be stored/);
    await expect(publisher.close(10)).resolves.toBeUndefined();
  });
});

describe("order", () => {
  test("a subject in trouble waits in its lane, others pass; then all goes in order", async () => {
    const { publisher, sent, answer } = stage();
    const stores = numbers(5).map((index) => publisher.store("a", bytes(`a${index}`), {}));
    for (const one of sent.slice(0, 3)) answer(one);
    const more = publisher.store("a", bytes("a5"), {});
    const other = publisher.store("b", bytes("b0"), {});
    answer(sent.at(-1), { seq: 1 });
    await other;
    for (const one of sent.slice(3, 5)) answer(one);
    sent.length = 0;
    vi.advanceTimersByTime(150);
    expect(sent.map((one) => one.text)).toEqual(["a0"]);
    answer(sent[0], { seq: 2 });
    expect(sent.map((one) => one.text)).toEqual(["a0", "a1", "a2", "a3", "a4", "a5"]);
    for (const [index, one] of sent.slice(1).entries()) answer(one, { seq: index + 3 });
    await Promise.all([...stores, more]);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("after a reconnect all that was under way goes again, before what came meanwhile", async () => {
    const { publisher, sent, answer, setUp } = stage();
    const stores = numbers(3).map((index) => publisher.store(`s${index}`, bytes(`${index}`), {}));
    setUp(false);
    stores.push(publisher.store("s0", bytes("3"), {}));
    expect(sent).toHaveLength(3);
    sent.length = 0;
    setUp(true);
    expect(sent.map((one) => one.text)).toEqual(["0", "1", "2", "3"]);
    for (const [index, one] of sent.entries()) answer(one, { seq: index + 1 });
    await Promise.all(stores);
  });

  test("close waits for what is under way, then gives up", async () => {
    const { publisher, sent, answer } = stage();
    const stores = Promise.allSettled([
      publisher.store("a", bytes("1"), {}),
      publisher.store("b", bytes("2"), {}),
    ]);
    answer(sent[0], { seq: 1 });
    const closed = publisher.close(500);
    await vi.advanceTimersByTimeAsync(501);
    await closed;
    expect((await stores).map((store) => store.status)).toEqual(["fulfilled", "rejected"]);
  });
});
