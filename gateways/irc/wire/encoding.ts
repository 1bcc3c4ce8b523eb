// The character set of a line: UTF-8, else the network's older one; a character cut off at the end is repaired.

/** The set that lines are read in when they are not UTF-8. */
export type Fallback = "latin1" | "windows-1252";

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
// The label `latin1` means windows-1252 to TextDecoder (WHATWG Encoding), hence Buffer for the real one.
const windows = new TextDecoder("windows-1252");

function strictly(bytes: Uint8Array): string | undefined {
  try {
    return strict.decode(bytes);
  } catch {
    return undefined; // the only way in which TextDecoder says that it is not UTF-8
  }
}

/** How many bytes at the end are the beginning of a character whose rest is missing: 0 to 3. */
function cutOff(bytes: Uint8Array): number {
  for (let back = 1; back <= 3 && back <= bytes.length; back++) {
    const byte = bytes[bytes.length - back] ?? 0;
    if ((byte & 0xc0) === 0x80) continue;
    const needed = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return needed > back ? back : 0;
  }
  return 0;
}

/**
 * Decodes a line. A line that is UTF-8 but for a character cut off at its end (servers cut at 512 bytes) loses only that;
 * a short tail such as the one accented letter of a latin-1 word is not mistaken for it unless the rest proves UTF-8.
 */
export function decode(bytes: Uint8Array, fallback: Fallback): string {
  const whole = strictly(bytes);
  if (whole !== undefined) return whole;
  const missing = cutOff(bytes);
  if (missing > 0) {
    const repaired = strictly(bytes.subarray(0, bytes.length - missing));
    const proved = missing > 1 || (repaired !== undefined && /[^\0-\x7f]/.test(repaired));
    if (repaired !== undefined && proved) return `${repaired}\ufffd`;
  }
  return fallback === "latin1" ? Buffer.from(bytes).toString("latin1") : windows.decode(bytes);
}
