#!/usr/bin/env node
// `npm start`: puts in place what is missing, then brings the whole house up. Plain JavaScript that an old Node can read.
import { fileURLToPath } from "node:url";

const smallest = 20;
const root = fileURLToPath(new URL("..", import.meta.url)).replace(/\/$/, "");

async function start() {
  // Imported only after the check, so that an old Node says this sentence and not a syntax error.
  const major = Number(process.versions.node.split(".")[0]);
  if (!(major >= smallest)) {
    console.error(
      `Parley needs Node ${smallest} or newer to start; this is ${process.versions.node}. ` +
        "Install a newer one (nodejs.org, or nvm, or your system's packages) and run `npm start` again.",
    );
    return 1;
  }
  const args = process.argv.slice(2);
  const { answerAtOnce } = await import("./launcher/options.mjs");
  const answer = answerAtOnce(args);
  if (answer !== undefined) return answer;
  const { prepare, running } = await import("./install/prepare.mjs");
  const node = await prepare(root, { servers: ["nats-server", "prosody", "ngircd"], tools: [] });
  if (node === undefined) return 1;
  return running(node, [`${root}/deploy/parley.mjs`, "up", ...args], root);
}

process.exitCode = await start();
