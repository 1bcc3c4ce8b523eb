// The gateway as it runs: two processes, a real nats-server, the real courier, phones at both; one is killed.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Child, privateFolder, startChild } from "#test/servers/child.ts";
import { freePort } from "#test/servers/free-port.ts";
import { type NatsServer, startNats } from "#test/servers/nats.ts";
import { bodyOf, openPhone, type Phone, status, text } from "./edge/test-phone.ts";

const root = join(import.meta.dirname, "../..");
let nats: NatsServer;
const processes: Child[] = [];
const phones: Phone[] = [];

interface Instance {
  child: Child;
  udp: number;
  tcp: number;
}
let one: Instance;
let two: Instance;

async function startInstance(name: string): Promise<Instance> {
  const dir = privateFolder(name);
  const [udp, tcp] = [await freePort(), await freePort()];
  const config = {
    state: join(dir, "state"),
    bus: { servers: [nats.url], token: nats.token },
    domains: { "sip.example": { homes: ["sip"] } },
    accounts: ["alice", "bob", "carol"].map((user) => ({
      address: `${user}@sip.example`,
      password: `secret-${user}`,
    })),
    health: { listen: "127.0.0.1:0" },
    sip: { listen: [`udp:127.0.0.1:${udp}`, `tcp:127.0.0.1:${tcp}`], holdResponse: "2s" },
  };
  const file = join(dir, "parley.yaml");
  writeFileSync(file, JSON.stringify(config), { mode: 0o600 });
  const args = [join(root, "deploy/parley.mjs"), "run", "sip", "--config", file, "--instance", name];
  const child = await startChild({
    name,
    command: process.execPath,
    args,
    dir,
    cwd: root,
    withinMs: 20_000,
    ready: (output) => output.split("listening for SIP").length > 2,
  });
  processes.push(child);
  return { child, udp, tcp };
}

beforeAll(async () => {
  nats = await startNats();
  one = await startInstance("sip-1");
  two = await startInstance("sip-2");
});
afterAll(async () => {
  for (const phone of phones) phone.close();
  await Promise.all(processes.map((child) => child.stop()));
  await nats.stop();
});

async function phone(user: string, transport: "udp" | "tcp", at: Instance): Promise<Phone> {
  const opened = await openPhone(user, { transport, port: at[transport] });
  phones.push(opened);
  expect(status(await opened.register())).toBe(200);
  return opened;
}
const say = (from: Phone, to: string, what: string) =>
  from.login("MESSAGE", `sip:${to}@sip.example`, ...text(what));

describe("two processes", () => {
  test("a message crosses from one to a TCP phone at the other; 200 when it was handed within the hold", async () => {
    const [alice, bob] = [await phone("alice", "udp", one), await phone("bob", "tcp", two)];
    expect(status(await say(alice, "bob", "hello across"))).toBe(200);
    expect(bodyOf(await bob.hear("hello across"))).toBe("hello across");
    expect(status(await say(bob, "alice", "and back"))).toBe(200);
    expect(bodyOf(await alice.hear("and back"))).toBe("and back");
    bob.answer = () => 403;
    expect(status(await say(alice, "bob", "refused at the far end"))).toBe(403);
    expect(status(await say(alice, "nobody", "x"))).toBe(404);
  });

  test("one is killed: what it had accepted for an absent phone arrives when that registers at the other", async () => {
    const alice = await phone("alice", "udp", one);
    expect(status(await say(alice, "carol", "kept for carol"))).toBe(202);
    await one.child.kill();
    const carol = await phone("carol", "udp", two);
    expect(bodyOf(await carol.hear("kept for carol", 20_000))).toBe("kept for carol");
    expect(carol.heard.filter((each) => each.includes("kept for carol"))).toHaveLength(1);
  });
});
