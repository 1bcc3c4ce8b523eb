// One channel that is a leg of a room, on this instance: who of the room is in it, who reads it, and what passes both ways.
import type { Address } from "#bus-schemas/address.ts";
import type { Bucket } from "#bus-schemas/bus/port.ts";
import { Claims } from "#bus-schemas/delivery/claims.ts";
import type { Attempt, Courier, Delivery } from "#bus-schemas/delivery/courier.ts";
import type { Lease } from "#bus-schemas/delivery/lease.ts";
import type { MessageEvent } from "#bus-schemas/events/message.ts";
import type { RoomChange, RoomEvent } from "#bus-schemas/events/room.ts";
import type { RoomAnswer, RoomPage } from "#bus-schemas/events/room-command.ts";
import type { Followed, Rooms } from "#bus-schemas/rooms/port.ts";
import { emptyView, type RoomView } from "#bus-schemas/rooms/view.ts";
import type { Clock, Counter, Log, Service } from "#bus-schemas/service/service.ts";
import { token } from "#bus-schemas/subject.ts";
import type { Network } from "../config.ts";
import type { Place } from "../session/membership.ts";
import { MessageIds } from "../session/message-ids.ts";
import { channelFromBus } from "../translate/channel-from-bus.ts";
import { channelToBus } from "../translate/channel-to-bus.ts";
import { toldAtOnce } from "../translate/errors.ts";
import type { Lines, View } from "../translate/from-bus.ts";
import { legGapNote } from "../translate/leg-notes.ts";
import { botKickedNote, botRefusedNote } from "../translate/room-errors.ts";
import { type Message, message, param } from "../wire/message.ts";
import { parseSource } from "../wire/source.ts";
import type { Passed } from "./channel-sender.ts";
import { Ear, type Heard } from "./ear.ts";
import type { LegConfig } from "./leg-config.ts";
import { LegNames } from "./leg-names.ts";
import type { Link } from "./link.ts";
import { Mirror } from "./mirror.ts";
import type { OwnNicks } from "./own-nicks.ts";
import { People } from "./people.ts";
import type { Puppets } from "./puppets.ts";
import { Reader } from "./reader.ts";
import type { Relay } from "./relay.ts";
import { RoomVoice } from "./room-voice.ts";
import { Ruler } from "./ruler.ts";
import { Tags } from "./tags.ts";

export const legLimits = {
  /** How long a channel may be out of reach before its people are taken off the roster. */
  goneMs: 10_000,
  /** Between two tries to follow the room. */
  followMs: 2_000,
  /** How long a message waits for the room to be known; then the courier keeps it. */
  readyMs: 10_000,
} as const;

export interface LegParts {
  readonly service: Service;
  readonly clock: Clock;
  readonly log: Log;
  readonly carrier: string;
  readonly network: Network;
  readonly bucket: Bucket;
  readonly courier: () => Courier;
  readonly rooms: Rooms;
  readonly lease: Lease;
  readonly relay: Relay;
  readonly puppets: Puppets;
  readonly own: OwnNicks;
  readonly lines: Counter;
  /** Makes known in the house what the server calls a message of the room. */
  readonly known: (leg: string, msgid: string, event: string) => void;
}

const unit = "reader";

export class Leg {
  readonly config: LegConfig;
  readonly #parts: LegParts;
  readonly #ear: Ear;
  readonly #people: People;
  readonly #names: LegNames;
  readonly #voice: RoomVoice;
  readonly #reader: Reader;
  readonly #ruler: Ruler;
  #mirror: Mirror;
  /** The name under which instances that hear this channel serve it. */
  readonly #service: string;
  #claims: Claims | undefined;
  #epoch: number | undefined;
  #followed: Followed | undefined;
  #cancelGone: (() => void) | undefined;
  #closed = false;
  /** What was said last of why the bot is not in the channel. */
  #toldOutside: string | undefined;
  /** The room is followed, and its people are on their way. */
  readonly #ready = Promise.withResolvers<void>();
  readonly #ids = new MessageIds();
  readonly #tags: Tags;

