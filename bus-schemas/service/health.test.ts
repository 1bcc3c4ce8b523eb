// Health over HTTP: on a free loopback port, 200 or 503 by the parts.
import { afterEach, describe, expect, test } from "vitest";
import { fakeClock } from "#test/support/fake-clock.ts";
import { type HealthServer, openHealth, serveHealth } from "./health.ts";

let server: HealthServer | undefined;
afterEach(() => server?.close());

async function served(host = "127.0.0.1", metrics = () => Promise.resolve("# nothing\n")) {
  const clock = fakeClock(0);
  const health = openHealth({ service: "sip", instance: "sip-1" }, clock);
  server = await serveHealth({ host, port: 0 }, health, metrics);
  const { url } = server;
  const get = async (path: string, init?: RequestInit) => {
    const response = await fetch(url + path, init);
    return {
      status: response.status,
      type: response.headers.get("content-type"),
      text: await response.text(),
    };
  };
  return { clock, health, url, get };
}

describe("health server", () => {
  test("is well while every part is well", async () => {
    const { clock, health, get } = await served();
    expect((await get("/health")).status).toBe(200);
    health.set("bus", true);
    await clock.advance(1_000);
    health.set("udp", false, "cannot bind");
    const sick = await get("/health?x=1");
    expect(sick.status).toBe(503);
    expect(JSON.parse(sick.text)).toEqual({
      service: "sip",
      instance: "sip-1",
      well: false,
      stopping: false,
      parts: { bus: { well: true, since: 0 }, udp: { well: false, why: "cannot bind", since: 1_000 } },
    });
    health.set("udp", true, "on the second try");
    expect((await get("/health")).status).toBe(200);
    health.stopping();
    expect((await get("/health")).status).toBe(503);
  });

  test("`since` is the moment of the change, not of the last word", async () => {
    const { clock, health } = await served();
    health.set("bus", true);
    await clock.advance(500);
    health.set("bus", true);
    expect(health.report().parts.bus?.since).toBe(0);
  });

  test("shows metrics, and says so when it cannot", async () => {
    const { get } = await served();
    expect(await get("/metrics")).toMatchObject({ status: 200, text: "# nothing\n" });
    await server?.close();
    const broken = await served("127.0.0.1", () => Promise.reject(new Error("no gauge")));
    expect(await broken.get("/metrics")).toMatchObject({ status: 500, text: "Error: no gauge\n" });
  });

  test("knows two pages and one verb", async () => {
    const { get } = await served("::1");
    expect((await get("/")).status).toBe(404);
    expect((await get("/health", { method: "POST" })).status).toBe(405);
  });

  test("says where it cannot listen", async () => {
    const { url } = await served();
    const port = Number(new URL(url).port);
    const health = openHealth({ service: "a", instance: "b" }, fakeClock());
    const second = serveHealth({ host: "127.0.0.1", port }, health, () => Promise.resolve(""));
    await expect(second).rejects.toThrow(`cannot listen for health on 127.0.0.1:${port}`);
  });
});
