#!/usr/bin/env node
// The `parley` command. Plain JavaScript that any Node can read: it goes on under the Node that the house was installed with.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { constants } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

// Sources are TypeScript, run directly: type stripping is on by itself from 22.18 (and in 23 from 23.6).
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
const newEnough = major > 23 || (major === 23 && minor >= 6) || (major === 22 && minor >= 18);

if (newEnough) {
  endWithShim();
  const { command } = await import("./cli/command.ts");
  process.exitCode = await command(process.argv.slice(2));
} else goOnUnderOwnNode();

/** Starts the same command under node_modules/.bin/node, and is as if it were that process: streams, signals, exit. */
function goOnUnderOwnNode() {
  const self = fileURLToPath(import.meta.url);
  const own = join(dirname(self), "..", "node_modules", ".bin", "node");
  if (!existsSync(own)) {
    console.error(
      `parley: Node ${process.versions.node} is too old (22.18 or newer is needed); run "npm install" first, which brings one`,
    );
    process.exit(1);
  }
  const child = spawn(own, [self, ...process.argv.slice(2)], {
    stdio: ["inherit", "inherit", "inherit", "ipc"],
    env: { ...process.env, PARLEY_SHIM: "1" },
  });
  for (const signal of /** @type {const} */ (["SIGTERM", "SIGINT", "SIGHUP", "SIGUSR2"]))
    process.on(signal, () => child.kill(signal));
  child.on("error", (error) => {
    console.error(`parley: ${own} does not start: ${error.message}`);
    process.exit(1);
  });
  child.on("exit", (code, signal) =>
    process.exit(code ?? 128 + (constants.signals[signal ?? "SIGKILL"] ?? 9)),
  );
}

/** Killing the outer process (-9) is killing this one: it must not live on unseen. Its end closes the channel between them. */
function endWithShim() {
  if (process.env.PARLEY_SHIM !== "1" || !process.channel) return;
  delete process.env.PARLEY_SHIM;
  process.on("disconnect", () => process.kill(process.pid, "SIGKILL"));
  process.channel.unref();
}
