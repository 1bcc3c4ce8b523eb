// Two real instances of the gateway on a real bus and a real Prosody: one is killed under load, and nothing is lost.
import { type ChildProcess, spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Courier } from "#bus-schemas/delivery/courier.ts";
import type { MessageEvent } from "#bus-schemas/events/message.ts";
import type { OutcomeEvent } from "#bus-schemas/events/outcome.ts";
import { readGround } from "#bus-schemas/service/ground.ts";
import { openLog } from "#bus-schemas/service/log.ts";
import { type OpenService, openService } from "#bus-schemas/service/open.ts";
import { privateFolder, until } from "#test/servers/child.ts";
import { type NatsServer, startNats } from "#test/servers/nats.ts";
import { ownNode, repository } from "#test/support/own-node.ts";
import { host, type Prosody, startProsody } from "./prosody-for-test.ts";
import { type Raw, rawClient } from "./raw-for-test.ts";

const config = join(privateFolder("xmpp-house"), "parley.yaml");
const children: ChildProcess[] = [];
const got: MessageEvent[] = [];
const told: OutcomeEvent[] = [];
let nats: NatsServer;
let prosody: Prosody;
let sip: OpenService;
let courier: Courier;
let bob: Raw;

beforeAll(async () => {
  [nats, prosody] = await Promise.all([
    startNats(),
    startProsody({ users: ["bob"], components: { "sip.example": "", "gw.example": "" } }),
  ]);
  writeFileSync(
    config,
    `bus: { servers: ["${nats.url}"], token: ${nats.token} }
gateway: { domain: gw.example }
domains:
  sip.example: { homes: [sip] }
  ${host}: { homes: [xmpp] }
accounts:
  - { address: alice@sip.example, password: secret }
xmpp: { port: ${prosody.componentPort} }
`,
  );
  const log = openLog({ level: "error", facts: {}, sink: { write: (line) => process.stderr.write(line) } });
  sip = await openService({ name: "sip", instance: "sip-1", version: "0" }, readGround(config, {}), log);
  // The SIP side is played here: it takes everything and remembers it.
  courier = await sip.service.courier(
    { carrier: "sip", slotBy: "recipient", share: "spread", writeAhead: false },
    {
      deliver(event) {
        got.push(event);
        return Promise.resolve({ end: "handed" });
      },
      tell(event) {
        told.push(event);
        return Promise.resolve("told");
      },
    },
  );
  bob = await rawClient(prosody.clientPort, host, "bob");
});
afterAll(async () => {
  for (const child of children) child.kill("SIGKILL");
  bob?.end();
  await sip?.close();
  await prosody?.child.stop();
  await nats?.stop();
});

interface Running {
  readonly child: ChildProcess;
  output(): string;
}

function run(instance: string): Running {
  const child = spawn(ownNode, [`${repository}/deploy/parley.mjs`, "run", "xmpp", "--instance", instance], {
    env: { ...process.env, PARLEY_CONFIG: config, PARLEY_XMPP_SECRET: prosody.secret },
    stdio: ["ignore", "pipe", "pipe"],
  });
  children.push(child);
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream?.on("data", (data: Buffer) => {
      output += String(data);
    });
  return { child, output: () => output };
}

const acked = (one: Running): boolean => (one.output().match(/"status":"acked"/g) ?? []).length >= 2;
const draft = (text: string) => ({
  from: { local: "alice", domain: "sip.example", assurance: "verified" as const },
  to: { local: "bob", domain: host },
  kind: "chat" as const,
  text,
  messageId: text,
});

