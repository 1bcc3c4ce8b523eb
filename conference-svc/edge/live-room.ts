// One room that this process owns and has open: one wish after the other is decided over its view, written to its log, read back
// and answered. What a room does outside of itself (legs, invitations) follows from the events it hears of itself.
import type { Address, Party } from "#bus-schemas/address.ts";
import type { Bucket } from "#bus-schemas/bus/port.ts";
import type { MessageEvent } from "#bus-schemas/events/message.ts";
import type { RoomChangeKind, RoomEvent } from "#bus-schemas/events/room.ts";
import type {
  RoomAnswer,
  RoomCommand,
  RoomDo,
  RoomPage,
  RoomQuestion,
  RoomReason,
} from "#bus-schemas/events/room-command.ts";
import { type RoomView, takeSnapshot } from "#bus-schemas/rooms/view.ts";
import { roomPlace } from "#bus-schemas/rooms/wire.ts";
import type { Service } from "#bus-schemas/service/service.ts";
import { streams } from "#bus-schemas/subject.ts";
import { decide } from "../model/decide.ts";
import { type Decision, type Policy, personKey } from "../model/decision.ts";
import { say } from "../model/say.ts";
import { readPage } from "../store/history.ts";
import { RoomLog } from "../store/log.ts";
import { loadRoom, saveRoom, saveSummary, summaryOf } from "../store/snapshots.ts";

export const roomLimitsHere = {
  /** Wishes that wait for one room; more are refused as rate-limited. */
  queue: 5_000,
  /** The view is stored after so many events. */
  saveAfter: 400,
  /** A quarter more history than configured is kept before the oldest is deleted. */
  slack: 1.25,
} as const;

/** What changes which carriers have people in the room; the rest need not be asked. */
const whoIsThere: ReadonlySet<RoomChangeKind> = new Set([
  ...(["created", "destroyed", "joined", "left", "endpoint", "endpoint-gone", "roster"] as const),
]);

export interface RoomParts {
  readonly service: Service;
  readonly bucket: Bucket;
  readonly policy: Policy;
  /** An event of this room that counts; `recent`: it may still have to be acted upon (not older than the duplicate window). */
  readonly heard: (event: RoomEvent, view: RoomView) => void;
  /** An event that this process has sequenced. */
  readonly sequenced: (event: RoomEvent) => void;
  /** Resolves when all that followed from events heard so far is on the bus. */
  readonly acted: () => Promise<void>;
  /** The room was lost or broke: forget this object, open another one if it is wanted again. */
  readonly ended: (room: LiveRoom) => void;
}

/** What came of something said. */
export type Said =
  | { readonly ok: true }
  | { readonly ok: false; readonly reason: RoomReason; readonly text?: string };

export class LiveRoom {
  readonly #parts: RoomParts;
  readonly #log: RoomLog;
  #tail: Promise<unknown> = Promise.resolve();
  #waiting = 0;
  #unsaved = 0;
  #summary = "";
  usedAt: number;

  private constructor(parts: RoomParts, log: RoomLog) {
    this.#parts = parts;
    this.#log = log;
    this.usedAt = parts.service.clock.monotonic();
  }

  /** Opens the room under this epoch. Errors: the bus, or the log cannot be read. */
  static async open(parts: RoomParts, address: Address, epoch: number): Promise<LiveRoom> {
    const { service, bucket } = parts;
    const stored = await loadRoom(bucket, address);
    let room: LiveRoom | undefined;
    const log: RoomLog = new RoomLog(service, address, epoch, stored, {
      heard: (event) => {
        if (room !== undefined) room.#unsaved += 1;
        if (event.epoch === epoch) parts.sequenced(event);
        parts.heard(event, log.view);
      },
      usurped: () => service.log.info({ epoch }, "another process sequences this room now"),
    });
    room = new LiveRoom(parts, log);
    room.#summary = stored === undefined ? "" : JSON.stringify(summaryOf(log.view).carriers);
    // What was said shortly before an earlier owner died may not have reached the legs: the same ids are stored once.
    for (const event of log.view.recent) parts.heard(event, log.view);
    await log.open(service.instance, service.clock.now());
    return room;
  }

  get view(): RoomView {
    return this.#log.view;
  }

  get failed(): Error | undefined {
    return this.#log.failed;
  }

