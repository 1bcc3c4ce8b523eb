// The guardian: outlives the launcher by seconds, to end what it left behind. It holds the other end of a pipe; while the
// launcher lives it only notes down pids. Lines: `+PID server|ours NAME`, `-PID`. Started with the path of the lock file.
import { readFileSync, rmSync } from "node:fs";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";

/** Our own processes see the closed pipe themselves and end in order: they need the bus for that, so servers go later. */
const oursGraceMs = 10_000;
const serverGraceMs = 5_000;
/** @type {Map<number, "server" | "ours">} in order of their start */
const children = new Map();

// Ctrl-C in a terminal reaches the whole group; the launcher decides what follows from it.
for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM", "SIGHUP"]))
  process.on(signal, () => undefined);

const lines = createInterface({ input: process.stdin });
lines.on("line", (line) => {
  const [, sign, pid, kind] = /^([+-])(\d+)(?: (server|ours))?/.exec(line) ?? [];
  if (sign === "+") children.set(Number(pid), kind === "ours" ? "ours" : "server");
  else if (sign === "-") children.delete(Number(pid));
});
lines.on("close", async () => {
  const inReverse = [...children].reverse();
  const ours = inReverse.filter(([, kind]) => kind === "ours").map(([pid]) => pid);
  await allGone(ours, oursGraceMs);
  for (const pid of ours) signal(pid, "SIGKILL");
  for (const [pid, kind] of inReverse) if (kind === "server") await end(pid);
  removeLock(process.argv[2]);
  process.exit(0);
});

/** @param {number} pid */
async function end(pid) {
  signal(pid, "SIGTERM");
  await allGone([pid], serverGraceMs);
  signal(pid, "SIGKILL");
}

/** @param {number[]} pids @param {number} withinMs */
async function allGone(pids, withinMs) {
  const deadline = performance.now() + withinMs;
  while (pids.some(lives) && performance.now() < deadline) await sleep(25);
}

/** Whether it still runs: one that has ended and waits to be reaped does not. @param {number} pid */
function lives(pid) {
  if (!signal(pid, 0)) return false;
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    // No /proc on this system: the signal's answer must do.
    return true;
  }
}

/** @param {number} pid @param {NodeJS.Signals | 0} what @returns {boolean} whether there was such a process */
function signal(pid, what) {
  try {
    process.kill(pid, what);
    return true;
  } catch {
    // Gone already, which is what is wanted.
    return false;
  }
}

/** Only a lock that names this guardian is ours to remove. @param {string | undefined} path */
function removeLock(path) {
  if (path === undefined) return;
  try {
    if (JSON.parse(readFileSync(path, "utf8")).guardian === process.pid) rmSync(path, { force: true });
  } catch {
    // No lock, or another's: nothing to do.
  }
}
