// A room as somebody sees it who is in its channel on IRC (RFC 1459 §4.2, RFC 2812 §3.2), on the kit's own client: no gateway code.
import { Ear, within } from "./actor.ts";
import type { IrcClient, Line } from "./irc-client.ts";
import {
  cannot,
  type Done,
  done,
  type Entry,
  noAnswer,
  type Occupant,
  type RoomActor,
  RoomNotes,
  refusedBy,
  type Verb,
} from "./room-actor.ts";

/** How long the server, or a nick of the gateway, may take to answer. */
const patienceMs = 40_000;

/** Why a JOIN, KICK, TOPIC or line was refused (RFC 2812 §5.2). */
const errors = new Set(["401", "403", "404", "432", "433", "441", "442", "471", "473", "474", "475", "482"]);

/** The gateway's own nicks: bots and service, nobody of the room. */
const isBot = (nick: string): boolean => /^Parley/i.test(nick);

export class IrcChannel implements RoomActor {
  readonly protocol = "irc";
  // What he writes to a nick goes from person to person, not into the room, even where the room hides addresses.
  readonly can: ReadonlySet<Verb> = new Set<Verb>(["nick", "topic"]);
  readonly #client: IrcClient;
  readonly #channel: string;
  readonly #notes: RoomNotes;
  readonly #numerics: Ear<Line & { readonly at: number }>;
  #nick: string;
  #inside = false;
  #pings = 0;
  /** Names are being listed: nobody of them has just come. */
  #listing = false;

  constructor(client: IrcClient, channel: string) {
    this.#client = client;
    this.#channel = channel;
    this.#nick = client.address.slice(0, client.address.lastIndexOf("@"));
    this.#notes = new RoomNotes(`${client.address} in ${channel}`);
    this.#numerics = new Ear(`${client.address} is answered`);
    client.listen((line) => this.#onLine(line));
  }

  get address(): string {
    return this.#client.address;
  }
  get nick(): string {
    return this.#nick;
  }
  get inside(): boolean {
    return this.#inside;
  }
  get transcript(): readonly Entry[] {
    return this.#notes.all;
  }
  get failures(): readonly string[] {
    return this.#notes.failures;
  }
  /** Everybody but the gateway's bots. */
  get roster(): ReadonlyMap<string, Occupant> {
    return this.#notes.people;
  }

  sees(match: (entry: Entry) => boolean, withinMs: number): Promise<Entry> {
    return this.#notes.sees(match, withinMs);
  }

  async joins(nick: string): Promise<Done> {
    if (nick !== this.#nick) {
      const named = await this.renames(nick);
      if (named.answer !== "done") return named;
    }
    const answer = await this.#ask(`JOIN ${this.#channel}`, "366");
    this.#inside = answer.answer === "done";
    return answer;
  }

  async leaves(): Promise<Done> {
    const gone = this.#shown(({ kind, nick }) => kind === "left" && nick === this.#nick);
    this.#client.raw(`PART ${this.#channel} :bye`);
    return await gone;
  }

  /** Done when the server has read the line: whether the room took it, IRC cannot ask. */
  async says(text: string): Promise<Done> {
    this.#client.raw(`PRIVMSG ${this.#channel} :${text}`);
    return await this.#ping();
  }

  async whispers(nick: string, text: string): Promise<Done> {
    this.#client.raw(`PRIVMSG ${nick} :${text}`);
    return await this.#ping();
  }

  corrects(): Promise<Done> {
    return cannot("irc", "correct");
  }
  reacts(): Promise<Done> {
    return cannot("irc", "react");
  }
  replies(): Promise<Done> {
    return cannot("irc", "reply");
  }
  retracts(): Promise<Done> {
    return cannot("irc", "retract");
  }
  mutes(): Promise<Done> {
    return cannot("irc", "mute");
  }
  voices(): Promise<Done> {
    return cannot("irc", "mute");
  }
  /** Operators of a channel rule the channel alone. */
  kicks(): Promise<Done> {
    return cannot("irc", "kick");
  }
  bans(): Promise<Done> {
    return cannot("irc", "ban");
  }
  invites(): Promise<Done> {
    return cannot("irc", "invite");
  }
  history(): Promise<Entry[]> {
    return Promise.reject(new Error("a channel has no history"));
  }

  renames(nick: string): Promise<Done> {
    return this.#ask(`NICK ${nick}`, "NICK");
  }

  async topics(text: string): Promise<Done> {
    const set = this.#shown((entry) => entry.kind === "subject" && entry.text === text);
    return await Promise.race([set, this.#ask(`TOPIC ${this.#channel} :${text}`, undefined)]);
  }

  break(): void {
    this.#client.break();
  }
  close(): Promise<void> {
    return this.#client.close();
  }

  /** An entry that comes from now on. */
  #shown(match: (entry: Entry) => boolean): Promise<Done> {
    const since = performance.now();
    return this.sees((entry) => entry.at >= since && match(entry), patienceMs).then(
      () => done,
      () => noAnswer,
    );
  }

  /** Writes a line and waits for the numeric that ends its answer, or for one that refuses it. */
  async #ask(line: string, end: string | undefined): Promise<Done> {
    const since = performance.now();
    const isAnswer = (one: Line & { readonly at: number }): boolean =>
      one.at >= since && (one.command === end || errors.has(one.command));
    const answer = this.#numerics.next(isAnswer, patienceMs).then(
      ({ command }) => (command === end ? done : refusedBy(command)),
      () => noAnswer,
    );
    this.#client.raw(line);
    return await answer;
  }

