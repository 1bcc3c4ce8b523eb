// One key-value bucket in memory.

import { matches } from "../matches.ts";
import type { Entry, Reader } from "../port.ts";

const keyForm = /^[-/_=a-zA-Z0-9]+(\.[-/_=a-zA-Z0-9]+)*$/;

interface Watcher {
  readonly filter: string;
  readonly tell: (key: string) => void;
}

/** Not a Bucket yet: synchronous; the bus adds the waiting for the connection. */
export class MemoryBucket {
  readonly #entries = new Map<string, Entry>();
  readonly #watchers = new Set<Watcher>();
  #revision = 0;

  get(key: string): Entry | undefined {
    check(key);
    return this.#entries.get(key);
  }

  put(key: string, value: Uint8Array): number {
    check(key);
    this.#revision += 1;
    this.#entries.delete(key);
    this.#entries.set(key, { key, value: value.slice(), revision: this.#revision });
    this.#tell(key);
    return this.#revision;
  }

  create(key: string, value: Uint8Array): boolean {
    check(key);
    if (this.#entries.has(key)) return false;
    this.put(key, value);
    return true;
  }

  remove(key: string): void {
    check(key);
    this.#revision += 1;
    if (this.#entries.delete(key)) this.#tell(key);
  }

  list(filter: string): Entry[] {
    return [...this.#entries.values()].filter(({ key }) => matches(filter, key));
  }

  /** Everything that is there, `ready`, then changes, each in its own time after this call. */
  watch(
    filter: string,
    on: { change: (key: string, value: Uint8Array | undefined) => void; ready?: () => void },
  ): Reader {
    let stopped = false;
    const later = (call: () => void): void => queueMicrotask(() => stopped || call());
    const tell = (key: string): void => {
      const value = this.#entries.get(key)?.value;
      later(() => on.change(key, value));
    };
    for (const { key } of this.list(filter)) tell(key);
    later(() => on.ready?.());
    const watcher = { filter, tell };
    this.#watchers.add(watcher);
    return {
      stop: async () => {
        stopped = true;
        this.#watchers.delete(watcher);
      },
    };
  }

  #tell(key: string): void {
    for (const watcher of this.#watchers) if (matches(watcher.filter, key)) watcher.tell(key);
  }
}

function check(key: string): void {
  if (!keyForm.test(key)) throw new Error(`not a key: ${key}`);
}