test("the holder is killed (-9) under load in both directions: everything arrives, in order, and nothing twice inwards", async () => {
  const first = run("xmpp-1");
  await until("xmpp-1 has the streams", () => acked(first), 20_000);
  const second = run("xmpp-2");
  await until("xmpp-2 stands by", () => second.output().includes("service started"), 20_000);

  const count = 1_500;
  const killAt = 500;
  let killed = 0;
  for (let n = 1; n <= count; n++) {
    bob.write(`<message to='alice@sip.example' type='chat' id='in-${n}'><body>in ${n}</body></message>`);
    const accepted = await courier.accept(draft(`out ${n}`), { source: "alice", transportId: `out-${n}` });
    expect(accepted.accepted).toBe(true);
    if (n === killAt) {
      first.child.kill("SIGKILL");
      killed = performance.now();
    }
  }
  await until("xmpp-2 has the streams", () => acked(second), 30_000);
  console.log(`the standby had the streams ${(performance.now() - killed).toFixed(0)} ms after the kill`);
  const heard = (): number[] => bob.all(/<body>out (\d+)<\/body>/).map((match) => Number(match[1]));
  await until("all inwards", () => new Set(got.map((one) => one.text)).size >= count, 60_000);
  await until("all outwards", () => new Set(heard()).size >= count, 60_000);

  expect(got.map((one) => one.text)).toEqual(Array.from({ length: count }, (_, n) => `in ${n + 1}`));
  // Outwards a message written and not settled may come again, with the same id, never out of order otherwise.
  const once = [...new Set(heard())];
  expect(once).toEqual(Array.from({ length: count }, (_, n) => n + 1));
  const ids = new Set(bob.all(/<message[^>]*id='([^']+)'[^>]*><body>out /).map((match) => match[1]));
  expect(ids.size).toBe(count);
  console.log(`${heard().length - count} of ${count} came twice outwards, under the same id`);
  expect(told).toEqual([]);
  expect(bob.text()).not.toContain("type='error'");
}, 120_000);

test("an instance that is told to go hands the streams over in order", async () => {
  const holder = children.at(-1);
  const third = run("xmpp-3");
  await until("xmpp-3 stands by", () => third.output().includes("service started"), 20_000);
  const before = got.length;
  holder?.kill("SIGTERM");
  for (let n = 1; n <= 300; n++)
    bob.write(`<message to='alice@sip.example' type='chat' id='go-${n}'><body>go ${n}</body></message>`);
  await until("xmpp-3 has the streams", () => acked(third), 30_000);
  await until("all", () => got.length >= before + 300, 30_000);
  expect(got.slice(before).map((one) => one.text)).toEqual(
    Array.from({ length: 300 }, (_, n) => `go ${n + 1}`),
  );
  // It handed over before it ended.
  await until("it has ended", () => holder?.exitCode !== null, 15_000);
  expect(holder?.exitCode).toBe(0);
}, 60_000);

test("errors and receipts find their way through the real courier", async () => {
  bob.write("<message to='nobody@sip.example' type='chat' id='who'><body>are you?</body></message>");
  await bob.expect(/<message[^>]*id='who'[\s\S]*?item-not-found/);
  const accepted = await courier.accept(
    { ...draft("to nobody"), to: { local: "nobody", domain: host } },
    { source: "alice", transportId: "nobody" },
  );
  expect(accepted.accepted).toBe(true);
  const refusal = await until("told", () => told.find((one) => one.outcome === "refused"));
  expect(refusal).toMatchObject({ reason: "unreachable", messageId: "to nobody", to: { local: "alice" } });

  const asked = { handed: false, delivered: true, displayed: false };
  await courier.accept(
    { ...draft("did you get it?"), receipts: asked },
    { source: "alice", transportId: "receipt" },
  );
  const [, id] = await bob.expect(/<message[^>]*id='([^']+)'[^>]*><body>did you get it\?/);
  bob.write(
    `<message to='alice@sip.example' type='chat'><received xmlns='urn:xmpp:receipts' id='${id}'/></message>`,
  );
  const receipt = await until("delivered", () => told.find((one) => one.outcome === "delivered"));
  expect(receipt).toMatchObject({
    messageId: "did you get it?",
    to: { local: "alice", domain: "sip.example" },
  });
}, 30_000);

test("the XMPP server is killed (-9) for three seconds: what was accepted meanwhile arrives, in order", async () => {
  bob.end();
  await prosody.child.kill();
  for (let n = 1; n <= 300; n++) {
    const accepted = await courier.accept(draft(`down ${n}`), { source: "alice", transportId: `down-${n}` });
    expect(accepted.accepted).toBe(true);
  }
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  prosody = await prosody.again();
  bob = await rawClient(prosody.clientPort, host, "bob");
  const heard = (): number[] => [
    ...new Set(bob.all(/<body>down (\d+)<\/body>/).map((match) => Number(match[1]))),
  ];
  const back = performance.now();
  await until("all", () => heard().length >= 300, 60_000);
  console.log(`300 messages came ${(performance.now() - back).toFixed(0)} ms after the server was back`);
  expect(heard()).toEqual(Array.from({ length: 300 }, (_, n) => n + 1));
}, 90_000);
