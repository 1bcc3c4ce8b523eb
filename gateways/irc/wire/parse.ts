// Reads one line: RFC 1459 §2.3.1, IRCv3 message-tags. Several spaces count as one, as servers in use send them.
import { bad, ok, type Result } from "#bus-schemas/result.ts";
import type { Message } from "./message.ts";

const noTags: ReadonlyMap<string, string> = new Map();
const tagEscapes: Readonly<Record<string, string>> = { ":": ";", s: " ", "\\": "\\", r: "\r", n: "\n" };

function unescapeTag(value: string): string {
  if (!value.includes("\\")) return value;
  let plain = "";
  for (let i = 0; i < value.length; i++) {
    const at = value.charAt(i);
    if (at !== "\\") {
      plain += at;
      continue;
    }
    i++;
    const escaped = value.charAt(i);
    plain += tagEscapes[escaped] ?? escaped;
  }
  return plain;
}

function parseTags(text: string): ReadonlyMap<string, string> {
  const tags = new Map<string, string>();
  for (const tag of text.split(";")) {
    const equals = tag.indexOf("=");
    const key = equals < 0 ? tag : tag.slice(0, equals);
    if (key !== "") tags.set(key, equals < 0 ? "" : unescapeTag(tag.slice(equals + 1)));
  }
  return tags;
}

const skipSpaces = (line: string, from: number): number => {
  let at = from;
  while (line.charCodeAt(at) === 0x20) at++;
  return at;
};

const wordEnd = (line: string, from: number): number => {
  const space = line.indexOf(" ", from);
  return space < 0 ? line.length : space;
};

/** Reads a line without its CR LF. Never throws; an error says what is missing. Accepts any number of parameters. */
export function parse(line: string): Result<Message> {
  let at = 0;
  let tags = noTags;
  let source: string | undefined;
  if (line.startsWith("@")) {
    const end = wordEnd(line, 1);
    tags = parseTags(line.slice(1, end));
    at = skipSpaces(line, end);
  }
  if (line.charAt(at) === ":") {
    const end = wordEnd(line, at);
    source = line.slice(at + 1, end);
    at = skipSpaces(line, end);
  }
  const commandEnd = wordEnd(line, at);
  const command = line.slice(at, commandEnd).toUpperCase();
  if (command === "") return bad("no command");
  return ok({ tags, source, command, params: parseParams(line, commandEnd) });
}

function parseParams(line: string, from: number): string[] {
  const params: string[] = [];
  let at = skipSpaces(line, from);
  while (at < line.length) {
    if (line.charAt(at) === ":") {
      params.push(line.slice(at + 1));
      break;
    }
    const end = wordEnd(line, at);
    params.push(line.slice(at, end));
    at = skipSpaces(line, end);
  }
  return params;
}
