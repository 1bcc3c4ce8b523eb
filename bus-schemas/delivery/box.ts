// The mailboxes of one unit: for every queue, which stored items wait there and until when. The bodies stay on the bus.
import type { Bus, Stored } from "../bus/port.ts";
import type { Event } from "../event.ts";
import type { Clock } from "../service/service.ts";
import { mailboxSubject, settledSubject, streams } from "../subject.ts";
import { mayGoOn } from "./homes.ts";
import { type Counts, count, type End, hasAny, type UnitRecord } from "./ledger.ts";

/** A walk that waits so long for what should be there is given up, and begun anew later. */
const walkIdleMs = 30_000;

export const boxLimits = {
  /**
   * Items in one mailbox; the next one is refused with mailbox-full. More than one lane reads ahead (unit.ts), so that what
   * had been read when a person turned out to be away always fits.
   */
  items: 2_000,
} as const;

interface Waiting {
  /** Sequence in the mailbox stream to the moment of expiry. */
  readonly items: Map<number, number>;
  /** Sequences of those that have other homes to be tried. */
  readonly onward: Set<number>;
  readonly person: string;
}

export class Box {
  readonly counts: Counts;
  readonly writing: Set<number>;
  readonly doubtful: Set<number>;
  /** Settled, and not yet below the stored floor of its queue: sequence to queue. */
  readonly #gone: Map<number, string>;
  /** Of them, those that the written ledger knows. */
  readonly #known = new Set<number>();
  /** Per queue, up to where its mail was settled when the box was opened. */
  #floors: ReadonlyMap<string, number> = new Map();
  /** Settled long ago and in the stream again: nats-server 2.9 forgets deletions when it is killed. */
  #risen: number[] = [];
  #forgetting: Promise<void> = Promise.resolve();
  readonly #queues = new Map<string, Waiting>();
  readonly #messages = new Set<number>();
  readonly #byPerson = new Map<string, Set<string>>();
  readonly #bus: Bus;
  readonly #stream: string;
  readonly #subject: (queue: string) => string;
  readonly #settled: (queue: string) => string;

  constructor(bus: Bus, carrier: string, unit: string, record: UnitRecord["box"]) {
    this.#bus = bus;
    this.#stream = streams.mailbox(carrier);
    this.#subject = (queue) => mailboxSubject(carrier, unit, queue);
    this.#settled = (queue) => settledSubject(carrier, unit, queue);
    this.counts = { ...record.counts };
    this.writing = new Set(record.writing);
    this.doubtful = new Set(record.writing);
    this.#gone = new Map(record.gone);
  }

