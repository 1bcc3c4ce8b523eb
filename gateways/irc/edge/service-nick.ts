// The nick to which people on a network write for first contact: `/msg Parley to alice@sip.example hello`.
import { type Address, bareKey, printAddress } from "#bus-schemas/address.ts";
import { toAsciiDomain } from "#bus-schemas/addresses/domain.ts";
import type { RoomPage } from "#bus-schemas/events/room-command.ts";
import { capabilityLines, type RoomCapabilities } from "#bus-schemas/rooms/capabilities.ts";
import { type Command, help, parseCommand } from "../session/command.ts";
import { saying, stepWellness, unknown, type WellnessInput } from "../session/wellness.ts";
import { sentence } from "../translate/errors.ts";
import { historyLine } from "../translate/leg-notes.ts";
import { hereNote } from "../translate/notes.ts";
import { parseCtcp } from "../wire/ctcp.ts";
import { parseFormat } from "../wire/format.ts";
import { foldName } from "../wire/isupport.ts";
import { type Message, message, param } from "../wire/message.ts";
import { parseSource } from "../wire/source.ts";
import type { Inbox } from "./inbox.ts";
import type { Link } from "./link.ts";
import { type Memory, memoryLimits } from "./memory.ts";
import { Seat, type SeatParts } from "./seat.ts";

export const serviceNickLimits = {
  /** Lines of one answer to `list`. */
  listed: 20,
  /** Lines of one answer to `capabilities`. */
  capabilities: 40,
} as const;

export interface ServiceNickParts extends SeatParts {
  readonly name: string;
  readonly carrier: string;
  readonly epoch: string;
  readonly inbox: Inbox;
  readonly memory: Memory;
  /** Brings the person on the network so that `nick` can go on talking with him there. */
  readonly bring: (person: Address, nick: string) => void;
  readonly health: (well: boolean, why?: string) => void;
  /** The channel of this name, if it is tied to a room. */
  readonly legOf: (channel: string) => Promise<HistoryOf | undefined>;
  readonly capabilities: (room: Address) => Promise<RoomCapabilities | undefined>;
  /** The server has said what it is and what it can. */
  readonly knows: (link: Link) => void;
}

/** What the service nick needs of a leg. */
interface HistoryOf {
  readonly config: { readonly room: Address };
  hears(nick: string): boolean;
  history(max: number): Promise<RoomPage | undefined>;
}

/** Connected while this instance owns the service nick; the others stand by. */
export class ServiceNick {
  readonly #parts: ServiceNickParts;
  readonly #seat: Seat;
  #wellness = unknown;
  #cancelTimer: (() => void) | undefined;

