// A memory of so many pairs and no more: the oldest go first.

export interface Recall<T> {
  get(key: string): T | undefined;
  set(key: string, value: T): void;
  delete(key: string): void;
  /** From the oldest to the newest. */
  values(): Iterable<T>;
}

/** Remembers the last `most` keys that were set. */
export function recall<T>(most: number): Recall<T> {
  const entries = new Map<string, T>();
  return {
    get: (key) => entries.get(key),
    delete: (key) => void entries.delete(key),
    values: () => entries.values(),
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
