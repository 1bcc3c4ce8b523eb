// IRC formatting codes: plain text with spans and back (modern.ircdocs.horse/formatting). Colours have no place in a span.

export const styles = ["bold", "italic", "underline", "strike", "mono"] as const;
export type Style = (typeof styles)[number];

/** A piece in a style; offsets count UTF-16 code units. */
export interface StyledPiece {
  readonly from: number;
  readonly to: number;
  readonly style: Style;
}

export interface Formatted {
  readonly text: string;
  readonly spans: readonly StyledPiece[];
}

const codes: Readonly<Record<Style, string>> = {
  bold: "\x02",
  italic: "\x1d",
  underline: "\x1f",
  strike: "\x1e",
  mono: "\x11",
};
const styleOf = new Map<string, Style>(styles.map((style) => [codes[style], style]));

/** More spans than this in one line are not kept; a line has 512 bytes. */
const spanLimit = 250;

// A colour with its numbers, a hex colour, any other control character, or a run without any. TAB is text.
const pieces =
  /\x03(?:\d{1,2}(?:,\d{1,2})?)?|\x04(?:[0-9a-fA-F]{6}(?:,[0-9a-fA-F]{6})?)?|[\x00-\x08\x0a-\x1f\x7f]|[^\x00-\x08\x0a-\x1f\x7f]+/g;

/** Reads a received text: codes become spans, colours, reverse and all other control characters but TAB go. */
export function parseFormat(received: string): Formatted {
  let text = "";
  const open = new Map<Style, number>();
  const spans: StyledPiece[] = [];
  const close = (style: Style): void => {
    const from = open.get(style);
    open.delete(style);
    if (from !== undefined && from < text.length && spans.length < spanLimit)
      spans.push({ from, to: text.length, style });
  };
  for (const [piece] of received.matchAll(pieces)) {
    const style = styleOf.get(piece);
    if (style !== undefined) {
      if (open.has(style)) close(style);
      else open.set(style, text.length);
    } else if (piece === "\x0f") for (const each of styles) close(each);
    else if (!/^[\x00-\x08\x0a-\x1f\x7f]/.test(piece)) text += piece;
  }
  for (const style of styles) close(style);
  return { text, spans: spans.sort((a, b) => a.from - b.from || a.to - b.to) };
}

/** The styles at every UTF-16 code unit, one bit each in the order of `styles`. */
export function styleMask(length: number, spans: readonly StyledPiece[]): Uint8Array {
  const mask = new Uint8Array(length);
  for (const span of spans) {
    const bit = 1 << styles.indexOf(span.style);
    for (let at = Math.max(0, span.from); at < Math.min(length, span.to); at++)
      mask[at] = (mask[at] ?? 0) | bit;
  }
  return mask;
}

/** The codes that lead from one set of styles to another: each code is a switch. */
export function styleCodes(before: number, after: number): string {
  const changed = before ^ after;
  return changed === 0 ? "" : styles.map((style, bit) => (changed & (1 << bit) ? codes[style] : "")).join("");
}
