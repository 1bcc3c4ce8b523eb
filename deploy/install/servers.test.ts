// What is found, what is asked, and what is never done: no program is started to learn its version.
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { atLeast, findProgram, installServers, programs, versionOf } from "./servers.mjs";

let folder: string;
let said: string[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "parley-install-"));
  said = [];
  vi.spyOn(console, "error").mockImplementation((line: string) => void said.push(line));
  vi.spyOn(console, "log").mockImplementation((line: string) => void said.push(line));
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true });
});

/** A program that leaves a trace when it is run. */
function put(path: string): string {
  const file = join(folder, path);
  mkdirSync(join(file, ".."), { recursive: true });
  writeFileSync(file, `#!/bin/sh\ntouch ${join(folder, "started")}\nsleep 60\n`);
  chmodSync(file, 0o755);
  return file;
}

describe("atLeast", () => {
  test.each([
    ["2.9.10-1+b3", "2.9.0", true],
    ["2.10.0", "2.9.0", true],
    ["2.8.9", "2.9.0", false],
    ["26.1-1+deb12u1", "25", true],
    ["24.9", "25", false],
    ["0.12", "0.12.0", true],
    ["trunk nightly", "0.12.0", false],
    ["", "1", false],
  ])("%s is at least %s: %s", (found, smallest, expected) => expect(atLeast(found, smallest)).toBe(expected));
});

describe("versionOf", () => {
  test("a program of Debian's, by its package", () => {
    // Any will do: dpkg itself is where there is a dpkg-query.
    const path = findProgram("dpkg");
    if (path === undefined) return console.log("no dpkg here: not tried");
    return expect(versionOf(path, "dpkg")).toMatch(/^\d+\.\d+/);
  });

  test("a Prosody built by hand, by the file beside it", () => {
    const path = put("local/bin/prosody");
    mkdirSync(join(folder, "local/lib/prosody"), { recursive: true });
    writeFileSync(join(folder, "local/lib/prosody/prosody.version"), "0.11.9\n");
    expect(versionOf(path, "prosody")).toBe("0.11.9");
  });

  test("one that nobody knows, not at all", () => {
    expect(versionOf(put("nats-server"), "nats-server")).toBeUndefined();
  });
});

describe("installServers", () => {
  const servers = ["nats-server", "prosody", "ngircd"];
  const machine = (root: boolean, install = (_packages: string[]) => Promise.resolve(true)) => ({
    folders: [folder],
    root,
    install,
  });

  test("everything is there, of unknown version: said, nothing started, nothing installed", async () => {
    for (const { command } of Object.values(programs)) if (!command.startsWith("/")) put(command);
    const install = vi.fn(() => Promise.resolve(true));
    expect(await installServers({ servers, tools: ["sipp"] }, machine(true, install))).toBe(true);
    expect(install).not.toHaveBeenCalled();
    expect(said).toHaveLength(4);
    expect(said[0]).toContain("tells no version without being started");
    expect(existsSync(join(folder, "started"))).toBe(false);
  });

  test("too old: named, with the smallest that works", async () => {
    for (const name of servers) put(`bin/${name}`);
    mkdirSync(join(folder, "lib/prosody"), { recursive: true });
    writeFileSync(join(folder, "lib/prosody/prosody.version"), "0.11.9\n");
    const old = { ...machine(true), folders: [join(folder, "bin")] };
    expect(await installServers({ servers, tools: [] }, old)).toBe(false);
    expect(said.join("\n")).toContain("prosody is 0.11.9; the smallest that works is 0.12.0");
  });

  test("missing, as another user: one line to run, nothing installed", async () => {
    put("apt-get");
    put("prosody");
    const install = vi.fn(() => Promise.resolve(true));
    expect(await installServers({ servers, tools: [] }, machine(false, install))).toBe(false);
    expect(said.join("\n")).toContain("sudo apt-get install --no-install-recommends nats-server ngircd\n");
    expect(install).not.toHaveBeenCalled();
    expect(existsSync(join(folder, "started"))).toBe(false);
  });

  test("missing, without apt-get: what to have", async () => {
    expect(await installServers({ servers, tools: [] }, machine(true))).toBe(false);
    expect(said.join("\n")).toContain("Missing: nats-server, prosody, ngircd.");
  });

  test("missing, as root: installed, by the names of their packages", async () => {
    put("apt-get");
    const install = vi.fn((packages: string[]) => {
      for (const name of packages) put(name === "sip-tester" ? "sipp" : name);
      return Promise.resolve(true);
    });
    expect(await installServers({ servers, tools: ["sipp"] }, machine(true, install))).toBe(true);
    expect(install).toHaveBeenCalledWith(["nats-server", "prosody", "ngircd", "sip-tester"]);
  });

  test("a tool that cannot be had is said and left out; a server is not", async () => {
    put("apt-get");
    for (const name of servers) put(name);
    const cannot = machine(true, () => Promise.resolve(false));
    expect(await installServers({ servers, tools: ["inspircd"] }, cannot)).toBe(true);
    expect(said.join("\n")).toContain("Going on without inspircd.");
    rmSync(join(folder, "ngircd"));
    expect(await installServers({ servers, tools: ["inspircd"] }, cannot)).toBe(false);
  });
});
