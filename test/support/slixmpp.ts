// Whether the foreign XMPP client of tests is on this machine: Debian's python3 with slixmpp.
import { spawnSync } from "node:child_process";

export const python = "/usr/bin/python3";

/** False, said aloud, when it is not there: a test that is left out must not look like one that passed. */
export function hasSlixmpp(): boolean {
  const there = spawnSync(python, ["-c", "import slixmpp"], { timeout: 30_000 }).status === 0;
  if (!there) console.warn(`SKIPPED: ${python} has no slixmpp (Debian's python3-slixmpp)`);
  return there;
}
