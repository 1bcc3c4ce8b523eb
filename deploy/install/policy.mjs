// Keeps a package from starting its service while it is installed: the policy file that invoke-rc.d asks.
import { spawnSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

const usual = "/usr/sbin/policy-rc.d";
const mark = "# parley: temporary, of process ";
/** What invoke-rc.d takes for "not allowed". */
const denied = 101;

/** How long another checkout may be at its own installation. */
const waitMs = 10 * 60_000;

/**
 * Denies service starts until `remove` is called. A policy file that was there stays; if it allows starts, that is an error:
 * the packages would open public servers. One that a killed run of ours left behind is taken over; that of another run at work is
 * waited for, because it goes with that run.
 * @param {string} [path]
 * @param {number} [pauseMs]
 * @returns {Promise<{ ok: true, remove: () => void } | { ok: false, error: string }>}
 */
export async function denyServices(path = usual, pauseMs = 500) {
  const deadline = performance.now() + waitMs;
  while (isOfLiving(read(path))) {
    if (performance.now() > deadline)
      return {
        ok: false,
        error: `${path} is held by another installation of Parley; nothing was installed.`,
      };
    await sleep(pauseMs);
  }
  const there = read(path);
  if (there !== undefined && !there.includes(mark)) {
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

/** Whether a run of ours that still lives wrote this. @param {string | undefined} text */
function isOfLiving(text) {
  const at = text?.indexOf(mark) ?? -1;
  if (text === undefined || at < 0) return false;
  const pid = Number.parseInt(text.slice(at + mark.length), 10);
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    // No such process: nobody will remove it but us.
    return false;
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
