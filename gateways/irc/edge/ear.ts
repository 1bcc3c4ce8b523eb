// One channel as the bot of this instance hears it: who is there, which of them are ours, and the last minute of what happened.
import type { Clock } from "#bus-schemas/service/service.ts";
import { Crowd, type Fact } from "../session/crowd.ts";
import { type Entry, kept } from "../session/scroll.ts";
import { type Message, param } from "../wire/message.ts";
import { isOperator } from "../wire/modes.ts";
import { parseSource } from "../wire/source.ts";
import type { Link } from "./link.ts";
import type { OwnNicks } from "./own-nicks.ts";

/** Something that a stranger did in the channel. */
export interface Heard extends Entry {
  readonly fact: Exclude<Fact, { is: "whole" }>;
  readonly link: Link;
}

export interface EarHandlers {
  heard(heard: Heard): void;
  /** NAMES is complete. */
  whole(): void;
  /** Somebody of ours has come, or ranks have changed. */
  ours(): void;
}

export class Ear {
  readonly #channel: string;
  readonly #clock: Clock;
  readonly #own: OwnNicks;
  readonly #handlers: EarHandlers;
  /** Folded nicks that ours were changed to, perhaps by others, as long as they are in the channel. */
  readonly #ours = new Set<string>();
  link: Link | undefined;
  crowd: Crowd | undefined;
  /** Since when everything has been heard without a gap, milliseconds since 1970. */
  since: number | undefined;
  scroll: Heard[] = [];
  /** NAMES has been heard: the crowd is known. */
  isComplete = false;

  constructor(channel: string, clock: Clock, own: OwnNicks, handlers: EarHandlers) {
    this.#channel = channel;
    this.#clock = clock;
    this.#own = own;
    this.#handlers = handlers;
  }

  entered(link: Link): void {
    this.link = link;
    this.crowd = new Crowd(this.#channel, link.isupport);
    this.since = this.#clock.now();
    this.scroll = [];
    this.isComplete = false;
    this.#ours.clear();
  }

  left(): void {
    this.link = undefined;
    this.crowd = undefined;
    this.since = undefined;
    this.scroll = [];
    this.isComplete = false;
  }

  isOurs(nick: string): boolean {
    return this.#ours.has(this.#fold(nick)) || this.#own.has(nick);
  }

  /** Everybody in the channel who is not ours. */
  strangers(): string[] {
    const members = [...(this.crowd?.members.values() ?? [])];
    return members.map(({ nick }) => nick).filter((nick) => !this.isOurs(nick));
  }

  /** Whether at most so many strangers are there; counts them only where that is in doubt. */
  hasAtMost(strangers: number): boolean {
    const all = this.crowd?.members.size ?? 0;
    if (all <= strangers) return true;
    return all - this.#own.count - this.#ours.size <= strangers && this.strangers().length <= strangers;
  }

  /** Those in the channel who are ours. */
  ourNicks(): { readonly nick: string; readonly ranks: string }[] {
    return [...(this.crowd?.members.values() ?? [])].filter(({ nick }) => this.isOurs(nick));
  }

  /** Whether our bot may kick and set modes there. */
  get isOperator(): boolean {
    return this.link !== undefined && isOperator(this.crowd?.ranks(this.link.nick) ?? "");
  }

  line(link: Link, line: Message): void {
    if (link !== this.link || this.crowd === undefined) return;
    for (const fact of this.crowd.hear(line)) this.#on(link, line, fact);
  }

  #on(link: Link, line: Message, fact: Fact): void {
    if (fact.is === "whole") {
      this.isComplete = true;
      this.#handlers.ours();
      return this.#handlers.whole();
    }
    const isOurs = this.#isOwnDoing(fact);
    if (fact.is === "modes" || (fact.is === "came" && isOurs)) this.#handlers.ours();
    if (isOurs) return;
    const nick = parseSource(line.source ?? "").nick;
    const msgid = line.tags.get("msgid");
    const heard: Heard = {
      print: `${line.command} ${this.#fold(nick)} ${param(line, line.params.length - 1)}`,
      ...(msgid !== undefined && msgid !== "" && { msgid }),
      at: this.#clock.now(),
      fact,
      link,
    };
    this.scroll = kept(this.scroll, heard);
    this.#handlers.heard(heard);
  }

  /** Keeps up who is ours, and says whether this was done by one of us, or happened to one. */
  #isOwnDoing(fact: Exclude<Fact, { is: "whole" }>): boolean {
    switch (fact.is) {
      case "came":
        return this.isOurs(fact.nick);
      case "went": {
        const ours = this.isOurs(fact.nick);
        this.#ours.delete(this.#fold(fact.nick));
        return ours;
      }
      case "renamed": {
        const ours = this.isOurs(fact.from) || this.isOurs(fact.nick);
        this.#ours.delete(this.#fold(fact.from));
        if (ours) this.#ours.add(this.#fold(fact.nick));
        return ours;
      }
      case "said":
      case "tagged":
        return this.isOurs(fact.nick);
      case "topic":
      case "modes":
        return this.isOurs(fact.by);
    }
  }

  #fold(nick: string): string {
    return this.crowd?.fold(nick) ?? nick;
  }
}
