// The queues of one unit: one hand-over at a time in each, none waits for another's. A queue whose head does not move goes to
// the mailbox, and is drained from there, in order, before anything newer.
import type { Stored } from "../bus/port.ts";
import type { MessageEvent } from "../events/message.ts";
import { type Box, boxLimits } from "./box.ts";
import type { Carrying } from "./carrying.ts";
import { mayGoOn } from "./homes.ts";
import type { Conclusion, Item } from "./item.ts";
import type { End } from "./ledger.ts";

export const queueTimes = {
  /** A queue whose head has not moved for so long goes to the mailbox, and later mail behind it. */
  slowMs: 2_000,
  /** First and longest pause before mail of somebody who was away is tried again without a sign of him. */
  retryMs: { first: 2_000, most: 600_000 },
  /** He was seen while the attempt that found him away was under way. */
  seenMs: 50,
  /** How long a sign of somebody is remembered: longer than any attempt. */
  hintMs: 60_000,
  /** A sign of him elsewhere counts, too, if it came so shortly before he was found away there: instances learn of it one by one. */
  overlapMs: 1_000,
} as const;

/** What the queues need of their unit: functions, never the unit. */
export interface QueuesOptions {
  readonly carrying: Carrying;
  readonly box: Box;
  readonly signal: AbortSignal;
  /** Asked before every act: false while paused, released or lost. */
  readonly mayAct: () => boolean;
  readonly settle: (item: Item, end: End) => void;
  readonly moved: (item: Item, boxSequence: number) => void;
  readonly park: (item: Item) => Promise<number>;
  readonly beforeWriting: (item: Item) => Promise<void>;
  readonly read: (stored: Stored) => Item | undefined;
}

interface Queue {
  readonly token: string;
  items: Item[];
  active: boolean;
  /** How many are on their way into the mailbox; one after the other, through `parking`. */
  moving: number;
  parking: Promise<void>;
  walking: boolean;
  retryMs: number;
  cancelRetry: (() => void) | undefined;
  /** Its person was found away, which took long: what stands behind goes on to other homes without a try of its own. */
  absent: boolean;
  /** He was seen on this carrier while the queue was busy: it is looked through for him as soon as it rests. */
  elsewhere: string | undefined;
  /** Its mailbox could not be read: nothing is tried before the next repetition. */
  unread: boolean;
}

/** How a mailbox is looked through; default: tried from its head on. */
interface Walk {
  /** He was seen on that carrier: what may go there does, what may not stays, and does not hold up what stands behind it. */
  readonly elsewhere?: string | undefined;
  /** He is away here: only what has another home to be tried goes on. */
  readonly away?: boolean;
}

export class Queues {
  readonly #options: QueuesOptions;
  readonly #queues = new Map<string, Queue>();
  /** When a person was last said to be available: an item on its way into his mailbox then is not left there. */
  readonly #hints = new Map<string, number>();
  /** The same for other carriers, by carrier and person, in milliseconds since 1970: other processes' times are compared. */
  readonly #seenElsewhere = new Map<string, number>();

  constructor(options: QueuesOptions) {
    this.#options = options;
  }

