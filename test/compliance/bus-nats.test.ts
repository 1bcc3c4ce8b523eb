// The bus on a real nats-server: the compliance suite, and what only NATS can get wrong.
import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { busCompliance } from "#bus-schemas/bus/compliance.ts";
import { connectNats } from "#bus-schemas/bus/nats.ts";
import type { Bus } from "#bus-schemas/bus/port.ts";
import { until } from "#test/servers/child.ts";
import { freePort } from "#test/servers/free-port.ts";
import { type NatsServer, startNats } from "#test/servers/nats.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

busCompliance("nats-server", async () => {
  const server = await startNats();
  return {
    connect: () => connectNats({ servers: [server.url], token: server.token, name: "compliance" }),
    down: (how) => (how === "ended" ? server.stop() : server.kill()),
    up: () => server.restart(),
    close: () => server.stop(),
  };
});

describe("nats-server restarted", () => {
  test("does not know ids of what was purged: sweepers must leave the window", async () => {
    const server = await startNats();
    const bus = await connectNats({ servers: [server.url], token: server.token, name: "ids" });
    await bus.ensureStream({
      name: "I",
      subjects: ["i.>"],
      keep: "limits",
      maxBytes: 1e6,
      duplicateWindowMs: 120_000,
    });
    for (const id of ["purged", "kept"]) await bus.store("i.a", bytes(id), { id });
    await bus.purge("I", 1);
    expect((await bus.store("i.a", bytes("purged"), { id: "purged" })).duplicate).toBe(true);
    await server.stop();
    await server.restart();
    expect((await bus.store("i.a", bytes("kept"), { id: "kept" })).duplicate).toBe(true);
    expect((await bus.store("i.a", bytes("purged"), { id: "purged" })).duplicate).toBe(false);
    await bus.close();
    await server.stop();
  });
});

describe("the first message of a stream that keeps the latest of each", () => {
  test("is still there when what is outdated was purged, although nobody writes it again", async () => {
    const server = await startNats();
    const bus = await connectNats({ servers: [server.url], token: server.token, name: "first" });
    const kind = { keep: "latest", maxBytes: 1e6, duplicateWindowMs: 0 } as const;
    await bus.ensureStream({ name: "L", subjects: ["l.>"], ...kind });
    await bus.store("l.first", bytes("kept"), {});
    const second = await bus.bucket("first");
    await second.put("key", bytes("kept"));
    for (const text of ["1", "2", "3"]) await bus.store("l.other", bytes(text), {});
    await sleep(3_500);
    const listed = (await bus.lastOfEach("L", "l.>")).map(({ subject }) => subject);
    expect(listed).toEqual(["l.first", "l.other"]);
    expect(await second.get("key")).toBeDefined();
    await bus.close();
    await server.stop();
  });
});

describe("a watcher whose bucket lost a key without a marker", () => {
  test("hears that it is gone when it starts again", async () => {
    const server = await startNats();
    const bus = await connectNats({ servers: [server.url], token: server.token, name: "markers" });
    const bucket = await bus.bucket("m");
    await bucket.put("goes", bytes("1"));
    await bucket.put("stays", bytes("1"));
    const heard: string[] = [];
    await bucket.watch(">", { change: (key, value) => heard.push(`${key} ${value ? "is" : "gone"}`) });
    await until("all is heard", () => heard.length === 2);
    await bus.purge("KV_m", 99, "$KV.m.goes");
    await server.kill();
    await server.restart();
    await until("the removal is heard", () => heard.length === 3);
    expect(heard).toEqual(["goes is", "stays is", "goes gone"]);
    await bus.close();
    await server.stop();
  });
});

describe("nats-server standing still", () => {
  let server: NatsServer;
  let bus: Bus;
  beforeAll(async () => {
    server = await startNats();
    bus = await connectNats({ servers: [server.url], token: server.token, name: "pause" });
  });
  afterAll(async () => {
    await bus?.close();
    await server?.stop();
  });

  test("and then killed: what was under way is confirmed soon after the restart", async () => {
    await bus.ensureStream({
      name: "K",
      subjects: ["k.>"],
      keep: "limits",
      maxBytes: 1e8,
      duplicateWindowMs: 120_000,
    });
    server.pause();
    const stores = Promise.all(
      Array.from({ length: 700 }, (_, index) => bus.store("k.a", bytes(`${index}`), { id: `k${index}` })),
    );
    await sleep(100);
    await server.kill();
    await server.restart();
    const restarted = performance.now();
    const acks = await stores;
    expect(performance.now() - restarted).toBeLessThan(1_200);
    expect(acks.map((ack) => ack.sequence)).toEqual(Array.from({ length: 700 }, (_, index) => index + 1));
  });

  test("for 3 s under load: all is stored once and read once, in order", async () => {
    await bus.ensureStream({
      name: "P",
      subjects: ["p.>"],
      keep: "limits",
      maxBytes: 1e8,
      duplicateWindowMs: 120_000,
    });
    const read: number[] = [];
    const reader = await bus.read(
      "P",
      "p.a",
      0,
      (message) => void read.push(Number(Buffer.from(message.data))),
    );
    const stores: Promise<unknown>[] = [];
    const store = (index: number): void => {
      stores.push(bus.store("p.a", bytes(`${index}`), { id: `${index}` }));
    };
    for (let index = 0; index < 1_000; index += 1) store(index);
    server.pause();
    for (let index = 1_000; index < 3_000; index += 1) store(index);
    await sleep(3_000);
    server.resume();
    await Promise.all(stores);
    const deadline = performance.now() + 10_000;
    while (read.length < 3_000 && performance.now() < deadline) await sleep(10);
    await sleep(200);
    expect(read).toEqual(Array.from({ length: 3_000 }, (_, index) => index));
    expect((await bus.state("P")).lastSequence).toBe(3_000);
    await reader.stop();
  });
});

describe("connecting", () => {
  test("says when the token is refused", async () => {
    const server = await startNats();
    await expect(connectNats({ servers: [server.url], token: "wrong", name: "t" })).rejects.toThrow(
      /refuses our token/,
    );
    await server.stop();
  });

  test("says when no bus is there", async () => {
    const servers = [`nats://127.0.0.1:${await freePort()}`];
    await expect(connectNats({ servers, name: "t", firstConnectMs: 300 })).rejects.toThrow(/no bus at/);
  });

  test("says when the server is too old", async () => {
    const old = createServer((socket) => {
      const info = {
        server_id: "x",
        version: "2.9.9",
        headers: true,
        max_payload: 1_048_576,
        jetstream: true,
        proto: 1,
      };
      socket.write(`INFO ${JSON.stringify(info)}\r\n`);
      socket.on("data", (data) => data.includes("PING") && socket.write("PONG\r\n"));
      socket.on("error", () => undefined);
    });
    await new Promise<void>((resolve) => old.listen(0, "127.0.0.1", resolve));
    const { port } = old.address() as { port: number };
    await expect(connectNats({ servers: [`nats://127.0.0.1:${port}`], name: "t" })).rejects.toThrow(
      /2\.9\.9 is too old/,
    );
    old.close();
  });

  test("waits for a server that comes later", async () => {
    const port = await freePort();
    const coming = connectNats({ servers: [`nats://127.0.0.1:${port}`], token: "later", name: "t" });
    await sleep(400);
    const server = await startNats({ token: "later", port });
    const bus = await coming;
    expect(bus.connected).toBe(true);
    await bus.close();
    await server.stop();
  });
});
