// What has been done already: a command or message that is sent again is answered as before and done once.
import type { RoomEvent } from "#bus-schemas/events/room.ts";
import type { RoomView } from "#bus-schemas/rooms/view.ts";

/** Commands and messages of one room that are remembered: longer than any gateway asks again, at a thousand a second. */
const limit = 4_000;
/** Of them, so many travel with the stored view. */
const storedLimit = 500;

export interface DoneEntry {
  readonly id: string;
  readonly number: number;
  readonly sequence: number;
}

export class Done {
  readonly #entries = new Map<string, DoneEntry>();

  constructor(entries: readonly DoneEntry[]) {
    for (const entry of entries) this.#entries.set(entry.id, entry);
  }

  /** The last event that this command caused. */
  find(id: string): DoneEntry | undefined {
    return this.#entries.get(id);
  }

  note(event: RoomEvent, view: RoomView, sequence: number): void {
    const id = event.id.split(".")[0] ?? event.id;
    this.#entries.delete(id);
    this.#entries.set(id, { id, number: view.number, sequence });
    if (this.#entries.size <= limit) return;
    const [oldest] = this.#entries.keys();
    if (oldest !== undefined) this.#entries.delete(oldest);
  }

  /** For the stored view. */
  newest(): DoneEntry[] {
    return [...this.#entries.values()].slice(-storedLimit);
  }
}
