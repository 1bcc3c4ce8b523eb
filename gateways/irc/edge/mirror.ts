// The channel's people in the room's roster: who is shown there, told in groups; everybody, only speakers, or nobody.
import type { RoomAnswer, RoomDo } from "#bus-schemas/events/room-command.ts";
import type { Clock } from "#bus-schemas/service/service.ts";
import { type Batch, Gathering, gatheringLimits } from "../session/gathering.ts";
import type { Ear, Heard } from "./ear.ts";
import type { LegConfig } from "./leg-config.ts";

type LegRoster = Extract<RoomDo, { kind: "leg-roster" }>;

export interface MirrorParts {
  readonly clock: Clock;
  readonly leg: LegConfig;
  /** The network's domain. */
  readonly domain: string;
  readonly ear: Ear;
  /** Who of this leg the room shows now, by name there. */
  readonly shown: () => readonly string[];
  readonly command: (what: RoomDo) => Promise<RoomAnswer>;
  /** Gives work its turn among what was heard. */
  readonly later: (work: () => Promise<void>) => void;
}

export class Mirror {
  readonly #parts: MirrorParts;
  readonly #gathering: Gathering;
  /** Folded names that the room was told of. */
  readonly #told = new Set<string>();
  #cancel: (() => void) | undefined;

  constructor(parts: MirrorParts) {
    this.#parts = parts;
    this.#gathering = new Gathering((name) => this.#fold(name));
    for (const name of parts.shown()) this.#told.add(this.#fold(name));
  }

  /** Tells the room who is there, altogether. */
  async whole(): Promise<void> {
    if (!this.#parts.ear.isComplete) return;
    this.#gathering.take();
    const here = this.#wanted();
    this.#told.clear();
    for (const name of here) this.#told.add(this.#fold(name));
    await this.#tell({ whole: true, joined: here, gone: [], renamed: [] });
  }

  /** The channel cannot be heard any more: nobody of it is shown. */
  async gone(text: string): Promise<void> {
    this.#gathering.take();
    const gone = this.#parts.shown().map((name) => ({ name, cause: "leg-gone" as const }));
    this.#told.clear();
    await this.#tell({ whole: true, joined: [], gone, renamed: [], text });
  }

  /** Somebody came, went or was renamed; told a moment later with others. */
  async fact(heard: Heard): Promise<void> {
    const { fact } = heard;
    if (!this.#concerns(fact)) return;
    const before = this.#gathering.add(fact);
    if (before !== undefined) await this.#batch(before);
    this.#cancel ??= this.#parts.clock.after(gatheringLimits.waitMs, () => {
      this.#cancel = undefined;
      this.#parts.later(() => this.flush());
    });
  }

  /** Before somebody's words go into the room: what is still to be told of him is, and a speaker is shown. */
  async before(nick: string): Promise<void> {
    if (this.#gathering.touches(nick)) await this.flush();
    const name = this.#fold(nick);
    if (this.#parts.leg.mirror === "none" || this.#told.has(name)) return;
    if (this.#told.size >= this.#parts.leg.mirrorLimit) return;
    this.#told.add(name);
    await this.#tell({ whole: false, joined: [nick], gone: [], renamed: [] });
  }

  async flush(): Promise<void> {
    const batch = this.#gathering.take();
    if (batch !== undefined) await this.#batch(batch);
  }

  stop(): void {
    this.#cancel?.();
  }

  /** Keeps up whom the room knows, and says whether it has to be told. */
  #concerns(fact: Heard["fact"]): boolean {
    if (this.#parts.leg.mirror === "none") return false;
    switch (fact.is) {
      case "came":
        if (!this.#isOpen) return false;
        this.#told.add(this.#fold(fact.nick));
        return true;
      case "went":
        return this.#told.delete(this.#fold(fact.nick));
      case "renamed":
        if (!this.#told.delete(this.#fold(fact.from))) return false;
        this.#told.add(this.#fold(fact.nick));
        return true;
      default:
        return false;
    }
  }

  /** Whether everybody who comes is shown, not only who speaks. */
  get #isOpen(): boolean {
    const { mirror, mirrorLimit } = this.#parts.leg;
    return mirror === "all" && this.#parts.ear.hasAtMost(mirrorLimit);
  }

  #wanted(): string[] {
    const { leg, ear, shown } = this.#parts;
    if (leg.mirror === "none") return [];
    const strangers = ear.strangers();
    if (this.#isOpen) return strangers;
    const known = new Set(shown().map((name) => this.#fold(name)));
    return strangers.filter((nick) => known.has(this.#fold(nick))).slice(0, leg.mirrorLimit);
  }

  #batch(batch: Batch): Promise<void> {
    const { joined, gone, renamed, text } = batch;
    return this.#tell({
      whole: false,
      joined,
      gone: [...gone],
      renamed,
      ...(text !== undefined && { text }),
    });
  }

  async #tell(batch: Omit<Batch, "gone"> & { whole: boolean; gone: LegRoster["gone"] }): Promise<void> {
    const { leg, command, clock } = this.#parts;
    const { whole, joined, gone, renamed, text } = batch;
    const answer = await command({
      kind: "leg-roster",
      leg: leg.leg,
      whole,
      joined: joined.slice(0, gatheringLimits.changes).map((name) => this.#person(name)),
      gone: [...gone],
      renamed: renamed.map(({ from, name }) => ({ from, ...this.#person(name) })),
      ...(text !== undefined && { text: text.slice(0, 1024) }),
    });
    // What the room has not taken it is told anew, whole: the roster must be right in the end.
    if (!answer.ok && (answer.reason === "unreachable" || answer.reason === "no-such-room"))
      clock.after(5_000, () => this.#parts.later(() => this.whole()));
  }

  #person(name: string): LegRoster["joined"][number] {
    const { leg, ear, domain } = this.#parts;
    const address = { local: name, domain };
    const ranks = ear.crowd?.ranks(name) ?? "";
    if (leg.opsModerate && /[qao]/.test(ranks)) return { name, address, role: "moderator" };
    return { name, address };
  }

  #fold(name: string): string {
    return this.#parts.ear.crowd?.fold(name) ?? name.toLowerCase();
  }
}