  /** Reads how far each queue was settled; before the mail itself is. */
  async open(): Promise<void> {
    const floors = new Map<string, number>();
    for (const { subject, data } of await this.#bus.lastOfEach(streams.settled, this.#settled("*")))
      floors.set(subject.split(".").at(-1) ?? "", Number(Buffer.from(data).toString("utf8")));
    this.#floors = floors;
  }

  /** Deletes once more what had been deleted and came back. */
  async bury(): Promise<void> {
    const risen = this.#risen;
    this.#risen = [];
    await Promise.all(risen.map((sequence) => this.#bus.remove(this.#stream, sequence)));
  }

  /** How many wait in this queue. */
  size(queue: string): number {
    return this.#queues.get(queue)?.items.size ?? 0;
  }

  /** How many messages wait in all; reports are not counted. */
  get messages(): number {
    return this.#messages.size;
  }

  queues(): IterableIterator<string> {
    return this.#queues.keys();
  }

  /** The queues whose mail waits for this person (bare key). */
  of(person: string): readonly string[] {
    return [...(this.#byPerson.get(person) ?? [])];
  }

  holds(queue: string, sequence: number): boolean {
    return this.#queues.get(queue)?.items.has(sequence) ?? false;
  }

  /** Whether something in this queue has expired. */
  overdue(queue: string, now: number): boolean {
    for (const expires of this.#queues.get(queue)?.items.values() ?? []) if (expires <= now) return true;
    return false;
  }

  /** Whether something in this queue has another home to be tried (homes.ts). */
  anyOnward(queue: string): boolean {
    return (this.#queues.get(queue)?.onward.size ?? 0) > 0;
  }

  add(queue: string, person: string, sequence: number, event: Event): void {
    if (this.#gone.has(sequence) || this.holds(queue, sequence)) return;
    if (sequence <= (this.#floors.get(queue) ?? 0)) {
      this.#risen.push(sequence);
      return;
    }
    if (event.type === "message.sent") this.#messages.add(sequence);
    let waiting = this.#queues.get(queue);
    if (waiting === undefined) {
      waiting = { items: new Map(), onward: new Set(), person };
      this.#queues.set(queue, waiting);
      this.#byPerson.set(person, (this.#byPerson.get(person) ?? new Set()).add(queue));
    }
    waiting.items.set(sequence, event.expires);
    if (mayGoOn(event)) waiting.onward.add(sequence);
  }

  /** It came to its end. Deleted from the stream only when the ledger that says so is written: `forget`. */
  settle(queue: string, sequence: number, end: End): void {
    count(this.counts, end);
    this.writing.delete(sequence);
    this.#gone.set(sequence, queue);
    this.#messages.delete(sequence);
    const waiting = this.#queues.get(queue);
    waiting?.items.delete(sequence);
    waiting?.onward.delete(sequence);
    if (waiting?.items.size === 0) {
      this.#queues.delete(queue);
      const others = this.#byPerson.get(waiting.person);
      others?.delete(queue);
      if (others?.size === 0) this.#byPerson.delete(waiting.person);
    }
  }

  /** What is settled and not deleted yet. */
  get gone(): readonly number[] {
    return [...this.#gone.keys()];
  }

  /**
   * Deletes what the written ledger says is settled; what has been settled since it was drawn up is not among it. A deletion
   * alone is not enough: a killed nats-server 2.9 forgets it. So the queue's floor is stored first, up to which all is settled.
   */
  forget(gone: readonly number[]): Promise<void> {
    const before = this.#forgetting.catch(() => undefined);
    this.#forgetting = before.then(() => this.#forget(gone));
    return this.#forgetting;
  }

  async #forget(gone: readonly number[]): Promise<void> {
    for (const sequence of gone) if (this.#gone.has(sequence)) this.#known.add(sequence);
    const queues = new Map<string, number[]>();
    for (const sequence of gone) {
      const queue = this.#gone.get(sequence);
      if (queue !== undefined) queues.set(queue, []);
    }
    for (const [sequence, queue] of this.#gone) queues.get(queue)?.push(sequence);
    await Promise.all([...queues].map(([queue, mine]) => this.#raise(queue, mine)));
  }

  /** Stores how far the queue is settled now, and deletes what is below. */
  async #raise(queue: string, mine: readonly number[]): Promise<void> {
    const unknown = mine.filter((sequence) => !this.#known.has(sequence));
    const waiting = this.#queues.get(queue)?.items.keys() ?? [];
    const bound = Math.min(Number.POSITIVE_INFINITY, ...waiting, ...unknown);
    const settled = mine.filter((sequence) => sequence < bound);
    if (settled.length === 0) return;
    await this.#bus.store(this.#settled(queue), Buffer.from(`${Math.max(...settled)}`), {});
    await Promise.all(settled.map((sequence) => this.#bus.remove(this.#stream, sequence)));
    for (const sequence of settled) {
      this.#gone.delete(sequence);
      this.#known.delete(sequence);
    }
  }

  /**
   * Reads what waits in one queue, oldest first, until `on` answers false or nothing that is known to wait is unread; what
   * is stored meanwhile is included as soon as it is known. The server's own count of what is pending is not asked: what
   * was deleted while it was under way makes it too high. Ends, too, when nothing has come for `walkIdleMs`.
   */
  async walk(queue: string, clock: Clock, on: (stored: Stored) => Promise<boolean>): Promise<void> {
    if (this.size(queue) === 0) return;
    await new Promise<void>((resolve, reject) => {
      let done = false;
      let cancelIdle = (): void => undefined;
      const finish = (): void => {
        cancelIdle();
        if (done) return;
        done = true;
        reader.then((open) => open.stop()).then(resolve, reject);
      };
      const watch = (): void => {
        cancelIdle();
        if (!done) cancelIdle = clock.after(walkIdleMs, finish);
      };
      const reader = this.#bus.read(this.#stream, this.#subject(queue), 0, async (stored) => {
        cancelIdle();
        if (done) return;
        if (this.holds(queue, stored.sequence) && !(await on(stored))) return finish();
        if (!this.#anyBeyond(queue, stored.sequence)) return finish();
        watch();
      });
      watch();
      reader.catch(reject);
    });
  }

  #anyBeyond(queue: string, sequence: number): boolean {
    for (const other of this.#queues.get(queue)?.items.keys() ?? []) if (other > sequence) return true;
    return false;
  }

  /** Its part of the ledger record; undefined, which reads as the same, while nothing has ever come. */
  record(): object | undefined {
    if (this.#gone.size === 0 && this.writing.size === 0 && !hasAny(this.counts)) return undefined;
    return {
      ...(this.#gone.size > 0 && { gone: [...this.#gone] }),
      ...(this.writing.size > 0 && { writing: [...this.writing] }),
      counts: this.counts,
    };
  }
}
