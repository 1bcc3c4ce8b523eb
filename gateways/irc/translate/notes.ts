// Sentences for our own people, and for their partners when lines may be missing.

const clockTime = (ms: number): string => `${new Date(ms).toISOString().slice(11, 19)}`;

/** Both moments in milliseconds since 1970; told in UTC, because the reader's zone is not known. */
export const gapNote = (from: number, to: number): string =>
  `messages between ${clockTime(from)} and ${clockTime(to)} UTC may be missing`;

/** Why the person is not called as he expects. */
export const nickNote = (network: string, nick: string, wanted: string): string =>
  nick === wanted
    ? `IRC network ${network}: you are ${nick} again`
    : `IRC network ${network}: you are ${nick} now, because the nick ${wanted} is not to be had`;

export const awayNote = (nick: string, text: string): string =>
  text === "" ? `${nick} is away` : `${nick} is away: ${text}`;

/** The person behind a nick is now on the network under this one. */
export const hereNote = (address: string, nick: string): string => `${address} is here as ${nick}`;
