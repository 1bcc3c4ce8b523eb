// A timer wheel: very many timers at constant cost each (RFC 3261 §17: Timer J of every answered request lives 32 s).
import type { Clock } from "./service.ts";

/** The step of the wheel: a timer fires at the first step after its time, so at most so much late and never early. */
export const wheelStepMs = 10;
/** Steps in one turn of the wheel (82 s); longer timers are passed by once a turn. A power of two. */
export const wheelSteps = 8192;

/** A timer that has been started. */
export interface WheelTimer {
  /** No effect once it has fired. */
  cancel(): void;
}

/** Timers that fall into the same step fire in the order in which they were started. */
export interface Wheel {
  after(delayMs: number, call: () => void): WheelTimer;
  /** How many are waiting. */
  readonly size: number;
  /** Cancels all. */
  close(): void;
}

interface Place {
  before: Place;
  behind: Place;
}

class Entry implements WheelTimer, Place {
  before: Place = this;
  behind: Place = this;
  readonly step: number;
  readonly call: () => void;
  readonly #gone: () => void;
  #waiting = true;

  constructor(step: number, call: () => void, gone: () => void) {
    this.step = step;
    this.call = call;
    this.#gone = gone;
  }

  cancel(): void {
    if (!this.#waiting) return;
    this.#waiting = false;
    this.before.behind = this.behind;
    this.behind.before = this.before;
    this.#gone();
  }
}

// A ring of places whose head holds no timer.
function ring(): Place {
  const head = {} as Place;
  head.before = head;
  head.behind = head;
  return head;
}

const waits = (place: Place): place is Entry => place instanceof Entry;

/** A wheel on `clock`. It wakes the process only for steps that hold a timer, so an idle one costs nothing. */
export function openWheel(clock: Clock): Wheel {
  return new TurningWheel(clock);
}

class TurningWheel implements Wheel {
  readonly #clock: Clock;
  readonly #steps: (Place | undefined)[] = new Array(wheelSteps).fill(undefined);
  readonly #gone = (): void => {
    this.#size -= 1;
  };
  #size = 0;
  /** The last step that was worked through. */
  #done: number;
  #wakeStep = Number.POSITIVE_INFINITY;
  #cancelWake: (() => void) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#done = Math.floor(clock.monotonic() / wheelStepMs);
  }

  get size(): number {
    return this.#size;
  }

  after(delayMs: number, call: () => void): WheelTimer {
    const now = this.#clock.monotonic();
    // With nothing waiting there was nothing to do in the steps since.
    if (this.#size === 0) this.#done = Math.floor(now / wheelStepMs);
    const step = Math.max(this.#done + 1, Math.ceil((now + Math.max(0, delayMs)) / wheelStepMs));
    const entry = new Entry(step, call, this.#gone);
    this.#hang(entry);
    this.#size += 1;
    if (step < this.#wakeStep) this.#wakeAt(step);
    return entry;
  }

  close(): void {
    for (const head of this.#steps) while (head && waits(head.behind)) head.behind.cancel();
    this.#cancelWake?.();
    this.#wakeStep = Number.POSITIVE_INFINITY;
  }

  #hang(entry: Entry): void {
    const at = entry.step % wheelSteps;
    const head = this.#steps[at] ?? ring();
    this.#steps[at] = head;
    entry.before = head.before;
    entry.behind = head;
    head.before.behind = entry;
    head.before = entry;
  }

  #wakeAt(step: number): void {
    this.#cancelWake?.();
    this.#wakeStep = step;
    const delayMs = Math.max(0, step * wheelStepMs - this.#clock.monotonic());
    this.#cancelWake = this.#clock.after(delayMs, () => this.#turn());
  }

  #turn(): void {
    const now = Math.floor(this.#clock.monotonic() / wheelStepMs);
    this.#wakeStep = Number.POSITIVE_INFINITY;
    // After a long standstill one turn sees every place, so more than one is never needed.
    const from = Math.max(this.#done + 1, now - wheelSteps + 1);
    for (let step = from; step <= now; step += 1) {
      this.#done = step;
      this.#fire(this.#steps[step % wheelSteps], now);
    }
    const next = this.#next();
    // A timer started while these fired may have set an earlier wake already.
    if (next !== undefined && next < this.#wakeStep) this.#wakeAt(next);
  }

  #fire(head: Place | undefined, now: number): void {
    if (!head) return;
    const due: Entry[] = [];
    for (let place = head.behind; waits(place); place = place.behind) if (place.step <= now) due.push(place);
    for (const entry of due) this.#call(entry);
  }

  #call(entry: Entry): void {
    const before = this.#size;
    entry.cancel();
    if (this.#size === before) return; // Cancelled by one that fired just before it.
    try {
      entry.call();
    } catch (error) {
      // Our fault, and it ends the process as any uncaught error does; but the timers beside it come to their right first.
      queueMicrotask(() => {
        throw error;
      });
    }
  }

  #next(): number | undefined {
    if (this.#size === 0) return undefined;
    for (let step = this.#done + 1; step <= this.#done + wheelSteps; step += 1) {
      const head = this.#steps[step % wheelSteps];
      if (head && waits(head.behind)) return step;
    }
    return undefined;
  }
}
