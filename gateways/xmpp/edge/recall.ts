// A memory of so many pairs and no more: the oldest go first.

export interface Recall {
  get(key: string): string | undefined;
  set(key: string, value: string): void;
}

/** Remembers the last `most` keys that were set. */
export function recall(most: number): Recall {
  const entries = new Map<string, string>();
  return {
    get: (key) => entries.get(key),
    set(key, value) {
      entries.delete(key);
      entries.set(key, value);
      for (const oldest of entries.keys()) {
        if (entries.size <= most) break;
        entries.delete(oldest);
      }
    },
  };
}
