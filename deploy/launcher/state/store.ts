// The private folder of a checkout, `.parley`: lock, logs, and a store with a version, so that a stale one is recognised.
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Raised when what the store holds can no longer be read: streams, slots, the shape of events. */
export const storeVersion = 2;

export interface Folders {
  readonly root: string;
  readonly state: string;
  readonly log: string;
  readonly store: string;
  readonly lock: string;
}

/** The folders of a checkout, made if absent, for nobody else to read. */
export function openFolders(root: string, state = join(root, ".parley")): Folders {
  const folders = {
    root,
    state,
    log: join(state, "log"),
    store: join(state, "store"),
    lock: join(state, "lock"),
  };
  for (const folder of [folders.state, folders.log]) mkdirSync(folder, { recursive: true, mode: 0o700 });
  chmodSync(folders.state, 0o700);
  return folders;
}

/** Makes the store, or checks it. One of another version is moved aside, never deleted; the answer says so, else undefined. */
export function openStore(folders: Folders, now: Date): string | undefined {
  const stamp = join(folders.store, "version");
  const found = existsSync(folders.store) ? readStamp(stamp) : undefined;
  let moved: string | undefined;
  if (found !== undefined && found !== String(storeVersion)) {
    const aside = join(folders.state, `old-store-${found}-${now.toISOString().replaceAll(/[:.]/g, "-")}`);
    renameSync(folders.store, aside);
    moved = `The store here is of version ${found}, this Parley has ${storeVersion}: it was moved to ${aside}, and a new one begins.`;
  }
  mkdirSync(folders.store, { recursive: true, mode: 0o700 });
  writeFileSync(stamp, `${storeVersion}\n`);
  return moved;
}

function readStamp(stamp: string): string {
  const text = existsSync(stamp) ? readFileSync(stamp, "utf8").trim() : "";
  return /^[\w.-]{1,20}$/.test(text) ? text : "unknown";
}