  arrive(item: Item): void {
    const queue = this.#queue(item.queue);
    if (this.#boxed(queue)) return this.#park(queue, item);
    queue.items.push(item);
    this.#pump(queue);
  }

  /** A person can be reached again: here his mailbox is drained, at another home of his what waits goes there. */
  available(person: string, carrier: string): void {
    const { clock } = this.#options.carrying.service;
    const elsewhere = carrier === this.#options.carrying.carrier ? undefined : carrier;
    if (elsewhere === undefined) this.#hints.set(person, clock.monotonic());
    else this.#seenElsewhere.set(`${elsewhere} ${person}`, clock.now());
    for (const token of this.#options.box.of(person)) {
      const queue = this.#queue(token);
      if (elsewhere === undefined) queue.absent = false;
      this.#walk(queue, { elsewhere });
    }
  }

  walkAll(): void {
    for (const token of [...this.#options.box.queues()]) this.#walk(this.#queue(token));
  }

  /** Expired mail is told to its senders; called every few seconds. */
  sweep(): void {
    this.#forgetHints();
    const now = this.#options.carrying.service.clock.now();
    const { box } = this.#options;
    for (const token of [...box.queues()]) if (box.overdue(token, now)) this.#walk(this.#queue(token));
  }

  resume(): void {
    for (const queue of [...this.#queues.values()]) this.#pump(queue);
    this.walkAll();
  }

  stop(): void {
    for (const queue of this.#queues.values()) queue.cancelRetry?.();
  }

  /** Waits until nothing is under way; false if something still is after `timeoutMs`. */
  async rest(timeoutMs: number): Promise<boolean> {
    const { clock } = this.#options.carrying.service;
    const until = clock.monotonic() + timeoutMs;
    const busy = (): boolean => [...this.#queues.values()].some((queue) => queue.active || queue.moving > 0);
    while (busy() && clock.monotonic() < until) await clock.sleep(5);
    return !busy();
  }

  #queue(token: string): Queue {
    const known = this.#queues.get(token);
    if (known !== undefined) return known;
    const queue: Queue = {
      token,
      items: [],
      active: false,
      moving: 0,
      parking: Promise.resolve(),
      walking: false,
      retryMs: queueTimes.retryMs.first,
      cancelRetry: undefined,
      absent: false,
      elsewhere: undefined,
      unread: false,
    };
    this.#queues.set(token, queue);
    return queue;
  }

  /** Whether what arrives now must stand behind something in the mailbox. */
  #boxed(queue: Queue): boolean {
    return queue.moving > 0 || queue.walking || this.#options.box.size(queue.token) > 0;
  }

  /** Decides what the queue does next. Called after every change; does nothing while something is under way. */
  #pump(queue: Queue): void {
    if (queue.active || queue.walking || !this.#options.mayAct()) return;
    if (queue.moving > 0) return;
    if (this.#options.box.size(queue.token) > 0) return this.#look(queue);
    const item = queue.items.shift();
    if (item === undefined) {
      this.#cancelRetry(queue);
      this.#queues.delete(queue.token);
      return;
    }
    void this.#attempt(queue, item).then((result) => {
      if (result === "stopped" && item.box === undefined) queue.items.unshift(item);
      this.#pump(queue);
    });
  }

  /** What waits in the mailbox: tried, taken elsewhere, passed on, or left alone until the next repetition. */
  #look(queue: Queue): void {
    const { elsewhere } = queue;
    queue.elsewhere = undefined;
    if (elsewhere !== undefined) this.#walk(queue, { elsewhere });
    else if (queue.cancelRetry === undefined) this.#walk(queue);
    else if (!queue.unread && this.#options.box.anyOnward(queue.token)) this.#walk(queue, { away: true });
  }

  /** One hand-over from beginning to end. Never rejects. */
  async #attempt(queue: Queue, item: Item, walk: Walk = {}): Promise<"settled" | "away" | "stopped"> {
    const { carrying } = this.#options;
    const { elsewhere } = walk;
    const absent = walk.away || queue.absent;
    queue.active = true;
    const began = carrying.service.clock.monotonic();
    const cancelSlow = carrying.service.clock.after(queueTimes.slowMs, () => this.#slow(queue, item));
    try {
      const conclusion = await carrying.handOver(item, {
        ...(elsewhere !== undefined && { elsewhere }),
        ...(absent && { absent }),
        signal: this.#options.signal,
        mayAct: this.#options.mayAct,
        beforeWriting: this.#options.beforeWriting,
      });
      cancelSlow();
      await queue.parking;
      if (this.#options.signal.aborted || conclusion === "stopped") return "stopped";
      if (elsewhere !== undefined && conclusion === "away") return "away";
      return this.#conclude(queue, item, conclusion, began);
    } finally {
      cancelSlow();
      queue.active = false;
    }
  }

  #conclude(
    queue: Queue,
    item: Item,
    conclusion: Exclude<Conclusion, "stopped">,
    began: number,
  ): "settled" | "away" {
    if (conclusion === "away") {
      const seen = (this.#hints.get(this.#options.carrying.personOf(item.event)) ?? -1) >= began;
      this.#retryLater(queue, seen ? queueTimes.seenMs : undefined);
      this.#parkAll(queue, item);
      return "away";
    }
    queue.retryMs = queueTimes.retryMs.first;
    const { clock } = this.#options.carrying.service;
    if (conclusion === "forwarded") queue.absent ||= clock.monotonic() - began > queueTimes.slowMs;
    this.#options.settle(item, conclusion);
    return "settled";
  }

  /** The head does not move: it and all behind it go to the mailbox, so that the cursor does not wait for it. */
  #slow(queue: Queue, item: Item): void {
    if (!this.#options.signal.aborted) this.#parkAll(queue, item);
  }

  #parkAll(queue: Queue, head: Item): void {
    if (head.box === undefined) this.#park(queue, head);
    for (const waiting of queue.items.splice(0)) this.#park(queue, waiting);
  }

  #park(queue: Queue, item: Item): void {
    queue.moving += 1;
    queue.parking = queue.parking
      .then(() => this.#move(queue, item))
      .catch((error: unknown) => {
        // The bus is asked until it answers; only the loss of the unit ends that, and then the successor moves it.
        if (this.#options.signal.aborted) return;
        this.#options.carrying.service.log.error(
          { err: error, event: item.event.id },
          "not moved to the mailbox",
        );
        this.#options.carrying.service.clock.after(1_000, () => this.#park(queue, item));
      })
      .finally(() => {
        queue.moving -= 1;
        this.#pump(queue);
      });
  }

  /** Moves one item from its lane to the mailbox; a full mailbox refuses it. */
  async #move(queue: Queue, item: Item): Promise<void> {
    const { box, carrying, signal } = this.#options;
    if (signal.aborted || item.box !== undefined) return;
    if (box.size(item.queue) >= boxLimits.items) {
      const end = await carrying.refuse(item, "mailbox-full", signal);
      if (end !== "stopped") this.#options.settle(item, end);
      return;
    }
    const sequence = await this.#options.park(item);
    if (signal.aborted) return;
    this.#options.moved(item, sequence);
    if ((this.#hints.get(carrying.personOf(item.event)) ?? -1) > item.readAt) this.#cancelRetry(queue);
    if (item.event.type === "message.sent") queue.elsewhere ??= this.#follows(item.event);
  }

  /** A home at which he has been seen since he was found away there: that was said before the message waited here. */
  #follows(event: MessageEvent): string | undefined {
    const person = this.#options.carrying.personOf(event);
    const seen = (home: string): number =>
      this.#seenElsewhere.get(`${home} ${person}`) ?? Number.NEGATIVE_INFINITY;
    return event.route?.later?.find(({ home, since }) => seen(home) >= since - queueTimes.overlapMs)?.home;
  }

  #retryLater(queue: Queue, soonMs?: number): void {
    if (queue.cancelRetry !== undefined) return;
    queue.cancelRetry = this.#options.carrying.service.clock.after(soonMs ?? queue.retryMs, () => {
      queue.cancelRetry = undefined;
      this.#walk(queue);
    });
    if (soonMs === undefined) queue.retryMs = Math.min(queue.retryMs * 2, queueTimes.retryMs.most);
  }

  #forgetHints(): void {
    const old = this.#options.carrying.service.clock.monotonic() - queueTimes.hintMs;
    for (const [person, at] of this.#hints) if (at < old) this.#hints.delete(person);
    const before = this.#options.carrying.service.clock.now() - queueTimes.hintMs;
    for (const [key, at] of this.#seenElsewhere) if (at < before) this.#seenElsewhere.delete(key);
  }

  #cancelRetry(queue: Queue): void {
    queue.cancelRetry?.();
    queue.cancelRetry = undefined;
  }

  /** Drains a mailbox in order, until it is empty or the person turns out to be away. */
  #walk(queue: Queue, how: Walk = {}): void {
    if (queue.walking || queue.active) {
      // What is asked for now is done when it rests.
      if (how.elsewhere !== undefined) queue.elsewhere = how.elsewhere;
      else if (!how.away) this.#cancelRetry(queue);
      return;
    }
    if (!this.#options.mayAct()) return;
    this.#queues.set(queue.token, queue);
    queue.unread = false;
    let away = how.away === true;
    if (!away && how.elsewhere === undefined) this.#cancelRetry(queue);
    queue.walking = true;
    const { box } = this.#options;
    const visit = async (stored: Stored): Promise<boolean> => {
      const item = this.#options.read(stored);
      if (item === undefined || !this.#options.mayAct()) return false;
      const now = this.#options.carrying.service.clock.now();
      // He is away, but what has expired behind the head is still to be told, and what has other homes goes on.
      const more = (): boolean => box.overdue(queue.token, now) || box.anyOnward(queue.token);
      if (away && item.event.expires > now && !mayGoOn(item.event)) return more();
      const result = await this.#attempt(queue, item, { ...how, away });
      if (result === "stopped" || how.elsewhere !== undefined) return result !== "stopped";
      away ||= result === "away";
      return result === "settled" || more();
    };
    this.#options.box
      .walk(queue.token, this.#options.carrying.service.clock, visit)
      .catch((error: unknown) => {
        this.#options.carrying.service.log.warn({ err: error }, "mailbox not read, will try again");
        queue.unread = true;
        this.#retryLater(queue);
      })
      .finally(() => {
        queue.walking = false;
        this.#pump(queue);
      });
  }
}
