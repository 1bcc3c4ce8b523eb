// The file that denies service starts: made, respected, taken over, waited for.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { denyServices } from "./policy.mjs";

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "parley-policy-"));
  path = join(folder, "policy-rc.d");
});
afterEach(() => rmSync(folder, { recursive: true }));

test("is there until it is removed", async () => {
  const policy = await denyServices(path);
  expect(readFileSync(path, "utf8")).toMatch(
    /^#!\/bin\/sh\n# parley: temporary, of process \d+\nexit 101\n$/,
  );
  if (policy.ok) policy.remove();
  expect(existsSync(path)).toBe(false);
});

test.each([
  ["denies", 101, true],
  ["allows", 0, false],
])("one of the machine's own that %s stays as it is", async (_name, code, ok) => {
  const own = `#!/bin/sh\nexit ${code}\n`;
  writeFileSync(path, own, { mode: 0o755 });
  const policy = await denyServices(path);
  expect(policy.ok).toBe(ok);
  if (policy.ok) policy.remove();
  expect(readFileSync(path, "utf8")).toBe(own);
});

test("what a killed run left behind is taken over, and goes with us", async () => {
  const dead = spawn("true");
  await once(dead, "exit");
  writeFileSync(path, `#!/bin/sh\n# parley: temporary, of process ${dead.pid}\nexit 101\n`, { mode: 0o755 });
  const policy = await denyServices(path);
  expect(readFileSync(path, "utf8")).toContain(`of process ${process.pid}\n`);
  if (policy.ok) policy.remove();
  expect(existsSync(path)).toBe(false);
});

test("that of another run at work is waited for: it goes with that run, and then nothing would deny", async () => {
  const other = spawn("sleep", ["60"]);
  writeFileSync(path, `#!/bin/sh\n# parley: temporary, of process ${other.pid}\nexit 101\n`, { mode: 0o755 });
  const denied = denyServices(path, 5);
  const early = await Promise.race([denied, new Promise((resolve) => setTimeout(resolve, 50, "waiting"))]);
  expect(early).toBe("waiting");
  other.kill("SIGKILL");
  const policy = await denied;
  expect(readFileSync(path, "utf8")).toContain(`of process ${process.pid}\n`);
  if (policy.ok) policy.remove();
});
