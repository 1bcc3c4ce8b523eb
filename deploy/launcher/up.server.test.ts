// `npm start` from outside, in checkouts of its own: one launcher each, killed parts come back, a killed launcher leaves nothing.
import { type ChildProcess, spawn } from "node:child_process";
import { cpSync, existsSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { privateFolder, until } from "#test/servers/child.ts";
import { repository } from "#test/support/own-node.ts";
import { storeVersion } from "./state/store.ts";

/** Any Node that starts `npm start`: also an old one does. */
const node = process.execPath;
const launchers = new Set<ChildProcess>();
let first: string;
let second: string;

beforeAll(() => {
  first = checkout();
  second = checkout();
});
afterEach(async () => {
  for (const launcher of launchers) await end(launcher, "SIGTERM");
});
afterAll(() => {
  for (const folder of [first, second]) rmSync(folder, { recursive: true, force: true });
});

/** The product as a checkout has it, with the packages that are installed here. */
function checkout(): string {
  const folder = privateFolder("checkout");
  for (const name of [
    "bus-schemas",
    "deploy",
    "gateways",
    "conference-svc",
    "web-client",
    "package.json",
    "package-lock.json",
  ])
    cpSync(join(repository, name), join(folder, name), { recursive: true });
  symlinkSync(join(repository, "node_modules"), join(folder, "node_modules"));
  return folder;
}

interface Started {
  readonly process: ChildProcess;
  readonly ended: Promise<number | null>;
  output(): string;
}

function start(folder: string, ...args: string[]): Started {
  const process_ = spawn(node, [join(folder, "deploy/start.mjs"), ...args], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  launchers.add(process_);
  let output = "";
  for (const stream of [process_.stdout, process_.stderr])
    stream?.on("data", (data: Buffer) => {
      output += data.toString("utf8");
    });
  const ended = new Promise<number | null>((resolve) =>
    process_.once("close", (code) => {
      launchers.delete(process_);
      resolve(code);
    }),
  );
  return { process: process_, ended, output: () => output };
}

async function end(launcher: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  const closed = new Promise((resolve) => launcher.once("close", resolve));
  launcher.kill(signal);
  await closed;
}

const isUp = (one: Started) =>
  until(
    "it is up",
    () => {
      if (one.process.exitCode !== null) throw new Error(`it has ended:\n${one.output()}`);
      return one.output().includes("Ctrl-C ends everything");
    },
    45_000,
  );

const state = (folder: string, path: string): string => readFileSync(join(folder, ".parley", path), "utf8");
const log = (folder: string, part: string): string => state(folder, `log/${part}.log`);
/** The pid that a gateway wrote last. */
const pidOf = (folder: string, part: string): number =>
  Number([...log(folder, part).matchAll(/"pid":(\d+)/g)].at(-1)?.[1]);

const lives = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

/** Pids of the servers and gateways that run on this checkout's files. */
function processesOf(folder: string): number[] {
  return [
    Number(/^\[(\d+)]/m.exec(log(folder, "nats"))?.[1]),
    Number(/^\[(\d+):/m.exec(log(folder, "ngircd"))?.[1]),
    Number(state(folder, "store/prosody/prosody.pid")),
    ...["sip", "xmpp", "irc", "web"].map((name) => pidOf(folder, name)),
  ];
}

test("two checkouts side by side; a second launcher is refused; a killed part comes back; all end in order", async () => {
  const [one, other] = [start(first, "--no-matrix"), start(second, "--no-matrix")];
  await Promise.all([isUp(one), isUp(other)]);
  const ports = [first, second].flatMap((folder) =>
    Object.values(JSON.parse(state(folder, "store/ports.json")) as Record<string, number>),
  );
  expect(new Set(ports).size).toBe(14);

  const refused = start(first);
  expect(await refused.ended).toBe(1);
  expect(refused.output()).toContain("Parley already runs in this checkout: process ");

  const killed = pidOf(first, "sip");
  process.kill(killed, "SIGKILL");
  await until("sip is there again", () => {
    const pid = pidOf(first, "sip");
    return pid !== killed && lives(pid);
  });
  expect(one.output()).toContain("sip ended (SIGKILL); starting it again.");
  const nats = Number(/^\[(\d+)]/m.exec(log(first, "nats"))?.[1]);
  process.kill(nats, "SIGKILL");
  await until("nats is there again", () => log(first, "nats").split("Server is ready").length === 3);

  const all = [...processesOf(first), ...processesOf(second)];
  await Promise.all([one, other].map((running) => end(running.process, "SIGTERM")));
  expect([await one.ended, await other.ended]).toEqual([0, 0]);
  expect(all.filter((pid) => pid !== nats && lives(pid))).toEqual([]);
  expect([first, second].map((folder) => existsSync(join(folder, ".parley/lock")))).toEqual([false, false]);
});

test("killed with -9, nothing is left, and the next start delivers in every direction", async () => {
  const one = start(first, "--no-matrix");
  await isUp(one);
  const all = processesOf(first);
  expect(all.every(lives)).toBe(true);
  await end(one.process, "SIGKILL");
  const again = start(first, "--once");
  expect([await again.ended, again.output()]).toEqual([
    0,
    expect.stringMatching(/12 of 12 directions arrived[\s\S]*12 of 12 heard in the room/),
  ]);
  expect(all.filter(lives)).toEqual([]);
});

test("a store of another version is moved aside; a part that cannot start is named, and everything ends", async () => {
  writeFileSync(join(second, ".parley/store/version"), "0\n");
  writeFileSync(join(second, "gateways/sip/main.ts"), "export const main = 1;\n");
  const one = start(second, "--once");
  expect(await one.ended).toBe(1);
  expect(one.output()).toContain(
    `The store here is of version 0, this Parley has ${storeVersion}: it was moved to `,
  );
  expect(one.output()).toMatch(/sip ended at once \(code 1\)\.\n.*gateways\/sip\/main\.ts exports no main/s);
  expect(one.output()).toContain("Its log: ");
  expect(existsSync(join(second, ".parley/lock"))).toBe(false);
});
