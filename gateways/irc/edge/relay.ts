// The bot of one instance: it sits in every channel that is a leg of a room, so that each channel is heard also when nobody else
// of ours is there, and speaks for those who have no nick of their own. Other instances' bots sit beside it, ready to read.
import type { Attempt } from "#bus-schemas/delivery/courier.ts";
import type { Place } from "../session/membership.ts";
import type { Lines, View } from "../translate/from-bus.ts";
import { parseCtcp } from "../wire/ctcp.ts";
import { type Message, message, param } from "../wire/message.ts";
import { parseSource } from "../wire/source.ts";
import { Attendance, type AttendanceParts } from "./attendance.ts";
import { type Passed, passed } from "./channel-sender.ts";
import type { Inbox } from "./inbox.ts";
import type { Link } from "./link.ts";
import { Seat, type SeatParts } from "./seat.ts";

export interface RelayParts extends SeatParts, Pick<AttendanceParts, "announce"> {
  readonly name: string;
  readonly epoch: string;
  readonly withdraw: (nick: string) => void;
  readonly inbox: Inbox;
}

/** What a leg hears of its channel. */
export interface Ears {
  /** The bot is in the channel: its own JOIN was this line. */
  entered(link: Link): void;
  /** It is not, or no longer; `heardAt`: until when it heard everything, milliseconds since 1970. */
  left(place: Place, heardAt: number): void;
  line(link: Link, line: Message): void;
}

export class Relay {
  readonly #parts: RelayParts;
  readonly #seat: Seat;
  readonly #attendance: Attendance;
  readonly #ears = new Map<string, Ears>();
  #announced: string | undefined;

  constructor(parts: RelayParts) {
    this.#parts = parts;
    const { network } = parts;
    const { webirc } = network;
    this.#attendance = new Attendance({ ...parts, announce: (nick) => this.#announce(nick) });
    const login = {
      nick: network.relayNick,
      user: "parley",
      realName: `relays rooms; /msg ${network.serviceNick} help`,
      password: network.password,
      webirc: webirc && {
        ...webirc,
        host: webirc.host.replaceAll("{token}", "relay"),
        ip: `${webirc.ipPrefix}:2`,
      },
    };
    this.#seat = new Seat(parts, `${parts.epoch}.relay`, login, undefined, {
      ready: (link) => this.#attendance.onReady(link),
      line: (link, line) => this.#onLine(link, line),
      nick: (nick) => void this.#announce(nick),
      lost: (_why, _stood, heardAt) => this.#onLost(heardAt),
    });
  }

  get link(): Link | undefined {
    return this.#seat.link;
  }

  /** Sits in this channel from now on. */
  attend(channel: string, ears: Ears): void {
    this.#ears.set(channel, ears);
    this.#attendance.want(channel, (place) => {
      const { link } = this.#seat;
      if (place.at === "in" && link !== undefined) ears.entered(link);
      else ears.left(place, this.#parts.clock.now());
    });
    this.#seat.need();
  }

  leave(channel: string): void {
    this.#ears.delete(channel);
    this.#attendance.unwant(channel, "this channel is no longer tied to a room");
    if (this.#ears.size === 0) {
      this.#seat.release("no channel to be in");
      this.#withdraw();
    }
  }

  speak(channel: string, draw: (view: View) => Lines, attempt: Attempt): Promise<Passed> {
    return passed(
      {
        clock: this.#parts.clock,
        maxLines: this.#parts.network.maxLines,
        ready: (ms, signal) => this.#seat.ready(ms, signal),
        attendance: this.#attendance,
      },
      channel,
      draw,
      attempt.signal,
    );
  }

  close(): void {
    this.#attendance.close();
    this.#seat.release("restarting");
    this.#withdraw();
  }

  #onLine(link: Link, line: Message): void {
    this.#attendance.onLine(link, line);
    this.#answer(link, line);
    for (const ears of this.#ears.values()) ears.line(link, line);
  }

  /** Said to the bot itself: nobody is behind it, and whoever writes to it is told so. */
  #answer(link: Link, line: Message): void {
    const { inbox, network } = this.#parts;
    const { nick, host } = parseSource(line.source ?? "");
    if (line.command !== "PRIVMSG" || !inbox.isForUs(link, line, nick, host)) return;
    if (!inbox.allows(link, nick, line.command)) return;
    if (parseCtcp(param(line, 1)) !== undefined) return inbox.answerCtcp(link, line, nick);
    const text = `Not delivered: I only relay channels. Write to the person's own nick, or: /msg ${network.serviceNick} help`;
    link.say(message("NOTICE", [nick, text]));
  }

  #onLost(heardAt: number): void {
    for (const ears of this.#ears.values()) ears.left({ at: "out" }, heardAt);
    this.#attendance.onLost();
    this.#withdraw();
  }

  #announce(nick: string): Promise<void> {
    this.#withdraw(nick);
    this.#announced = nick;
    return this.#parts.announce(nick);
  }

  #withdraw(keep?: string): void {
    if (this.#announced !== undefined && this.#announced !== keep) this.#parts.withdraw(this.#announced);
    if (keep === undefined) this.#announced = undefined;
  }
}
