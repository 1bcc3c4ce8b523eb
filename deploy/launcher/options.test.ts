// The command line of `npm start`: what is taken, and that a mistake is told before anything else happens.
import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { ownNode, repository } from "#test/support/own-node.ts";
import { readOptions } from "./options.mjs";

test.each([
  [[], { once: false, quiet: false, help: false }],
  [["--once"], { once: true, quiet: false, help: false }],
  [["--no-matrix"], { once: false, quiet: true, help: false }],
  [["-h"], { once: false, quiet: false, help: true }],
])("%j", (args, expected) => expect(readOptions(args)).toEqual(expected));

test.each([
  ["an unknown flag", ["--onse"], "--onse"],
  ["a name that objects have anyway", ["--constructor"], "--constructor"],
  ["a value for a flag", ["--once=yes"], "--once"],
  ["a word", ["web"], "web"],
  ["a contradiction", ["--once", "--no-matrix"], "cannot go with"],
])("%s is a mistake", (_name, args, word) => {
  expect(readOptions(args)).toEqual({ mistake: expect.stringContaining(word) });
});

test("npm start answers a mistake with 2 and help with 0, without starting anything", () => {
  const start = (...args: string[]) =>
    spawnSync(ownNode, [`${repository}/deploy/start.mjs`, ...args], { encoding: "utf8" });
  expect(start("--bogus")).toMatchObject({
    status: 2,
    stdout: "",
    stderr: expect.stringContaining("Usage:"),
  });
  expect(start("--help")).toMatchObject({ status: 0, stdout: expect.stringContaining("Usage:"), stderr: "" });
});
