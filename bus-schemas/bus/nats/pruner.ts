// Keeps one message per subject in streams of kind `latest`. The server could do that by itself (max_msgs_per_subject 1), but
// 2.9.10 must not be asked to: killed with -9 under load it comes back with wrong counts per subject, confirms what is
// stored and drops it at once. So it keeps all, and what is outdated is purged from here.
import { matches } from "../matches.ts";
import { BusFull, type PubAck } from "../port.ts";
import type { Link, LinkLog } from "./link.ts";

/**
 * How long something outdated is left: longer than any listing takes, so that a listing under way never misses a key whose
 * last value was replaced while it read.
 */
const outdatedMs = 2_000;
const sweepMs = 500;

interface Outdated {
  readonly stream: string;
  /** All before this one is outdated at `dueAt`. */
  readonly sequence: number;
  readonly dueAt: number;
}

export class Pruner {
  readonly #link: Link;
  readonly #log: LinkLog;
  readonly #streams = new Map<string, readonly string[]>();
  /** By subject; one entry for each that was stored under in the last seconds. */
  readonly #outdated = new Map<string, Outdated>();
  #timer: NodeJS.Timeout | undefined;
  #sweeping = false;

  constructor(link: Link, log: LinkLog) {
    this.#link = link;
    this.#log = log;
  }

  /** From now on this stream keeps the latest of each of its subjects. */
  add(stream: string, subjects: readonly string[]): void {
    this.#streams.set(stream, subjects);
    this.#timer ??= setInterval(() => void this.#sweep(), sweepMs).unref();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /** Stores by `store`; if the subject belongs to a stream of kind `latest`, what it makes outdated goes a little later. */
  async around(subject: string, store: () => Promise<PubAck>): Promise<PubAck> {
    const stream = this.#streamOf(subject);
    if (stream === undefined) return store();
    try {
      return this.#note(stream, subject, await store());
    } catch (error) {
      // Full, perhaps only of what is outdated: the newer one of a known subject takes the place of the older.
      if (!(error instanceof BusFull) || (await this.prune(stream, subject)) === 0) throw error;
      return this.#note(stream, subject, await store());
    }
  }

  /** Deletes all under the subject but the last one, at once; answers how many that were. */
  async prune(stream: string, subject: string): Promise<number> {
    return this.#purge(stream, { filter: subject, keep: 1 });
  }

  #note(stream: string, subject: string, ack: PubAck): PubAck {
    if (!this.#outdated.has(subject)) {
      const dueAt = performance.now() + outdatedMs;
      this.#outdated.set(subject, { stream, sequence: ack.sequence, dueAt });
    }
    return ack;
  }

  async #sweep(): Promise<void> {
    if (this.#sweeping || !this.#link.connected) return;
    this.#sweeping = true;
    const now = performance.now();
    for (const [subject, { stream, sequence, dueAt }] of this.#outdated) {
      // In the order of their noting: what follows is not due either.
      if (dueAt > now) break;
      this.#outdated.delete(subject);
      // Nothing is before the first; and nats-server 2.9 takes "before 1" for "all", the newest one too.
      if (sequence <= 1) continue;
      try {
        await this.#purge(stream, { filter: subject, seq: sequence });
      } catch (error) {
        this.#log.warn(
          { stream, why: String(error) },
          "outdated messages not purged, the next store will see to it",
        );
        break;
      }
    }
    this.#sweeping = false;
  }

  async #purge(stream: string, what: object): Promise<number> {
    return (await this.#link.api<{ purged: number }>(`STREAM.PURGE.${stream}`, what)).purged;
  }

  #streamOf(subject: string): string | undefined {
    for (const [stream, filters] of this.#streams)
      if (filters.some((filter) => matches(filter, subject))) return stream;
    return undefined;
  }
}
