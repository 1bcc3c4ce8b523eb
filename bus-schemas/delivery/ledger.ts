// The ledger: one record per process holds cursors and counts together, so that after a crash both go back together and
// the law accepted = handed + refused + expired + uncertain + in flight can be audited, and can fail.
import { z } from "zod";
import type { Bus } from "../bus/port.ts";
import type { Service } from "../service/service.ts";
import { ledgerSubject, streams } from "../subject.ts";

/** How an item may leave a lane or a mailbox. `forwarded`: to another home; `parked`: to the mailbox; `dropped`: a report with no way to tell it. */
export const ends = [
  "handed",
  "refused",
  "expired",
  "uncertain",
  "forwarded",
  "parked",
  "told",
  "dropped",
] as const;
export type End = (typeof ends)[number];

/** How often each end came; ends that never came are left out. */
const Counts = z.partialRecord(z.enum(ends), z.int().nonnegative());
export type Counts = z.infer<typeof Counts>;

const sequences = z.array(z.int()).default([]);

const LaneRecord = z.object({
  cursor: z.int().nonnegative().default(0),
  above: sequences,
  /** Being written by a gateway whose far side cannot recognise a second copy. */
  writing: sequences,
  counts: Counts.default({}),
});

const BoxRecord = z.object({
  /** Mailbox sequences that are settled but not yet below their queue's floor, each with its queue. */
  gone: z.array(z.tuple([z.int(), z.string()])).default([]),
  writing: sequences,
  counts: Counts.default({}),
});

const UnitRecord = z.object({
  epoch: z.int(),
  /** True once it was released with nothing under way: the successor need not fear second copies. */
  clean: z.boolean().default(false),
  message: LaneRecord.prefault({}),
  outcome: LaneRecord.prefault({}),
  box: BoxRecord.prefault({}),
});
export type UnitRecord = z.infer<typeof UnitRecord>;

const LedgerRecord = z.object({ instance: z.string(), units: z.record(z.string(), UnitRecord) });
export type LedgerRecord = z.infer<typeof LedgerRecord>;

/** The record of a unit that nobody ever owned. */
export const freshUnit = (epoch: number): UnitRecord => UnitRecord.parse({ epoch, clean: true });

/** One more came to this end. */
export function count(counts: Counts, end: End): void {
  counts[end] = (counts[end] ?? 0) + 1;
}

/** Whether any end was ever counted. */
export const hasAny = (counts: Counts): boolean => Object.keys(counts).length > 0;

/** Of all records of a carrier, each unit's newest: the one with the highest epoch. Unreadable records are returned apart. */
export function newest(records: readonly Uint8Array[]): {
  units: Map<string, UnitRecord>;
  unreadable: number;
} {
  const units = new Map<string, UnitRecord>();
  let unreadable = 0;
  for (const bytes of records) {
    const record = readRecord(bytes);
    if (record === undefined) unreadable += 1;
    for (const [unit, entry] of Object.entries(record?.units ?? {})) {
      const known = units.get(unit);
      if (known === undefined || entry.epoch > known.epoch) units.set(unit, entry);
    }
  }
  return { units, unreadable };
}

function readRecord(bytes: Uint8Array): LedgerRecord | undefined {
  try {
    return LedgerRecord.parse(JSON.parse(Buffer.from(bytes).toString("utf8")));
  } catch {
    return undefined; // Counted by the caller, who refuses to start on it: a ledger is never guessed.
  }
}

/** The least time between the beginnings of two writes that nobody waits for; one that is waited for goes at once. */
const pauseMs = 5;

/**
 * Writes the record, one write outstanding at a time: what changes meanwhile goes into the next one, so that it coalesces
 * by itself under load.
 */
export class LedgerWriter {
  readonly #service: Service;
  readonly #subject: string;
  readonly #snapshot: () => object;
  #current: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  #beganAt = Number.NEGATIVE_INFINITY;
  #waiting: (() => void) | undefined;

  constructor(service: Service, carrier: string, writer: string, snapshot: () => object) {
    this.#service = service;
    this.#subject = ledgerSubject(carrier, writer);
    this.#snapshot = snapshot;
  }

  /** Something changed: write it soon. */
  dirty(): void {
    if (this.#waiting !== undefined || this.#next !== undefined) return;
    const rest = this.#beganAt + pauseMs - this.#service.clock.monotonic();
    if (rest <= 0) return this.#quietly();
    this.#waiting = this.#service.clock.after(rest, () => {
      this.#waiting = undefined;
      this.#quietly();
    });
  }

  /** Resolves when a write that began after this call is confirmed. */
  flush(): Promise<void> {
    this.#waiting?.();
    this.#waiting = undefined;
    if (this.#current === undefined) return this.#write();
    const again = (): Promise<void> => this.#write();
    this.#next ??= this.#current.then(again, again);
    return this.#next;
  }

  #quietly(): void {
    this.flush().catch((error: unknown) => {
      this.#service.log.error({ err: error }, "ledger not written, will try again");
      this.#service.clock.after(1_000, () => this.dirty());
    });
  }

  #write(): Promise<void> {
    this.#next = undefined;
    // What settles in this turn of the event loop belongs into this record, not into another one.
    const writing = new Promise<void>((resolve) => setImmediate(resolve)).then(async () => {
      this.#beganAt = this.#service.clock.monotonic();
      await this.#service.bus.store(this.#subject, Buffer.from(JSON.stringify(this.#snapshot())), {});
    });
    this.#current = writing.finally(() => {
      this.#current = undefined;
    });
    return this.#current;
  }
}

/** All ledger records of a carrier, as stored. */
export async function readLedgers(bus: Bus, carrier: string): Promise<Uint8Array[]> {
  const stored = await bus.lastOfEach(streams.ledger, ledgerSubject(carrier, "*"));
  return stored.map((entry) => entry.data);
}

/** Deletes records of which every unit has a newer one: those of processes long gone. */
export async function dropSuperseded(bus: Bus, carrier: string): Promise<void> {
  const stored = await bus.lastOfEach(streams.ledger, ledgerSubject(carrier, "*"));
  const { units } = newest(stored.map((entry) => entry.data));
  for (const { data, sequence, subject } of stored) {
    const record = readRecord(data);
    if (record === undefined) continue;
    const old = Object.entries(record.units).every(
      ([unit, { epoch }]) => epoch < (units.get(unit)?.epoch ?? 0),
    );
    if (old) await bus.purge(streams.ledger, sequence, subject);
  }
}
