// One of our people on a network: his connection, whom he talks with, and what is said when something may be missing.
import type { Address } from "#bus-schemas/address.ts";
import type { Attempt, Delivery } from "#bus-schemas/delivery/courier.ts";
import type { MessageEvent } from "#bus-schemas/events/message.ts";
import type { Clock, Log } from "#bus-schemas/service/service.ts";
import type { Network } from "../config.ts";
import { type Allowances, allowances, take } from "../session/allowance.ts";
import type { Place } from "../session/membership.ts";
import type { Login } from "../session/registration.ts";
import { failureText, reasonOf } from "../translate/errors.ts";
import { fromBus, type Lines, type View } from "../translate/from-bus.ts";
import { awayNote, gapNote, nickNote } from "../translate/notes.ts";
import { type Message, message, param } from "../wire/message.ts";
import { Attendance } from "./attendance.ts";
import { type Passed, passed } from "./channel-sender.ts";
import type { Inbox } from "./inbox.ts";
import type { Link } from "./link.ts";
import type { Memory, Peer } from "./memory.ts";
import { Seat, type SeatParts } from "./seat.ts";

export const puppetLimits = {
  /** How long a message waits for the connection; then it goes to the mailbox. */
  readyMs: 25_000,
  /** How long a message may take altogether: below the courier's 40 s. */
  deliverMs: 36_000,
  /** Partners remembered; the one silent for longest is forgotten first. */
  peers: 100,
  /** Only who said something so shortly before a gap is told of it. */
  gapPeersMs: 10 * 60_000,
  /** Between two writes of the record. */
  saveMs: 1_000,
} as const;

/** A person is told once an hour that somebody is away. */
const awayRule = { burst: 1, perSecond: 1 / 3600 };

export interface PuppetParts extends SeatParts {
  readonly name: string;
  readonly epoch: string;
  readonly inbox: Inbox;
  readonly memory: Memory;
  /** Says something to one of our people in the name of the service nick. */
  readonly tellPerson: (to: Address, text: string) => void;
  /** The person can be reached through his puppet again. */
  readonly available: (person: Address) => void;
  /** Makes his nick known in the house. */
  readonly announce: (nick: string, person: Address) => Promise<void>;
  /** The nick is nobody of ours any more. */
  readonly withdraw: (nick: string) => void;
  /** Somebody on IRC asks him into a channel. */
  readonly onInvite: (person: Address, by: string, channel: string) => void;
}

export class Puppet {
  readonly person: Address;
  readonly #parts: PuppetParts;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #network: Network;
  readonly #seat: Seat;
  readonly #attendance: Attendance;
  #login: Login;
  readonly #aways: Allowances = allowances();
  #peers: Peer[];
  #nickTold: string;
  /** From when on lines may be missing, milliseconds since 1970. */
  #gapFrom: number | undefined;
  #usedAt: number;
  #busy = 0;
  #cancelSave: (() => void) | undefined;
  #released = false;

