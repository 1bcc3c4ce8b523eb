// What a server calls a message, and what the room calls it: for answers and reactions (IRCv3 message-ids).

export const messageIdLimits = {
  /** Messages of one channel that can still be answered or reacted to; the oldest are forgotten. */
  messages: 1_000,
  /** Different reactions of one person to one message. */
  reactions: 16,
} as const;

export class MessageIds {
  readonly #events = new Map<string, string>();
  readonly #msgids = new Map<string, string>();
  /** Reactions by who and what. */
  readonly #reactions = new Map<string, readonly string[]>();

  note(msgid: string, event: string): void {
    this.#events.set(msgid, event);
    this.#msgids.set(event, msgid);
    forget(this.#events);
    forget(this.#msgids);
  }

  /** The room's event behind a message id. */
  event(msgid: string): string | undefined {
    return this.#events.get(msgid);
  }

  /** What the server calls the room's event. */
  msgid(event: string): string | undefined {
    return this.#msgids.get(event);
  }

  /** One reaction more or less; gives all that this person now has there. */
  react(who: string, message: string, emoji: string, isThere: boolean): readonly string[] {
    const others = this.reactions(who, message).filter((one) => one !== emoji);
    const all = isThere ? [...others, emoji].slice(-messageIdLimits.reactions) : others;
    this.reacted(who, message, all);
    return all;
  }

  reactions(who: string, message: string): readonly string[] {
    return this.#reactions.get(`${message} ${who}`) ?? [];
  }

  reacted(who: string, message: string, emoji: readonly string[]): void {
    this.#reactions.set(`${message} ${who}`, emoji);
    forget(this.#reactions);
  }
}

function forget(map: Map<string, unknown>): void {
  if (map.size <= messageIdLimits.messages) return;
  const oldest = map.keys().next().value;
  if (oldest !== undefined) map.delete(oldest);
}
