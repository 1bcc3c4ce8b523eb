// The foreign servers and tools: which there are, which is missing or too old, and what to do about it.
import { spawnSync } from "node:child_process";
import { accessSync, constants, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { aptInstall } from "./apt.mjs";

/**
 * @typedef {object} Program
 * @property {string} name
 * @property {string} command what to look for
 * @property {string} package Debian's and Ubuntu's name
 * @property {string} smallest the oldest version that this was tried with, or close to it
 * @property {string} [why] what of it an older one lacks
 * @property {() => string} version what is installed, as text that holds the number
 */

/** Debian's servers live where a plain user's PATH does not look. */
const systemFolders = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

/** @type {Record<string, Program>} */
export const programs = {
  "nats-server": {
    name: "nats-server",
    command: "nats-server",
    package: "nats-server",
    smallest: "2.9.0",
    why: "file streams as we use them",
    version: () => say("nats-server", ["--version"]),
  },
  prosody: {
    name: "prosody",
    command: "prosody",
    package: "prosody",
    smallest: "0.12.0",
    why: "the module interface of deploy/prosody",
    // `prosody --version` would start the server.
    version: () => read("/usr/lib/prosody/prosody.version") ?? say("prosodyctl", ["about"]),
  },
  ngircd: {
    name: "ngircd",
    command: "ngircd",
    package: "ngircd",
    smallest: "25",
    version: () => say("ngircd", ["--version"]),
  },
  inspircd: {
    name: "inspircd",
    command: "inspircd",
    package: "inspircd",
    smallest: "3.0",
    version: () => say("inspircd", ["--version"]),
  },
  sipp: {
    name: "sipp",
    command: "sipp",
    package: "sip-tester",
    smallest: "3.5",
    version: () => say("sipp", ["-v"]),
  },
};

/**
 * The first file of this name in the folders of PATH, then in the system's own.
 * @param {string} command
 * @param {readonly string[]} [folders]
 */
export function findProgram(
  command,
  folders = [...(process.env.PATH ?? "").split(delimiter), ...systemFolders],
) {
  for (const folder of folders) {
    const path = join(folder || ".", command);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not here: the next folder.
    }
  }
  return undefined;
}

/**
 * Whether `found` is at least `smallest`, number by number; a text without a number is not.
 * @param {string} found
 * @param {string} smallest
 */
export function atLeast(found, smallest) {
  const have = /\d+(?:\.\d+)*/.exec(found)?.[0].split(".").map(Number);
  if (!have) return false;
  for (const [place, need] of smallest.split(".").map(Number).entries()) {
    const at = have[place] ?? 0;
    if (at !== need) return at > need;
  }
  return true;
}

/**
 * Installs what is missing. False, with what to do printed, when something is still missing or too old. Nothing that was
 * there before is changed; a tool that cannot be had is said aloud and left out.
 * @param {{ servers: string[], tools: string[] }} wanted
 */
export async function installServers(wanted) {
  const missing = missingOf([...wanted.servers, ...wanted.tools]);
  if (missing.length > 0 && !(await install(missing))) {
    const still = missingOf(wanted.servers);
    if (still.length > 0) return false;
    console.error(`Going on without ${names(missingOf(wanted.tools))}.`);
  }
  return [...wanted.servers, ...wanted.tools]
    .map((name) => isNewEnough(program(name), wanted))
    .every(Boolean);
}

/** @param {Program} needed @param {{ servers: string[] }} wanted */
function isNewEnough(needed, wanted) {
  if (!findProgram(needed.command)) return !wanted.servers.includes(needed.name);
  const found = needed.version();
  if (atLeast(found, needed.smallest)) return true;
  const why = needed.why === undefined ? "" : ` (${needed.why})`;
  console.error(
    `${needed.name} is ${found.split("\n")[0] || "of an unknown version"}; the smallest that works is ${needed.smallest}${why}. ` +
      "Install a newer one (newer release of your system, its backports, or the project's own packages) first in PATH.",
  );
  return false;
}

/** @param {Program[]} missing */
async function install(missing) {
  const packages = missing.map((one) => one.package);
  const line = `apt-get install --no-install-recommends ${packages.join(" ")}`;
  if (!findProgram("apt-get")) {
    console.error(
      `Missing: ${names(missing)}. Install them with your system's packages, then run the command again.`,
    );
    return false;
  }
  if (process.getuid?.() !== 0) {
    console.error(
      `Missing: ${names(missing)}. Run this as root, then the command again (Debian's packages start public servers of their ` +
        `own on a machine that runs services; stop those you do not want):\n\n    sudo ${line}\n`,
    );
    return false;
  }
  console.log(`Missing: ${names(missing)}. Installing: ${line}`);
  return aptInstall(packages);
}

/** @param {string[]} list */
const missingOf = (list) => list.map(program).filter((one) => !findProgram(one.command));

/** @param {Program[]} list */
const names = (list) => list.map((one) => one.name).join(", ");

/** @param {string} name @returns {Program} */
function program(name) {
  const found = programs[name];
  if (!found) throw new Error(`no program ${name} in the table`);
  return found;
}

/** @param {string} command @param {string[]} args */
function say(command, args) {
  const path = findProgram(command);
  if (!path) return "";
  const answer = spawnSync(path, args, {
    encoding: "utf8",
    timeout: 10_000,
    stdio: ["ignore", "pipe", "pipe"],
  });
  return `${answer.stdout ?? ""}${answer.stderr ?? ""}`.trim();
}

/** @param {string} path */
function read(path) {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    // Not a package of Debian's: the caller asks the program.
    return undefined;
  }
}