  constructor(
    parts: PuppetParts,
    person: Address,
    login: Login,
    before?: { peers: Peer[]; nick: string; gapFrom?: number | undefined },
  ) {
    this.person = person;
    this.#parts = parts;
    this.#clock = parts.clock;
    this.#log = parts.log;
    this.#network = parts.network;
    this.#login = login;
    this.#peers = before?.peers ?? [];
    this.#nickTold = before?.nick ?? login.nick;
    this.#gapFrom = before?.gapFrom;
    this.#usedAt = parts.clock.monotonic();
    this.#attendance = new Attendance({ ...parts, announce: (nick) => this.#announce(nick) });
    this.#seat = new Seat(parts, `${parts.epoch}.${parts.name}`, login, undefined, {
      ready: (link) => this.#onReady(link),
      line: (link, line, number) => this.#onLine(link, line, number),
      nick: (nick) => this.#onNick(nick),
      lost: (why, stood, heardAt) => this.#onLost(why, stood, heardAt),
    });
  }

  get link(): Link | undefined {
    return this.#seat.link;
  }

  /** The nick as it is, or was when last connected. */
  get nick(): string {
    return this.#seat.link?.nick ?? this.#nickTold;
  }

  /** Milliseconds since anything was said; 0 while something is being delivered, or a channel is to be attended. */
  idleMs(): number {
    return this.#busy > 0 || this.#attendance.isWanted ? 0 : this.#clock.monotonic() - this.#usedAt;
  }

  need(): void {
    this.#seat.need();
  }

  ready(timeoutMs: number, signal: AbortSignal): Promise<Link | undefined> {
    return this.#seat.ready(timeoutMs, signal);
  }

  /** Hands one message over: waits for the connection, writes, waits for the barrier. */
  async deliver(event: MessageEvent, attempt: Attempt): Promise<Delivery> {
    this.#use();
    this.#busy++;
    const overdue = new AbortController();
    const cancel = this.#clock.after(puppetLimits.deliverMs, () => overdue.abort());
    try {
      return await this.#deliver(event, AbortSignal.any([attempt.signal, overdue.signal]));
    } finally {
      cancel();
      this.#busy--;
    }
  }

  /** Says it in a channel: waits until he is in it. `draw` makes the lines for the connection as it is then. */
  async speak(channel: string, draw: (view: View) => Lines, attempt: Attempt): Promise<Passed> {
    this.#use();
    this.#busy++;
    try {
      return await passed(
        {
          clock: this.#clock,
          maxLines: this.#network.maxLines,
          ready: (ms, signal) => this.#seat.ready(ms, signal),
          attendance: this.#attendance,
        },
        channel,
        draw,
        attempt.signal,
      );
    } finally {
      this.#busy--;
    }
  }

  /** In this channel from now on, until `leave`. */
  attend(channel: string, changed: (place: Place) => void): void {
    this.#attendance.want(channel, changed);
    this.#seat.need();
  }

  leave(channel: string, reason: string): void {
    this.#attendance.unwant(channel, reason);
    this.#use();
  }

  attends(channel: string): boolean {
    return this.#attendance.wants(channel);
  }

  /** What keeps him out of the channel is tried again: he has acted. */
  act(channel: string): void {
    this.#attendance.act(channel);
  }

  /** Wants another nick: as he is called in a room. */
  wear(nick: string): void {
    if (nick === this.#login.nick) return;
    this.#login = { ...this.#login, nick };
    // What he chose himself is no news to him; only another nick than that would be.
    this.#nickTold = nick;
    void this.#announce(nick).then(() => this.#seat.wear(nick));
  }

  /** Shows him as away with this text, or as there again. */
  away(text: string | undefined): void {
    if (text === this.#away) return;
    this.#away = text;
    this.#showAway();
  }

  #away: string | undefined;
  /** Nicks that the house knows as ours because of this puppet. */
  readonly #announced = new Set<string>();

  #showAway(): void {
    this.link?.say(message("AWAY", this.#away === undefined ? [] : [this.#away]));
  }

  #announce(nick: string): Promise<void> {
    this.#announced.add(nick);
    return this.#parts.announce(nick, this.person);
  }

  #withdraw(keep?: string): void {
    for (const nick of this.#announced)
      if (nick !== keep) {
        this.#announced.delete(nick);
        this.#parts.withdraw(nick);
      }
  }

  /** A line that is for nobody but the server or the channel, such as a typing notice. */
  whisper(line: Message): void {
    this.link?.say(line);
  }

  async #deliver(event: MessageEvent, signal: AbortSignal): Promise<Delivery> {
    const until = this.#clock.monotonic() + puppetLimits.readyMs;
    const target = event.to.local;
    for (;;) {
      const left = until - this.#clock.monotonic();
      const link = left > 0 ? await this.#seat.ready(left, signal) : undefined;
      if (link === undefined) return { end: "away" };
      const { maxLines } = this.#network;
      const drawn = fromBus(event, { mask: link.mask, target, maxLines });
      if (!drawn.ok) return { end: "refused", reason: drawn.reason, text: drawn.text };
      const sent = await link.submit(drawn.lines, target, signal);
      switch (sent.end) {
        case "taken":
          this.remember(target);
          return { end: "handed" };
        case "failed":
          return { end: "refused", reason: reasonOf(sent.failure), text: failureText(sent.failure) };
        case "unknown":
          return { end: "uncertain", text: "the connection broke before the server had confirmed it" };
        case "unwritten":
          if (signal.aborted) return { end: "away" };
      }
    }
  }

  /** Keeps in mind that this person talks with `nick`. */
  remember(nick: string): void {
    this.#use();
    const known = this.#peers.find((peer) => this.#same(peer.nick, nick));
    const others = this.#peers.filter((peer) => peer !== known);
    this.#peers = [{ nick, at: this.#clock.now() }, ...others].slice(0, puppetLimits.peers);
    this.#saveSoon();
  }

  #same(a: string, b: string): boolean {
    const link = this.#seat.link;
    return link === undefined ? a === b : link.fold(a) === link.fold(b);
  }

  #use(): void {
    this.#usedAt = this.#clock.monotonic();
  }

  #onReady(link: Link): void {
    this.#noteNick(link.nick);
    const from = this.#gapFrom;
    this.#gapFrom = undefined;
    if (from !== undefined) this.#announceGap(link, from);
    this.#saveSoon();
    if (this.#away !== undefined) this.#showAway();
    this.#attendance.onReady(link);
    this.#parts.available(this.person);
  }

  #announceGap(link: Link, from: number): void {
    const peers = this.#peers.filter((peer) => from - peer.at < puppetLimits.gapPeersMs);
    if (peers.length === 0) return;
    const note = gapNote(from, this.#clock.now());
    for (const peer of peers) link.say(message("NOTICE", [peer.nick, `${note} (to ${this.nick})`]));
    this.#parts.tellPerson(this.person, `IRC network ${this.#parts.name}: ${note}`);
  }

  #noteNick(nick: string): void {
    if (nick === this.#nickTold) return;
    this.#nickTold = nick;
    this.#parts.tellPerson(this.person, nickNote(this.#parts.name, nick, this.#login.nick));
  }

  #onNick(nick: string): void {
    this.#noteNick(nick);
    this.#saveSoon();
    if (!this.#attendance.isWanted) return;
    // Also when others changed it: whoever reads the channel has heard the change on IRC itself.
    void this.#announce(nick).then(() => {
      if (this.#seat.link?.nick === nick) this.#withdraw(nick);
    });
  }

  #onLine(link: Link, line: Message, number: string): void {
    this.#attendance.onLine(link, line);
    switch (line.command) {
      case "INVITE":
        return this.#parts.onInvite(this.person, (line.source ?? "").replace(/!.*$/, ""), param(line, 1));
      case "PRIVMSG":
      case "NOTICE":
        if (this.#parts.inbox.take(link, line, number, this.person))
          this.remember((line.source ?? "").replace(/!.*$/, ""));
        return;
      case "301":
        return this.#onAway(param(line, 1), param(line, 2), link);
      default:
        return;
    }
  }

  #onAway(nick: string, text: string, link: Link): void {
    if (take(this.#aways, awayRule, link.fold(nick), this.#clock.monotonic()))
      this.#parts.tellPerson(this.person, awayNote(nick, text));
  }

  #onLost(_why: string, stood: boolean, heardAt: number): void {
    if (stood) this.#gapFrom ??= heardAt;
    this.#attendance.onLost();
    this.#withdraw();
    // Nobody talks: there is nothing to come back for before somebody does.
    if (this.#peers.length === 0 && this.#busy === 0 && !this.#attendance.isWanted) this.#seat.release("");
  }

  #saveSoon(): void {
    if (this.#released) return;
    this.#cancelSave ??= this.#clock.after(puppetLimits.saveMs, () => {
      this.#cancelSave = undefined;
      this.#save(true, false).catch((error: unknown) =>
        this.#log.warn({ error: String(error) }, "the IRC memory cannot be written now"),
      );
    });
  }

  #save(open: boolean, clean: boolean): Promise<void> {
    const { memory, epoch } = this.#parts;
    return memory.savePuppet({
      address: this.person,
      nick: this.nick,
      open,
      clean,
      epoch,
      peers: this.#peers,
    });
  }

  /** Leaves the network in order. `keep`: the conversation lives on, here after a restart or at another instance. */
  async release(reason: string, keep: boolean): Promise<void> {
    this.#stopSaving();
    const saved = this.#save(keep, true);
    this.#attendance.close();
    this.#seat.release(reason);
    this.#withdraw();
    await saved;
  }

  #stopSaving(): void {
    this.#released = true;
    this.#cancelSave?.();
  }
}
