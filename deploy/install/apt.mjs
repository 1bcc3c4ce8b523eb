// Debian's packages without surprise: no service is started, nothing is removed or upgraded, a held lock is waited for.
import { spawn } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { denyServices } from "./policy.mjs";

/** How long another installer may hold the lock: unattended upgrades take minutes. */
const lockWaitMs = 10 * 60_000;
const usualPauseMs = 5_000;

/**
 * Installs these packages as root. Their services stay stopped; false, with the reason printed, when it failed.
 * @param {string[]} packages
 * @param {{ policy?: string, pauseMs?: number }} [options] another policy file, another pause: for tests
 */
export async function aptInstall(packages, { policy: path, pauseMs = usualPauseMs } = {}) {
  const policy = await denyServices(path);
  if (!policy.ok) {
    console.error(policy.error);
    return false;
  }
  // dpkg broken off half-way leaves a machine that somebody has to mend: a Ctrl-C waits for it.
  let asked = false;
  const hold = () => {
    asked = true;
    console.error("Ending as soon as the package step is done ...");
  };
  const signals = /** @type {const} */ (["SIGINT", "SIGTERM", "SIGHUP"]);
  for (const signal of signals) process.on(signal, hold);
  try {
    if ((await patiently(["update"], pauseMs)) !== 0)
      console.error("apt-get update failed; trying with the lists that are there.");
    if (asked) return false;
    const code = await patiently(
      ["install", "-y", "--no-install-recommends", "--no-remove", "--no-upgrade", ...packages],
      pauseMs,
    );
    if (code !== 0) console.error(`apt-get ended with ${code}; its last lines above say why.`);
    return code === 0 && !asked;
  } finally {
    policy.remove();
    for (const signal of signals) process.off(signal, hold);
  }
}

/** Runs apt-get, again and again while another installer holds the lock. @param {string[]} args @param {number} pauseMs */
async function patiently(args, pauseMs) {
  const deadline = performance.now() + lockWaitMs;
  for (;;) {
    const { code, text } = await aptGet(args);
    const held = code !== 0 && /Could not get lock|is another process using it|Unable to lock/.test(text);
    if (!held || performance.now() > deadline) return code;
    console.error("Another installer holds the lock; trying again ...");
    await sleep(pauseMs);
  }
}

/** @param {string[]} args @returns {Promise<{ code: number, text: string }>} */
function aptGet(args) {
  return new Promise((resolve) => {
    const child = spawn("apt-get", ["-q", ...args], {
      // A process group of its own: the terminal's Ctrl-C must not reach dpkg.
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, DEBIAN_FRONTEND: "noninteractive", LC_ALL: "C" },
    });
    let text = "";
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (piece) => {
        text = (text + piece).slice(-20_000);
        process.stderr.write(piece);
      });
    child.on("error", (error) => resolve({ code: 127, text: error.message }));
    child.on("close", (code) => resolve({ code: code ?? 1, text }));
  });
}
