// Who a message is from, `nick!user@host`: RFC 1459 §2.3.1.

export interface Source {
  readonly nick: string;
  readonly user: string;
  readonly host: string;
}

/** Takes a source apart; what is absent is empty. A server's name stands as nick. */
export function parseSource(text: string): Source {
  const at = text.indexOf("@");
  const host = at < 0 ? "" : text.slice(at + 1);
  const before = at < 0 ? text : text.slice(0, at);
  const bang = before.indexOf("!");
  return bang < 0
    ? { nick: before, user: "", host }
    : { nick: before.slice(0, bang), user: before.slice(bang + 1), host };
}
