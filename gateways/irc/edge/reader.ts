// The one reader of a channel: whoever holds the claim passes on what is said there, others stand by with the last minute of it.
// A new reader begins behind the last line of the old one. KV bucket `irc-<network>`: ear.<channel>.
import { randomBytes } from "node:crypto";
import { z } from "zod";
import type { Bucket } from "#bus-schemas/bus/port.ts";
import type { Clock, Log } from "#bus-schemas/service/service.ts";
import { token } from "#bus-schemas/subject.ts";
import { arrived, place, type Read, scrollLimits } from "../session/scroll.ts";
import type { Ear, Heard } from "./ear.ts";

export const readerLimits = {
  /** Lines taken together: fewer than the tail keeps, so that none of them is forgotten before it went on. */
  batch: 40,
  /** Lines that wait for the bus; above it the bot's connection is not read. */
  waiting: 200,
  resumeBelow: 100,
  /** How often the record says that the channel is still read: so exact is what is said of a gap. */
  stampMs: 5_000,
  /** A line that was perhaps not passed on is offered again with the same id so long; the bus knows it for two minutes. */
  againMs: 90_000,
  /** Between two tries to reach the bus. */
  retryMs: 1_000,
  /** Between two looks whether this instance may act again. */
  holdMs: 50,
} as const;

const Reading = z.object({
  channel: z.string(),
  /** Begins the ids of lines that the server gives none. */
  base: z.string(),
  next: z.int().positive(),
  /** Everything up to this number went on. */
  done: z.int().nonnegative(),
  tail: z.array(
    z.object({ print: z.string(), msgid: z.string().optional(), at: z.number(), number: z.int() }),
  ),
  /** Until when the channel was read, milliseconds since 1970. */
  at: z.number(),
});
type Reading = z.infer<typeof Reading>;

export interface ReaderParts {
  readonly channel: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly bucket: Bucket;
  readonly ear: Ear;
  /** Whether this instance may act as the reader at this moment. */
  readonly holds: () => boolean;
  /** Passes on one thing; `id` names a line for ever, whoever reads it. Rejects when the bus cannot be had. */
  readonly pass: (heard: Heard, id: string) => Promise<void>;
  /** Passed on before: only who is there is followed. */
  readonly follow: (heard: Heard) => Promise<void>;
  /** Lines may be missing between these moments. */
  readonly gap: (from: number, to: number) => Promise<void>;
  readonly began: () => Promise<void>;
}

export class Reader {
  readonly #parts: ReaderParts;
  readonly #key: string;
  #reading: Reading | undefined;
  #isOn = false;
  #isResting = false;
  #queue: Heard[] = [];
  #ahead: readonly Read[] = [];
  #work: Promise<void> = Promise.resolve();
  #pumping = false;
  #cancelStamp: (() => void) | undefined;

  constructor(parts: ReaderParts) {
    this.#parts = parts;
    this.#key = `ear.${token(parts.channel)}`;
  }

  get isOn(): boolean {
    return this.#isOn;
  }

  /** This instance reads from now on. */
  begin(): void {
    if (this.#isOn) return;
    this.#isOn = true;
    this.#isResting = false;
    const { ear } = this.#parts;
    const scroll = [...ear.scroll];
    const { since } = ear;
    this.#queue = [];
    this.later(() => this.#begin(scroll, since));
    this.#stampSoon();
  }

  /** Another one does, or may. */
  end(): void {
    this.#isOn = false;
    this.#cancelStamp?.();
    this.#queue = [];
    this.#parts.ear.link?.resume();
  }

  /** Finishes what is under way, as far as the bus takes it, and writes down where it stands. */
  async rest(): Promise<void> {
    this.#isResting = true;
    this.later(() => this.#save());
    await this.#work;
    this.end();
  }

  /** The bot came back into the channel: what was said meanwhile is not known. */
  back(): void {
    if (!this.#isOn) return;
    const { since } = this.#parts.ear;
    this.later(() => this.#tellGap(since));
  }

  heard(heard: Heard): void {
    if (!this.#isOn) return;
    this.#queue.push(heard);
    if (this.#queue.length >= readerLimits.waiting) heard.link.pause();
    this.#pump();
  }

  /** Does this in its turn; what fails is complained of and does not hold up the rest. */
  later(work: () => Promise<void>): void {
    this.#work = this.#work.then(work).catch((error: unknown) => {
      this.#parts.log.warn(
        { channel: this.#parts.channel, error: String(error) },
        "a channel cannot be read now",
      );
    });
  }

  #pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    this.later(async () => {
      this.#pumping = false;
      while (this.#isOn && this.#queue.length > 0) {
        const batch = this.#queue.splice(0, readerLimits.batch);
        if (this.#queue.length < readerLimits.resumeBelow) batch[0]?.link.resume();
        await this.#take(batch);
      }
    });
  }

  async #begin(scroll: readonly Heard[], since: number | undefined): Promise<void> {
    const { clock, channel } = this.#parts;
    const loaded = await this.#persist(() => this.#load());
    if (loaded === undefined) return;
    const before = loaded.got;
    this.#reading = before ?? undefined;
    this.#reading ??= {
      channel,
      base: randomBytes(8).toString("hex"),
      next: 1,
      done: 0,
      tail: [],
      at: clock.now(),
    };
    await this.#parts.began();
    if (before === null) {
      await this.#take(scroll);
      return;
    }
    const found = place(scroll, before.tail);
    this.#ahead = found.ahead;
    await this.#tellGap(since);
    // What the old reader had taken up and perhaps not passed on goes on under the id that it had.
    const shift = before.tail.length - found.ahead.length - found.upTo;
    for (let at = found.upTo - found.agreed; at < found.upTo; at++) {
      const heard = scroll[at];
      const read = before.tail[at + shift];
      if (heard === undefined || read === undefined || read.number <= before.done) continue;
      if (heard.at > clock.now() - readerLimits.againMs) await this.#pass(heard, read, true);
    }
    await this.#take(scroll.slice(found.upTo));
  }

  /** Tells from when to when nobody heard the channel, if so. */
  async #tellGap(since: number | undefined): Promise<void> {
    const reading = this.#reading;
    const to = since ?? this.#parts.clock.now();
    if (reading === undefined || reading.at >= to) return;
    const from = reading.at;
    reading.at = this.#parts.clock.now();
    await this.#parts.gap(from, to);
  }

