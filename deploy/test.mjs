#!/usr/bin/env node
// `npm test`: puts in place what is missing, then every check and test in order; stops at the first that fails.
import { spawn } from "node:child_process";
import { createWriteStream, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const smallest = 20;
const root = fileURLToPath(new URL("..", import.meta.url)).replace(/\/$/, "");

/** From the quick to the slow. */
const stages = [
  { name: "typecheck", tool: "tsc", args: ["-p", "tsconfig.json"] },
  { name: "lint", tool: "biome", args: ["check", "--error-on-warnings", "."] },
  { name: "arrows", tool: "node", args: ["test/support/arrows.mjs"] },
  { name: "unused", tool: "knip", args: [] },
  { name: "unit", tool: "vitest", args: ["run", "--project", "unit"] },
  { name: "servers", tool: "vitest", args: ["run", "--project", "servers"] },
  { name: "plays", tool: "vitest", args: ["run", "--project", "plays", "--passWithNoTests"] },
];

async function test() {
  if (!(Number(process.versions.node.split(".")[0]) >= smallest)) {
    console.error(`Parley needs Node ${smallest} or newer; this is ${process.versions.node}.`);
    return 1;
  }
  const { prepare } = await import("./install/prepare.mjs");
  const { findProgram } = await import("./install/servers.mjs");
  const wanted = {
    servers: ["nats-server", "prosody", "ngircd"],
    tools: ["inspircd", "sipp", "slixmpp", "irssi", "openssl", "xmllint"],
  };
  const node = await prepare(root, wanted);
  if (node === undefined) return 1;
  if (!findProgram("chromium") && !findProgram("chromium-browser"))
    console.log(
      "Chromium is not here: the plays in a browser are skipped (apt-get install chromium to have them).",
    );
  const sum = { passed: 0, failed: 0, skipped: 0 };
  const code = await runStages(sum, node);
  const skipped = sum.skipped > 0 ? `, ${sum.skipped} skipped` : "";
  console.log(`${sum.passed} passed, ${sum.failed} failed${skipped}`);
  return code;
}

/** @param {{ passed: number, failed: number, skipped: number }} sum @param {string} node */
async function runStages(sum, node) {
  for (const { name, tool, args } of stages) {
    const log = join(root, ".parley", "log", `test-${name}.log`);
    console.log(`\n== ${name}`);
    const began = performance.now();
    const { code, text } = await run(
      tool === "node" ? node : join(root, "node_modules", ".bin", tool),
      args,
      log,
    );
    const [, passed, failed, skipped] = /^(\d+) passed, (\d+) failed, (\d+) skipped$/m.exec(text) ?? [];
    sum.passed += Number(passed ?? 0);
    sum.failed += Number(failed ?? 0);
    sum.skipped += Number(skipped ?? 0);
    console.log(
      `== ${name}: ${code === 0 ? "well" : "failed"} after ${((performance.now() - began) / 1000).toFixed(1)} s`,
    );
    if (code === 0) continue;
    // A stage without tests of its own that fails is one failure.
    if (failed === undefined || failed === "0") sum.failed += 1;
    console.error(`\n${name} failed (${tool} ended with ${code}). Its output: ${log}`);
    return 1;
  }
  return 0;
}

/** @param {string} command @param {string[]} args @param {string} log @returns {Promise<{ code: number, text: string }>} */
function run(command, args, log) {
  mkdirSync(dirname(log), { recursive: true, mode: 0o700 });
  const file = createWriteStream(log, { mode: 0o600 });
  const path = `${join(root, "node_modules", ".bin")}:${process.env.PATH ?? ""}`;
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: root,
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, PATH: path },
    });
    let text = "";
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (piece) => {
        text = (text + piece).slice(-100_000);
        file.write(piece);
        process.stdout.write(piece);
      });
    for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM", "SIGHUP"]))
      process.once(signal, () => child.kill(signal));
    child.on("error", (error) => resolve({ code: 127, text: error.message }));
    child.on("close", (code) => {
      file.end();
      resolve({ code: code ?? 1, text });
    });
  });
}

process.exitCode = await test();
