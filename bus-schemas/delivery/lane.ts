// One lane of a unit, messages or outcomes: what has been read and is not settled, with its counts.
import { type Counts, count, type End, hasAny, type UnitRecord } from "./ledger.ts";
import { Tracker } from "./tracker.ts";

export type LaneName = "message" | "outcome";

export class Lane {
  readonly tracker: Tracker;
  readonly writing: Set<number>;
  readonly counts: Counts;
  /** Written by an owner that died before it could say how it ended, where a second copy would not be recognised. */
  readonly doubtful: ReadonlySet<number>;
  /** What the server says is still unread behind the last one read. */
  pending = 0;

  constructor(record: UnitRecord["message"]) {
    this.tracker = new Tracker(record.cursor, record.above);
    this.doubtful = new Set(record.writing);
    this.writing = new Set(record.writing);
    this.counts = { ...record.counts };
  }

  settle(sequence: number, end: End): void {
    this.writing.delete(sequence);
    this.tracker.settle(sequence);
    count(this.counts, end);
  }

  /** It was found in the mailbox, although no ledger says so: its owner died in between. */
  foundParked(sequence: number): void {
    if (!this.tracker.settleUnread(sequence)) return;
    this.writing.delete(sequence);
    count(this.counts, "parked");
  }

  /** Its part of the ledger record; undefined, which reads as the same, while nothing has ever come. */
  record(): object | undefined {
    const { cursor } = this.tracker;
    const above = this.tracker.above();
    if (cursor === 0 && above.length === 0 && this.writing.size === 0 && !hasAny(this.counts))
      return undefined;
    return {
      cursor,
      ...(above.length > 0 && { above }),
      ...(this.writing.size > 0 && { writing: [...this.writing] }),
      counts: this.counts,
    };
  }
}
