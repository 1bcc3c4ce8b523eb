// What a channel said in the last minute, as one connection heard it, and where in it another reader stopped: so that reading
// passes from one instance to the next without gap and without double, although IRC numbers nothing.

export const scrollLimits = {
  /** How far back the lines are kept. */
  keptMs: 60_000,
  /** And no more than so many. */
  entries: 2_000,
  /** Of what was read last the record keeps so many: what a successor finds its place by. */
  tail: 64,
} as const;

/** One thing heard in the channel: lines that are passed on, and what else happened between them, for the place. */
export interface Entry {
  /** The same for whoever heard it: command, who, text. */
  readonly print: string;
  /** IRCv3 message-ids, where the server has them. */
  readonly msgid?: string | undefined;
  /** When it was heard here, milliseconds since 1970. */
  readonly at: number;
}

/** An entry that was read, with the number under which it went on. */
export interface Read {
  readonly print: string;
  readonly msgid?: string | undefined;
  readonly at: number;
  readonly number: number;
}

export interface Found {
  /** How many entries of the scroll belong to what was read before. */
  readonly upTo: number;
  /** What was read before and has not been heard here yet: still to come, and not to be read again. */
  readonly ahead: readonly Read[];
  /** How many entries agreed; 0: nothing that was read before has been heard here. */
  readonly agreed: number;
}

const same = (entry: Entry, read: Read): boolean =>
  entry.msgid !== undefined && read.msgid !== undefined
    ? entry.msgid === read.msgid
    : entry.print === read.print;

/**
 * Where in `scroll` the reader stopped who left this `tail`: the place where the longest run of entries agrees, of several
 * the one nearest in time. Both lists are oldest first. Work: tail times scroll, at most 64 × 2,000.
 */
export function place(scroll: readonly Entry[], tail: readonly Read[]): Found {
  let best: Found = { upTo: 0, ahead: [], agreed: 0 };
  let nearest = Number.POSITIVE_INFINITY;
  const consider = (upTo: number, read: number): void => {
    const agreed = run(scroll, upTo, tail, read);
    if (agreed === 0 || agreed < best.agreed) return;
    const distance = Math.abs((scroll[upTo - 1]?.at ?? 0) - (tail[read - 1]?.at ?? 0));
    if (agreed === best.agreed && distance >= nearest) return;
    best = { upTo, ahead: tail.slice(read), agreed };
    nearest = distance;
  };
  for (let upTo = 1; upTo <= scroll.length; upTo++) consider(upTo, tail.length);
  // The other reader was ahead: the end of the scroll lies inside what he has read.
  for (let read = 1; read < tail.length; read++) consider(scroll.length, read);
  return best;
}

/** How many entries before `upTo` and `read` agree, one by one backwards. */
function run(scroll: readonly Entry[], upTo: number, tail: readonly Read[], read: number): number {
  let agreed = 0;
  for (;;) {
    const entry = scroll[upTo - 1 - agreed];
    const known = tail[read - 1 - agreed];
    if (entry === undefined || known === undefined || !same(entry, known)) return agreed;
    agreed++;
  }
}

/** Takes `entry` off what is still to come, if it is that: those skipped over were never heard here. */
export function arrived(
  ahead: readonly Read[],
  entry: Entry,
): { ahead: readonly Read[]; read: Read | undefined } {
  const index = ahead.findIndex((read) => same(entry, read));
  return index < 0 ? { ahead, read: undefined } : { ahead: ahead.slice(index + 1), read: ahead[index] };
}

/** The scroll with one more entry, without what is too old or too much. */
export function kept<T extends Entry>(scroll: readonly T[], entry: T): T[] {
  const from = scroll.findIndex(({ at }) => at > entry.at - scrollLimits.keptMs);
  const young = from < 0 ? [] : scroll.slice(Math.max(from, scroll.length - scrollLimits.entries + 1));
  young.push(entry);
  return young;
}
