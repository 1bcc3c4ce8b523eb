// A service from its opening to its orderly end, on a bus in memory.

import { hostname } from "node:os";
import { afterEach, describe, expect, test } from "vitest";
import { fakeService } from "#test/support/fake-service.ts";
import { memoryServer } from "../bus/memory.ts";
import type { Courier } from "../delivery/courier.ts";
import { type LogLevel, openLog } from "./log.ts";
import { type Ground, type OpenService, openService } from "./open.ts";
import { askStatus } from "./status.ts";
import { askTrace } from "./trail.ts";

const identity = { name: "sip", instance: "sip-1", version: "0.0.0" };
let opened: OpenService | undefined;
afterEach(() => opened?.close(100));

function prepared(level: LogLevel = "error", changes: Partial<Ground> = {}) {
  const server = memoryServer();
  const events: string[] = [];
  const lines: string[] = [];
  const courier = { carrier: "sip", close: async (ms: number) => void events.push(`courier ${ms > 0}`) };
  const ground: Ground = {
    section: fakeService().section,
    onSection: () => undefined,
    directory: fakeService().directory,
    healthListen: { host: "127.0.0.1", port: 0 },
    telemetry: {},
    connect: () => Promise.resolve(server.connect()),
    openCourier: () => Promise.resolve(courier as unknown as Courier),
    follow: () => () => void events.push("configuration"),
    ...changes,
  };
  const log = openLog({ level, facts: {}, sink: { write: (line) => lines.push(line) } });
  return { server, events, lines, ground, log };
}

describe("an open service", () => {
  test("shows itself: health, metrics, the entry in instances, the answer to status and trace", async () => {
    const { server, ground, log } = prepared();
    opened = await openService(identity, ground, log);
    const { service, healthUrl } = opened;
    await service.courier(
      { carrier: "sip", slotBy: "recipient", share: "spread", writeAhead: false },
      {
        deliver: () => Promise.reject(new Error("not asked")),
        tell: () => Promise.reject(new Error("not asked")),
      },
    );
    expect((await fetch(`${healthUrl}/health`)).status, "before its ports are open").toBe(503);
    service.health("start", true);
    service.health("udp", true, "listening on 127.0.0.1:5060");
    service.trail.note("some-event", "received");
    service.metrics.counter("sip_test_packets", "Packets of this test").add(3);
    expect(await (await fetch(`${healthUrl}/health`)).json()).toMatchObject({
      well: true,
      parts: { bus: { well: true } },
    });
    const metrics = await (await fetch(`${healthUrl}/metrics`)).text();
    expect(metrics).toContain('sip_test_packets_total{service="sip",instance="sip-1"} 3');
    expect(metrics).toContain("process_resident_bytes{");
    const outside = server.connect();
    const { answers } = await askStatus(outside, 100);
    expect(answers).toMatchObject([
      { instance: "sip-1", service: "sip", carriers: ["sip"], health: healthUrl, well: true },
    ]);
    expect((await askTrace(outside, "some-event", 100)).answers[0]?.notes).toMatchObject([
      { step: "received" },
    ]);
    const entries = await (await outside.bucket("instances")).list("about.*");
    expect(entries.map((entry) => entry.key)).toEqual(["about.sip-1"]);
    expect(JSON.parse(Buffer.from(entries[0]?.value ?? []).toString())).toMatchObject({
      health: healthUrl,
      pid: process.pid,
    });
  });

  test("ends in order: signal, couriers, onStop last first; and takes its entry back", async () => {
    const { server, events, ground, log } = prepared();
    opened = await openService(identity, ground, log);
    const { service } = opened;
    service.signal.addEventListener("abort", () => events.push("signal"));
    await service.courier({} as never, {} as never);
    service.onStop("first", () => void events.push("first"));
    service.onStop("second", async () => void events.push("second"));
    expect(await opened.close()).toEqual([]);
    expect(events).toEqual(["signal", "courier true", "second", "first", "configuration"]);
    const outside = server.connect();
    expect(await (await outside.bucket("instances")).list("about.*")).toEqual([]);
    expect((await askStatus(outside, 50)).answers).toEqual([]);
    await expect(fetch(`${opened.healthUrl}/health`)).rejects.toThrow();
  });

  test("takes back the entries of killed processes that cannot come back, and only those", async () => {
    const { server, ground, log } = prepared();
    const bucket = await server.connect().bucket("instances");
    const deadPid = 2 ** 22 + 1; // Above the most that Linux gives (proc(5), pid_max).
    const about = (instance: string, pid: number, host = hostname()) => {
      const entry = {
        instance,
        service: "sip",
        version: "0",
        host,
        pid,
        started: 0,
        carriers: [],
        health: "",
        well: true,
      };
      return bucket.put(
        `about.${instance}`,
        Buffer.from(JSON.stringify({ ...entry, stopping: false, parts: {} })),
      );
    };
    await about(`sip-here-${deadPid}`, deadPid);
    await about(`sip-elsewhere-${deadPid}`, deadPid, "elsewhere");
    await about("sip-2", deadPid);
    await about(`sip-here-${process.pid}`, process.pid);
    opened = await openService(identity, ground, log);
    const names = (await bucket.list("about.*")).map((entry) => entry.key.slice("about.".length)).sort();
    expect(names).toEqual(["sip-1", "sip-2", `sip-elsewhere-${deadPid}`, `sip-here-${process.pid}`].sort());
  });

  test("what hangs or fails at the end is named, and does not keep the rest from ending", async () => {
    const { events, lines, ground, log } = prepared("warn");
    opened = await openService(identity, ground, log);
    opened.service.onStop("well", () => void events.push("well"));
    opened.service.onStop("hangs", () => new Promise(() => undefined));
    opened.service.onStop("fails", () => Promise.reject(new Error("no way")));
    expect(await opened.close(200)).toEqual(["fails", "hangs"]);
    expect(events).toContain("well");
    expect(lines.join("")).toMatch(/"what":"fails".*no way/);
    expect(lines.join("")).toContain("did not stop in time");
  });

  test("is unwell while the bus is away", async () => {
    const { server, ground, log } = prepared();
    opened = await openService(identity, ground, log);
    opened.service.health("start", true);
    server.setUp(false);
    expect(opened.health.report()).toMatchObject({ well: false, parts: { bus: { well: false } } });
    server.setUp(true);
    expect(opened.health.report().well).toBe(true);
  });

  test("what cannot be opened is said, and what was open is closed", async () => {
    const first = prepared();
    opened = await openService(identity, first.ground, first.log);
    const port = Number(new URL(opened.healthUrl).port);
    const { events, ground, log } = prepared("error", { healthListen: { host: "127.0.0.1", port } });
    await expect(openService(identity, ground, log)).rejects.toThrow(
      `cannot listen for health on 127.0.0.1:${port}`,
    );
    expect(events).toEqual(["configuration"]);
  });
});
