// People of a conference elsewhere in the roster of our room: all at first, then what has changed, in groups.
import type { RoomAnswer, RoomDo } from "#bus-schemas/events/room-command.ts";
import type { WheelTimer } from "#bus-schemas/service/wheel.ts";
import type { FocusRoster } from "../../session/focus-roster.ts";
import {
  type CrowdNews,
  causeOf,
  crowdNews,
  type Departed,
  type LegRoster,
  personThere,
  type Shown,
} from "../../translate/legs/crowd.ts";
import type { InfoUser } from "../../wire/conference-info.ts";
import type { LegParts, LegPlace } from "./parts.ts";

export const mirrorLimits = {
  /** How long changes are gathered before they are told, milliseconds. */
  waitMs: 200,
  /** Between two tries to tell a room who is there, milliseconds. */
  againMs: 5_000,
  /** People of one conference that are shown; more are there unseen, and heard all the same. */
  people: 5_000,
  /** How long the first words wait for the first roster, milliseconds; a focus that shows none delays them once. */
  firstMs: 2_000,
  /** Renamings of one command. */
  renamed: 100,
} as const;

const nobody: ReadonlyMap<string, InfoUser> = new Map();

export interface MirrorParts extends Pick<LegParts, "wheel"> {
  readonly place: LegPlace;
  /** Whether this user of theirs is one of ours. */
  readonly isOurs: (user: InfoUser) => boolean;
  readonly command: (what: RoomDo) => Promise<RoomAnswer>;
  /** Gives work its turn among what is heard. */
  readonly later: (work: () => Promise<void>) => Promise<void>;
}

export class Mirror {
  readonly #parts: MirrorParts;
  #roster: FocusRoster | undefined;
  #shown: ReadonlyMap<string, Shown> = new Map();
  readonly #departed = new Map<string, Departed>();
  /** A roster has come, or is waited for no longer. */
  #first = Promise.withResolvers<void>();
  /** The room has been told everything once. */
  #isTold = false;
  #timer: WheelTimer | undefined;

  constructor(parts: MirrorParts) {
    this.#parts = parts;
  }

  /** Under what somebody there is shown, by entity. */
  get shown(): ReadonlyMap<string, Shown> {
    return this.#shown;
  }
  get users(): ReadonlyMap<string, InfoUser> {
    return this.#roster?.users ?? nobody;
  }

  /** The entity of the one who is shown under this name. */
  entityOf(name: string): string | undefined {
    for (const [entity, one] of this.#shown) if (one.name.toLowerCase() === name.toLowerCase()) return entity;
    return undefined;
  }

  take(roster: FocusRoster): void {
    const isFirst = this.#roster === undefined;
    this.#roster = roster;
    this.#first.resolve();
    for (const [entity, how] of roster.gone) this.#departed.set(entity, how);
    if (isFirst) void this.#parts.later(() => this.flush());
    else this.soon();
  }

  /** Who is ours and who is theirs may have changed. */
  soon(): void {
    this.#timer ??= this.#parts.wheel.after(
      mirrorLimits.waitMs,
      () => void this.#parts.later(() => this.flush()),
    );
  }

  /** Tells everything anew: the room shows others than are there. */
  anew(): void {
    this.#isTold = false;
    this.soon();
  }

  /** Before somebody's words go into our room: who is there is told. In its turn only. */
  async before(): Promise<void> {
    const late = this.#parts.wheel.after(mirrorLimits.firstMs, this.#first.resolve);
    await this.#first.promise;
    late.cancel();
    await this.flush();
  }

  /** Tells what has changed. In its turn only. */
  async flush(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#roster === undefined) return;
    const strangers = new Map([...this.#roster.users].filter(([, user]) => !this.#parts.isOurs(user)));
    const news = crowdNews(this.#shown, strangers, this.#departed, mirrorLimits.people);
    this.#shown = news.shown;
    this.#departed.clear();
    if (!this.#isTold) {
      this.#isTold = true;
      return this.#tell({ whole: true, joined: [...news.shown.values()], gone: [], renamed: [] });
    }
    await this.#tellNews(news);
  }

  /** Nobody of ours sees them any more: they are shown no longer. */
  async gone(): Promise<void> {
    this.stop();
    const names = [...this.#shown.values()];
    this.#shown = new Map();
    this.#roster = undefined;
    this.#first = Promise.withResolvers();
    this.#isTold = false;
    if (names.length === 0) return;
    const gone = names.map(({ name }) => ({ name, cause: "leg-gone" as const }));
    await this.#command({ whole: true, joined: [], gone, renamed: [] });
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  async #tellNews({ joined, gone, renamed }: CrowdNews): Promise<void> {
    if (joined.length + gone.length + renamed.length === 0) return;
    for (let at = 0; at === 0 || at < renamed.length; at += mirrorLimits.renamed) {
      const part = renamed.slice(at, at + mirrorLimits.renamed);
      await this.#tell({
        whole: false,
        joined: at === 0 ? joined : [],
        gone: at === 0 ? gone : [],
        renamed: part,
      });
    }
  }

  #tell(news: Pick<CrowdNews, "joined" | "gone" | "renamed"> & { readonly whole: boolean }): Promise<void> {
    const { place } = this.#parts;
    return this.#command({
      whole: news.whole,
      joined: news.joined.map(({ name, role }) => personThere(place.room, name, role)),
      gone: news.gone.map(({ name, how }) => ({
        name,
        cause: causeOf(how),
        ...(how?.reason ? { reason: how.reason.slice(0, 1024) } : {}),
      })),
      renamed: news.renamed.map(({ from, name }) => ({ from, ...personThere(place.room, name) })),
    });
  }

  async #command(roster: Omit<LegRoster, "kind" | "leg">): Promise<void> {
    const { command, wheel, place } = this.#parts;
    const answer = await command({ kind: "leg-roster", leg: place.leg, ...roster });
    // What the room has not taken it is told anew, whole: the roster must be right in the end.
    if (!answer.ok && answer.reason === "unreachable")
      wheel.after(mirrorLimits.againMs, () => {
        if (this.#roster !== undefined) this.anew();
      });
  }
}
