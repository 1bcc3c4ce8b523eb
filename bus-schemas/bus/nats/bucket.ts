// Key-value buckets in the layout of NATS KV (one subject per key, a marker for a removed one), so that NATS's tools read them.
// The client's KV package is not used: its `create` after a removal is a compare-and-set, which lets two win in a 2.9 cluster.
import type { Bucket, Entry, PubAck, Reader, Stored } from "../port.ts";
import type { Link, LinkLog } from "./link.ts";
import { AlreadyThere, type Publisher } from "./publisher.ts";
import { openReader } from "./reader.ts";
import type { Looked, Streams } from "./streams.ts";

/** All keys of a bucket with their values; above it a new key is refused (BusFull), a known one is still written. */
const bucketBytes = 256 * 1024 * 1024;
const duplicateWindowMs = 120_000;
/** Watchers that were away shorter than this hear of a removal from its marker, others by comparing. */
const markerKeptMs = 60_000;
const markersRemembered = 1_024;
const createRounds = 50;
const operation = "KV-Operation";
const keyForm = /^[-/_=a-zA-Z0-9]+(\.[-/_=a-zA-Z0-9]+)*$/;
const filterForm = /^([-/_=a-zA-Z0-9]+|\*)(\.([-/_=a-zA-Z0-9]+|\*))*(\.>)?$|^>$/;
const bucketForm = /^[-_a-zA-Z0-9]+$/;

export interface BucketParts {
  readonly link: Link;
  readonly log: LinkLog;
  readonly publisher: Publisher;
  readonly streams: Streams;
  /** Told of every watcher, to stop it when the bus closes. */
  readonly keep: (reader: Reader) => Reader;
}

/** Opens the bucket, and makes it if it is absent. */
export async function openBucket(name: string, parts: BucketParts): Promise<Bucket> {
  if (!bucketForm.test(name)) throw new Error(`not the name of a bucket: ${name}`);
  await parts.streams.ensure({
    name: `KV_${name}`,
    subjects: [`$KV.${name}.>`],
    keep: "latest",
    maxBytes: bucketBytes,
    duplicateWindowMs,
  });
  return new NatsBucket(name, parts);
}

class NatsBucket implements Bucket {
  readonly #stream: string;
  readonly #prefix: string;
  readonly #link: Link;
  readonly #log: LinkLog;
  readonly #publisher: Publisher;
  readonly #streams: Streams;
  readonly #keep: (reader: Reader) => Reader;
  #markers: { sequence: number; at: number }[] = [];
  #creations = 0;

  constructor(name: string, parts: BucketParts) {
    this.#stream = `KV_${name}`;
    this.#prefix = `$KV.${name}.`;
    this.#link = parts.link;
    this.#log = parts.log;
    this.#publisher = parts.publisher;
    this.#streams = parts.streams;
    this.#keep = parts.keep;
  }

  async get(key: string): Promise<Entry | undefined> {
    const found = await this.#streams.last(this.#stream, this.#subject(key));
    return found && !isMarker(found.stored) ? this.#entry(found.stored) : undefined;
  }

