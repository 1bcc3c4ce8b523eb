// One thing on its way through a unit, and the ways in which it may end.
import type { Event } from "../event.ts";
import type { Delivery } from "./courier.ts";
import type { LaneName } from "./lane.ts";
import type { End } from "./ledger.ts";

/** The header of what stands in a mailbox that says which item of which lane it was: `<lane> <sequence>`. */
export const parkedHeader = "Parley-Parked";

/** One thing on its way: from a lane, or (box set) from a mailbox. */
export interface Item {
  readonly event: Event;
  readonly headers: Readonly<Record<string, string>>;
  readonly lane: LaneName;
  readonly sequence: number;
  readonly queue: string;
  /** An earlier owner may have written it already. */
  readonly again: boolean;
  /** An earlier owner had begun to write it, and the far side cannot recognise a second copy. */
  readonly doubtful: boolean;
  readonly readAt: number;
  box?: number;
}

/** How an attempt ended: settled with this end, to be kept in the mailbox, or not carried through (paused, lost). */
export type Conclusion = End | "away" | "stopped";

/** The four ends that a sender may hear of, and what goes with them. */
export type Ending = Exclude<Delivery, { end: "away" }> | { readonly end: "expired" };