  constructor(parts: LegParts, config: LegConfig) {
    this.config = config;
    this.#parts = parts;
    const { domain } = parts.network;
    this.#service = `${parts.carrier}-ear-${token(config.channel)}`;
    this.#ear = new Ear(config.channel, parts.clock, parts.own, {
      heard: (heard) => this.#reader.heard(heard),
      ours: () => this.#ruler.raiseBots(),
      whole: () => this.#reader.later(() => this.#tellWhole()),
    });
    this.#names = new LegNames(config, parts.own);
    this.#voice = new RoomVoice({ rooms: parts.rooms, network: parts.network, log: parts.log, leg: config });
    const tell = (person: Address, text: string): void => void this.#voice.tell(text, person);
    this.#people = new People({ leg: config, domain, puppets: parts.puppets, log: parts.log, tell });
    this.#ruler = new Ruler({
      leg: config,
      domain,
      ear: this.#ear,
      own: parts.own,
      command: (what, from) => this.#voice.ask(what, from),
      tell,
    });
    this.#tags = new Tags({
      leg: config,
      ids: this.#ids,
      puppets: parts.puppets,
      rooms: parts.rooms,
      command: (what, nick) => this.#voice.askAs(nick, what),
    });
    this.#mirror = this.#newMirror();
    this.#reader = new Reader({
      channel: config.channel,
      clock: parts.clock,
      log: parts.log,
      bucket: parts.bucket,
      ear: this.#ear,
      holds: () => this.#epoch !== undefined && this.#claims?.holds(unit, this.#epoch) === true,
      pass: (heard, id) => this.#pass(heard, id),
      follow: (heard) => this.#mirror.fact(heard),
      gap: (from, to) => this.#tellGap(from, to),
      began: () => this.#began(),
    });
  }

  get view(): RoomView {
    return this.#followed?.view ?? emptyView(this.config.room);
  }

  async open(): Promise<void> {
    const { relay, lease, service } = this.#parts;
    relay.attend(this.config.channel, {
      entered: (link) => {
        this.#cancelGone?.();
        this.#toldOutside = undefined;
        this.#ear.entered(link);
        // Which modes the channel has is told to nobody who does not ask.
        link.say(message("MODE", [this.config.channel]));
        void lease.serve(this.#service);
        this.#reader.back();
      },
      left: (place, heardAt) => this.#onLeft(place, heardAt),
      line: (link, line) => {
        this.#ear.line(link, line);
        this.#onOwnLine(link, line);
      },
    });
    this.#claims = await Claims.open({
      service,
      lease,
      carrier: this.#service,
      units: [unit],
      sticky: true,
      onGain: (_unit, epoch) => {
        this.#epoch = epoch;
        this.#reader.begin();
      },
      onLoss: () => this.#lose(),
      onRelease: async () => {
        await this.#reader.rest();
        this.#lose();
      },
    });
    void this.#follow();
  }

  /** Says in the channel what the room says. */
  async deliver(event: MessageEvent, attempt: Attempt): Promise<Delivery> {
    const { channel } = this.config;
    if (!(await this.#isReady())) return { end: "away" };
    const puppet = this.config.mode === "puppets" ? this.#people.speaker(this.view, event.from) : undefined;
    const draw = (view: View): Lines => this.#draw(event, view, puppet === undefined);
    const said =
      puppet === undefined
        ? await this.#parts.relay.speak(channel, draw, attempt)
        : await puppet.speak(channel, draw, attempt);
    if (said.end !== "outside") return this.#said(event, said);
    const { place } = said;
    // Who is not wanted there is not heard there by another mouth; where only his nick cannot come in, the bot speaks.
    const isUnwanted =
      puppet === undefined || place.at === "kicked" || (place.at === "refused" && place.code === "474");
    if (isUnwanted) return { end: "refused", reason: "forbidden", text: `not let into ${channel}` };
    const spoken = await this.#parts.relay.speak(channel, (view) => this.#draw(event, view, true), attempt);
    return spoken.end === "outside"
      ? { end: "refused", reason: "forbidden", text: `not let into ${channel}` }
      : this.#said(event, spoken);
  }

  /** Another instance, or this one, has learned what the server calls a message of the room. */
  note(msgid: string, event: string): void {
    this.#ids.note(msgid, event);
  }

  #said(event: MessageEvent, { msgid, ...delivery }: Exclude<Passed, { end: "outside" }>): Delivery {
    if (msgid !== undefined && event.room !== undefined)
      this.#parts.known(this.config.leg, msgid, event.room.event);
    return delivery;
  }

  /** Slots have changed hands: other people are this instance's now. */
  sync(): void {
    if (this.#followed !== undefined) this.#people.sync(this.#followed.view);
  }

  /** Whether this nick is in the channel. */
  hears(nick: string): boolean {
    return this.#ear.crowd?.has(nick) ?? false;
  }

  history(max: number): Promise<RoomPage | undefined> {
    return this.#parts.rooms.history({ ask: "history", room: this.config.room, max, last: true });
  }

  /** Somebody of the channel asks one of our people in. */
  async invite(by: string, person: Address): Promise<RoomAnswer> {
    return this.#voice.askAs(by, { kind: "invite", to: person });
  }

  async close(reason: string): Promise<void> {
    this.#closed = true;
    this.#cancelGone?.();
    this.#mirror.stop();
    await this.#claims?.close();
    this.#reader.end();
    await this.#followed?.release();
    if (reason !== "") {
      this.#people.close(reason);
      this.#parts.relay.leave(this.config.channel);
    }
    await this.#parts.lease.withdraw(this.#service);
  }

  async #follow(): Promise<void> {
    const { rooms, clock, log, puppets } = this.#parts;
    while (!this.#closed && this.#followed === undefined) {
      try {
        this.#followed = await rooms.follow(this.config.room, {
          event: (event, view) => this.#onEvent(event, view),
          typing: (typing, view) => this.#tags.onRoomTyping(typing, view),
        });
      } catch (error) {
        log.info({ leg: this.config.leg, error: String(error) }, "a room cannot be followed yet");
        await clock.sleep(legLimits.followMs);
      }
    }
    await puppets.resumed();
    if (!this.#closed) this.sync();
    this.#ready.resolve();
  }

  /** Before the room is known nobody can say who has a nick of his own. */
  async #isReady(): Promise<boolean> {
    const late = this.#parts.clock.sleep(legLimits.readyMs).then(() => false);
    return Promise.race([this.#ready.promise.then(() => true), late]);
  }

  #onEvent(event: RoomEvent, view: RoomView): void {
    if (this.#closed) return;
    const { change } = event;
    this.#followPeople(change, view);
    if (change.kind === "reacted" && this.config.mode === "puppets") this.#tags.onRoom(change);
    if (this.#reader.isOn) this.#ruler.onRoom(event, view);
  }

  /** Only those whom it concerns are looked at: a room may have thousands. */
  #followPeople(change: RoomChange, view: RoomView): void {
    switch (change.kind) {
      case "joined":
        return this.#people.one(view, change.participant.key, "");
      case "endpoint":
      case "endpoint-gone":
      case "renamed":
      case "status":
        return this.#people.one(view, change.key, "");
      case "left": {
        const { key, cause, reason } = change.gone;
        return this.#people.one(view, key, reason ?? (cause === "left" ? "" : cause));
      }
      case "destroyed":
        return this.#people.sync(view);
      default:
        return;
    }
  }

  #draw(event: MessageEvent, view: View, byBot: boolean): Lines {
    const { id } = event.replyTo ?? {};
    const answers = id === undefined ? undefined : this.#ids.msgid(id);
    return channelFromBus(event, {
      ...view,
      ...(answers !== undefined && view.tags && { answers }),
      nickThere: (nick) => this.#names.there(this.view, nick),
      ...(byBot && { spokenFor: event.from.display ?? event.from.local }),
    });
  }

  /** A line of the channel goes into the room. */
  async #pass(heard: Heard, id: string): Promise<void> {
    const { fact, link } = heard;
    if (fact.is === "topic" || fact.is === "modes") return this.#ruler.onChannel(heard);
    if (fact.is === "tagged") return this.#tags.onChannel(heard, this.view);
    if (fact.is !== "said") return this.#mirror.fact(heard);
    const { network, carrier, courier, lines } = this.#parts;
    const draft = channelToBus(fact.line, {
      domain: network.domain,
      room: this.config.room,
      leg: this.config.leg,
      accounts: link.caps.has("account-tag"),
      nickInRoom: (name) => this.#names.inRoom(this.view, name),
      eventOf: (msgid) => this.#ids.event(msgid),
    });
    if (draft === undefined) return;
    await this.#mirror.before(fact.nick);
    const source = `${carrier}:${link.fold(fact.nick)}`;
    const answer = await courier().accept(draft, { source, transportId: id });
    lines.add(1, { became: answer.accepted ? "accepted" : "refused" });
    if (answer.accepted && heard.msgid !== undefined)
      this.#parts.known(this.config.leg, heard.msgid, answer.id);
    if (!answer.accepted && fact.line.command === "PRIVMSG")
      link.say(message("NOTICE", [fact.nick, toldAtOnce(answer.reason, draft.text)]));
  }

  async #began(): Promise<void> {
    this.#mirror.stop();
    this.#mirror = this.#newMirror();
    await this.#tellWhole();
    const { subject } = this.view;
    // What the room was called while nobody read the channel.
    if (subject !== undefined && this.#ear.crowd?.topic === "") this.#ruler.topic(subject.text, subject.by);
  }

  async #tellWhole(): Promise<void> {
    if (this.#reader.isOn) await this.#mirror.whole();
  }

  #newMirror(): Mirror {
    const { clock, network } = this.#parts;
    return new Mirror({
      clock,
      leg: this.config,
      domain: network.domain,
      ear: this.#ear,
      shown: () =>
        [...this.view.participants.values()]
          .filter(({ leg }) => leg === this.config.leg)
          .map(({ address }) => address.local),
      command: (what) => this.#voice.ask(what),
      later: (work) => this.#reader.later(work),
    });
  }

  #onLeft(place: Place, heardAt: number): void {
    this.#tellOutside(place);
    if (this.#ear.link === undefined) return;
    this.#ear.left();
    this.#parts.log.info(
      { leg: this.config.leg, place: place.at, heardAt },
      "a channel is not heard here now",
    );
    // Whoever else hears it reads on from its own last minute.
    void this.#parts.lease.withdraw(this.#service);
    this.#cancelGone = this.#parts.clock.after(legLimits.goneMs, () => {
      if (this.#reader.isOn && this.#ear.link === undefined)
        this.#reader.later(() => this.#mirror.gone("the channel cannot be reached now"));
    });
  }

  /** Why the bot is not let in, said once in the room: nobody there could know why the channel is silent. */
  #tellOutside(place: Place): void {
    if (place.at !== "kicked" && place.at !== "refused") return;
    const { channel } = this.config;
    const text =
      place.at === "kicked"
        ? botKickedNote(channel, place.by, place.text)
        : botRefusedNote(channel, place.code, place.text);
    if (text === this.#toldOutside) return;
    this.#toldOutside = text;
    void this.#voice.tell(text);
  }

  #lose(): void {
    this.#epoch = undefined;
    this.#mirror.stop();
    this.#reader.end();
  }

  async #tellGap(from: number, to: number): Promise<void> {
    const { channel } = this.config;
    const text = legGapNote(channel, from, to);
    await this.#voice.tell(text);
    this.#ear.link?.say(message("NOTICE", [channel, `To the room: ${text}`]));
  }

  /** What the server says of what the bot did in this channel. */
  #onOwnLine(link: Link, line: Message): void {
    const isOurs = link.fold(parseSource(line.source ?? "").nick) === link.fold(link.nick);
    const channel = line.command === "482" ? param(line, 1) : isOurs ? param(line, 0) : "";
    if (link.fold(channel) === link.fold(this.config.channel)) this.#ruler.onOwnLine(line);
  }
}
