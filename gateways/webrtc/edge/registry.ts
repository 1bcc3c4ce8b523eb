// Who is connected where: this instance's connections, and by KV those of the others, so that every tab gets the message.
import type { Bucket, Bus, Reader } from "#bus-schemas/bus/port.ts";
import type { Clock, Log } from "#bus-schemas/service/service.ts";
import { token } from "#bus-schemas/subject.ts";
import type { Connection } from "./connection.ts";

const bucketName = "registrations";
const leaseEveryMs = 5000;
// An instance that has not renewed for so long, by our own clock, is taken for dead and not asked.
const leaseMs = 20_000;
// After so long its entries are swept away: a killed process comes back under the same name, or never.
const forgottenMs = 600_000;

export interface Registry {
  /** Binds; resolves when other instances can know it. */
  add(key: string, connection: Connection): Promise<void>;
  remove(key: string, connection: Connection): Promise<void>;
  /** This instance's connections of an account. */
  local(key: string): readonly Connection[];
  /** Other living instances that hold connections of this account. */
  elsewhere(key: string): readonly string[];
  close(): Promise<void>;
}

/** Opens the registry, forgetting first what an earlier run of this instance left behind. */
export async function openRegistry(bus: Bus, clock: Clock, log: Log, instance: string): Promise<Registry> {
  const bucket = await bus.bucket(bucketName);
  const here = new Map<string, Set<Connection>>();
  const others = new Map<string, string>();
  const byToken = new Map<string, Set<string>>();
  const heard = new Map<string, number>();
  const decoder = new TextDecoder();
  await forget(bucket, instance);

  const changed = (entry: string, value: Uint8Array | undefined): void => {
    const account = entry.split(".")[1] ?? "";
    const owner = value === undefined ? undefined : decoder.decode(value);
    if (owner === undefined || owner === instance) {
      others.delete(entry);
      byToken.get(account)?.delete(entry);
      if (byToken.get(account)?.size === 0) byToken.delete(account);
      return;
    }
    others.set(entry, owner);
    const entries = byToken.get(account) ?? new Set();
    byToken.set(account, entries.add(entry));
  };
  const readers: Reader[] = [
    await bucket.watch("web.>", { change: changed }),
    await bucket.watch("web-live.*", {
      change: (entry, value) => {
        const owner = entry.slice("web-live.".length);
        if (value === undefined) heard.delete(owner);
        else heard.set(owner, clock.monotonic());
      },
    }),
  ];
  const openedAt = clock.monotonic();
  const silent = (owner: string): number => clock.monotonic() - (heard.get(owner) ?? openedAt);
  const stopLease = renewEvery(clock, log, async () => {
    await bucket.put(`web-live.${instance}`, new TextEncoder().encode("1"));
    const dead = [...others].filter(([, owner]) => silent(owner) > forgottenMs);
    await Promise.all(dead.map(([entry]) => bucket.remove(entry)));
  });

  const entryOf = (key: string, connection: Connection): string => `web.${token(key)}.${connection.id}`;
  return {
    async add(key, connection) {
      here.set(key, (here.get(key) ?? new Set()).add(connection));
      await bucket.put(entryOf(key, connection), new TextEncoder().encode(instance));
    },
    async remove(key, connection) {
      here.get(key)?.delete(connection);
      if (here.get(key)?.size === 0) here.delete(key);
      await bucket.remove(entryOf(key, connection));
    },
    local: (key) => [...(here.get(key) ?? [])],
    elsewhere(key) {
      const owners = new Set<string>();
      for (const entry of byToken.get(token(key)) ?? []) {
        const owner = others.get(entry);
        if (owner !== undefined && heard.has(owner) && silent(owner) < leaseMs) owners.add(owner);
      }
      return [...owners];
    },
    async close() {
      stopLease();
      await Promise.all(readers.map((reader) => reader.stop()));
      await forget(bucket, instance);
    },
  };
}

async function forget(bucket: Bucket, instance: string): Promise<void> {
  const entries = await bucket.list("web.>");
  const ours = entries.filter((entry) => new TextDecoder().decode(entry.value) === instance);
  await Promise.all(ours.map((entry) => bucket.remove(entry.key)));
  await bucket.remove(`web-live.${instance}`);
}

function renewEvery(clock: Clock, log: Log, renew: () => Promise<unknown>): () => void {
  let cancel = (): void => undefined;
  let stopped = false;
  const again = (): void => {
    renew().catch((cause: unknown) =>
      log.warn({ cause: String(cause) }, "renewing the lease of this instance failed"),
    );
    if (!stopped) cancel = clock.after(leaseEveryMs, again);
  };
  again();
  return () => {
    stopped = true;
    cancel();
  };
}
