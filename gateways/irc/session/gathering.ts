// Who came, went and was renamed in a channel, gathered for a moment so that a crowd is told once (a netsplit, a morning).
import type { Fact } from "./crowd.ts";

export const gatheringLimits = {
  /** How long changes are gathered before they are told. */
  waitMs: 300,
  /** Of one kind in one batch; more begin the next one. */
  changes: 5_000,
  renamed: 100,
} as const;

export interface Batch {
  readonly joined: readonly string[];
  readonly gone: readonly Gone[];
  readonly renamed: readonly { readonly from: string; readonly name: string }[];
  /** Of a netsplit: between which servers. */
  readonly text?: string;
}

interface Gone {
  readonly name: string;
  readonly cause: "left" | "kicked" | "lost" | "netsplit";
  readonly reason?: string;
}

export class Gathering {
  #joined: string[] = [];
  #gone: Gone[] = [];
  #renamed: { from: string; name: string }[] = [];
  readonly #touched = new Set<string>();
  readonly #fold: (name: string) => string;

  constructor(fold: (name: string) => string) {
    this.#fold = fold;
  }

  /** Whether anything is waiting that concerns this name. */
  touches(name: string): boolean {
    return this.#touched.has(this.#fold(name));
  }

  /**
   * Adds a fact. The batch that it gives back has to be told first: order among changes of one name must not be lost in it.
   * Facts of other kinds add nothing.
   */
  add(fact: Fact): Batch | undefined {
    const names = namesOf(fact);
    if (names.length === 0) return undefined;
    const full =
      this.#joined.length >= gatheringLimits.changes ||
      this.#gone.length >= gatheringLimits.changes ||
      this.#renamed.length >= gatheringLimits.renamed;
    const before = full || names.some((name) => this.touches(name)) ? this.take() : undefined;
    for (const name of names) this.#touched.add(this.#fold(name));
    if (fact.is === "came") this.#joined.push(fact.nick);
    if (fact.is === "went") this.#gone.push(goneOf(fact));
    if (fact.is === "renamed") this.#renamed.push({ from: fact.from, name: fact.nick });
    return before;
  }

  /** What has been gathered; it begins anew. */
  take(): Batch | undefined {
    if (this.#touched.size === 0) return undefined;
    const text = this.#gone.find((gone) => gone.cause === "netsplit")?.reason;
    const batch = {
      joined: this.#joined,
      gone: this.#gone,
      renamed: this.#renamed,
      ...(text !== undefined && { text: `netsplit: ${text}` }),
    };
    this.#joined = [];
    this.#gone = [];
    this.#renamed = [];
    this.#touched.clear();
    return batch;
  }
}

const goneOf = ({ nick, how, reason }: Extract<Fact, { is: "went" }>): Gone => ({
  name: nick,
  cause: how,
  ...(reason !== "" && { reason: reason.slice(0, 1024) }),
});

function namesOf(fact: Fact): readonly string[] {
  switch (fact.is) {
    case "came":
    case "went":
      return [fact.nick];
    case "renamed":
      return [fact.from, fact.nick];
    default:
      return [];
  }
}
