// The parley command from outside: its exit codes, its words, and what it tells of a house that runs on a real bus.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { connectNats } from "#bus-schemas/bus/nats.ts";
import type { Courier, Delivery } from "#bus-schemas/delivery/courier.ts";
import type { MessageEvent } from "#bus-schemas/events/message.ts";
import { farId } from "#bus-schemas/ids.ts";
import { readGround } from "#bus-schemas/service/ground.ts";
import { openLog } from "#bus-schemas/service/log.ts";
import { type OpenService, openService } from "#bus-schemas/service/open.ts";
import { streams } from "#bus-schemas/subject.ts";
import { until } from "#test/servers/child.ts";
import { type NatsServer, startNats } from "#test/servers/nats.ts";
import { oldNode, ownNode, repository } from "#test/support/own-node.ts";

const folder = mkdtempSync(join(tmpdir(), "parley-cli-"));
const config = join(folder, "parley.yaml");
const children = new Set<ChildProcess>();
let nats: NatsServer;

beforeAll(async () => {
  nats = await startNats();
  writeFileSync(
    config,
    `bus: { servers: ["${nats.url}"], token: ${nats.token} }
gateway: { domain: gw.example }
domains:
  web.example: { homes: [web] }
  irc.example: { homes: [irc-demo] }
accounts:
  - { address: alice@web.example, password: secret }
  - { address: bob@web.example, password: secret }
web: { listen: "127.0.0.1:0" }
`,
  );
});
afterEach(() => {
  for (const child of children) child.kill("SIGKILL");
  children.clear();
});
afterAll(async () => {
  await nats.stop();
  rmSync(folder, { recursive: true, force: true });
});

interface Ended {
  readonly code: number | null;
  readonly output: string;
  readonly errors: string;
}

