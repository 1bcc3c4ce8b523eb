// The foreign servers and tools: which there are, which is missing or too old, and what to do about it.
import { spawnSync } from "node:child_process";
import { accessSync, constants, existsSync, readFileSync, realpathSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { aptInstall } from "./apt.mjs";

/**
 * @typedef {object} Program
 * @property {string} name
 * @property {string} command what to look for: a program, or the path of a file
 * @property {string} package Debian's and Ubuntu's name
 * @property {string} smallest the oldest version that this was tried with, or close to it
 * @property {string} [why] what of it an older one lacks
 */

/** Debian's servers live where a plain user's PATH does not look. */
const systemFolders = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

/** @type {Readonly<Record<string, Program>>} */
export const programs = {
  "nats-server": {
    name: "nats-server",
    command: "nats-server",
    package: "nats-server",
    smallest: "2.9.0",
    why: "file streams as we use them",
  },
  prosody: {
    name: "prosody",
    command: "prosody",
    package: "prosody",
    smallest: "0.12.0",
    why: "the module interface of deploy/prosody",
  },
  ngircd: { name: "ngircd", command: "ngircd", package: "ngircd", smallest: "25" },
  inspircd: { name: "inspircd", command: "inspircd", package: "inspircd", smallest: "3.0" },
  irssi: { name: "irssi", command: "irssi", package: "irssi", smallest: "1.2" },
  openssl: { name: "openssl", command: "openssl", package: "openssl", smallest: "1.1.1" },
  xmllint: { name: "xmllint", command: "xmllint", package: "libxml2-utils", smallest: "2.9" },
  sipp: { name: "sipp", command: "sipp", package: "sip-tester", smallest: "3.5" },
  slixmpp: {
    name: "slixmpp",
    command: "/usr/lib/python3/dist-packages/slixmpp/__init__.py",
    package: "python3-slixmpp",
    smallest: "1.7",
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
  if (command.startsWith("/")) return existsSync(command) ? command : undefined;
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
 * The machine as the installation sees it.
 * @typedef {object} Machine
 * @property {readonly string[]} [folders] where programs are looked for
 * @property {boolean} root whether we may install
 * @property {(packages: string[]) => Promise<boolean>} install
 */

/** @type {Machine} */
const thisMachine = { root: process.getuid?.() === 0, install: aptInstall };

/**
 * Installs what is missing. False, with what to do printed, when something is still missing or too old. Nothing that was
 * there before is changed; a tool that cannot be had is said aloud and left out.
 * @param {{ servers: string[], tools: string[] }} wanted
 * @param {Machine} [machine]
 */
export async function installServers(wanted, machine = thisMachine) {
  const all = [...wanted.servers, ...wanted.tools];
  const missing = missingOf(all, machine);
  if (missing.length > 0 && !(await install(missing, machine))) {
    if (missingOf(wanted.servers, machine).length > 0) return false;
    console.error(`Going on without ${names(missingOf(wanted.tools, machine))}.`);
  }
  return all.map((name) => isNewEnough(program(name), wanted, machine)).every(Boolean);
}

/** @param {Program} needed @param {{ servers: string[] }} wanted @param {Machine} machine */
function isNewEnough(needed, wanted, machine) {
  const path = findProgram(needed.command, machine.folders);
  if (path === undefined) return !wanted.servers.includes(needed.name);
  const found = versionOf(path, needed.package);
  if (found === undefined) {
    console.error(`${path} tells no version without being started; at least ${needed.smallest} is needed.`);
    return true;
  }
  if (atLeast(found, needed.smallest)) return true;
  const why = needed.why === undefined ? "" : ` (${needed.why})`;
  console.error(
    `${needed.name} is ${found}; the smallest that works is ${needed.smallest}${why}. ` +
      "Install a newer one (newer release of your system, its backports, or the project's own packages) first in PATH.",
  );
  return false;
}

/**
 * The version of an installed program, by the package that brought it, or by a file beside it. The program itself is never asked: a
 * server that does not know the flag starts instead (Prosody does).
 * @param {string} path the program
 * @param {string} packageName Debian's
 * @returns {string | undefined}
 */
export function versionOf(path, packageName) {
  const real = realpathSync(path);
  if (ask("dpkg-query", ["-S", real])?.startsWith(`${packageName}:`)) {
    // The epoch in front says nothing of the program (Debian Policy §5.6.12).
    const version = /^Version: (?:\d+:)?(.+)$/m.exec(ask("dpkg-query", ["-s", packageName]) ?? "")?.[1];
    if (version !== undefined) return version;
  }
  // Prosody, built by hand: /usr/local/bin/prosody and /usr/local/lib/prosody/prosody.version.
  const file = join(dirname(real), "..", "lib", packageName, `${packageName}.version`);
  return existsSync(file) ? readFileSync(file, "utf8").trim() : undefined;
}

/** @param {Program[]} missing @param {Machine} machine */
async function install(missing, machine) {
  const packages = missing.map((one) => one.package);
  const line = `apt-get install --no-install-recommends ${packages.join(" ")}`;
  if (!findProgram("apt-get", machine.folders)) {
    console.error(
      `Missing: ${names(missing)}. Install them with your system's packages, then run the command again.`,
    );
    return false;
  }
  if (!machine.root) {
    console.error(
      `Missing: ${names(missing)}. Run this as root, then the command again (Debian's packages start public servers of their ` +
        `own on a machine that runs services; stop those you do not want):\n\n    sudo ${line}\n`,
    );
    return false;
  }
  console.log(`Missing: ${names(missing)}. Installing: ${line}`);
  return machine.install(packages);
}

/** @param {string[]} list @param {Machine} machine */
const missingOf = (list, machine) =>
  list.map(program).filter((one) => !findProgram(one.command, machine.folders));

/** @param {Program[]} list */
const names = (list) => list.map((one) => one.name).join(", ");

/** @param {string} name @returns {Program} */
function program(name) {
  const found = programs[name];
  if (!found) throw new Error(`no program ${name} in the table`);
  return found;
}

/** What the package database answers; undefined where there is none, or it does not know. @param {string} command @param {string[]} args */
function ask(command, args) {
  const answer = spawnSync(command, args, { encoding: "utf8", timeout: 10_000 });
  return answer.status === 0 ? answer.stdout.trim() : undefined;
}
