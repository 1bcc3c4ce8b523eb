// Marks in a room's log: where about which number, time and count of messages is found, so that no page of history needs the
// whole log read.
import type { RoomEvent } from "#bus-schemas/events/room.ts";

export interface Mark {
  /** The room's number and the stream's sequence of this event; its epoch. */
  readonly number: number;
  readonly sequence: number;
  readonly epoch: number;
  readonly time: number;
  /** Events of history up to and including this one. */
  readonly history: number;
}

/** Events of history between two marks. */
const every = 128;

/** Whether an event belongs to what people read back later. */
export const isHistory = ({ change }: RoomEvent): boolean =>
  change.kind === "said" ||
  change.kind === "subject" ||
  change.kind === "retracted" ||
  change.kind === "reacted";

export class Marks {
  #marks: Mark[];
  #history: number;

  constructor(marks: readonly Mark[]) {
    this.#marks = [...marks];
    this.#history = marks.at(-1)?.history ?? 0;
  }

  /** All, oldest first. */
  get all(): readonly Mark[] {
    return this.#marks;
  }

  /** Events of history that the room has ever had. */
  get history(): number {
    return this.#history;
  }

  note(number: number, sequence: number, event: RoomEvent): void {
    if (isHistory(event)) this.#history += 1;
    const last = this.#marks.at(-1);
    if (last !== undefined && (this.#history - last.history < every || number <= last.number)) return;
    this.#marks.push({ number, sequence, epoch: event.epoch, time: event.time, history: this.#history });
  }

  /** Marks behind which everything has been deleted are of no use. */
  forgetBefore(sequence: number): void {
    this.#marks = this.#marks.filter((mark) => mark.sequence >= sequence);
  }

  /** For the stored view: exact count at its end. */
  stored(number: number, sequence: number, epoch: number, time: number): Mark[] {
    return [
      ...this.#marks.filter((mark) => mark.number < number),
      { number, sequence, epoch, time, history: this.#history },
    ];
  }
}
