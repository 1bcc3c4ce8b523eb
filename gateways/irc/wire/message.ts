// One IRC message and the limits of a line: RFC 1459 §2.3, IRCv3 message-tags.

/** A message taken apart. `command` is upper case; a tag without a value has the empty one. */
export interface Message {
  readonly tags: ReadonlyMap<string, string>;
  readonly source?: string | undefined;
  readonly command: string;
  readonly params: readonly string[];
}

export const lineLimits = {
  /** Bytes of a line with CR LF, without tags (RFC 1459 §2.3). */
  lineBytes: 512,
  /** Bytes of all tags with the `@` and the space behind them, as received (IRCv3 message-tags). */
  tagBytes: 8191,
  /** Bytes of tag data that a client may send (IRCv3 message-tags). */
  sentTagBytes: 4094,
  /** What is kept of one received line: tags, line, and room for servers that do not count well. */
  receivedBytes: 8191 + 512 + 1024,
} as const;

const noTags: ReadonlyMap<string, string> = new Map();

/** A message to send: command, parameters and, where negotiated, tags. */
export const message = (
  command: string,
  params: readonly string[] = [],
  tags: ReadonlyMap<string, string> = noTags,
): Message => ({ tags, command, params });

/** The i-th parameter, or the empty string: numerics of some servers leave parameters out. */
export const param = (from: Message, index: number): string => from.params[index] ?? "";
