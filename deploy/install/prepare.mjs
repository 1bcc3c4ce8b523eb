// What both commands do first: npm's packages, then the foreign servers, then the Node to go on with.
import { spawn } from "node:child_process";
import { constants } from "node:os";
import { installedNode } from "./node-version.mjs";
import { installPackages } from "./npm-packages.mjs";
import { installServers } from "./servers.mjs";

/**
 * Puts in place what is missing under `root`. Answers the Node to go on with, or undefined when something is still missing;
 * what and what to do has then been printed.
 * @param {string} root the checkout
 * @param {{ servers: string[], tools: string[] }} wanted names of the table in servers.mjs; tools may be missing
 * @returns {Promise<string | undefined>}
 */
export async function prepare(root, wanted) {
  if (!(await installPackages(root))) return undefined;
  if (!(await installServers(wanted))) return undefined;
  return installedNode(root);
}

/**
 * Goes on as another process in the same terminal: its exit is ours, and a signal to us is passed on to it. If we are
 * killed, the closing channel tells it.
 * @param {string} command
 * @param {string[]} args
 * @param {string} cwd
 * @param {NodeJS.ProcessEnv} [env]
 * @returns {Promise<number>} the exit code
 */
export function running(command, args, cwd, env = process.env) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd,
      env,
      stdio: ["inherit", "inherit", "inherit", "ipc"],
    });
    for (const signal of /** @type {const} */ (["SIGTERM", "SIGHUP", "SIGINT"]))
      process.on(signal, () => {
        // A terminal sends Ctrl-C to both of us; only what was sent to us alone has to be passed on.
        if (signal !== "SIGINT" || !process.stdin.isTTY) child.kill(signal);
      });
    child.on("error", (error) => {
      console.error(`${command} does not start: ${error.message}`);
      resolve(1);
    });
    child.on("exit", (code, signal) => resolve(code ?? 128 + (constants.signals[signal ?? "SIGKILL"] ?? 9)));
  });
}
