// What is done, not said, in a room and its channel, both ways: topic, kicks, bans, ranks, invitations, notices.
import { type Address, bareKey } from "#bus-schemas/address.ts";
import type { Actor, RoomChange, RoomEvent } from "#bus-schemas/events/room.ts";
import type { RoomAnswer, RoomDo } from "#bus-schemas/events/room-command.ts";
import type { RoomView } from "#bus-schemas/rooms/view.ts";
import { hasOwnNick } from "../translate/leg-notes.ts";
import { notInRoom } from "../translate/room-errors.ts";
import { styleMask } from "../wire/format.ts";
import { type Message, message } from "../wire/message.ts";
import { isOperator } from "../wire/modes.ts";
import { split, textBudget } from "../wire/split.ts";
import type { Ear, Heard } from "./ear.ts";
import type { LegConfig } from "./leg-config.ts";
import type { OwnNicks } from "./own-nicks.ts";

export interface RulerParts {
  readonly leg: LegConfig;
  /** The network's domain. */
  readonly domain: string;
  readonly ear: Ear;
  readonly own: OwnNicks;
  readonly command: (what: RoomDo, from?: Address) => Promise<RoomAnswer>;
  /** Tells one of the room's people something about this leg, in the room. */
  readonly tell: (person: Address, text: string) => void;
}

/** Octets of a topic or reason that every server in use takes (TOPICLEN and KICKLEN are rarely less). */
const wordsBytes = 250;

/** Wishes of the room that wait for the server's answer. */
const askedLimit = 50;

export class Ruler {
  readonly #parts: RulerParts;

  constructor(parts: RulerParts) {
    this.#parts = parts;
  }

  /** What happened in the room, done in the channel by the bot of the one who reads it. */
  onRoom(event: RoomEvent, view: RoomView): void {
    const { change } = event;
    switch (change.kind) {
      case "subject":
        return this.#isFromHere(change.by) ? undefined : this.topic(change.text, change.by);
      case "left":
        if (change.gone.cause === "kicked" || change.gone.cause === "banned")
          this.#kick(change.gone.key, change.gone.by, change.gone.reason);
        return;
      case "affiliation":
        return this.#ban(change);
      case "role":
        return this.#rank(change, view);
      case "notice":
        if (change.to === undefined && change.leg !== this.#parts.leg.leg) this.#notice(change.text);
        return;
      case "destroyed":
        return this.#notice("The room that this channel was tied to is closed.");
      default:
        return;
    }
  }

  /** What a stranger did in the channel, done in the room. */
  async onChannel(heard: Heard): Promise<void> {
    const { fact } = heard;
    if (fact.is === "topic") return this.#onTopic(fact.by, fact.text);
    if (fact.is !== "modes" || !this.#parts.leg.opsModerate) return;
    for (const { set, mode, argument } of fact.changes)
      if (mode === "o" && argument !== undefined) await this.#onOperator(argument, set);
  }

  /** The bots of the house's other instances may do what this one may: whichever reads the channel acts for the room. */
  raiseBots(): void {
    const { ear, own, leg } = this.#parts;
    if (!ear.isOperator) return;
    for (const { nick, ranks } of ear.ourNicks())
      if (!isOperator(ranks) && own.isBot(nick)) this.#say(message("MODE", [leg.channel, "+o", nick]));
  }

  /** Sets the channel's topic to the room's subject, unless it is that already. */
  topic(text: string, by: Actor): void {
    const { ear, leg } = this.#parts;
    const words = clipped(text);
    if (ear.crowd === undefined || ear.crowd.topic === words) return;
    this.#ask(message("TOPIC", [leg.channel, words]), by, `The topic of ${leg.channel} was not changed`);
  }

  /** A line about the channel that came for the bot itself: whether what it did was taken. */
  onOwnLine(line: Message): void {
    if (line.command === "TOPIC" || line.command === "KICK") this.#asked.shift();
    if (line.command !== "482") return;
    const refused = this.#asked.shift();
    if (refused?.by !== undefined)
      this.#parts.tell(refused.by, `${refused.what}: the bot is no operator there.`);
  }

  /** Wishes that the server has not answered, oldest first; it answers in order. */
  readonly #asked: { readonly by: Address | undefined; readonly what: string }[] = [];

  #ask(line: Message, by: Actor | undefined, what: string): void {
    // Answers may stay out: what is oldest is then the one that nobody waits for.
    if (this.#asked.length >= askedLimit) this.#asked.shift();
    this.#asked.push({ by: by?.address, what });
    this.#say(line);
  }

  async #onTopic(by: string, text: string): Promise<void> {
    const { leg, domain, command } = this.#parts;
    const answer = await command({ kind: "subject", text, leg: leg.leg }, { local: by, domain });
    if (!answer.ok) this.#say(message("NOTICE", [by, notInRoom("the topic", answer.reason)]));
  }

  /** The room hears the new rank of its mirrored one; what it makes of it is the room's to say. */
  async #onOperator(nick: string, set: boolean): Promise<void> {
    const { leg, domain, ear, command } = this.#parts;
    if (ear.isOurs(nick) || !ear.crowd?.has(nick)) return;
    const joined = [
      { name: nick, address: { local: nick, domain }, role: set ? "moderator" : "speaker" } as const,
    ];
    await command({ kind: "leg-roster", leg: leg.leg, whole: false, joined, gone: [], renamed: [] });
  }

