// Dates as XMPP writes them: XEP-0082 §3.2.

/** Milliseconds since 1970, or undefined for what is no such date. Zones other than Z are understood. */
export function parseStamp(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const match = /^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})$/.exec(text.trim());
  if (!match) return undefined;
  const time = Date.parse(`${match[1]}${(match[2] ?? "").slice(0, 4)}${match[3]}`);
  return Number.isNaN(time) ? undefined : time;
}

// The years that four digits can write.
const last = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

/** The form of XEP-0082 §3.2 in UTC, with milliseconds; undefined for what is no moment of the years 1970 to 9999. */
export const printStamp = (time: number): string | undefined =>
  time >= 0 && time <= last ? new Date(time).toISOString() : undefined;
