// The Node that the house was installed with: it runs the sources as they are. Tests may themselves run under an older one.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

/** Path of the repository, without a slash at the end. */
export const repository = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");

export const ownNode = `${repository}/node_modules/.bin/node`;

/** Another Node on this machine that cannot run TypeScript, if there is one. */
export function oldNode(): string | undefined {
  return ["/usr/bin/node", "/usr/local/bin/node"].find((path) => {
    const { stdout } = spawnSync(path, ["--version"], { encoding: "utf8" });
    const [major = 99, minor = 0] = (stdout ?? "v99").slice(1).split(".").map(Number);
    return major < 22 || (major === 22 && minor < 18);
  });
}