  async #ping(): Promise<Done> {
    this.#pings += 1;
    const token = `p${this.#pings}`;
    const since = performance.now();
    const pong = this.#numerics.next(({ command, params, at }) => {
      return at >= since && command === "PONG" && params.at(-1) === token;
    }, patienceMs);
    this.#client.raw(`PING ${token}`);
    return (await within(
      pong.catch(() => undefined),
      patienceMs,
    )) === undefined
      ? noAnswer
      : done;
  }

  #isHere(channel: string | undefined): boolean {
    return channel?.toLowerCase() === this.#channel.toLowerCase();
  }

  #onLine(line: Line): boolean {
    const { command, params } = line;
    const nick = line.source.split("!", 1)[0] ?? "";
    switch (command) {
      case "PRIVMSG":
      case "NOTICE":
        return this.#onText(nick, line);
      case "JOIN":
        if (this.#isHere(params[0])) this.#came(nick);
        return false;
      case "PART":
        if (this.#isHere(params[0])) this.#left(nick, "left");
        return false;
      case "QUIT":
        this.#left(nick, "left");
        return false;
      case "KICK":
        if (this.#isHere(params[0])) this.#left(params[1] ?? "", "kicked");
        return false;
      case "NICK":
        if (nick === this.#nick) this.#numerics.add({ ...line, at: performance.now() });
        this.#renamed(nick, params[0] ?? "");
        return false;
      case "TOPIC":
        if (this.#isHere(params[0]))
          this.#notes.add({ kind: "subject", nick: isBot(nick) ? "" : nick, text: params[1] ?? "" });
        return false;
      case "001":
        // A new connection is in no channel.
        if (this.#inside) setImmediate(() => this.#client.raw(`JOIN ${this.#channel}`));
        return false;
      default:
        this.#onNumeric(line);
        return false;
    }
  }

  #onNumeric(line: Line): void {
    const { command, params } = line;
    if (command === "353" && this.#isHere(params[2])) {
      if (!this.#listing) this.#notes.people.clear();
      this.#listing = true;
      for (const name of (params[3] ?? "").split(" ")) {
        const nick = name.replace(/^[~&@%+]+/, "");
        if (nick !== "" && !isBot(nick)) this.#notes.people.set(nick, { nick });
      }
    }
    if (command === "366" && this.#isHere(params[1])) {
      this.#listing = false;
      this.#inside = true;
    }
    if (command === "001") this.#nick = params[0] ?? this.#nick;
    this.#numerics.add({ ...line, at: performance.now() });
  }

  #onText(nick: string, { command, params }: Line): boolean {
    const [target = "", words = ""] = params;
    const text = /^\x01ACTION (.*?)\x01?$/s.exec(words)?.[1];
    const shown = text === undefined ? words : `/me ${text}`;
    if (this.#isHere(target)) {
      if (command === "NOTICE" && isBot(nick)) this.#notes.add({ kind: "notice", nick: "", text: shown });
      else {
        // Whoever has no nick of his own there, or not yet, is spoken for by a bot.
        const [, who = nick, spoken = shown] = (isBot(nick) && /^<([^>]+)> (.*)$/s.exec(shown)) || [];
        this.#notes.add({ kind: "said", nick: who, text: spoken });
      }
      return true;
    }
    if (target.toLowerCase() !== this.#nick.toLowerCase()) return false;
    const invitation = /^(\S+) invites you into the room ([^\s:]+)/.exec(words);
    if (isBot(nick) && invitation !== null)
      this.#notes.add({ kind: "invited", nick: invitation[1] ?? "", text: invitation[2] ?? "" });
    else if (isBot(nick)) {
      // "Not delivered: why: the first forty characters".
      const failed = /^(?:Not |Perhaps not )\S.*: (.*)$/.exec(words)?.[1];
      if (failed !== undefined) this.#notes.failures.push(failed);
      this.#notes.add({ kind: "notice", nick: "", to: this.#nick, text: shown });
    } else if (this.#notes.people.has(nick))
      this.#notes.add({ kind: "said", nick, to: this.#nick, text: shown });
    return false;
  }

  #came(nick: string): void {
    if (isBot(nick)) return;
    const isSelf = nick === this.#nick;
    this.#notes.people.set(nick, { nick });
    if (!isSelf) this.#notes.add({ kind: "joined", nick, text: "" });
  }

  #left(nick: string, why: "left" | "kicked"): void {
    if (!this.#notes.people.delete(nick)) return;
    if (nick === this.#nick) this.#inside = false;
    this.#notes.add({ kind: "left", nick, text: why });
  }

  #renamed(from: string, nick: string): void {
    if (from === this.#nick) this.#nick = nick;
    if (!this.#notes.people.delete(from)) return;
    this.#notes.people.set(nick, { nick });
    this.#notes.add({ kind: "renamed", nick: from, text: nick });
  }
}
