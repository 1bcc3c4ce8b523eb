// What a message is called on both sides: the event here, the room's id and the sender's id there. Bounded: the oldest go first.

export interface KnownMessage {
  readonly event: string;
  /** The foreign room's id for it (XEP-0359). */
  readonly stanzaId?: string | undefined;
  /** The id that its sender's client gave it. */
  readonly id?: string | undefined;
  /** Who said it there. */
  readonly nick?: string | undefined;
}

export const knownLimits = {
  /** Messages of one room whose names are remembered, for replies, reactions, corrections and retractions. */
  messages: 1_000,
} as const;

export class KnownIds {
  readonly #byEvent = new Map<string, KnownMessage>();
  readonly #byName = new Map<string, string>();

  remember(known: KnownMessage): void {
    this.#forget(known.event);
    this.#byEvent.set(known.event, known);
    for (const name of namesOf(known)) this.#byName.set(name, known.event);
    const [oldest] = this.#byEvent.keys();
    if (this.#byEvent.size > knownLimits.messages && oldest !== undefined) this.#forget(oldest);
  }

  byEvent(event: string): KnownMessage | undefined {
    return this.#byEvent.get(event);
  }

  /** The event of the message that somebody there names so: by the room's id, else by the sender's (XEP-0461 §3.1). */
  eventOf(name: string): string | undefined {
    return this.#byName.get(`sid ${name}`) ?? this.#byName.get(`id ${name}`);
  }

  /** The name by which replies and reactions there mean the message of this event. */
  nameThere(event: string): string | undefined {
    const known = this.#byEvent.get(event);
    return known?.stanzaId ?? known?.id;
  }

  /** The newest, oldest first. */
  newest(most: number): KnownMessage[] {
    return [...this.#byEvent.values()].slice(-most);
  }

  #forget(event: string): void {
    const known = this.#byEvent.get(event);
    if (known === undefined) return;
    this.#byEvent.delete(event);
    for (const name of namesOf(known)) if (this.#byName.get(name) === event) this.#byName.delete(name);
  }
}

const namesOf = ({ stanzaId, id }: KnownMessage): string[] => [
  ...(stanzaId === undefined ? [] : [`sid ${stanzaId}`]),
  ...(id === undefined ? [] : [`id ${id}`]),
];
