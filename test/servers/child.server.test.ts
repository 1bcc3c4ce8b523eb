// Children end: when asked, when they do not hear, and when this process is killed without a word.
import { spawn } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { expect, test } from "vitest";
import { startChild, until } from "./child.ts";

const sh = (script: string) => ({ name: "child", command: "/bin/sh", args: ["-c", script] });
const lives = (pid: number): boolean => existsSync(`/proc/${pid}`);

test("starts when ready, keeps its output, ends by SIGTERM", async () => {
  const child = await startChild({
    ...sh("echo here; exec sleep 60"),
    ready: (output) => output.includes("here"),
  });
  expect(child.running).toBe(true);
  expect(child.output()).toBe("here\n");
  expect(statSync(child.log).mode & 0o777).toBe(0o600);
  expect(await child.stop()).toEqual({ code: null, signal: "SIGTERM" });
  expect(child.running).toBe(false);
});

test("is killed when it does not hear", async () => {
  const child = await startChild({
    ...sh("trap '' TERM; echo here; while :; do sleep 0.05; done"),
    ready: (output) => output !== "",
  });
  expect(await child.stop({ graceMs: 100 })).toEqual({ code: null, signal: "SIGKILL" });
});

test("one that ends, or never gets ready, is an error with its last words", async () => {
  await expect(startChild({ ...sh("echo oops; exit 3"), ready: () => false })).rejects.toThrow(
    /has ended[\s\S]*oops/,
  );
  await expect(
    startChild({ ...sh("echo slow; exec sleep 60"), ready: () => false, withinMs: 100 }),
  ).rejects.toThrow(/not within 100 ms[\s\S]*slow/);
});

test("a command that is not there is an error", async () => {
  await expect(startChild({ name: "none", command: "/nowhere/none" })).rejects.toThrow(/does not start/);
});

test("dies with a parent that was killed", async () => {
  const script = `
    const { startChild } = await import(${JSON.stringify(new URL("./child.ts", import.meta.url).href)});
    const child = await startChild({ name: "child", command: "/bin/sh", args: ["-c", "exec sleep 60"] });
    console.log(child.pid, child.log);
    setInterval(() => {}, 1000);`;
  const parent = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const said = await new Promise<string>((resolve) =>
    parent.stdout.once("data", (data) => resolve(String(data))),
  );
  const [pid, log] = said.trim().split(" ");
  expect(lives(Number(pid))).toBe(true);
  expect(existsSync(String(log))).toBe(true);
  parent.kill("SIGKILL");
  await until("the child is gone", () => !lives(Number(pid)), 5_000);
  await until("its folder is gone", () => !existsSync(dirname(String(log))), 5_000);
});
