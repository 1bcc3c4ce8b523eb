// The life of a process, seen from outside: real processes on a real bus, their exit codes, and what they say.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { until } from "#test/servers/child.ts";
import { type NatsServer, startNats } from "#test/servers/nats.ts";
import { ownNode, repository } from "#test/support/own-node.ts";

const folder = mkdtempSync(join(tmpdir(), "parley-run-"));
const config = join(folder, "parley.yaml");
let nats: NatsServer;
beforeAll(async () => {
  nats = await startNats();
  writeFileSync(config, `bus: { servers: ["${nats.url}"], token: ${nats.token} }\n`);
});
afterAll(async () => {
  await nats.stop();
  rmSync(folder, { recursive: true, force: true });
});

const children = new Set<ChildProcess>();
afterEach(() => {
  for (const child of children) child.kill("SIGKILL");
  children.clear();
});

interface Played {
  readonly child: ChildProcess;
  /** Resolves when the text was written to standard output. */
  says(text: string): Promise<void>;
  /** What it has written so far. */
  output(): string;
  readonly ended: Promise<{ code: number | null; signal: string | null; output: string; errors: string }>;
}

let count = 0;

/** Runs a process whose main is the given body (it sees `service`). */
function play(body: string, options: { config?: string; instance?: string; env?: object } = {}): Played {
  count += 1;
  const file = join(folder, `main-${count}.mjs`);
  const more = options.instance === undefined ? "" : `, instance: ${JSON.stringify(options.instance)}`;
  writeFileSync(
    file,
    `import { runService } from "${repository}/bus-schemas/service/run.ts";
     import { z } from "${repository}/node_modules/zod/index.js";
     await runService("test", async (service) => { ${body} }, { config: ${JSON.stringify(options.config ?? config)}${more} });`,
  );
  const child = spawn(ownNode, [file], {
    env: { ...process.env, ...options.env },
    stdio: ["pipe", "pipe", "pipe"],
  });
  children.add(child);
  let output = "";
  let errors = "";
  const heard = new Set<() => void>();
  child.stdout?.on("data", (data: Buffer) => {
    output += data.toString("utf8");
    for (const listen of heard) listen();
  });
  child.stderr?.on("data", (data: Buffer) => {
    errors += data.toString("utf8");
  });
  const ended = new Promise<Awaited<Played["ended"]>>((resolve) => {
    child.once("close", (code, signal) => resolve({ code, signal, output, errors }));
  });
  const says = (text: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const listen = (): void => {
        if (output.includes(text)) resolve();
      };
      heard.add(listen);
      listen();
      void ended.then(() => reject(new Error(`ended without saying "${text}":\n${output}${errors}`)));
    });
  return { child, says, ended, output: () => output };
}

