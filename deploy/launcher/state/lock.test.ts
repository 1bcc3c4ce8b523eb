// One launcher at a time, by real processes: a race for a stale lock has one winner, and a reused pid fools nobody.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ownNode } from "#test/support/own-node.ts";
import { takeLock } from "./lock.ts";

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "parley-lock-"));
  path = join(folder, "lock");
});
afterEach(() => rmSync(folder, { recursive: true }));

const stale = { pid: 2 ** 22 + 1, began: "1", since: "2026-01-01T00:00:00.000Z" };

test("free: taken; held: its holder is named; released: free again", async () => {
  const first = await takeLock(path);
  if (!("lock" in first)) throw new Error("was held");
  expect(await takeLock(path)).toMatchObject({ heldBy: { pid: process.pid } });
  first.lock.guardedBy(12_345);
  expect(await takeLock(path)).toMatchObject({ heldBy: { guardian: 12_345 } });
  first.lock.release();
  expect(readdirSync(folder)).toEqual([]);
});

test.each([
  ["of a process that is gone", stale],
  ["of a pid that is another's by now", { ...stale, pid: process.pid }],
])("one %s is taken over", async (_name, holder) => {
  writeFileSync(path, JSON.stringify(holder));
  const taken = await takeLock(path);
  expect(taken).toHaveProperty("lock");
  expect(JSON.parse(readFileSync(path, "utf8"))).toMatchObject({ pid: process.pid });
});

test("one whose guardian still cleans up is waited for", async () => {
  const guardian = spawn("sleep", ["60"]);
  writeFileSync(path, JSON.stringify({ ...stale, guardian: guardian.pid }));
  const taking = takeLock(path);
  const early = await Promise.race([taking, new Promise((resolve) => setTimeout(resolve, 150, "waiting"))]);
  expect(early).toBe("waiting");
  guardian.kill("SIGKILL");
  expect(await taking).toHaveProperty("lock");
});

test("two checkouts have a lock each", async () => {
  expect(await takeLock(path)).toHaveProperty("lock");
  expect(await takeLock(join(folder, "other"))).toHaveProperty("lock");
});

test("of six processes that find a stale lock at once, one gets it", async () => {
  writeFileSync(path, JSON.stringify(stale));
  const script = `
    const { takeLock } = await import(${JSON.stringify(new URL("lock.ts", import.meta.url).href)});
    const until = Number(process.argv[1]);
    while (Date.now() < until);
    const taken = await takeLock(${JSON.stringify(path)});
    process.stdout.write("lock" in taken ? "won" : "lost");
    // The winner stays until the others have seen it.
    if ("lock" in taken) setTimeout(() => taken.lock.release(), 1500);
  `;
  const at = String(Date.now() + 600);
  const runners = Array.from({ length: 6 }, async () => {
    const child = spawn(ownNode, ["--input-type=module", "-e", script, at], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let output = "";
    child.stdout.on("data", (data: Buffer) => {
      output += data.toString("utf8");
    });
    await once(child, "close");
    return output;
  });
  expect((await Promise.all(runners)).sort()).toEqual(["lost", "lost", "lost", "lost", "lost", "won"]);
  expect(existsSync(path)).toBe(false);
});