  /** Does what is wanted; undefined when this process owns the room no longer. */
  command(command: RoomCommand): Promise<RoomAnswer | undefined> {
    return this.#queued<RoomAnswer>({ ok: false, reason: "rate-limited" }, async () => {
      const before = this.#log.done.find(command.id);
      if (before !== undefined) return this.#answer(before.number, before.sequence, command.from);
      const decision = this.#decide(command.from, command.carrier, command.do);
      if (!decision.ok) return decision;
      const sequence = await this.#write(decision, command.id);
      return this.#answer(this.view.number, sequence, command.from);
    });
  }

  /** Sequences what somebody said; undefined when this process owns the room no longer. */
  say(event: MessageEvent): Promise<Said | undefined> {
    return this.#queued<Said>({ ok: false, reason: "rate-limited" }, async () => {
      if (this.#log.done.find(event.id) !== undefined) return { ok: true };
      const { policy, service } = this.#parts;
      const context = {
        view: this.view,
        now: service.clock.now(),
        policy,
        from: event.from,
        carrier: event.origin.carrier,
      };
      const decision = say(context, event);
      if (!decision.ok) return decision;
      await this.#write(decision, event.id);
      service.trail.note(event.id, "sequenced", { number: this.view.number });
      return { ok: true };
    });
  }

  /** What the room itself wants: somebody's connection is gone, a notice. */
  act(from: Party, carrier: string, what: RoomDo, id: string): Promise<RoomAnswer | undefined> {
    return this.command({
      id,
      type: "room.command",
      version: 1,
      room: this.view.room,
      from,
      carrier,
      do: what,
    });
  }

  history(question: Extract<RoomQuestion, { ask: "history" }>): Promise<RoomPage> {
    this.usedAt = this.#parts.service.clock.monotonic();
    return readPage(this.#parts.service, this.#log, question);
  }

  /** Writes changes that nobody decided: the configuration's own rooms. */
  establish(decisionOf: (view: RoomView) => Decision, id: string): Promise<boolean | undefined> {
    return this.#queued(false, async () => {
      const decision = decisionOf(this.view);
      if (decision.ok) await this.#write(decision, id);
      return decision.ok;
    });
  }

  snapshot(): { snapshot: ReturnType<typeof takeSnapshot>; sequence: number } {
    return { snapshot: takeSnapshot(this.view), sequence: this.#log.sequence };
  }

  /** Stores the view if enough has happened (or anything, when `all`), and deletes history that is older than the room keeps. */
  async save(all: boolean): Promise<void> {
    if (this.#unsaved === 0 || (!all && this.#unsaved < roomLimitsHere.saveAfter) || this.failed) return;
    const { bucket, acted } = this.#parts;
    const { view, sequence, marks } = this.#log;
    this.#unsaved = 0;
    const stored = {
      snapshot: takeSnapshot(view),
      sequence,
      done: this.#log.done.newest(),
      marks: marks.stored(view.number, sequence, view.epoch, view.time),
    };
    // What has not been acted upon must be found in the log again by whoever opens the room next.
    await acted();
    await saveRoom(bucket, stored);
    await saveSummary(bucket, view);
    await this.#forgetOld(sequence);
  }

  /** Lets go of it: no more is written; what is under way fails. */
  close(): void {
    this.#log.fail(new Error("the room is closed"));
  }

  async #forgetOld(saved: number): Promise<void> {
    const { marks, view } = this.#log;
    const keep = view.exists ? (view.config?.history ?? 0) : 0;
    const [oldest] = marks.all;
    if (oldest === undefined || marks.history - oldest.history <= keep * roomLimitsHere.slack + 200) return;
    const until = marks.all.findLast(
      (mark) => mark.history <= marks.history - keep && mark.sequence <= saved,
    );
    if (until === undefined || until.sequence <= oldest.sequence) return;
    await this.#parts.service.bus.purge(streams.room, until.sequence - 1, roomPlace(view.room).events);
    marks.forgetBefore(until.sequence);
  }

  #decide(from: Party, carrier: string, what: RoomDo): Decision {
    const { service, policy } = this.#parts;
    return decide({ view: this.view, now: service.clock.now(), policy, from, carrier }, what);
  }

  async #write(decision: Extract<Decision, { ok: true }>, id: string): Promise<number> {
    const sequence = await this.#log.write(decision.changes, id, this.#parts.service.clock.now());
    if (!decision.changes.some(({ kind }) => whoIsThere.has(kind))) return sequence;
    const summary = JSON.stringify(this.view.exists ? summaryOf(this.view).carriers : null);
    if (summary !== this.#summary) {
      // Who has to follow the room after a restart must stand in the list before anybody is told that he is in.
      this.#summary = summary;
      await saveSummary(this.#parts.bucket, this.view);
    }
    return sequence;
  }

  #answer(number: number, sequence: number, from: Party): RoomAnswer {
    const participant = this.view.participants.get(personKey(this.#parts.policy, from));
    return { ok: true, number, sequence, ...(participant && { participant }) };
  }

  /** One after the other; a room that broke meanwhile answers undefined, and is opened anew for the next one. */
  #queued<T>(full: T, work: () => Promise<T>): Promise<T | undefined> {
    if (this.#waiting >= roomLimitsHere.queue) return Promise.resolve(full);
    this.#waiting += 1;
    this.usedAt = this.#parts.service.clock.monotonic();
    const run = this.#tail.then(async () => {
      try {
        if (this.failed) return undefined;
        return await work();
      } catch (error) {
        this.#log.fail(error instanceof Error ? error : new Error("failed"));
        this.#parts.service.log.warn({ err: error }, "a room is opened anew");
        return undefined;
      } finally {
        this.#waiting -= 1;
        if (this.failed) this.#parts.ended(this);
      }
    });
    this.#tail = run;
    return run;
  }
}
