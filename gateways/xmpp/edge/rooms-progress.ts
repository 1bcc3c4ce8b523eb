// How far a room has been shown: what the server has taken without a gap is written down, for the next holder of the stream.
import type { Address } from "#bus-schemas/address.ts";
import type { Clock, Log } from "#bus-schemas/service/service.ts";
import type { Saved, ShownRoster } from "./rooms-saved.ts";

/** The number is written down at most so often. */
export const saveMs = 200;

interface Step {
  readonly number: number;
  readonly roster: ShownRoster | undefined;
  taken: boolean;
}

export interface ProgressOptions {
  readonly room: Address;
  readonly clock: Clock;
  readonly log: Log;
  readonly saved: Saved;
}

export class Progress {
  readonly #options: ProgressOptions;
  readonly #steps: Step[] = [];
  #number = 0;
  #roster: ShownRoster | undefined;
  #savedNumber = 0;
  #cancel: (() => void) | undefined;
  #saving: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(options: ProgressOptions) {
    this.#options = options;
  }

  /** Steps that the server has not taken yet. */
  get open(): number {
    return this.#steps.length;
  }

  /** An event was handed over; `roster` if it changed who is there. */
  handed(number: number, roster: ShownRoster | undefined, taken: Promise<boolean>): void {
    const step: Step = { number, roster, taken: false };
    this.#steps.push(step);
    void taken.then((isTaken) => {
      if (!isTaken) return;
      step.taken = true;
      this.#advance();
    });
  }

  /** Writes down what is taken by now, and no more after that. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#cancel?.();
    await this.#save();
  }

  /** Nothing of this room is to be remembered. */
  async forget(): Promise<void> {
    this.#closed = true;
    this.#cancel?.();
    await this.#saving;
    await this.#options.saved.forget(this.#options.room);
  }

  #advance(): void {
    for (let head = this.#steps[0]; head?.taken; head = this.#steps[0]) {
      this.#steps.shift();
      this.#number = head.number;
      this.#roster = head.roster ?? this.#roster;
    }
    if (this.#cancel !== undefined || this.#closed || this.#number === this.#savedNumber) return;
    this.#cancel = this.#options.clock.after(saveMs, () => {
      this.#cancel = undefined;
      void this.#save().then(() => this.#advance());
    });
  }

  #save(): Promise<void> {
    this.#saving = this.#saving.then(() => this.#write());
    return this.#saving;
  }

  // A bus that is away is no reason to stop: what is not written down is shown again, under the same ids.
  async #write(): Promise<void> {
    const { room, saved, log } = this.#options;
    const [number, roster] = [this.#number, this.#roster];
    if (number === this.#savedNumber) return;
    try {
      if (roster) await saved.saveRoster(room, number, roster);
      await saved.saveNumber(room, number);
      if (this.#roster === roster) this.#roster = undefined;
      this.#savedNumber = number;
    } catch (error) {
      log.warn({ error: String(error) }, "how far a room was shown could not be written down");
    }
  }
}
