// The histories of accounts on the bus: one stream, one subject per account; what synchronisation reads. Kept within limits.
import { type Bus, BusFull, type Stored } from "#bus-schemas/bus/port.ts";
import type { Clock, Log } from "#bus-schemas/service/service.ts";
import { token } from "#bus-schemas/subject.ts";
import { HistoryRecord } from "../session/history.ts";

export const historyStream = "PARLEY_WEB_HISTORY";
const root = "parley.v1.web.history";
const duplicateWindowMs = 120_000;
// A full reading of one account's log that stands still longer than this is given up.
const readTimeoutMs = 10_000;
// Writes between two looks at how long an account's log has grown: a look reads the whole log.
const writesPerTrim = 1000;
// Accounts whose writes are counted; beyond it counting begins anew, which only trims later.
const mostCounted = 10_000;
const sweepEveryMs = 3_600_000;

export interface HistoryLimits {
  readonly historyMessages: number;
  readonly historyAge: number;
  readonly historyBytes: number;
}

interface Written {
  readonly sequence: number;
  readonly record: HistoryRecord;
}

export interface History {
  /** Writes one record; resolves when the bus holds it. `id`: written once for the same id within two minutes. */
  write(key: string, id: string, record: HistoryRecord): Promise<void>;
  /** All records of an account, oldest first. Errors: those of the bus. */
  read(key: string): Promise<HistoryRecord[]>;
  close(): void;
}

/** Opens the histories; makes their stream if it is absent. */
export async function openHistory(bus: Bus, clock: Clock, log: Log, limits: HistoryLimits): Promise<History> {
  await bus.ensureStream({
    name: historyStream,
    subjects: [`${root}.*`],
    keep: "limits",
    maxBytes: limits.historyBytes,
    duplicateWindowMs,
  });
  const writes = new Map<string, number>();
  const subjectOf = (key: string): string => `${root}.${token(key)}`;

  const readSubject = async (subject: string): Promise<Written[]> => {
    const last = await bus.last(historyStream, subject);
    if (last === undefined) return [];
    return await readUpTo(bus, clock, subject, last.sequence);
  };

  const trim = async (key: string): Promise<void> => {
    const subject = subjectOf(key);
    const written = await readSubject(subject);
    const oldestAllowed = clock.now() - limits.historyAge;
    const messages = written.filter(({ record }) => record.kind === "message");
    const tooMany = messages.at(-(limits.historyMessages + 1));
    const tooOld = written.findLast(({ record }) => record.time < oldestAllowed);
    const upTo = Math.max(tooMany?.sequence ?? 0, tooOld?.sequence ?? 0);
    if (upTo > 0) await bus.purge(historyStream, upTo, subject);
  };

  const count = (key: string): void => {
    if (writes.size >= mostCounted) writes.clear();
    const next = (writes.get(key) ?? 0) + 1;
    writes.set(key, next % writesPerTrim);
    if (next < writesPerTrim) return;
    trim(key).catch((cause: unknown) => log.warn({ cause: String(cause) }, "trimming a history failed"));
  };

  const sweep = async (): Promise<void> => {
    const upTo = await lastOlderThan(bus, clock, clock.now() - limits.historyAge);
    if (upTo > 0) await bus.purge(historyStream, upTo);
  };

  const stop = every(clock, sweepEveryMs, () => {
    sweep().catch((cause: unknown) => log.warn({ cause: String(cause) }, "sweeping histories failed"));
  });

  return {
    async write(key, id, record) {
      const data = new TextEncoder().encode(JSON.stringify(record));
      const store = () =>
        bus.store(subjectOf(key), data, { id: `web-history:${token(key)}:${id}`, timeoutMs: 10_000 });
      try {
        await store();
      } catch (cause) {
        if (!(cause instanceof BusFull)) throw cause;
        const { firstSequence, lastSequence } = await bus.state(historyStream);
        await bus.purge(historyStream, firstSequence + Math.ceil((lastSequence - firstSequence) / 10));
        await store();
      }
      count(key);
    },
    async read(key) {
      return (await readSubject(subjectOf(key))).map(({ record }) => record);
    },
    close: stop,
  };
}

function every(clock: Clock, ms: number, call: () => void): () => void {
  let cancel = (): void => undefined;
  const again = (): void => {
    cancel = clock.after(ms, () => {
      call();
      again();
    });
  };
  again();
  return () => cancel();
}

// Reads one subject until this sequence has come.
async function readUpTo(bus: Bus, clock: Clock, subject: string, upTo: number): Promise<Written[]> {
  const found: Written[] = [];
  await scan(bus, clock, subject, (stored) => {
    const record = decode(stored);
    if (record !== undefined) found.push({ sequence: stored.sequence, record });
    return stored.sequence >= upTo;
  });
  return found;
}

// The sequence of the last record stored before `time`; the log is in the order of its storing, so the first younger one ends it.
async function lastOlderThan(bus: Bus, clock: Clock, time: number): Promise<number> {
  const { messages, lastSequence } = await bus.state(historyStream);
  if (messages === 0) return 0;
  let upTo = 0;
  await scan(bus, clock, `${root}.*`, (stored) => {
    if (stored.storedAt >= time) return true;
    upTo = stored.sequence;
    return stored.sequence >= lastSequence;
  });
  return upTo;
}

async function scan(
  bus: Bus,
  clock: Clock,
  filter: string,
  done: (stored: Stored) => boolean,
): Promise<void> {
  const finished = Promise.withResolvers<void>();
  let over = false;
  let stillThere = clock.monotonic();
  const reader = await bus.read(historyStream, filter, 0, (stored) => {
    if (over) return;
    stillThere = clock.monotonic();
    over = done(stored);
    if (over) finished.resolve();
  });
  const cancel = every(clock, 1000, () => {
    if (clock.monotonic() - stillThere > readTimeoutMs)
      finished.reject(new Error("the history stream stands still"));
  });
  try {
    await finished.promise;
  } finally {
    over = true;
    cancel();
    await reader.stop();
  }
}

function decode(stored: Stored): HistoryRecord | undefined {
  try {
    const parsed = HistoryRecord.safeParse(JSON.parse(new TextDecoder().decode(stored.data)));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}