  constructor(parts: ServiceNickParts) {
    this.#parts = parts;
    const { network } = parts;
    const { webirc } = network;
    const login = {
      nick: network.serviceNick,
      user: "parley",
      realName: `/msg ${network.serviceNick} help`,
      password: network.password,
      sasl: network.sasl,
      saslOptional: !network.saslRequired,
      webirc: webirc && {
        ...webirc,
        host: webirc.host.replaceAll("{token}", "service"),
        ip: `${webirc.ipPrefix}:1`,
      },
    };
    this.#seat = new Seat(parts, `${parts.epoch}.service`, login, network.nickServices, {
      ready: (link) => {
        this.#fare({ kind: "ready", nick: link.nick });
        parts.knows(link);
      },
      line: (link, line, number) => this.#onLine(link, line, number),
      nick: (nick) => this.#fare({ kind: "ready", nick }),
      lost: (why) => this.#fare({ kind: "lost", why }),
    });
    this.#sayHealth();
  }

  get link(): Link | undefined {
    return this.#seat.link;
  }

  /** The courier runs: what is not owned soon is another instance's. */
  opened(): void {
    this.#fare({ kind: "opened" });
  }

  /** Connects, or leaves because another instance has the nick now. */
  own(owned: boolean): void {
    this.#fare({ kind: "own", owned });
    if (owned) this.#seat.need();
    else this.#seat.release("another instance takes over");
  }

  #fare(input: WellnessInput): void {
    const [wellness, outputs] = stepWellness(this.#wellness, input);
    this.#wellness = wellness;
    for (const output of outputs) {
      this.#cancelTimer?.();
      this.#cancelTimer =
        output.do === "start-timer"
          ? this.#parts.clock.after(output.ms, () => this.#fare({ kind: "timer" }))
          : undefined;
    }
    this.#sayHealth();
  }

  #sayHealth(): void {
    this.#parts.health(this.#wellness.well, saying(this.#wellness, this.#parts.network.serviceNick));
  }

  close(): void {
    this.#cancelTimer?.();
    this.#seat.release("restarting");
  }

  #onLine(link: Link, line: Message, number: string): void {
    const { inbox } = this.#parts;
    if (line.command !== "PRIVMSG") return;
    const { nick, host } = parseSource(line.source ?? "");
    if (!inbox.isForUs(link, line, nick, host) || !inbox.allows(link, nick, line.command)) return;
    if (parseCtcp(param(line, 1)) !== undefined) return inbox.answerCtcp(link, line, nick);
    const say = (text: string): void => link.say(message("NOTICE", [nick, text]));
    const command = parseCommand(parseFormat(param(line, 1)).text);
    this.#obey(command, { link, line, number, nick, say }).catch((error: unknown) => {
      this.#parts.log.warn(
        { command: command.name, error: String(error) },
        "a command to the service nick failed",
      );
      say("That cannot be done now. Please try again later.");
    });
  }

  async #obey(command: Command, from: Asked): Promise<void> {
    switch (command.name) {
      case "to":
        return this.#send(command.address, command.text, from);
      case "list":
        return this.#list(from);
      case "block":
      case "unblock":
        return this.#block(command.name === "block", command.address, from);
      case "help":
        for (const text of help) from.say(text);
        return;
      case "history":
        return this.#history(command.channel, command.lines, from);
      case "capabilities":
        return this.#capabilities(command.channel, command.about, from);
      case "unclear":
        return from.say(`I do not understand. Write: ${command.usage}`);
    }
  }

  #send(text: string, body: string, { link, line, number, nick, say }: Asked): void {
    const to = addressOf(text);
    if (to === undefined) return say(`Not sent: ${text} is no address.`);
    const { inbox, carrier, network, bring } = this.#parts;
    if (to.domain === network.domain)
      return say(`${to.local} is on this network: write to that nick yourself.`);
    const account = link.caps.has("account-tag") ? line.tags.get("account") : undefined;
    const assurance = account === undefined || account === "" ? "none" : "server";
    const draft = {
      from: { local: nick, domain: network.domain, display: nick, assurance },
      to,
      kind: "chat",
      text: body,
    } as const;
    inbox.accept(link, draft, `${carrier}:${link.fold(nick)}`, number, (answer) => {
      if (!answer.accepted) return say(`Not sent to ${printAddress(to)}: ${sentence[answer.reason]}.`);
      say(`Sent to ${printAddress(to)}.`);
      bring(to, nick);
    });
  }

  async #list({ link, nick, say }: Asked): Promise<void> {
    const all = await this.#parts.memory.puppets("*");
    const mine = all.filter(
      (record) => record.open && record.peers.some((peer) => link.fold(peer.nick) === link.fold(nick)),
    );
    if (mine.length === 0) return say("You talk with nobody here.");
    for (const record of mine.slice(0, serviceNickLimits.listed))
      say(hereNote(printAddress(record.address), record.nick));
    if (mine.length > serviceNickLimits.listed) say(`and ${mine.length - serviceNickLimits.listed} more`);
  }

  /** To one person, never into a channel, and only to somebody who is in it. */
  async #history(channel: string, lines: number, { nick, say }: Asked): Promise<void> {
    const leg = await this.#parts.legOf(channel);
    if (!leg?.hears(nick)) return say(`There is no history of ${channel} for you.`);
    const page = await leg.history(lines);
    if (page === undefined) return say("That cannot be done now. Please try again later.");
    const told = page.events.flatMap((event) => historyLine(event) ?? []);
    if (told.length === 0) return say(`Nothing has been said in ${channel}.`);
    for (const text of told) say(text);
  }

  /** To somebody who is in the channel: who is in the room, and by what, is its people's affair. */
  async #capabilities(channel: string, about: string, { nick, say }: Asked): Promise<void> {
    const leg = await this.#parts.legOf(channel);
    const found = leg?.hears(nick) ? await this.#parts.capabilities(leg.config.room) : undefined;
    if (found === undefined) return say(`There is no room behind ${channel} of which you may ask.`);
    const lines = capabilityLines(found, about);
    if (lines.length === 0) return say(`Nothing here is called ${about}.`);
    for (const text of lines.slice(0, serviceNickLimits.capabilities)) say(text);
    const more = lines.length - serviceNickLimits.capabilities;
    if (more > 0)
      say(`and ${more} lines more: ask about one thing, such as: capabilities ${channel} reactions`);
  }

  async #block(block: boolean, text: string, { nick, say }: Asked): Promise<void> {
    const address = text === "*" ? undefined : addressOf(text);
    if (text !== "*" && address === undefined) return say(`${text} is no address.`);
    const key = address === undefined ? "*" : bareKey(address);
    const { memory } = this.#parts;
    const folded = foldName(nick, "rfc1459");
    const others = memory.blocked(folded).filter((each) => each !== key);
    const saved = await memory.saveBlocked(folded, block ? [...others, key] : others);
    if (!saved) return say(`You have blocked ${memoryLimits.blockedPeople} already.`);
    const whom = text === "*" ? "nobody" : text;
    say(
      block
        ? `Blocked: ${text === "*" ? "nobody can write to you" : `${whom} cannot write to you`}.`
        : `${text} is not blocked.`,
    );
  }
}

interface Asked {
  readonly link: Link;
  readonly line: Message;
  readonly number: string;
  readonly nick: string;
  readonly say: (text: string) => void;
}

function addressOf(text: string): Address | undefined {
  const at = text.lastIndexOf("@");
  const domain = toAsciiDomain(text.slice(at + 1));
  return at > 0 && domain.ok ? { local: text.slice(0, at), domain: domain.value } : undefined;
}
