// Who is in a foreign room as one of our occupants sees it, and what of that is to be told to our room, gathered: people of theirs
// that are not ours, altogether when the picture is whole, in groups afterwards (XEP-0045 §7.2.3, §7.6).

import type { Role } from "#bus-schemas/events/room.ts";
import type { RoomDo } from "#bus-schemas/events/room-command.ts";
import { causeOf, type ForeignPresence, type GoneCause, type Occupant } from "./foreign-presence.ts";

export const crowdLimits = {
  /** People of one foreign room that are kept account of; more are there unseen. */
  people: 10_000,
  /** Changes of one kind in one batch. */
  changes: 5_000,
  renamed: 100,
} as const;

export type LegRoster = Extract<RoomDo, { kind: "leg-roster" }>;

export interface Batch {
  readonly joined: readonly Occupant[];
  readonly gone: readonly { readonly name: string; readonly cause: GoneCause; readonly reason?: string }[];
  readonly renamed: readonly { readonly from: string; readonly name: string }[];
}

export class Crowd {
  /** Everybody there by nick, ours too. */
  readonly people = new Map<string, Occupant>();
  /** The picture is whole: everybody was shown. */
  isWhole = false;
  readonly #isOurs: (occupant: Occupant) => boolean;
  #joined: Occupant[] = [];
  #gone: Batch["gone"][number][] = [];
  #renamed: Batch["renamed"][number][] = [];
  readonly #touched = new Set<string>();

  constructor(isOurs: (occupant: Occupant) => boolean) {
    this.#isOurs = isOurs;
  }

  /** Begins anew: everybody will be shown again. */
  reset(): void {
    this.people.clear();
    this.take();
    this.isWhole = false;
  }

  /** Those who are not ours. */
  strangers(): Occupant[] {
    return [...this.people.values()].filter((one) => !this.#isOurs(one));
  }

  /** Whether a change about this nick waits to be told. */
  touches(nick: string): boolean {
    return this.#touched.has(nick);
  }

  /**
   * Takes one presence in; what it gives back has to be told first, so that the order of changes about one nick is not lost in
   * a batch. Before the picture is whole nothing is gathered.
   */
  add(presence: ForeignPresence): Batch | undefined {
    if (presence.is === "here") return this.#here(presence.occupant);
    if (presence.is !== "gone") return undefined;
    const before = this.people.get(presence.nick);
    this.people.delete(presence.nick);
    if (before === undefined || this.#isOurs(before) || !this.isWhole) return undefined;
    const { newNick } = presence;
    if (newNick !== undefined) {
      const told = this.#make([presence.nick, newNick]);
      this.people.set(newNick, { ...before, nick: newNick });
      this.#renamed.push({ from: presence.nick, name: newNick });
      return told;
    }
    const told = this.#make([presence.nick]);
    const { reason } = presence;
    const cause = causeOf(presence.codes);
    this.#gone.push({ name: presence.nick, cause, ...(reason !== undefined && { reason }) });
    return told;
  }

  /** One who was shown as a stranger has turned out to be ours. */
  isOursAfterAll(nick: string): Batch | undefined {
    if (!this.isWhole || !this.people.has(nick)) return undefined;
    const told = this.#make([nick]);
    this.#gone.push({ name: nick, cause: "left" });
    return told;
  }

  /** What has been gathered; it begins anew. */
  take(): Batch | undefined {
    if (this.#touched.size === 0) return undefined;
    const batch = { joined: this.#joined, gone: this.#gone, renamed: this.#renamed };
    this.#joined = [];
    this.#gone = [];
    this.#renamed = [];
    this.#touched.clear();
    return batch;
  }

  #here(occupant: Occupant): Batch | undefined {
    const { nick } = occupant;
    const before = this.people.get(nick);
    if (before === undefined && this.people.size >= crowdLimits.people) return undefined;
    this.people.set(nick, occupant);
    // Another rank is told as coming again.
    const isNews = before?.role !== occupant.role && !this.#isOurs(occupant);
    if (!isNews || !this.isWhole) return undefined;
    const told = this.#make([nick]);
    this.#joined.push(occupant);
    return told;
  }

  #make(nicks: readonly string[]): Batch | undefined {
    const full =
      this.#joined.length >= crowdLimits.changes ||
      this.#gone.length >= crowdLimits.changes ||
      this.#renamed.length >= crowdLimits.renamed;
    const before = full || nicks.some((nick) => this.#touched.has(nick)) ? this.take() : undefined;
    for (const nick of nicks) this.#touched.add(nick);
    return before;
  }
}

/** Somebody of theirs as our room's roster names him: under the room there as device, so that he is never taken for a room. */
export const personThere = (
  room: { readonly local: string; readonly domain: string },
  nick: string,
  role?: Role,
): LegRoster["joined"][number] => ({
  name: nick,
  address: { local: nick, domain: room.domain, device: room.local },
  ...(role !== undefined && { role }),
});