function start(
  args: readonly string[],
  node = ownNode,
): { child: ChildProcess; ended: Promise<Ended>; output: () => string } {
  const env = { ...process.env, PARLEY_CONFIG: config };
  const child = spawn(node, [`${repository}/deploy/parley.mjs`, ...args], {
    env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  children.add(child);
  let output = "";
  let errors = "";
  child.stdout?.on("data", (data: Buffer) => {
    output += data.toString("utf8");
  });
  child.stderr?.on("data", (data: Buffer) => {
    errors += data.toString("utf8");
  });
  const ended = new Promise<Ended>((resolve) =>
    child.once("close", (code) => resolve({ code, output, errors })),
  );
  return { child, ended, output: () => output };
}

const parley = (...args: string[]): Promise<Ended> => start(args).ended;

describe("parley, called wrongly", () => {
  test.each([
    ["no such command", ["bake"], '"bake" is no command'],
    ["a name that objects have anyway", ["constructor"], '"constructor" is no command'],
    ["a flag that is not there", ["status", "--jsn"], "--jsn"],
    ["no service to run", ["run"], "run takes one of: sip, xmpp, irc, web"],
    ["a service that nobody knows", ["run", "smtp"], "run takes one of"],
    ["a level that nobody knows", ["run", "web", "--log-level", "loud"], "--log-level is one of"],
    ["two messages to trace", ["trace", "a", "b"], "trace takes one message id"],
    ["a file that is not there", ["check", "/nowhere.yaml"], "/nowhere.yaml:1: there is no such file"],
    [
      "a house that is not there",
      ["status", "--config", "/nowhere.yaml"],
      "/nowhere.yaml:1: there is no such file",
    ],
  ])("%s: exit 2, and what is wrong", async (_name, args, said) => {
    const { code, output, errors } = await parley(...args);
    expect(errors).toContain(said);
    expect(errors.trimEnd().split("\n")).toHaveLength(1);
    expect(output).toBe("");
    expect(code).toBe(2);
  });

  test("without a command: help, exit 2; asked for help: help, exit 0", async () => {
    expect(await parley()).toMatchObject({ code: 2, output: expect.stringContaining("Usage: parley") });
    for (const ask of ["help", "--help", "-h"])
      expect(await parley(ask)).toMatchObject({ code: 0, output: expect.stringContaining("Usage: parley") });
    expect(await parley("status", "--help")).toMatchObject({ code: 0 });
  });
});

describe("parley, asked", () => {
  test("its version, under any Node", async () => {
    for (const node of [ownNode, oldNode() ?? ownNode]) {
      const { code, output } = await start(["version"], node).ended;
      expect(code).toBe(0);
      expect(output).toMatch(/^parley \d+\.\d+\.\d+, Node 2[4-9]\./);
    }
  });

  test("to check a file: what is wrong in it, with its line", async () => {
    const wrong = join(folder, "wrong.yaml");
    writeFileSync(wrong, "bus:\n  servrs: []\n");
    expect(await parley("check", wrong)).toMatchObject({
      code: 2,
      errors: expect.stringContaining("wrong.yaml:2: bus.servrs"),
    });
  });
});

describe("parley, on a house that runs", () => {
  test("runs a service under the Node it was started with, or its own; SIGTERM reaches it, and so does SIGKILL", async () => {
    const old = oldNode();
    if (old === undefined) console.log("no old Node on this machine: only the house's own was tried");
    for (const node of [ownNode, old ?? ownNode]) {
      const run = start(["run", "web", "--instance", "web-9"], node);
      await until("web-9 has started", () => run.output().includes("service started"));
      expect(await parley("status")).toMatchObject({
        code: 0,
        output: expect.stringMatching(/web-9 +web .* well /),
      });
      run.child.kill("SIGTERM");
      expect((await run.ended).code).toBe(0);

      const killed = start(["run", "web", "--instance", "web-9"], node);
      await until("web-9 has started again", () => killed.output().includes("service started"));
      killed.child.kill("SIGKILL");
      await killed.ended;
      const { code, output } = await parley("status");
      expect(output).toMatch(/web-9 +web .* no answer /);
      expect(code).toBe(1);
    }
  }, 60_000);

  test("status, trace and ledger tell of one message what is true", async () => {
    const web = await opened("web", "web-1", { end: "handed", delivered: true });
    const irc = await opened(
      "irc",
      "irc-1",
      { end: "refused", reason: "unknown-user", text: "nobody there" },
      "irc-demo",
    );
    const acceptance = await web.courier.accept(
      {
        from: { local: "alice", domain: "web.example", assurance: "verified" },
        to: { local: "carol", domain: "irc.example" },
        kind: "chat",
        text: "the-secret-body",
        messageId: "own-id-1",
      },
      { source: "alice", transportId: "1" },
    );
    if (!acceptance.accepted) throw new Error(`refused: ${acceptance.text}`);
    await until("the refusal was told", () => web.told.length > 0);

    const status = JSON.parse((await parley("status", "--json")).output) as {
      instances: { instance: string; owns: Record<string, string[]> }[];
    };
    const found = status.instances.find((one) => one.instance === "irc-1");
    expect(found?.owns["irc-demo"]).toHaveLength(64);

    const far = farId({ event: acceptance.id, carrier: "web", messageId: "own-id-1" });
    for (const id of [acceptance.id, far, "own-id-1"]) {
      const { code, output } = await parley("trace", id);
      expect(code).toBe(0);
      expect(output).toMatch(/web-1 +received/);
      expect(output).toMatch(/irc-1 +refused/);
      expect(output).toMatch(
        /PARLEY_MESSAGE_irc-demo +1 +message\.sent +.*from=alice@web\.example to=carol@irc\.example/,
      );
      expect(output).toMatch(
        /PARLEY_OUTCOME_web +1 +message\.outcome +.*outcome=refused reason=unknown-user/,
      );
      expect(output).not.toContain("the-secret-body");
    }
    expect(await parley("trace", "never-seen")).toMatchObject({
      code: 1,
      output: expect.stringContaining("No process remembers"),
    });

    const books = await parley("ledger");
    expect(books.output).toMatch(/irc-demo +1 +0 +1 +0 +0 .* yes\n/);
    expect(books.code).toBe(0);
    for (const one of [web, irc]) expect(await one.service.close()).toEqual([]);

    // Nobody is there any more; one message waits in a mailbox, one in its slot. The books are still in order.
    const again = await opened("web", "web-1", { end: "away" });
    const write = (transportId: string, text: string) =>
      again.courier.accept(
        {
          from: { local: "alice", domain: "web.example", assurance: "verified" },
          to: { local: "bob", domain: "web.example" },
          kind: "chat",
          text,
        },
        { source: "alice", transportId },
      );
    await write("2", "to the mailbox");
    await until("it is in the mailbox", async () =>
      /web +1 .* 1 +1 +1 +yes/.test((await parley("ledger")).output),
    );
    expect(await again.service.close()).toEqual([]);
    const sip = await opened("sip", "sip-1", { end: "handed" });
    await sip.courier.accept(
      {
        from: { local: "dora", domain: "web.example", assurance: "verified" },
        to: { local: "bob", domain: "web.example" },
        kind: "chat",
        text: "to the slot",
      },
      { source: "dora", transportId: "3" },
    );
    await sip.service.close();
    expect(await parley("ledger")).toMatchObject({
      code: 0,
      output: expect.stringMatching(/web +2 +0 .* 2 +1 +0 +yes/),
    });

    // The audit can fail: a message that is taken out behind everybody's back is missed.
    const bus = await connectNats({ servers: [nats.url], token: nats.token, name: "thief" });
    await bus.remove(streams.mailbox("web"), 1);
    await bus.close();
    expect(await parley("ledger")).toMatchObject({ code: 1, output: expect.stringContaining("NO, by 1") });
  }, 60_000);
});

interface Opened {
  readonly service: OpenService;
  readonly courier: Courier;
  readonly told: unknown[];
}

/** A process of the house, played inside the test: its gateway answers every hand-over with `answer`. */
async function opened(name: string, instance: string, answer: Delivery, carrier = name): Promise<Opened> {
  const log = openLog({
    level: "error",
    facts: { service: name },
    sink: { write: (line) => process.stdout.write(line) },
  });
  const service = await openService({ name, instance, version: "0" }, readGround(config, {}), log);
  service.service.health("start", true);
  const told: unknown[] = [];
  const gateway = {
    deliver: (_event: MessageEvent) => Promise.resolve(answer),
    tell: (event: unknown) => {
      told.push(event);
      return Promise.resolve("told" as const);
    },
  };
  const writeAhead = carrier.startsWith("irc-");
  const slotBy = writeAhead ? ("sender" as const) : ("recipient" as const);
  const courier = await service.service.courier({ carrier, slotBy, share: "spread", writeAhead }, gateway);
  return { service, courier, told };
}
