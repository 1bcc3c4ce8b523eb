// Keeps a package from starting its service while it is installed: the policy file that invoke-rc.d asks.
import { spawnSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";

const usual = "/usr/sbin/policy-rc.d";
const mark = "# parley: temporary, of process ";
/** What invoke-rc.d takes for "not allowed". */
const denied = 101;

/**
 * Denies service starts until `remove` is called. A policy file that was there stays; if it allows starts, that is an error:
 * the packages would open public servers. One that a killed run of ours left behind is taken over.
 * @param {string} [path]
 * @returns {{ ok: true, remove: () => void } | { ok: false, error: string }}
 */
export function denyServices(path = usual) {
  const there = read(path);
  if (there !== undefined && !isLeftOver(there)) {
    const answer = spawnSync(path, ["ngircd", "start"], { timeout: 10_000, stdio: "ignore" });
    if (answer.status === denied) return { ok: true, remove: () => undefined };
    return {
      ok: false,
      error: `${path} is there and allows packages to start their services, which would open public servers; nothing was installed. Install by hand, or move it away.`,
    };
  }
  rmSync(path, { force: true });
  try {
    writeFileSync(path, `#!/bin/sh\n${mark}${process.pid}\nexit ${denied}\n`, { mode: 0o755, flag: "wx" });
  } catch (error) {
    return {
      ok: false,
      error: `${path} cannot be written (${error instanceof Error ? error.message : error}); nothing was installed.`,
    };
  }
  const remove = () => {
    process.off("exit", remove);
    if (read(path)?.includes(`${mark}${process.pid}\n`)) rmSync(path, { force: true });
  };
  process.on("exit", remove);
  return { ok: true, remove };
}

/** Whether a run of ours that is gone wrote this. @param {string} text */
function isLeftOver(text) {
  const at = text.indexOf(mark);
  if (at < 0) return false;
  try {
    process.kill(Number.parseInt(text.slice(at + mark.length), 10), 0);
    return false;
  } catch {
    // No such process: nobody will remove it but us.
    return true;
  }
}

/** @param {string} path */
function read(path) {
  try {
    return readFileSync(path, "utf8");
  } catch {
    // Absent, which is the usual case.
    return undefined;
  }
}
