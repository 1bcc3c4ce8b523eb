// npm's packages: installed with `npm ci` when what is there is not what the lock file says.
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

/**
 * @typedef {{ version?: string, optional?: boolean }} Locked
 * @typedef {{ packages?: Record<string, Locked> }} LockFile
 */

/**
 * Whether what is installed is what is wanted, by the two lock files; optional packages may be missing (other platforms).
 * By content, not by date: a checkout touches dates.
 * @param {LockFile} wanted package-lock.json
 * @param {LockFile | undefined} installed node_modules/.package-lock.json
 */
export function isInstalled(wanted, installed) {
  if (!installed?.packages) return false;
  for (const [path, locked] of Object.entries(wanted.packages ?? {})) {
    if (path === "") continue;
    const found = installed.packages[path];
    if (found === undefined ? !locked.optional : found.version !== locked.version) return false;
  }
  return true;
}

/**
 * Runs `npm ci` if it is needed. False, with the reason printed, when it failed.
 * @param {string} root the checkout
 */
export async function installPackages(root) {
  const wanted = readLock(join(root, "package-lock.json"));
  if (!wanted) {
    console.error(`${root}/package-lock.json is missing or unreadable: is this a whole checkout?`);
    return false;
  }
  if (isInstalled(wanted, readLock(join(root, "node_modules", ".package-lock.json")))) return true;
  console.log("Installing npm's packages (npm ci) ...");
  const code = await npmCi(root);
  if (code === 0) return true;
  console.error(
    `npm ci ended with ${code}. Behind a proxy, set it first: npm config set proxy URL; npm config set https-proxy URL. ` +
      "Then run the command again.",
  );
  return false;
}

/** @param {string} path @returns {LockFile | undefined} */
function readLock(path) {
  if (!existsSync(path)) return undefined;
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    // Half written by an installation that was broken off: as good as absent, and said so.
    console.error(`${path} is not readable (${error instanceof Error ? error.message : error})`);
    return undefined;
  }
}

/** @param {string} root @returns {Promise<number>} */
function npmCi(root) {
  // npm tells its children where it is; started by hand, it is on the path.
  const cli = process.env.npm_execpath;
  const [command, first] = cli?.endsWith(".js") ? [process.execPath, [cli]] : ["npm", []];
  return new Promise((resolve) => {
    // Its warnings speak of packages that want a newer Node: they get one, it is among the packages.
    const child = spawn(command, [...first, "ci", "--no-audit", "--no-fund", "--loglevel", "error"], {
      cwd: root,
      stdio: ["ignore", "inherit", "inherit"],
    });
    child.on("error", (error) => {
      console.error(`npm does not start: ${error.message}`);
      resolve(127);
    });
    child.on("exit", (code) => resolve(code ?? 1));
  });
}