describe("a process", () => {
  test.each(["SIGTERM", "SIGINT", "SIGHUP"] as const)("ends in order on %s, with 0", async (signal) => {
    const played = play('service.onStop("edge", () => service.log.info({}, "edge closed"));', {
      instance: "test-1",
    });
    await played.says("service started");
    played.child.kill(signal);
    const { code, output, errors } = await played.ended;
    expect(code).toBe(0);
    expect(errors).toBe("");
    const lines = output
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines.map((line) => line.msg)).toEqual(["service started", "ending", "edge closed", "ended"]);
    expect(lines[0]).toMatchObject({
      service: "test",
      instance: "test-1",
      health: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
    });
  });

  test("ends in order when its launcher dies (PARLEY_PARENT_PIPE)", async () => {
    const played = play("", { env: { PARLEY_PARENT_PIPE: "1" } });
    await played.says("service started");
    played.child.stdin?.end();
    expect(await played.ended).toMatchObject({
      code: 0,
      output: expect.stringContaining("the launcher ended"),
    });
  });

  test("does not care for its standard input otherwise", async () => {
    const played = play('service.clock.after(300, () => service.log.info({}, "still here"));');
    played.child.stdin?.end();
    await played.says("still here");
  });

  test("follows a changed domain table, and keeps the one before when the new one is wrong", async () => {
    const changing = join(folder, "changing.yaml");
    const write = (domains: string): void =>
      writeFileSync(
        changing,
        `bus: { servers: ["${nats.url}"], token: ${nats.token} }\ndomains: ${domains}\n`,
      );
    write("{ old.example: { homes: [web] } }");
    const body = `const say = () => { service.log.info({ web: service.directory.domainsOf("web") }, "now"); service.clock.after(100, say); }; say();`;
    const played = play(body, { config: changing });
    await played.says('"web":["old.example"]');
    write("{ broken");
    await played.says("the one before stays in force");
    write("{ new.example: { homes: [web] } }");
    await played.says('"web":["new.example"]');
    played.child.kill("SIGTERM");
    expect((await played.ended).output).not.toContain('"web":[]');
  });

  test("says that it is unwell while the bus is away, and ends in time even then", async () => {
    const own = await startNats();
    const file = join(folder, "own.yaml");
    writeFileSync(file, `bus: { servers: ["${own.url}"], token: ${own.token} }\n`);
    const played = play("", { config: file });
    await played.says("service started");
    const url = /"health":"(http:[^"]+)"/.exec(played.output())?.[1] ?? "";
    const status = async (): Promise<number> => (await fetch(`${url}/health`)).status;
    expect(await status()).toBe(200);
    await own.kill();
    await until("it is unwell", async () => (await status()) === 503);
    await own.restart();
    await until("it is well again", async () => (await status()) === 200);
    await own.kill();
    const began = performance.now();
    played.child.kill("SIGTERM");
    expect((await played.ended).code).toBe(1);
    expect(performance.now() - began).toBeLessThan(12_000);
  });

  test("a second signal ends it at once; one that came twice by two ways is one", async () => {
    const played = play(
      'service.onStop("hangs", () => { service.log.info({}, "hanging"); return new Promise(() => {}); });',
    );
    await played.says("service started");
    played.child.kill("SIGINT");
    played.child.kill("SIGINT");
    await played.says("hanging");
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect(played.child.exitCode).toBe(null);
    played.child.kill("SIGINT");
    expect((await played.ended).code).toBe(1);
  });

  test("ends with 1 when something could not be stopped in order, and says what", async () => {
    const played = play('service.onStop("socket", () => { throw new Error("stuck"); });');
    await played.says("service started");
    played.child.kill("SIGTERM");
    const { code, output } = await played.ended;
    expect(code).toBe(1);
    expect(output).toMatch(/"bad":\["socket"\].*"msg":"ended"/);
  });

  test.each([
    [
      "an uncaught error",
      'setTimeout(() => { throw new Error("ours", { cause: new Error("deeper") }); }, 50);',
    ],
    [
      "a rejection that nobody handles",
      'setTimeout(() => { Promise.reject(new Error("ours", { cause: new Error("deeper") })); }, 50);',
    ],
  ])("%s ends it with 1, logged with its cause", async (_name, body) => {
    const { code, output } = await play(body).ended;
    expect(code).toBe(1);
    const last = JSON.parse(output.trimEnd().split("\n").at(-1) ?? "") as Record<string, unknown>;
    expect(last).toMatchObject({
      level: "error",
      msg: "uncaught error",
      error: { message: "ours", cause: { message: "deeper" } },
    });
  });

  test("loses no line of its log, however it ends", async () => {
    const body =
      'for (let i = 0; i < 2000; i += 1) service.log.info({ i, fill: "x".repeat(200) }, "line"); throw new Error("enough");';
    const { output } = await play(body).ended;
    expect(output.split('"msg":"line"')).toHaveLength(2001);
  });
});

describe("a process that does not start", () => {
  test("no file: exit 2, and one line that names it", async () => {
    const { code, errors, output } = await play("", { config: "/nowhere/parley.yaml" }).ended;
    expect(code).toBe(2);
    expect(errors).toMatch(
      /^parley test does not start: \/nowhere\/parley\.yaml:1: there is no such file - .*\n$/,
    );
    expect(output).toBe("");
  });

  test("a mistake in its section: exit 2", async () => {
    const body = 'service.section("sip", z.object({ listen: z.string() }));';
    const { code, errors } = await play(body).ended;
    expect(code).toBe(2);
    expect(errors).toMatch(/^parley test does not start: .*sip\.listen is missing/);
  });

  test("waits for the bus, and ends with 0 when it is told to meanwhile", async () => {
    const away = join(folder, "away.yaml");
    writeFileSync(away, 'bus: { servers: ["nats://127.0.0.1:1"], token: x }\n');
    const played = play("", { config: away });
    await played.says("bus not there yet");
    played.child.kill("SIGTERM");
    expect((await played.ended).code).toBe(0);
  });

  test("a bad instance name: exit 2", async () => {
    const { code, errors } = await play("", { instance: "sip.1" }).ended;
    expect(code).toBe(2);
    expect(errors).toContain('the instance name "sip.1" must be');
  });

  test("the world's fault: exit 1, with the causes behind it, and what was open is closed", async () => {
    const body = `service.onStop("first", () => service.log.info({}, "first closed"));
      throw new Error("cannot listen on 127.0.0.1:5060", { cause: new Error("EADDRINUSE") });`;
    const { code, errors, output } = await play(body).ended;
    expect(code).toBe(1);
    expect(errors).toBe("parley test does not start: cannot listen on 127.0.0.1:5060: EADDRINUSE\n");
    expect(output).toContain("first closed");
  });
});
