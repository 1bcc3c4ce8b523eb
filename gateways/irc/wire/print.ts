// Writes one line: RFC 1459 §2.3.1, IRCv3 message-tags. No line of ours can hold a second command.
import { bad, ok, type Result } from "#bus-schemas/result.ts";
import { lineLimits, type Message } from "./message.ts";

const escapes: Readonly<Record<string, string>> = {
  ";": "\\:",
  " ": "\\s",
  "\\": "\\\\",
  "\r": "\\r",
  "\n": "\\n",
};
const escapeTag = (value: string): string =>
  value.replaceAll("\0", "").replace(/[; \\\r\n]/g, (at) => escapes[at] ?? at);

function printTags(tags: ReadonlyMap<string, string>): string {
  if (tags.size === 0) return "";
  const printed = [...tags].map(([key, value]) => (value === "" ? key : `${key}=${escapeTag(value)}`));
  return `@${printed.join(";")} `;
}

const needsColon = (last: string): boolean => last === "" || last.startsWith(":") || last.includes(" ");
const isMiddle = (text: string): boolean => text !== "" && !text.startsWith(":") && !text.includes(" ");

/**
 * The line without CR LF. Errors: a NUL, CR or LF in any part, a parameter that cannot stand where it is, more than 510
 * bytes, more than 4094 bytes of tags.
 */
export function print(message: Message): Result<string> {
  const { source, command, params } = message;
  const tags = printTags(message.tags);
  if (tags.length > 0 && Buffer.byteLength(tags) > lineLimits.sentTagBytes + 2) return bad("tags too long");
  const parts = source === undefined ? [command] : [`:${source}`, command];
  for (const [index, param] of params.entries()) {
    if (index < params.length - 1 && !isMiddle(param)) return bad("a middle parameter with a space");
    parts.push(index === params.length - 1 && needsColon(param) ? `:${param}` : param);
  }
  const line = parts.join(" ");
  if (/[\0\r\n]/.test(line) || /[\0\r\n]/.test(tags)) return bad("NUL, CR or LF inside a line");
  if (Buffer.byteLength(line) > lineLimits.lineBytes - 2) return bad("line too long");
  return ok(tags + line);
}