  /** Numbers them, writes the numbers down, and only then passes them on: a successor gives the same line the same id. */
  async #take(batch: readonly Heard[]): Promise<void> {
    for (let at = 0; at < batch.length; at += readerLimits.batch) {
      const numbered = batch.slice(at, at + readerLimits.batch).map((heard) => this.#number(heard));
      if (numbered.some(({ heard }) => heard.fact.is === "said")) await this.#persist(() => this.#save());
      for (const { heard, read, isNew } of numbered) await this.#pass(heard, read, isNew);
    }
  }

  #number(heard: Heard): { heard: Heard; read: Read; isNew: boolean } {
    const reading = this.#reading;
    if (reading === undefined) throw new Error("a channel is read before it is known where");
    const { ahead, read } = arrived(this.#ahead, heard);
    this.#ahead = ahead;
    if (read !== undefined) return { heard, read, isNew: read.number > reading.done };
    const { print, msgid, at } = heard;
    const fresh: Read = { print, ...(msgid !== undefined && { msgid }), at, number: reading.next++ };
    reading.tail = [...reading.tail, fresh].slice(-scrollLimits.tail);
    return { heard, read: fresh, isNew: true };
  }

  async #pass(heard: Heard, read: Read, isNew: boolean): Promise<void> {
    const reading = this.#reading;
    if (reading === undefined) return;
    const { channel, pass, follow } = this.#parts;
    const id = heard.msgid ?? `${reading.base}.${read.number}`;
    if (!isNew) await follow(heard);
    else if ((await this.#persist(() => pass(heard, `${channel} ${id}`))) === undefined) return;
    reading.done = Math.max(reading.done, read.number);
    reading.at = this.#parts.clock.now();
    this.#dirty();
  }

  /** Until it is done, or this instance reads no longer: what was heard here is not lost to a bus that is away. */
  async #persist<T>(act: () => Promise<T>): Promise<{ readonly got: T } | undefined> {
    while (this.#isOn) {
      // A lease that ran out for a moment may come back, or be told as lost: until then nothing counts as passed on.
      if (!this.#parts.holds()) {
        // At the end nothing comes back: what has not gone on is left to whoever reads next.
        if (this.#isResting) return undefined;
        await this.#parts.clock.sleep(readerLimits.holdMs);
        continue;
      }
      try {
        return { got: await act() };
      } catch (error) {
        if (this.#isResting) return undefined;
        this.#parts.log.warn(
          { channel: this.#parts.channel, error: String(error) },
          "the bus does not take what a channel says, it is tried again",
        );
        await this.#parts.clock.sleep(readerLimits.retryMs);
      }
    }
    return undefined;
  }

  async #load(): Promise<Reading | null> {
    const entry = await this.#parts.bucket.get(this.#key);
    if (entry === undefined) return null;
    const read = Reading.safeParse(JSON.parse(Buffer.from(entry.value).toString("utf8")));
    return read.success ? read.data : null;
  }

  async #save(): Promise<void> {
    const reading = this.#reading;
    if (reading === undefined || !this.#isOn || !this.#parts.holds()) return;
    await this.#parts.bucket.put(this.#key, Buffer.from(JSON.stringify(reading)));
  }

  #cancelSave: (() => void) | undefined;

  #dirty(): void {
    this.#cancelSave ??= this.#parts.clock.after(500, () => {
      this.#cancelSave = undefined;
      this.later(() => this.#save());
    });
  }

  #stampSoon(): void {
    this.#cancelStamp = this.#parts.clock.after(readerLimits.stampMs, () => {
      if (!this.#isOn) return;
      if (this.#reading !== undefined && this.#parts.ear.since !== undefined) {
        this.#reading.at = this.#parts.clock.now();
        this.later(() => this.#save());
      }
      this.#stampSoon();
    });
  }
}
