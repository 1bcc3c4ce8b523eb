// The private folder: readable for nobody else; a store of another version is moved aside, never deleted.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openSecrets } from "./secrets.ts";
import { openFolders, openStore, storeVersion } from "./store.ts";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "parley-store-"));
});
afterEach(() => rmSync(root, { recursive: true }));
const now = new Date("2026-11-21T05:00:00.000Z");
const mode = (path: string): number => statSync(path).mode & 0o777;

test("a new one: stamped, for its owner alone, and kept the next time", () => {
  const folders = openFolders(root);
  expect(openStore(folders, now)).toBeUndefined();
  expect(readFileSync(join(folders.store, "version"), "utf8")).toBe(`${storeVersion}\n`);
  expect([folders.state, folders.log, folders.store].map(mode)).toEqual([0o700, 0o700, 0o700]);
  writeFileSync(join(folders.store, "kept"), "");
  expect(openStore(openFolders(root), now)).toBeUndefined();
  expect(existsSync(join(folders.store, "kept"))).toBe(true);
});

test.each([
  ["another version", "0\n", "0"],
  ["no stamp", undefined, "unknown"],
  ["a stamp that is a path", "../../etc\n", "unknown"],
])("one with %s is moved aside with all that is in it, and that is said", (_name, stamp, shown) => {
  const folders = openFolders(root);
  openStore(folders, now);
  writeFileSync(join(folders.store, "message"), "of somebody");
  if (stamp === undefined) rmSync(join(folders.store, "version"));
  else writeFileSync(join(folders.store, "version"), stamp);
  expect(openStore(folders, now)).toContain(`is of version ${shown}, this Parley has ${storeVersion}`);
  const aside = readdirSync(folders.state).find((name) => name.startsWith("old-store-")) ?? "";
  expect(aside).toBe(`old-store-${shown}-2026-11-21T05-00-00-000Z`);
  expect(readFileSync(join(folders.state, aside, "message"), "utf8")).toBe("of somebody");
  expect(readdirSync(folders.store)).toEqual(["version"]);
});

test("secrets stay the same over restarts, are of no use to other users, and differ between checkouts", () => {
  const path = join(root, "secrets.json");
  const first = openSecrets(path);
  expect(openSecrets(path)).toEqual(first);
  expect(mode(path)).toBe(0o600);
  expect(openSecrets(join(root, "other.json")).bus).not.toBe(first.bus);
});
