// One owned unit, a slot or a whole carrier: reads its lanes in order, gives each item to its queue, and settles everything
// exactly once. What happens inside a queue is in queues.ts.
import { bareKey } from "../address.ts";
import type { Reader, Stored } from "../bus/port.ts";
import { decode } from "../codec.ts";
import type { Event } from "../event.ts";
import { mailboxSubject, messageSubject, outcomeSubject, streams } from "../subject.ts";
import { Box } from "./box.ts";
import type { Carrying } from "./carrying.ts";
import { type Item, parkedHeader } from "./item.ts";
import { Lane, type LaneName } from "./lane.ts";
import type { End, UnitRecord } from "./ledger.ts";
import { awaited, queueOf } from "./placement.ts";
import { Queues } from "./queues.ts";

/** Items read and not settled, per lane; above it reading waits. */
const openLimit = 1_024;

export class Unit {
  readonly lanes: Record<LaneName, Lane>;
  readonly box: Box;
  readonly #queues: Queues;
  readonly #carrying: Carrying;
  readonly #name: string;
  readonly #readers: Reader[] = [];
  readonly #abort = new AbortController();
  #roomWaiters: (() => void)[] = [];
  #marks: { at: number; message: number; outcome: number }[] = [];
  #purged = { message: 0, outcome: 0 };
  #suspectUpTo = { message: 0, outcome: 0, box: 0 };
  #clean: boolean;
  #releasing = false;
  #opening: Promise<void> = Promise.resolve();
  epoch: number;