  /** Somebody of the channel whom the room has put out leaves the channel too, if the bot may do that. */
  #kick(key: string, by: Actor | undefined, reason: string | undefined): void {
    const { leg, ear } = this.#parts;
    const nick = this.#nickOf(key);
    if (nick === undefined || !ear.crowd?.has(nick)) return;
    const words = [reason, by?.nick === undefined ? undefined : `by ${by.nick}`].filter(Boolean).join(", ");
    const said = clipped(words === "" ? "put out of the room" : words);
    this.#ask(message("KICK", [leg.channel, nick, said]), by, `${nick} is still in ${leg.channel}`);
  }

  #ban({ address, affiliation }: Extract<RoomChange, { kind: "affiliation" }>): void {
    const { domain, leg, ear } = this.#parts;
    if (address.domain !== domain || !ear.isOperator || address.local === "*") return;
    if (affiliation === "outcast") this.#say(message("MODE", [leg.channel, "+b", `${address.local}!*@*`]));
    else if (affiliation === "none") this.#say(message("MODE", [leg.channel, "-b", `${address.local}!*@*`]));
  }

  /** Moderators of the room are operators of its channel, as far as the bot can make them so. */
  #rank({ key, role }: Extract<RoomChange, { kind: "role" }>, view: RoomView): void {
    const { leg, ear, own, domain } = this.#parts;
    const participant = view.participants.get(key);
    if (participant === undefined || !ear.isOperator) return;
    const nick = hasOwnNick(participant, domain)
      ? own.nickOf(bareKey(participant.address))
      : this.#nickOf(key);
    if (nick === undefined || !ear.crowd?.has(nick)) return;
    const ranks = ear.crowd.ranks(nick);
    const isMirrored = participant.leg !== undefined;
    if (role === "moderator" && !ranks.includes("o")) this.#say(message("MODE", [leg.channel, "+o", nick]));
    // What a channel gave its own people is the channel's to take.
    if (role !== "moderator" && ranks.includes("o") && !isMirrored)
      this.#say(message("MODE", [leg.channel, "-o", nick]));
    if (role === "speaker" && ear.crowd.modes.has("m") && ranks === "")
      this.#say(message("MODE", [leg.channel, "+v", nick]));
    if (role === "observer" && ranks.includes("v")) this.#say(message("MODE", [leg.channel, "-v", nick]));
  }

  #notice(text: string): void {
    const { leg, ear } = this.#parts;
    const budget = textBudget(ear.link?.mask ?? "", "NOTICE", leg.channel);
    for (const line of split(text, styleMask(text.length, []), budget, 4) ?? [])
      this.#say(message("NOTICE", [leg.channel, line]));
  }

  #isFromHere(actor: Actor): boolean {
    return actor.key?.startsWith(`${this.#parts.leg.leg}/`) ?? false;
  }

  /** The name there of somebody mirrored from here, by his key. */
  #nickOf(key: string): string | undefined {
    const prefix = `${this.#parts.leg.leg}/`;
    if (!key.startsWith(prefix)) return undefined;
    const name = key.slice(prefix.length);
    return this.#parts.ear.strangers().find((nick) => nick.toLowerCase() === name);
  }

  #say(line: Message): void {
    this.#parts.ear.link?.say(line);
  }
}

/** One line that fits. */
function clipped(text: string): string {
  let out = "";
  for (const character of text.replace(/[\x00-\x1f\x7f]+/g, " ").trim()) {
    if (Buffer.byteLength(out) + Buffer.byteLength(character) > wordsBytes) break;
    out += character;
  }
  return out;
}
