// Two processes of the gateway on a real nats-server, one of them killed -9 in the middle: nothing vanishes, nothing is shown twice.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Child, privateFolder, startChild } from "#test/servers/child.ts";
import { type NatsServer, startNats } from "#test/servers/nats.ts";
import { type Json, openTestBrowser, type TestBrowser } from "./test-browser.ts";

const root = new URL("../../../", import.meta.url).pathname;
const account = (user: string): string => `${user}@web.example`;

let nats: NatsServer;
let dir: string;

beforeAll(async () => {
  nats = await startNats();
  dir = privateFolder("web");
  writeFileSync(
    join(dir, "parley.yaml"),
    `bus: { servers: ["${nats.url}"], token: "${nats.token}" }
domains: { web.example: { homes: [web] } }
accounts:
  - { address: dave@web.example, password: secret, display: Dave }
  - { address: erin@web.example, password: secret2 }
health: { listen: "127.0.0.1:0" }
web: { listen: "127.0.0.1:0", ackTimeout: 2s }
`,
    { mode: 0o600 },
  );
});
afterAll(() => nats.stop());

const portIn = (output: string): number => Number(/"address":"127\.0\.0\.1:(\d+)"/.exec(output)?.[1] ?? 0);

async function startGateway(instance: string): Promise<{ child: Child; port: number }> {
  const child = await startChild({
    name: instance,
    command: process.execPath,
    args: [
      join(root, "deploy/parley.mjs"),
      "run",
      "web",
      "--config",
      join(dir, "parley.yaml"),
      "--instance",
      instance,
    ],
    cwd: dir,
    ready: (output) => portIn(output) > 0,
    withinMs: 20_000,
  });
  return { child, port: portIn(child.output()) };
}

/** A browser that acknowledges what it is given, and remembers in order. */
async function signIn(user: string, password: string, port: number, seen: string[]): Promise<TestBrowser> {
  const browser = await openTestBrowser(port);
  browser.socket.on("message", (data) => {
    const event = JSON.parse(data.toString()) as Json;
    if (event.event !== "message") return;
    const id = String(event.message_id);
    if (!seen.includes(`${id} ${String(event.content)}`)) seen.push(`${id} ${String(event.content)}`);
    browser.ask({ sylkrtc: "account-ack", account: account(user), message_id: id }).catch(() => undefined);
  });
  const answer = await browser.ask({
    sylkrtc: "account-add",
    account: account(user),
    password,
    password_type: "plain",
  });
  expect(answer).toMatchObject({ sylkrtc: "ack" });
  return browser;
}

const textsOf = (seen: readonly string[]): string[] => seen.map((line) => line.slice(line.indexOf(" ") + 1));

/** Sends until it is acknowledged, over whichever gateway lives, under the same id. */
async function sendSurely(text: string, connect: () => Promise<TestBrowser>): Promise<void> {
  for (;;) {
    const browser = await connect();
    const answer = await Promise.race([
      browser.ask({
        sylkrtc: "account-message",
        account: account("dave"),
        uri: account("erin"),
        message_id: `id-${text}`,
        content: text,
        content_type: "text/plain",
        timestamp: new Date().toISOString(),
      }),
      browser.closed,
    ]);
    if ("sylkrtc" in answer && answer.sylkrtc === "ack") return;
  }
}

it("keeps every message through a kill -9 of either gateway", async () => {
  let first = await startGateway("web-1");
  const second = await startGateway("web-2");
  let port = second.port;
  const seen: string[] = [];
  let erin = await signIn("erin", "secret2", first.port, seen);
  let dave: Promise<TestBrowser> | undefined;
  const connectDave = async (): Promise<TestBrowser> => {
    const open = await dave;
    if (open !== undefined && open.socket.readyState === open.socket.OPEN) return open;
    dave = signIn("dave", "secret", port, []);
    return dave;
  };
  const texts = Array.from({ length: 60 }, (_, at) => `message ${at}`);
  for (const text of texts.slice(0, 20)) await sendSurely(text, connectDave);
  // The one that holds erin's tab dies with messages under way; she comes back by the other.
  const underWay = texts.slice(20, 40).map((text) => sendSurely(text, connectDave));
  await first.child.kill();
  erin = await signIn("erin", "secret2", port, seen);
  await Promise.all(underWay);
  // And now the one that holds both, while its fellow is a newcomer under the old name.
  first = await startGateway("web-1");
  port = first.port;
  const last = sendSurely(texts[40] ?? "", connectDave);
  await second.child.kill();
  erin = await signIn("erin", "secret2", port, seen);
  await last;
  for (const text of texts.slice(41)) await sendSurely(text, connectDave);
  await expect.poll(() => new Set(textsOf(seen)).size, { timeout: 45_000, interval: 100 }).toBe(texts.length);
  // Each under one id only, so that a browser that knows ids shows nothing twice; in order.
  expect(textsOf(seen)).toEqual(texts);
  // And dave can know of each that it was delivered, though both gateways that told him have died.
  const states = async (): Promise<unknown[]> => {
    const browser = await connectDave();
    await browser.ask({ sylkrtc: "account-sync-conversations", account: account("dave") });
    const synced = await browser.next((event) => event.event === "sync-conversations");
    return (synced.messages as Json[]).map((entry) => entry.state);
  };
  await expect.poll(states, { timeout: 20_000, interval: 500 }).toEqual(texts.map(() => "delivered"));
  erin.close();
  (await dave)?.close();
  await first.child.stop();
}, 90_000);
