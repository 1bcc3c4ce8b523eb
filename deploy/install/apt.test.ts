// The package step with an apt-get of our own in front: a held lock is waited for, services stay denied meanwhile.
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { aptInstall } from "./apt.mjs";

let folder: string;
let policy: string;
let said: string[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "parley-apt-"));
  policy = join(folder, "policy-rc.d");
  said = [];
  vi.spyOn(console, "error").mockImplementation((line: string) => void said.push(line));
  vi.spyOn(process.stderr, "write").mockImplementation(() => true);
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

/** An apt-get that notes how it is called and what the policy is then, and does `script`. */
function fakeApt(script: string): void {
  writeFileSync(
    join(folder, "apt-get"),
    `#!/bin/sh\necho "$@" >> ${folder}/calls\n${policy} >/dev/null 2>&1; echo "policy says $?" >> ${folder}/calls\n${script}\n`,
  );
  chmodSync(join(folder, "apt-get"), 0o755);
  vi.stubEnv("PATH", `${folder}:${process.env.PATH}`);
}

const calls = (): string[] => readFileSync(join(folder, "calls"), "utf8").trimEnd().split("\n");
const options = () => ({ policy, pauseMs: 5 });

test("updates, installs without surprises, with services denied; then the policy is gone", async () => {
  fakeApt("exit 0");
  expect(await aptInstall(["prosody"], options())).toBe(true);
  expect(calls()).toEqual([
    "-q update",
    "policy says 101",
    "-q install -y --no-install-recommends --no-remove --no-upgrade prosody",
    "policy says 101",
  ]);
  expect(existsSync(policy)).toBe(false);
});

test("a lock that another installer holds is waited for, and that is said", async () => {
  fakeApt(`
    [ "$2" = update ] && exit 0
    [ -e ${folder}/second ] && exit 0
    touch ${folder}/second
    echo "E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 1 (apt)" >&2
    exit 100`);
  expect(await aptInstall(["prosody"], options())).toBe(true);
  expect(said).toEqual(["Another installer holds the lock; trying again ..."]);
  expect(calls().filter((line) => line.includes("install"))).toHaveLength(2);
});

test("lists that cannot be renewed are no reason to stop; a package that cannot be had is", async () => {
  fakeApt("exit 100");
  expect(await aptInstall(["prosody"], options())).toBe(false);
  expect(said).toEqual([
    "apt-get update failed; trying with the lists that are there.",
    "apt-get ended with 100; its last lines above say why.",
  ]);
  expect(existsSync(policy)).toBe(false);
});

test("a policy of the machine's own that allows starts: nothing is installed", async () => {
  fakeApt("exit 0");
  writeFileSync(policy, "#!/bin/sh\nexit 0\n", { mode: 0o755 });
  expect(await aptInstall(["prosody"], options())).toBe(false);
  expect(said[0]).toContain("nothing was installed");
  expect(existsSync(join(folder, "calls"))).toBe(false);
  expect(existsSync(policy)).toBe(true);
});
