// The log of one room on the bus: written in order, read back to be sure, from a stored view on.
import type { Address } from "#bus-schemas/address.ts";
import type { Bus, Reader, Stored } from "#bus-schemas/bus/port.ts";
import type { RoomChange, RoomEvent } from "#bus-schemas/events/room.ts";
import { applyEvent, emptyView, type RoomView, readSnapshot, skipEvent } from "#bus-schemas/rooms/view.ts";
import { decodeRoomEvent, encodeRoomEvent, roomPlace } from "#bus-schemas/rooms/wire.ts";
import type { Clock, Service } from "#bus-schemas/service/service.ts";
import { streams } from "#bus-schemas/subject.ts";
import { Done } from "./done.ts";
import { Marks } from "./marks.ts";
import type { StoredRoom } from "./snapshots.ts";

/** What the log tells its owner. */
export interface Hearing {
  /** An event that counts, after it was applied. `mine`: of this epoch. */
  heard(event: RoomEvent, sequence: number): void;
  /** Another sequencer has the room: nothing more may be written. */
  usurped(): void;
}

/** How long a written event may take to be read back before the room is opened anew. */
const backMs = 15_000;

export class RoomLog {
  readonly view: RoomView;
  readonly marks: Marks;
  readonly done: Done;
  readonly epoch: number;
  readonly #bus: Bus;
  readonly #clock: Clock;
  readonly #place: ReturnType<typeof roomPlace>;
  readonly #hearing: Hearing;
  readonly #waiting = new Map<
    string,
    { resolve: (sequence: number) => void; reject: (error: Error) => void }
  >();
  #reader: Reader | undefined;
  /** Stream sequence of the last event read, void or not. */
  sequence: number;
  #failed: Error | undefined;

  constructor(
    { bus, clock }: Pick<Service, "bus" | "clock">,
    room: Address,
    epoch: number,
    stored: StoredRoom | undefined,
    hearing: Hearing,
  ) {
    this.#bus = bus;
    this.#clock = clock;
    this.epoch = epoch;
    this.#hearing = hearing;
    this.#place = roomPlace(room);
    this.view = stored === undefined ? emptyView(room) : readSnapshot(stored.snapshot);
    this.sequence = stored?.sequence ?? 0;
    this.marks = new Marks(stored?.marks ?? []);
    this.done = new Done(stored?.done ?? []);
  }

  /** Becomes the room's sequencer: writes that into the log and reads up to it. What stands before it counts, nothing of others after it. */
  async open(instance: string, now: number): Promise<void> {
    this.#reader = await this.#bus.read(streams.room, this.#place.events, this.sequence, (stored) =>
      this.#read(stored),
    );
    await this.#write([{ kind: "owner", instance }], `owner.${this.epoch}`, now, () => 0);
  }

  /** Writes changes as the next events; resolves with the sequence of the last one when all are read back. Errors: BusFull, BusTimeout, the room was lost. */
  write(changes: readonly RoomChange[], id: string, now: number): Promise<number> {
    return this.#write(changes, id, now, (index) => this.view.number + 1 + index);
  }

  async #write(
    changes: readonly RoomChange[],
    id: string,
    now: number,
    number: (index: number) => number,
  ): Promise<number> {
    if (this.#failed) throw this.#failed;
    const time = Math.max(now, this.view.time);
    const { room } = this.view;
    const events = changes.map(
      (change, index): RoomEvent => ({
        id: index === 0 ? id : `${id}.${index}`,
        type: "room.event",
        version: 1,
        room: { local: room.local, domain: room.domain },
        epoch: this.epoch,
        number: number(index),
        time,
        change,
      }),
    );
    const last = events.at(-1);
    if (last === undefined) return this.sequence;
    const back = this.#back(last.id);
    back.catch(() => undefined);
    try {
      const stores = events.map((event) =>
        this.#bus.store(this.#place.events, encodeRoomEvent(event), {
          id: `${this.#place.token}:${event.id}:${this.epoch}`,
        }),
      );
      await Promise.all(stores);
    } catch (error) {
      // Whether it was stored is not known, and what followed it would not be counted: the room is opened anew.
      this.fail(error instanceof Error ? error : new Error("not stored"));
      throw error;
    }
    return await back;
  }

  #back(id: string): Promise<number> {
    return new Promise((resolve, reject) => {
      const cancel = this.#clock.after(backMs, () =>
        this.fail(new Error("an event was not read back in time")),
      );
      const end = (): void => {
        cancel();
        this.#waiting.delete(id);
      };
      this.#waiting.set(id, {
        resolve: (sequence) => {
          end();
          resolve(sequence);
        },
        reject: (error) => {
          end();
          reject(error);
        },
      });
    });
  }

  #read(stored: Stored): void {
    if (this.#failed) return;
    this.sequence = stored.sequence;
    const event = decodeRoomEvent(stored.data);
    if (!event.ok) return this.#unreadable(stored);
    const { value } = event;
    if (!applyEvent(this.view, value)) {
      if (value.epoch === this.epoch) this.fail(new Error("an event of this sequencer does not count"));
      return;
    }
    this.marks.note(this.view.number, stored.sequence, value);
    this.done.note(value, this.view, stored.sequence);
    this.#hearing.heard(value, stored.sequence);
    if (value.epoch > this.epoch) {
      this.fail(new Error("another sequencer has this room"));
      this.#hearing.usurped();
    }
    this.#waiting.get(value.id)?.resolve(stored.sequence);
  }

  #unreadable(stored: Stored): void {
    try {
      const raw = JSON.parse(Buffer.from(stored.data).toString("utf8")) as {
        epoch: number;
        number: number;
        time: number;
      };
      skipEvent(this.view, raw);
    } catch {
      // Not even JSON: it never had a number.
    }
  }

  /** Nothing more is written or read; whoever waits is told. */
  fail(error: Error): void {
    this.#failed ??= error;
    for (const { reject } of [...this.#waiting.values()]) reject(error);
    void this.#reader?.stop();
  }

  get failed(): Error | undefined {
    return this.#failed;
  }
}