  constructor(carrying: Carrying, name: string, record: UnitRecord, epoch: number) {
    this.#carrying = carrying;
    this.#name = name;
    this.epoch = epoch;
    this.#clean = record.clean;
    this.lanes = { message: new Lane(record.message), outcome: new Lane(record.outcome) };
    this.box = new Box(carrying.service.bus, carrying.carrier, name, record.box);
    this.#queues = new Queues({
      carrying,
      box: this.box,
      signal: this.#abort.signal,
      mayAct: () => !this.#lost && !this.#releasing && carrying.holds(name, this.epoch),
      settle: (item, end) => this.#settle(item, end),
      moved: (item, sequence) => this.#moved(item, sequence),
      park: (item) => carrying.park(item, name, this.#abort.signal),
      beforeWriting: (item) => this.#beforeWriting(item),
      read: (stored) => this.#fromBox(stored),
    });
  }

  /** Starts: what an earlier owner left half done first, then the mailboxes, then what is new. Called once. */
  open(): Promise<void> {
    this.#opening = this.#open();
    return this.#opening;
  }

  async #open(): Promise<void> {
    const { bus } = this.#carrying.service;
    const { carrier } = this.#carrying;
    if (!this.#clean) await this.#suspect();
    this.#clean = false;
    await this.#carrying.ledger.flush();
    await this.box.open();
    await this.#loadBox();
    await this.box.bury();
    await this.box.forget(this.box.gone);
    const slot = this.#name === "all" ? "*" : Number(this.#name);
    const subjects = { message: messageSubject(carrier, slot), outcome: outcomeSubject(carrier, slot) };
    for (const lane of ["message", "outcome"] as const) {
      if (this.#lost) return;
      const after = this.lanes[lane].tracker.cursor;
      const on = (stored: Stored): void | Promise<void> => this.#read(lane, stored);
      this.#readers.push(await bus.read(streams[lane](carrier), subjects[lane], after, on));
    }
    if (this.#lost) this.lose();
    else this.#queues.walkAll();
  }

  get #lost(): boolean {
    return this.#abort.signal.aborted;
  }

  /** Nothing more may be written for this unit: another owner has it. */
  lose(): void {
    this.#abort.abort();
    this.#queues.stop();
    this.#wakeReaders();
    for (const reader of this.#readers) void reader.stop();
  }

  /** Hand-over without a crash: stops reading, lets what is under way end (at most `timeoutMs`), writes the last ledger. */
  async release(timeoutMs: number): Promise<void> {
    // A unit that is still opening is released once it stands: nothing of it may start afterwards.
    await this.#opening.catch(() => undefined);
    this.#releasing = true;
    this.#wakeReaders();
    await Promise.all(this.#readers.map((reader) => reader.stop()));
    this.#clean = await this.#queues.rest(timeoutMs);
    if (!this.#lost) await this.#carrying.ledger.flush();
    this.lose();
  }

  /** After a pause of the bus in which nobody else took the unit: go on where it stood, under the new epoch. */
  resume(epoch: number): void {
    this.epoch = epoch;
    this.#queues.resume();
  }

  /** This person can be reached on that carrier: his mailbox is drained, or what waits here for him goes there. */
  available(person: string, carrier: string): void {
    this.#queues.available(person, carrier);
  }

  /** Looks after expiry in the mailboxes; called every few seconds. */
  sweep(): void {
    this.#queues.sweep();
  }

  /** Deletes from the streams what was settled `windowMs` ago: younger ids must stay known, to recognise duplicates. */
  async purgeOlder(windowMs: number): Promise<void> {
    const { bus, clock } = this.#carrying.service;
    const { carrier } = this.#carrying;
    const now = clock.monotonic();
    this.#marks.push({
      at: now,
      message: this.lanes.message.tracker.cursor,
      outcome: this.lanes.outcome.tracker.cursor,
    });
    const old = this.#marks.filter((mark) => mark.at <= now - windowMs).at(-1);
    if (old === undefined) return;
    this.#marks = this.#marks.filter((mark) => mark.at > old.at);
    const slot = this.#name === "all" ? "*" : Number(this.#name);
    if (old.message > this.#purged.message)
      await bus.purge(streams.message(carrier), old.message, messageSubject(carrier, slot));
    if (old.outcome > this.#purged.outcome)
      await bus.purge(streams.outcome(carrier), old.outcome, outcomeSubject(carrier, slot));
    this.#purged = old;
  }

  /** In flight: read and not settled, waiting in mailboxes, and what the server still has behind the readers. */
  counts(): { open: number; box: number; pending: number } {
    const { message } = this.lanes;
    return { open: message.tracker.open, box: this.box.messages, pending: message.pending };
  }

  record(): object {
    return {
      epoch: this.epoch,
      ...(this.#clean && { clean: true }),
      message: this.lanes.message.record(),
      outcome: this.lanes.outcome.record(),
      box: this.box.record(),
    };
  }

  async #suspect(): Promise<void> {
    const { bus } = this.#carrying.service;
    const { carrier } = this.#carrying;
    const newest = async (stream: string): Promise<number> => (await bus.state(stream)).lastSequence;
    this.#suspectUpTo = {
      message: await newest(streams.message(carrier)),
      outcome: await newest(streams.outcome(carrier)),
      box: await newest(streams.mailbox(carrier)),
    };
  }

  async #loadBox(): Promise<void> {
    const { bus } = this.#carrying.service;
    const stream = streams.mailbox(this.#carrying.carrier);
    const subject = mailboxSubject(this.#carrying.carrier, this.#name, "*");
    const heads = await bus.lastOfEach(stream, subject);
    const newest = Math.max(0, ...heads.map((stored) => stored.sequence));
    if (newest === 0) return;
    await new Promise<void>((resolve, reject) => {
      const reader = bus.read(stream, subject, 0, (stored) => {
        const event = decode(stored.data);
        if (event.ok) this.#found(event.value, stored);
        else this.#carrying.unreadable("mailbox", stored.sequence, event.error);
        if (stored.sequence >= newest) reader.then((open) => open.stop()).then(resolve, reject);
      });
      reader.catch(reject);
    });
  }

  /** Its owner may have died between storing it here and writing so into the ledger: it is not taken from the lane again. */
  #found(event: Event, stored: Stored): void {
    const [name, text] = (stored.headers[parkedHeader] ?? "").split(" ");
    const lane = name === "message" || name === "outcome" ? this.lanes[name] : undefined;
    const sequence = Number(text);
    if (lane?.doubtful.has(sequence)) {
      this.box.doubtful.add(stored.sequence);
      this.box.writing.add(stored.sequence);
    }
    lane?.foundParked(sequence);
    this.#note(event, stored.sequence);
  }

  #note(event: Event, sequence: number): void {
    const { carrier } = this.#carrying;
    this.box.add(queueOf(carrier, event), bareKey(awaited(carrier, event)), sequence, event);
  }

  #read(name: LaneName, stored: Stored): void | Promise<void> {
    const lane = this.lanes[name];
    lane.pending = stored.pending;
    if (this.#lost || this.#releasing) return;
    if (!lane.tracker.read(stored.sequence)) return;
    const event = decode(stored.data);
    if (!event.ok) {
      this.#carrying.unreadable(name, stored.sequence, event.error);
      lane.settle(stored.sequence, "dropped");
      return;
    }
    this.#queues.arrive({
      event: event.value,
      headers: stored.headers,
      lane: name,
      sequence: stored.sequence,
      queue: queueOf(this.#carrying.carrier, event.value),
      again: stored.sequence <= this.#suspectUpTo[name],
      doubtful: lane.doubtful.has(stored.sequence),
      readAt: this.#carrying.service.clock.monotonic(),
    });
    if (lane.tracker.open >= openLimit) return this.#room(lane);
  }

  #fromBox(stored: Stored): Item | undefined {
    const event = decode(stored.data);
    if (!event.ok) return undefined;
    return {
      event: event.value,
      headers: stored.headers,
      lane: event.value.type === "message.sent" ? "message" : "outcome",
      sequence: 0,
      box: stored.sequence,
      queue: queueOf(this.#carrying.carrier, event.value),
      again: stored.sequence <= this.#suspectUpTo.box,
      doubtful: this.box.doubtful.has(stored.sequence),
      readAt: this.#carrying.service.clock.monotonic(),
    };
  }

  async #room(lane: Lane): Promise<void> {
    while (lane.tracker.open >= openLimit && !this.#lost && !this.#releasing)
      await new Promise<void>((resolve) => this.#roomWaiters.push(resolve));
  }

  #wakeReaders(): void {
    const waiting = this.#roomWaiters;
    this.#roomWaiters = [];
    for (const wake of waiting) wake();
  }

  /** Where a second copy would not be recognised, the ledger says "being written" before the first byte is. */
  async #beforeWriting(item: Item): Promise<void> {
    const writing = item.box === undefined ? this.lanes[item.lane].writing : this.box.writing;
    writing.add(item.box ?? item.sequence);
    await this.#carrying.ledger.flush();
  }

  #moved(item: Item, sequence: number): void {
    this.#note(item.event, sequence);
    const { writing } = this.lanes[item.lane];
    if (writing.has(item.sequence)) this.box.writing.add(sequence);
    this.lanes[item.lane].settle(item.sequence, "parked");
    item.box = sequence;
    this.#wakeReaders();
    this.#carrying.ledger.dirty();
  }

  #settle(item: Item, end: End): void {
    if (item.box === undefined) {
      this.lanes[item.lane].settle(item.sequence, end);
      this.#wakeReaders();
      this.#carrying.ledger.dirty();
      return;
    }
    this.box.settle(item.queue, item.box, end);
    const { gone } = this.box;
    this.#carrying.ledger
      .flush()
      .then(() => this.box.forget(gone))
      .catch((error: unknown) =>
        this.#carrying.service.log.warn({ err: error }, "mailbox not tidied, will try again"),
      );
  }
}
