// CTCP inside PRIVMSG and NOTICE: the client-to-client protocol as clients in use speak it (modern.ircdocs.horse/ctcp).

export interface Ctcp {
  /** Upper case. */
  readonly command: string;
  readonly args: string;
}

const delimiter = "\x01";

/** Bytes that a /me costs beside its text. */
export const actionCost = Buffer.byteLength(`${delimiter}ACTION ${delimiter}`);

/** Reads a CTCP message, or undefined when the text is plain. The closing delimiter may be missing. */
export function parseCtcp(text: string): Ctcp | undefined {
  if (!text.startsWith(delimiter)) return undefined;
  const end = text.indexOf(delimiter, 1);
  const body = end < 0 ? text.slice(1) : text.slice(1, end);
  const space = body.indexOf(" ");
  const command = (space < 0 ? body : body.slice(0, space)).toUpperCase();
  if (command === "") return undefined;
  return { command, args: space < 0 ? "" : body.slice(space + 1) };
}

/** Writes a CTCP message; a delimiter inside is dropped. */
export const printCtcp = (command: string, args = ""): string =>
  `${delimiter}${command}${args === "" ? "" : ` ${args.replaceAll(delimiter, "")}`}${delimiter}`;