  /** What stands under the key; if the bus does not answer now, whatever it was stands still. */
  async #lastOf(key: string): Promise<Looked | undefined | "unknown"> {
    try {
      const found = await this.#streams.last(this.#stream, this.#subject(key));
      return found && !isMarker(found.stored) ? found : undefined;
    } catch (error) {
      this.#log.warn({ stream: this.#stream, why: String(error) }, "a removal could not be confirmed");
      return "unknown";
    }
  }

  async put(key: string, value: Uint8Array): Promise<number> {
    const subject = this.#subject(key);
    const store = (): Promise<PubAck> => this.#publisher.store(subject, value, {});
    return (await this.#streams.pruner.around(subject, store)).sequence;
  }

  /**
   * "No message under this subject yet" is the one condition that a 2.9 cluster checks without a race. So a removed key
   * is first brought back to that: its marker is deleted by its own sequence, which can hit nothing newer.
   */
  async create(key: string, value: Uint8Array): Promise<boolean> {
    const subject = this.#subject(key);
    for (let round = 0; round < createRounds; round += 1) {
      this.#creations += 1;
      const id = `${this.#link.inbox}.create.${this.#creations}`;
      try {
        await this.#publisher.store(subject, value, {
          id,
          headers: { "Nats-Expected-Last-Subject-Sequence": "0" },
        });
        return true;
      } catch (error) {
        if (!(error instanceof AlreadyThere)) throw error;
        const there = await this.#streams.last(this.#stream, subject);
        const winner = await this.#judge(there, id);
        if (winner !== undefined) return winner;
      }
    }
    throw new Error(`${key} is created and removed by others all the time`);
  }

  /** True: it is ours (an earlier try arrived, its answer was lost). False: somebody else's. Undefined: try again. */
  async #judge(there: Looked | undefined, id: string): Promise<boolean | undefined> {
    if (!there) return undefined;
    if (isMarker(there.stored)) {
      // What the key held before must not appear again when its marker goes.
      await this.#streams.purge(this.#stream, there.stored.sequence - 1, there.stored.subject);
      await this.#streams.remove(this.#stream, there.stored.sequence);
      return undefined;
    }
    return there.allHeaders["Nats-Msg-Id"] === id;
  }

  async remove(key: string): Promise<void> {
    const subject = this.#subject(key);
    const headers = { [operation]: "DEL" };
    const store = (): Promise<PubAck> => this.#publisher.store(subject, new Uint8Array(0), { headers });
    const { sequence } = await this.#streams.pruner.around(subject, store);
    this.#markers.push({ sequence, at: performance.now() });
    await this.#sweepMarkers();
  }

  /** Markers that everybody has heard of go; of those that a crashed process left, `list` takes care. */
  async #sweepMarkers(): Promise<void> {
    const old = performance.now() - markerKeptMs;
    while (this.#markers.length > markersRemembered || (this.#markers[0] && this.#markers[0].at < old)) {
      const marker = this.#markers.shift();
      if (marker) await this.#streams.remove(this.#stream, marker.sequence);
    }
  }

  async list(filter: string): Promise<Entry[]> {
    const found = await this.#streams.lastOfEach(this.#stream, this.#filter(filter));
    const newest = found.reduce((latest, { storedAt }) => Math.max(latest, storedAt), 0);
    const old = found.filter((stored) => isMarker(stored) && stored.storedAt < newest - markerKeptMs);
    await Promise.all(old.map((stored) => this.#streams.remove(this.#stream, stored.sequence)));
    return found.filter((stored) => !isMarker(stored)).map((stored) => this.#entry(stored));
  }

  async watch(
    filter: string,
    on: { change: (key: string, value: Uint8Array | undefined) => void; ready?: () => void },
  ): Promise<Reader> {
    const known = new Map<string, number>();
    // Keys heard since the present consumer was made, until it has brought all that is there.
    let round: Set<string> | undefined;
    let announced = false;
    // How many of those that were there at its making are still to come. They come in order, before all newer ones, so that
    // this many messages mean all of them, also when some were replaced meanwhile; the server's later counts are not exact.
    let awaited = 0;
    // A listing may have come from a server that had not read all of its own store yet: a removal is asked for once more.
    const confirmGone = async (key: string): Promise<void> => {
      const there = await this.#lastOf(key);
      if (there !== undefined || !known.delete(key)) return;
      on.change(key, undefined);
    };
    const caughtUp = (): void => {
      if (!round) return;
      const heard = round;
      round = undefined;
      for (const key of [...known.keys()].filter((other) => !heard.has(other))) void confirmGone(key);
      if (!announced) on.ready?.();
      announced = true;
    };
    const change = (stored: Stored): void => {
      const key = stored.subject.slice(this.#prefix.length);
      round?.add(key);
      const before = known.get(key);
      if (isMarker(stored)) {
        if (known.delete(key)) on.change(key, undefined);
      } else if (before === undefined || before < stored.sequence) {
        known.set(key, stored.sequence);
        on.change(key, stored.data);
      }
      awaited -= 1;
      if (awaited <= 0 || stored.pending === 0) caughtUp();
    };
    const reader = await openReader(this.#link, this.#log, {
      stream: this.#stream,
      filter: this.#filter(filter),
      start: { from: "last-of-each" },
      on: change,
      onStart: (pending) => {
        round = new Set();
        awaited = pending;
        if (pending === 0) caughtUp();
      },
      onIdle: caughtUp,
    });
    return this.#keep(reader);
  }

  #entry(stored: Stored): Entry {
    return { key: stored.subject.slice(this.#prefix.length), value: stored.data, revision: stored.sequence };
  }

  #subject(key: string): string {
    if (!keyForm.test(key)) throw new Error(`not a key: ${key}`);
    return this.#prefix + key;
  }

  #filter(filter: string): string {
    if (!filterForm.test(filter)) throw new Error(`not a filter of keys: ${filter}`);
    return this.#prefix + filter;
  }
}

const isMarker = (stored: Stored): boolean => stored.headers[operation] !== undefined;
