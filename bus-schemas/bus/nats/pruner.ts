// Keeps one message per subject in streams of kind `latest`. The server could do that by itself (max_msgs_per_subject 1), but
// 2.9.10 must not be asked to: killed with -9 under load it comes back with wrong counts per subject, confirms what is
// stored and drops it at once. So it keeps all, and what is outdated is purged from here.
import { matches } from "../matches.ts";
import { BusFull, type PubAck } from "../port.ts";
import type { Link, LinkLog } from "./link.ts";

/** After so many stores under one subject the outdated ones are purged. */
const every = 16;
/** Subjects that are counted at once; above it all counts begin anew, and some are purged a little later. */
const mostSubjects = 100_000;

export class Pruner {
  readonly #link: Link;
  readonly #log: LinkLog;
  readonly #streams = new Map<string, readonly string[]>();
  readonly #counts = new Map<string, number>();

  constructor(link: Link, log: LinkLog) {
    this.#link = link;
    this.#log = log;
  }

  /** From now on this stream keeps the latest of each of its subjects. */
  add(stream: string, subjects: readonly string[]): void {
    this.#streams.set(stream, subjects);
  }

  /** Stores by `store`; if the subject belongs to a stream of kind `latest`, what it makes outdated goes sooner or later. */
  async around(subject: string, store: () => Promise<PubAck>): Promise<PubAck> {
    const stream = this.#streamOf(subject);
    if (stream === undefined) return store();
    try {
      const ack = await store();
      this.#count(stream, subject);
      return ack;
    } catch (error) {
      // Full, perhaps only of what is outdated: the newer one of a known subject takes the place of the older.
      if (!(error instanceof BusFull) || (await this.prune(stream, subject)) === 0) throw error;
      return store();
    }
  }

  /** Deletes all under the subject but the last one; answers how many that were. */
  async prune(stream: string, subject: string, keep: 0 | 1 = 1): Promise<number> {
    this.#counts.delete(subject);
    const wanted = keep === 0 ? { filter: subject } : { filter: subject, keep };
    const { purged } = await this.#link.api<{ purged: number }>(`STREAM.PURGE.${stream}`, wanted);
    return purged;
  }

  #count(stream: string, subject: string): void {
    const count = (this.#counts.get(subject) ?? 0) + 1;
    if (this.#counts.size > mostSubjects) this.#counts.clear();
    this.#counts.set(subject, count);
    if (count < every) return;
    this.prune(stream, subject).catch((error: unknown) => {
      this.#log.warn({ stream, why: String(error) }, "outdated messages not purged, will try again");
    });
  }

  #streamOf(subject: string): string | undefined {
    for (const [stream, filters] of this.#streams)
      if (filters.some((filter) => matches(filter, subject))) return stream;
    return undefined;
  }
}
