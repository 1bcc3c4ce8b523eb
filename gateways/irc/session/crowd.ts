// Who is in a channel and what happens there, as one connection hears it: RFC 2812 §3.2, §3.1.2, §3.1.7, RPL_NAMREPLY.
import { foldName, type Isupport } from "../wire/isupport.ts";
import { type Message, param } from "../wire/message.ts";
import { type ModeChange, modeChanges, namedMember } from "../wire/modes.ts";
import { parseSource } from "../wire/source.ts";

export const crowdLimits = {
  /** Members of one channel that are known by name; those beyond are not seen. */
  members: 20_000,
} as const;

export interface Member {
  readonly nick: string;
  /** Mode letters of his ranks, as PREFIX has them. */
  readonly ranks: string;
}

/** What a line meant for the channel. */
export type Fact =
  /** NAMES is complete: these are all who are there. */
  | { readonly is: "whole" }
  | { readonly is: "came"; readonly nick: string }
  | {
      readonly is: "went";
      readonly nick: string;
      readonly how: "left" | "kicked" | "lost" | "netsplit";
      readonly reason: string;
      readonly by?: string;
    }
  | { readonly is: "renamed"; readonly from: string; readonly nick: string }
  | { readonly is: "said"; readonly nick: string; readonly line: Message }
  /** Tags alone (IRCv3 message-tags): a reaction, typing. */
  | { readonly is: "tagged"; readonly nick: string; readonly line: Message }
  | { readonly is: "topic"; readonly by: string; readonly text: string }
  | { readonly is: "modes"; readonly by: string; readonly changes: readonly ModeChange[] };

/** Two server names, as a QUIT says it when the network breaks in two; a person's own quit message has `Quit:` or a quote before it. */
const split = /^[a-z0-9*][a-z0-9.*-]*\.[a-z0-9*-]+ [a-z0-9*][a-z0-9.*-]*\.[a-z0-9*-]+$/i;

export class Crowd {
  readonly channel: string;
  /** By folded nick. */
  readonly members = new Map<string, Member>();
  topic: string | undefined;
  readonly modes = new Set<string>();
  #named: Map<string, Member> | undefined;
  #isupport: Isupport;

  constructor(channel: string, isupport: Isupport) {
    this.channel = channel;
    this.#isupport = isupport;
  }

  fold(name: string): string {
    return foldName(name, this.#isupport.caseMapping);
  }

  has(nick: string): boolean {
    return this.members.has(this.fold(nick));
  }

  ranks(nick: string): string {
    return this.members.get(this.fold(nick))?.ranks ?? "";
  }

  /** Takes one line and says what it meant here; lines of other channels mean nothing. */
  hear(line: Message): readonly Fact[] {
    const nick = parseSource(line.source ?? "").nick;
    switch (line.command) {
      case "353":
        return this.#onNames(line);
      case "366":
        return this.#is(param(line, 1)) ? this.#onNamesEnd() : [];
      case "332":
        if (this.#is(param(line, 1))) this.topic = param(line, 2);
        return [];
      case "331":
        if (this.#is(param(line, 1))) this.topic = "";
        return [];
      case "324":
        if (this.#is(param(line, 1))) this.#mode(modeChanges(line.params.slice(2), this.#isupport));
        return [];
      case "JOIN":
        return this.#is(param(line, 0)) ? this.#onJoin(nick) : [];
      case "PART":
        return this.#is(param(line, 0)) ? this.#gone(nick, "left", param(line, 1)) : [];
      case "KICK":
        return this.#is(param(line, 0)) ? this.#gone(param(line, 1), "kicked", param(line, 2), nick) : [];
      case "QUIT":
        return this.#onQuit(nick, param(line, 0));
      case "KILL":
        return this.#gone(param(line, 0), "lost", param(line, 1));
      case "NICK":
        return this.#onNick(nick, param(line, 0));
      case "TOPIC":
        if (!this.#is(param(line, 0))) return [];
        this.topic = param(line, 1);
        return [{ is: "topic", by: nick, text: param(line, 1) }];
      case "MODE": {
        if (!this.#is(param(line, 0))) return [];
        const changes = modeChanges(line.params.slice(1), this.#isupport);
        this.#mode(changes);
        return [{ is: "modes", by: nick, changes }];
      }
      case "PRIVMSG":
      case "NOTICE":
        return this.#is(param(line, 0)) ? [{ is: "said", nick, line }] : [];
      case "TAGMSG":
        return this.#is(param(line, 0)) ? [{ is: "tagged", nick, line }] : [];
      default:
        return [];
    }
  }

  #is(channel: string): boolean {
    return this.fold(channel) === this.fold(this.channel);
  }

  #onNames(line: Message): readonly Fact[] {
    if (!this.#is(param(line, line.params.length - 2))) return [];
    this.#named ??= new Map();
    for (const text of param(line, line.params.length - 1).split(" ")) {
      const member = namedMember(text, this.#isupport);
      if (member.nick !== "" && this.#named.size < crowdLimits.members)
        this.#named.set(this.fold(member.nick), member);
    }
    return [];
  }

  #onNamesEnd(): readonly Fact[] {
    if (this.#named === undefined) return [];
    this.members.clear();
    for (const [key, member] of this.#named) this.members.set(key, member);
    this.#named = undefined;
    return [{ is: "whole" }];
  }

  #onJoin(nick: string): readonly Fact[] {
    const key = this.fold(nick);
    const known = this.members.has(key);
    if (!known && this.members.size >= crowdLimits.members) return [];
    this.members.set(key, { nick, ranks: "" });
    // What comes between a NAMES and its end belongs to the list that is being read.
    this.#named?.set(key, { nick, ranks: "" });
    return known ? [] : [{ is: "came", nick }];
  }

  #gone(
    nick: string,
    how: Extract<Fact, { is: "went" }>["how"],
    reason: string,
    by?: string,
  ): readonly Fact[] {
    this.#named?.delete(this.fold(nick));
    if (!this.members.delete(this.fold(nick))) return [];
    return [{ is: "went", nick, how, reason, ...(by !== undefined && { by }) }];
  }

  #onQuit(nick: string, reason: string): readonly Fact[] {
    return this.#gone(nick, split.test(reason) ? "netsplit" : "lost", reason);
  }

  #onNick(from: string, nick: string): readonly Fact[] {
    const member = this.members.get(this.fold(from));
    this.#named?.delete(this.fold(from));
    if (member === undefined) return [];
    this.members.delete(this.fold(from));
    this.members.set(this.fold(nick), { ...member, nick });
    this.#named?.set(this.fold(nick), { ...member, nick });
    return [{ is: "renamed", from, nick }];
  }

  #mode(changes: readonly ModeChange[]): void {
    for (const { set, mode, argument } of changes) {
      if (!this.#isupport.prefixes.has(mode)) {
        // Lists are not states of the channel.
        if (set) this.modes.add(mode);
        else this.modes.delete(mode);
        continue;
      }
      const member = this.members.get(this.fold(argument ?? ""));
      if (member === undefined) continue;
      const others = member.ranks.replaceAll(mode, "");
      this.members.set(this.fold(member.nick), { ...member, ranks: set ? mode + others : others });
    }
  }
}
