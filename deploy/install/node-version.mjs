// Which Node runs the sources: the one that npm installed beside them, else one that is new enough to strip types.
import { spawnSync } from "node:child_process";
import { join } from "node:path";

/**
 * Whether this version runs TypeScript as it is: 22.18, or 23.6, or newer.
 * @param {string} version as in process.versions.node
 */
export function stripsTypes(version) {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major > 23 || (major === 23 && minor >= 6) || (major === 22 && minor >= 18);
}

/**
 * The Node to go on with; undefined, with a sentence printed, when there is none.
 * @param {string} root the checkout
 * @returns {string | undefined}
 */
export function installedNode(root) {
  const own = join(root, "node_modules", ".bin", "node");
  const asked = spawnSync(own, ["-p", "process.versions.node"], { encoding: "utf8", timeout: 10_000 });
  if (asked.status === 0 && stripsTypes(asked.stdout.trim())) return own;
  if (stripsTypes(process.versions.node)) return process.execPath;
  console.error(
    `There is no Node of our own for ${process.platform} on ${process.arch}, and this one is ${process.versions.node}: ` +
      "install Node 24 and run the command again.",
  );
  return undefined;
}
