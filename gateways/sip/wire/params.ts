// Parameters `;name=value` and comma lists, shared by all header fields (RFC 3261 §25.1: generic-param, quoted-string).
import { limits } from "./limits.ts";

/** One parameter: name in lower case, value without quotes; undefined when there is no `=`. */
type Param = readonly [name: string, value: string | undefined];
export type Params = readonly Param[];

/** The value of a parameter; `""` for one without value, undefined when absent. */
export function param(params: Params, name: string): string | undefined {
  for (const [key, value] of params) if (key === name) return value ?? "";
  return undefined;
}

const tokenPattern = /^[A-Za-z0-9\-.!%*_+`'~]+$/;
/** Whether the text is a token of RFC 3261 §25.1. */
export const isToken = (text: string): boolean => tokenPattern.test(text);

/** The index of the closing quote of the quoted string that opens at `start`, or -1. */
export function endOfQuoted(text: string, start: number): number {
  for (let i = start + 1; i < text.length; i += 1) {
    const char = text.charCodeAt(i);
    if (char === 0x5c) i += 1;
    else if (char === 0x22) return i;
  }
  return -1;
}

/** A quoted string's content, escapes undone. */
export const unquote = (inner: string): string =>
  inner.includes("\\") ? inner.replace(/\\([\s\S])/g, "$1") : inner;
/** A quoted string; line ends become spaces, for they would end the field. */
export const quote = (text: string): string =>
  `"${text.replace(/[\r\n]+/g, " ").replace(/(["\\])/g, "\\$1")}"`;

/** Reads `;a=b;c="d"` (possibly with white space). Answers undefined when it is malformed or over the limit. */
export function parseParams(text: string): Params | undefined {
  const params: Param[] = [];
  let at = skipSpace(text, 0);
  while (at < text.length) {
    if (text[at] !== ";" || params.length >= limits.params) return undefined;
    at = skipSpace(text, at + 1);
    const nameStart = at;
    at = endOf(nameEnd, text, at);
    const name = text.slice(nameStart, at).toLowerCase();
    if (name === "") return undefined;
    at = skipSpace(text, at);
    if (text[at] !== "=") {
      params.push([name, undefined]);
      continue;
    }
    at = skipSpace(text, at + 1);
    const value = readValue(text, at);
    if (value === undefined) return undefined;
    params.push([name, value.text]);
    at = skipSpace(text, value.end);
  }
  return params;
}

const nameEnd = /[;=\s",<>]|$/g;
const valueEnd = /[;\s",<>]|$/g;

// Where the first character of `stop` stands, at or behind `start`; one search instead of one test per character.
function endOf(stop: RegExp, text: string, start: number): number {
  stop.lastIndex = start;
  return stop.exec(text)?.index ?? text.length;
}

function readValue(text: string, start: number): { text: string; end: number } | undefined {
  if (text[start] === '"') {
    const close = endOfQuoted(text, start);
    return close < 0 ? undefined : { text: unquote(text.slice(start + 1, close)), end: close + 1 };
  }
  const end = endOf(valueEnd, text, start);
  return end === start ? undefined : { text: text.slice(start, end), end };
}

export function skipSpace(text: string, start: number): number {
  let at = start;
  while (at < text.length && (text.charCodeAt(at) === 0x20 || text.charCodeAt(at) === 0x09)) at += 1;
  return at;
}

/** Prints parameters; a value that is not a token nor an address is quoted. */
export function printParams(params: Params): string {
  let text = "";
  for (const [name, value] of params) {
    if (value === undefined) text += `;${name}`;
    else text += `;${name}=${/^[A-Za-z0-9\-.!%*_+`'~:[\]]+$/.test(value) ? value : quote(value)}`;
  }
  return text;
}

/** Splits a comma list, minding quotes and angle brackets. Empty values stay, for their owner to refuse. */
export function splitList(text: string): string[] {
  if (!text.includes(",")) return [text];
  const values: string[] = [];
  let start = 0;
  let inAngle = false;
  for (let i = 0; i < text.length && values.length < limits.values; i += 1) {
    const char = text[i];
    if (char === '"' && !inAngle) {
      const close = endOfQuoted(text, i);
      if (close < 0) break;
      i = close;
    } else if (char === "<") inAngle = true;
    else if (char === ">") inAngle = false;
    else if (char === "," && !inAngle) {
      values.push(text.slice(start, i).trim());
      start = i + 1;
    }
  }
  values.push(text.slice(start).trim());
  return values;
}
