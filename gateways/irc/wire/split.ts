// Cuts a text into lines that fit: RFC 1459 §2.3 counts 512 bytes of the line as others receive it, with our own mask.
import { styleCodes } from "./format.ts";
import { lineLimits } from "./message.ts";

/**
 * Bytes left for the text of one line, as the receiver gets it: `:mask COMMAND target :text` and CR LF.
 * `overhead` is what a CTCP frame around the text costs.
 */
export const textBudget = (mask: string, command: string, target: string, overhead = 0): number =>
  lineLimits.lineBytes - 2 - Buffer.byteLength(`:${mask} ${command} ${target} :`) - overhead;

const graphemes = new Intl.Segmenter("und", { granularity: "grapheme" });

/** C0 and DEL have no meaning in a line of text but TAB; a bare CR is a line end like CR LF. */
const clean = (text: string): string => text.replace(/[\x00-\x08\x0b-\x1f\x7f]/g, "");

/** The lines of a text: CR LF, LF or CR end a line. */
const lineEnd = /\r\n|\n|\r/g;

interface Line {
  readonly text: string;
  readonly mask: Uint8Array;
}

/** Lines with their styles; control characters are taken out of both. */
function linesOf(text: string, mask: Uint8Array): Line[] {
  const lines: Line[] = [];
  let start = 0;
  const add = (to: number): void => {
    const raw = text.slice(start, to);
    const kept = clean(raw);
    const marks = new Uint8Array(kept.length);
    let at = 0;
    for (let i = 0; i < raw.length; i++) if (clean(raw.charAt(i)) !== "") marks[at++] = mask[start + i] ?? 0;
    lines.push({ text: kept, mask: marks });
  };
  for (const end of text.matchAll(lineEnd)) {
    add(end.index);
    start = end.index + end[0].length;
  }
  add(text.length);
  return lines;
}

/** A place where a line may be cut, and what stands behind it: a grapheme, or a character of one that alone would not fit. */
interface Unit {
  readonly text: string;
  readonly style: number;
}

function unitsOf(line: Line, budget: number): Unit[] {
  const units: Unit[] = [];
  for (const { segment, index } of graphemes.segment(line.text)) {
    let at = index;
    const fits = Buffer.byteLength(segment) + 5 <= budget;
    for (const text of fits ? [segment] : segment) {
      units.push({ text, style: line.mask[at] ?? 0 });
      at += text.length;
    }
  }
  return units;
}

/** How many units from `start` fit into the budget, codes included; at least one. */
function fitting(units: readonly Unit[], start: number, budget: number): number {
  let bytes = 0;
  let style = 0;
  let end = start;
  for (const unit of units.slice(start, start + budget)) {
    bytes += styleCodes(style, unit.style).length + Buffer.byteLength(unit.text);
    if (bytes > budget && end > start) break;
    style = unit.style;
    end++;
  }
  return end;
}

function render(units: readonly Unit[]): string {
  let style = 0;
  let text = "";
  for (const unit of units) {
    text += styleCodes(style, unit.style) + unit.text;
    style = unit.style;
  }
  return text;
}

/** One line into pieces. A cut goes before the last space of the latter half if there is one: servers take spaces off the
 * end of a line (ngIRCd 26), not off its beginning, so nothing is lost. */
function splitLine(line: Line, budget: number): string[] {
  const units = unitsOf(line, budget);
  const pieces: string[] = [];
  let start = 0;
  while (start < units.length) {
    const most = fitting(units, start, budget);
    let end = most;
    if (most < units.length) {
      const space = units.slice(start, most).findLastIndex((unit) => unit.text === " ");
      if (space >= (most - start) / 2) end = start + space;
    }
    pieces.push(render(units.slice(start, end)));
    start = end;
  }
  return pieces;
}

/**
 * The lines to send, each at most `budget` bytes with its formatting codes. Empty lines are left out, because IRC has
 * none. Joined again, the pieces of a line are that line. `undefined`: more than `maxLines`, or a budget below 16 bytes.
 */
export function split(
  text: string,
  mask: Uint8Array,
  budget: number,
  maxLines: number,
): string[] | undefined {
  if (budget < 16 || Buffer.byteLength(text) > (budget + 2) * maxLines * 2) return undefined;
  const lines: string[] = [];
  for (const line of linesOf(text.toWellFormed(), mask)) {
    if (line.text.trim() === "") continue;
    lines.push(...splitLine(line, budget));
    if (lines.length > maxLines) return undefined;
  }
  return lines;
}
