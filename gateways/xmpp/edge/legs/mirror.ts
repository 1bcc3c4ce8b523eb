// People of a foreign room in the roster of ours: everybody, only who speaks, or nobody; told in groups.

import type { RoomAnswer, RoomDo } from "#bus-schemas/events/room-command.ts";
import type { Clock } from "#bus-schemas/service/service.ts";
import { type Batch, type Crowd, personThere } from "../../translate/legs/crowd.ts";
import type { ForeignPresence, Occupant } from "../../translate/legs/foreign-presence.ts";
import type { LegPlace } from "./place.ts";

export const mirrorLimits = {
  /** How long changes are gathered before they are told. */
  waitMs: 200,
  /** Between two tries to tell a room who is there. */
  againMs: 5_000,
  changes: 5_000,
} as const;

export interface MirrorParts {
  readonly clock: Clock;
  readonly place: LegPlace;
  readonly crowd: Crowd;
  /** Nicks there of whom our room shows now. */
  readonly shown: () => readonly string[];
  readonly command: (what: RoomDo) => Promise<RoomAnswer>;
  /** Gives work its turn among what was heard. */
  readonly later: (work: () => Promise<void>) => void;
}

export class Mirror {
  readonly #parts: MirrorParts;
  /** Nicks that our room was told of. */
  readonly #told = new Set<string>();
  #cancel: (() => void) | undefined;

  constructor(parts: MirrorParts) {
    this.#parts = parts;
    for (const nick of parts.shown()) this.#told.add(nick);
  }

  /** Tells who is there, altogether. */
  async whole(): Promise<void> {
    const { crowd, place, shown } = this.#parts;
    if (!crowd.isWhole) return;
    crowd.take();
    const strangers = crowd.strangers();
    const known = new Set(shown());
    const here =
      place.mirror === "none"
        ? []
        : this.#isOpen
          ? strangers
          : strangers.filter(({ nick }) => known.has(nick)).slice(0, place.mirrorLimit);
    this.#told.clear();
    for (const { nick } of here) this.#told.add(nick);
    await this.#tell(true, { joined: here, gone: [], renamed: [] });
  }

  /** The foreign room cannot be seen any more: nobody of it is shown. */
  async gone(): Promise<void> {
    const { crowd, shown } = this.#parts;
    crowd.take();
    this.#told.clear();
    const names = shown();
    if (names.length === 0) return;
    await this.#command({
      whole: true,
      joined: [],
      gone: names.map((name) => ({ name, cause: "leg-gone" as const })),
      renamed: [],
    });
  }

  /** What somebody's presence changes; told a moment later, with others. */
  async presence(presence: ForeignPresence): Promise<void> {
    const before = this.#parts.crowd.add(presence);
    await this.#gathered(before);
  }

  /** Before somebody's words go into our room: what is still to be told of him is, and a speaker is shown. */
  async before(nick: string): Promise<void> {
    const { crowd, place } = this.#parts;
    if (crowd.touches(nick)) await this.flush();
    const occupant = crowd.people.get(nick);
    if (place.mirror === "none" || this.#told.has(nick) || occupant === undefined) return;
    if (!crowd.strangers().includes(occupant) || this.#told.size >= place.mirrorLimit) return;
    this.#told.add(nick);
    await this.#tell(false, { joined: [occupant], gone: [], renamed: [] });
  }

  /** One who was shown is one of us. */
  async isOurs(nick: string): Promise<void> {
    await this.#gathered(this.#parts.crowd.isOursAfterAll(nick));
  }

  async flush(): Promise<void> {
    await this.#batch(this.#parts.crowd.take());
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  get #isOpen(): boolean {
    const { place, crowd } = this.#parts;
    return place.mirror === "all" && crowd.strangers().length <= place.mirrorLimit;
  }

  async #gathered(before: Batch | undefined): Promise<void> {
    await this.#batch(before);
    this.#cancel ??= this.#parts.clock.after(mirrorLimits.waitMs, () => {
      this.#cancel = undefined;
      this.#parts.later(() => this.flush());
    });
  }

  async #batch(batch: Batch | undefined): Promise<void> {
    if (batch === undefined || this.#parts.place.mirror === "none") return;
    const joined = this.#isOpen ? batch.joined : [];
    const renamed = batch.renamed.filter(({ from }) => this.#told.has(from));
    const gone = batch.gone.filter(({ name }) => this.#told.has(name));
    for (const { from, name } of renamed) {
      this.#told.delete(from);
      this.#told.add(name);
    }
    for (const { name } of gone) this.#told.delete(name);
    for (const { nick } of joined) this.#told.add(nick);
    if (joined.length + renamed.length + gone.length === 0) return;
    await this.#tell(false, { joined, gone, renamed });
  }

  async #tell(whole: boolean, batch: Batch): Promise<void> {
    const { there } = this.#parts.place;
    const person = ({ nick, role }: Occupant): ReturnType<typeof personThere> =>
      personThere(there, nick, role);
    const { people } = this.#parts.crowd;
    await this.#command({
      whole,
      joined: batch.joined.slice(0, mirrorLimits.changes).map(person),
      gone: batch.gone.map(({ name, cause, reason }) => ({
        name,
        cause,
        ...(reason !== undefined && { reason: reason.slice(0, 1024) }),
      })),
      renamed: batch.renamed.map(({ from, name }) => ({
        from,
        ...personThere(there, name, people.get(name)?.role),
      })),
    });
  }

  async #command(roster: Omit<Extract<RoomDo, { kind: "leg-roster" }>, "kind" | "leg">): Promise<void> {
    const { command, clock, later, place } = this.#parts;
    const answer = await command({ kind: "leg-roster", leg: place.leg, ...roster });
    // What the room has not taken it is told anew, whole: the roster must be right in the end.
    if (!answer.ok && answer.reason === "unreachable")
      clock.after(mirrorLimits.againMs, () => later(() => this.whole()));
  }
}
