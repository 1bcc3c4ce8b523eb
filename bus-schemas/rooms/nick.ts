// Nicks in rooms: when two are the same, which can be used, and what becomes of one that is taken. RFC 8266.

/** Under which spelling a nick is unique in a room: compatibility forms, letter case and runs of spaces aside (RFC 8266 §2.4). */
export const nickKey = (nick: string): string =>
  nick.normalize("NFKC").replace(/\s+/gu, " ").trim().toLowerCase().normalize("NFKC");

/** The nick as it is shown: trimmed, with single spaces; undefined if nothing usable is left of it or it is too long. */
export function cleanNick(text: string, maxBytes: number): string | undefined {
  // Control characters and what turns the direction of writing: nobody can look like somebody else.
  const clean = text
    .normalize("NFC")
    .replace(/[\p{Cc}\p{Cf}\p{Co}\p{Cn}\u2028\u2029]/gu, "")
    .replace(/\s+/gu, " ")
    .trim();
  if (clean === "" || Buffer.byteLength(clean, "utf8") > maxBytes) return undefined;
  return clean;
}

/** A nick like this one that `taken` does not know: `alice`, `alice (2)`, `alice (3)` … */
export function freeNick(nick: string, taken: (key: string) => boolean): string {
  if (!taken(nickKey(nick))) return nick;
  for (let count = 2; ; count += 1) {
    const candidate = `${nick} (${count})`;
    if (!taken(nickKey(candidate))) return candidate;
  }
}
