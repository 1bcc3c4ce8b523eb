// The guardian: a launcher that is killed with -9 leaves no process and no lock behind.
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { until } from "#test/servers/child.ts";
import { ownNode } from "#test/support/own-node.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "parley-guard-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const lives = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};
const href = (file: string): string => JSON.stringify(new URL(file, import.meta.url).href);

/** A process that notes how it is ended. */
const child = (name: string, more = ""): string => `
  const note = (what) => require("node:fs").appendFileSync(${JSON.stringify(join(folder, "ends"))}, "${name} " + what + "\\n");
  process.on("SIGTERM", () => { note("SIGTERM"); process.exit(0); });
  ${more}
  setInterval(() => {}, 1000);
  console.log("up");
`;
const endsByPipe = `process.stdin.resume().on("end", () => setTimeout(() => { note("pipe"); process.exit(0); }, 100));`;

/** A small launcher with a server and one of ours; what it says is their pids. */
const launcherScript = (): string => `
  const { openGuard } = await import(${href("guard.ts")});
  const { launch } = await import(${href("process.ts")});
  const { takeLock } = await import(${href("state/lock.ts")});
  const lock = ${JSON.stringify(join(folder, "lock"))};
  const taken = await takeLock(lock);
  const guard = await openGuard(lock);
  taken.lock.guardedBy(guard.pid);
  const run = (name, kind, script) =>
    launch(name, { command: process.execPath, args: ["-e", script], kind }, lock + "-" + name, guard);
  const server = await run("server", "server", ${JSON.stringify(child("server"))});
  const ours = await run("ours", "ours", ${JSON.stringify(child("ours", endsByPipe))});
  while (!server.output().includes("up") || !ours.output().includes("up"))
    await new Promise((resolve) => setTimeout(resolve, 10));
  process.on("SIGTERM", async () => {
    await ours.stop(1000);
    await server.stop(1000);
    await guard.close();
    taken.lock.release();
    process.exit(0);
  });
  console.log(JSON.stringify({ guardian: guard.pid, server: server.pid, ours: ours.pid }));
`;

async function start() {
  const launcher = spawn(ownNode, ["--input-type=module", "-e", launcherScript()], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  launcher.stdout.on("data", (data: Buffer) => {
    output += data.toString("utf8");
  });
  await until("it is up", () => output.includes("\n"));
  return { launcher, pids: JSON.parse(output) as { guardian: number; server: number; ours: number } };
}

test("killed with -9: ours end by themselves, then the servers in order, then the lock goes", async () => {
  const { launcher, pids } = await start();
  expect(existsSync(join(folder, "lock"))).toBe(true);
  launcher.kill("SIGKILL");
  await until("all are gone", () => !Object.values(pids).some(lives), 5_000);
  expect(readFileSync(join(folder, "ends"), "utf8")).toBe("ours pipe\nserver SIGTERM\n");
  expect(existsSync(join(folder, "lock"))).toBe(false);
});

test("ended in order: the guardian kills nobody and goes", async () => {
  const { launcher, pids } = await start();
  launcher.kill("SIGTERM");
  await until("all are gone", () => !Object.values(pids).some(lives), 5_000);
  expect(readFileSync(join(folder, "ends"), "utf8")).toBe("ours SIGTERM\nserver SIGTERM\n");
});

test("a lock that another has taken is not removed", async () => {
  const { launcher, pids } = await start();
  writeFileSync(join(folder, "lock"), JSON.stringify({ pid: process.pid, guardian: process.pid }));
  launcher.kill("SIGKILL");
  await until("all are gone", () => !Object.values(pids).some(lives), 5_000);
  expect(existsSync(join(folder, "lock"))).toBe(true);
});
