// One foreign room that is tied to one of ours: who of us is in it, who reads it, and what passes both ways.
import { type Address, bareKey, printAddress } from "#bus-schemas/address.ts";
import { toJid } from "#bus-schemas/addresses/jid.ts";
import type { Attempt, Courier, Delivery } from "#bus-schemas/delivery/courier.ts";
import type { MessageEvent } from "#bus-schemas/events/message.ts";
import type { RoomChangeKind, RoomEvent } from "#bus-schemas/events/room.ts";
import type { RoomAnswer, RoomDo } from "#bus-schemas/events/room-command.ts";
import type { Followed, Rooms } from "#bus-schemas/rooms/port.ts";
import { emptyView, type RoomView } from "#bus-schemas/rooms/view.ts";
import type { Counter, Service } from "#bus-schemas/service/service.ts";
import { errorReply, readError } from "../../translate/errors.ts";
import { Crowd } from "../../translate/legs/crowd.ts";
import { type Occupant, readForeignPresence } from "../../translate/legs/foreign-presence.ts";
import { KnownIds } from "../../translate/legs/known-ids.ts";
import { markFor } from "../../translate/legs/mark.ts";
import {
  bareRoom,
  type HistoryWanted,
  inviteStanza,
  leaveStanza,
  occupantOf,
} from "../../translate/legs/to-foreign.ts";
import type { Element } from "../../wire/element.ts";
import type { Component } from "../component.ts";
import { Acting } from "./acting.ts";
import { Hearing } from "./hearing.ts";
import { Mirror } from "./mirror.ts";
import { People } from "./people.ts";
import type { LegPlace } from "./place.ts";
import { Reading } from "./reading.ts";
import { LegMemory, type LegRecord, type Records, recordLimits } from "./record.ts";
import { type Seat, seatLimits } from "./seat.ts";
import { Speaking } from "./speaking.ts";

export const legLimits = {
  /** Between two tries to follow the room. */
  followMs: 2_000,
  /** How long a message waits for the leg to be open; then the courier keeps it. */
  readyMs: 10_000,
  /** Of what was said before we came, through a door. */
  history: 20,
  /** Clocks of two servers may differ by so much: history is asked for from so long before the last that was read. */
  skewMs: 60_000,
} as const;

export interface LegParts {
  readonly service: Service;
  readonly courier: () => Courier;
  readonly rooms: Rooms;
  readonly records: Records;
  readonly component: (domain: string) => Component | undefined;
  /** The house's, for marks. */
  readonly secret: string;
  readonly count: Counter;
  /** How long a room may be silent before it is asked; seatLimits.quietMs if undefined. */
  readonly quietMs?: number | undefined;
}

/** What may change who is to be there, or under which nick and status. */
const concernPeople: ReadonlySet<RoomChangeKind> = new Set<RoomChangeKind>([
  "joined",
  "endpoint",
  "endpoint-gone",
  "left",
  "renamed",
  "rekeyed",
  "status",
  "roster",
  "destroyed",
]);

/** Never: the server keeps the stanza, and gives it to the next holder of the stream. */
const untaken = (): Promise<never> => new Promise<never>(() => undefined);

export class Leg {
  readonly place: LegPlace;
  /** As XMPP writes the foreign room. */
  readonly jid: string;
  readonly #parts: LegParts;
  readonly #known = new KnownIds();
  readonly #crowd: Crowd;
  readonly #reading = new Reading();
  readonly #speaking: Speaking;
  readonly #memory: LegMemory;
  readonly #ready = Promise.withResolvers<void>();
  #record: LegRecord | undefined;
  #people: People | undefined;
  #mirror: Mirror | undefined;
  #hearing: Hearing | undefined;
  #acting: Acting | undefined;
  #followed: Followed | undefined;
  #nativesAt: { readonly number: number; readonly keys: ReadonlySet<string> } = {
    number: -1,
    keys: new Set(),
  };
  #tail: Promise<void> = Promise.resolve();
  #isClosed = false;
  /** This instance acts no more: the next holder is given what is not done with. */
  #isStopped = false;

  constructor(parts: LegParts, place: LegPlace) {
    this.place = place;
    this.jid = bareRoom(place.there);
    this.#parts = parts;
    this.#crowd = new Crowd((occupant) => this.#isOurs(occupant));
    this.#memory = new LegMemory(parts.records, place.leg, () => this.#written());
    this.#speaking = new Speaking({
      clock: parts.service.clock,
      courier: parts.courier,
      component: parts.component,
      seatOf: (event) => this.#people?.speaker(this.view, event.from),
      known: this.#known,
      named: (event) => {
        this.#memory.changed();
        this.#acting?.named(event);
      },
    });
  }

  get view(): RoomView {
    return this.#followed?.view ?? emptyView(this.place.room);
  }

  /** Occupants of ours that are in. */
  get seats(): number {
    return [...(this.#people?.seats.values() ?? [])].filter(({ state }) => state === "in").length;
  }

  /** Goes on where an earlier process stopped; resolves when its people are on their way. Errors: the bus. */
  async open(): Promise<void> {
    const record = await this.#memory.load();
    this.#record = record;
    this.#reading.restore(record.read);
    for (const known of record.known) this.#known.remember(known);
    this.#people = this.#newPeople(record);
    const { component } = this.#parts;
    this.#acting = new Acting({ leg: this.place.leg, people: this.#people, known: this.#known, component });
    await this.#follow();
    if (this.#isClosed) return;
    this.#mirror = this.#newMirror();
    this.#hearing = this.#newHearing(record, this.#people, this.#mirror);
    this.#people.tidy(this.view, (jid, nick) => this.#leaveAs(jid, nick));
    this.#catchUp(record);
    this.#people.sync(this.view);
    this.#memory.changed();
    this.#ready.resolve();
  }

  /** Says there what our room says. */
  async deliver(event: MessageEvent, attempt: Attempt): Promise<Delivery> {
    return (await this.#isReady()) ? this.#speaking.deliver(event, attempt) : { end: "away" };
  }

  /** Asks somebody on XMPP into the foreign room, by the occupant of whoever wants him there (XEP-0045 §7.8.2). */
  async invite(event: MessageEvent): Promise<Delivery> {
    const by = event.invitation?.by.address;
    const seat = by && (await this.#isReady()) ? this.#people?.speaker(this.view, by) : undefined;
    await seat?.settled(seatLimits.joinMs);
    const to = toJid({ local: event.to.local, domain: event.to.domain });
    const component = seat && this.#parts.component(seat.domain);
    if (seat?.state !== "in" || component === undefined || !to.ok)
      return { end: "refused", reason: "forbidden", text: "whoever invites is not in that room" };
    const handed = await component.hand(
      event.id,
      inviteStanza(seat.way, event.id, to.value, event.invitation?.reason),
    );
    if (handed.end === "untaken") return { end: "away" };
    if (handed.end === "taken") return { end: "handed" };
    const { reason, text } = readError(handed.error);
    return { end: "refused", reason, ...(text !== undefined && { text }) };
  }

  /** A stanza from the foreign room to one of us; resolves when the server may forget it. */
  async take(component: Component, stanza: Element, transportId: string): Promise<void> {
    const isReady = await this.#isReady();
    if (this.#isStopped) return untaken();
    if (!isReady || this.#isClosed) return;
    const { to = "", type } = stanza.attrs;
    const seat = this.#people?.byJid(to);
    if (stanza.name === "message" && type === "error") {
      if (component.refuse(stanza.attrs.id ?? "", stanza)) return;
      return this.#speaking.failed(stanza);
    }
    if (stanza.name === "iq") return this.#onAnswer(seat, stanza);
    if (seat === undefined) return this.#onStranger(component, stanza);
    seat.heard();
    if (stanza.name === "presence") return this.#onPresence(seat, stanza);
    this.#lookAfterReader();
    await this.#hearing?.message({ component, stanza, transportId, seat });
  }

  /** The stream of a domain runs anew: who speaks over it may be in no more (EDGES §2). */
  again(domain: string): void {
    for (const seat of this.#people?.seats.values() ?? []) if (seat.domain === domain) seat.again();
  }

  /** Lets go; the next holder goes on. */
  async stop(): Promise<void> {
    this.#isClosed = true;
    this.#isStopped = true;
    this.#ready.resolve();
    await this.#followed?.release();
    if (this.#people !== undefined && this.#record !== undefined) await this.#memory.save();
    this.#people?.stop();
    this.#mirror?.stop();
  }

  /** The tie is cut, or our room is no more: everybody leaves, and nothing is kept. */
  async close(reason: string | undefined): Promise<void> {
    this.#isClosed = true;
    this.#ready.resolve();
    if (this.view.exists) await this.#mirror?.gone();
    await this.#followed?.release();
    this.#people?.close(reason);
    this.#mirror?.stop();
    await this.#memory.forget();
  }

  async #isReady(): Promise<boolean> {
    const late = this.#parts.service.clock.sleep(legLimits.readyMs).then(() => false);
    return Promise.race([this.#ready.promise.then(() => true), late]);
  }

  async #follow(): Promise<void> {
    const { rooms, service } = this.#parts;
    while (!this.#isClosed && this.#followed === undefined) {
      try {
        this.#followed = await rooms.follow(this.place.room, {
          event: (event, view) => this.#onEvent(event, view),
          typing: ({ key, state, to }, view) => this.#acting?.typing(key, state, to, view),
        });
      } catch (error) {
        service.log.info({ leg: this.place.leg, error: String(error) }, "a room cannot be followed yet");
        await service.clock.sleep(legLimits.followMs);
      }
    }
  }

  #newPeople(record: LegRecord): People {
    const { service, component, secret, quietMs } = this.#parts;
    const { there } = this.place;
    return new People(
      {
        clock: service.clock,
        place: this.place,
        faceOn: (address) => service.directory.faceOn("xmpp", address),
        speaksFor: (domain) => component(domain) !== undefined,
        tell: (person, text) =>
          void this.#command({ kind: "notice", text: text.slice(0, 1024), about: person }),
        remove: (key, text) => void this.#remove(key, text),
        vacated: (seat) => this.#onVacated(seat),
        changed: () => this.#memory.changed(),
        seat: {
          quietMs: quietMs ?? seatLimits.quietMs,
          mark: (nick) => markFor(secret, printAddress(there), nick),
          password: () => this.place.password ?? (this.place.isDoor ? this.view.config?.password : undefined),
          history: (seat) => this.#historyFor(seat),
          send: (seat, stanza) => component(seat.domain)?.send(stanza) ?? false,
          on: { asked: (seat) => this.#onAsked(seat), in: (seat) => this.#onIn(seat) },
        },
      },
      record.seats,
    );
  }

  #newMirror(): Mirror {
    return new Mirror({
      clock: this.#parts.service.clock,
      place: this.place,
      crowd: this.#crowd,
      shown: () =>
        [...this.view.participants.values()]
          .filter(({ leg }) => leg === this.place.leg)
          .map(({ address }) => address.local),
      command: (what) => this.#command(what),
      later: (work) => void this.#later(work),
    });
  }

  #newHearing(record: LegRecord, people: People, mirror: Mirror): Hearing {
    const { service, courier, rooms, count } = this.#parts;
    return new Hearing({
      service,
      courier,
      rooms,
      count,
      people,
      mirror,
      place: this.place,
      life: record.life,
      view: () => this.view,
      crowd: this.#crowd,
      reading: this.#reading,
      speaking: this.#speaking,
      known: this.#known,
      command: (what, from, transportId) => this.#command(what, from, transportId),
      later: (work) => this.#later(work),
      read: (key) => this.#noteRead(key),
    });
  }

  #isOurs(occupant: Occupant): boolean {
    const { nick, mark, real } = occupant;
    const { secret } = this.#parts;
    if (this.#people?.has(occupant)) return true;
    if (mark !== undefined && mark === markFor(secret, printAddress(this.place.there), nick)) return true;
    // Somebody who is in our room by himself is not shown a second time.
    return real !== undefined && this.#natives().has(real);
  }

  /** Who is in our room by himself, by bare key. */
  #natives(): ReadonlySet<string> {
    const { number, participants } = this.view;
    if (this.#nativesAt.number !== number)
      this.#nativesAt = {
        number,
        keys: new Set(
          [...participants.values()].flatMap(({ leg, address }) =>
            leg === undefined ? [bareKey(address)] : [],
          ),
        ),
      };
    return this.#nativesAt.keys;
  }

  #onAsked(seat: Seat): void {
    this.#reading.reader ??= seat;
    if (this.#reading.reader === seat) this.#crowd.reset();
  }

  #historyFor(seat: Seat): HistoryWanted {
    if (seat !== this.#reading.reader) return { most: 0 };
    const readAt = this.#record?.readAt;
    if (readAt !== undefined) return { since: readAt - legLimits.skewMs };
    return { most: this.place.isDoor ? legLimits.history : 0 };
  }

  #onIn(seat: Seat): void {
    if (seat !== this.#reading.reader) return void this.#later(async () => this.#mirror?.isOurs(seat.nick));
    this.#crowd.isWhole = true;
    if (this.#record?.readAt === undefined) this.#noteRead(undefined);
    void this.#later(async () => this.#mirror?.whole());
  }

  #onPresence(seat: Seat, stanza: Element): Promise<void> | void {
    const presence = readForeignPresence(stanza);
    // Whoever reads sees himself as well: ours are known from strangers by what he holds.
    const isReader = seat === this.#reading.reader;
    if (isReader && presence.is === "here" && !this.#crowd.isWhole) this.#crowd.add(presence);
    seat.presence(presence, stanza);
    if (seat === this.#reading.reader && this.#crowd.isWhole && presence.is !== "error")
      return this.#later(async () => this.#mirror?.presence(presence));
  }

  #onAnswer(seat: Seat | undefined, stanza: Element): void {
    if (seat?.answered(stanza)) return;
    // They keep whom ours wished out: he is shown again.
    if (this.#acting?.wasRefused(stanza)) void this.#later(async () => this.#mirror?.whole());
  }

  /** The room still has somebody of ours whom we do not know any more: as an error says (XEP-0045 §7.14), he is not there. */
  #onStranger(component: Component, stanza: Element): void {
    const error = stanza.attrs.type === "groupchat" ? errorReply(stanza, "unreachable") : undefined;
    if (error) component.send(error);
  }

  #leaveAs(jid: string, nick: string): void {
    const to = occupantOf(this.place.there, nick);
    const domain = jid.slice(jid.indexOf("@") + 1).split("/")[0] ?? "";
    if (to !== undefined)
      this.#parts.component(domain)?.send(leaveStanza({ from: jid, room: this.place.there }, to, undefined));
  }

  #onVacated(seat: Seat): void {
    if (this.#reading.reader === seat) this.#nextReader();
  }

  #lookAfterReader(): void {
    const { reader } = this.#reading;
    if (!this.#reading.isDeaf(this.#parts.service.clock.monotonic())) return;
    reader?.ping();
    this.#nextReader();
  }

  /** Another one reads: over the same stream he goes on at once; else he has everything shown to him again. */
  #nextReader(): void {
    const before = this.#reading.reader;
    const seats = [...(this.#people?.seats.values() ?? [])].filter(
      (one) => one !== before && one.state !== "out",
    );
    const next =
      seats.find((one) => one.state === "in" && one.domain === before?.domain) ??
      seats.find((one) => one.state === "in") ??
      seats[0];
    this.#reading.change(next);
    if (next === undefined) {
      this.#crowd.reset();
      if (!this.#isClosed) void this.#later(async () => this.#mirror?.gone());
    } else if (!(next.state === "in" && next.domain === before?.domain && this.#crowd.isWhole)) next.enter();
  }

  #onEvent(event: RoomEvent, view: RoomView): void {
    if (this.#isClosed || this.#people === undefined) return;
    const { change } = event;
    const why = change.kind === "left" ? { key: change.gone.key, text: change.gone.reason } : undefined;
    if (concernPeople.has(change.kind)) this.#people.sync(view, why);
    this.#acting?.room(event);
    if (this.#record !== undefined) this.#record = { ...this.#record, number: view.number };
    this.#memory.changed();
  }

  /** What happened in our room while nobody carried it there. */
  #catchUp({ number }: LegRecord): void {
    if (number === undefined) return;
    for (const event of this.view.recent) if (event.number > number) this.#acting?.room(event);
  }

  /** Takes somebody out of our room with all his devices: theirs does not have him. */
  async #remove(key: string, text: string): Promise<void> {
    const participant = this.view.participants.get(key);
    if (participant === undefined) return;
    const { address, assurance } = participant;
    await this.#command({ kind: "notice", text: text.slice(0, 1024), about: address });
    for (const { id } of participant.endpoints)
      await this.#command(
        { kind: "leave", endpoint: id, reason: text.slice(0, 1024) },
        { ...address, assurance },
      );
  }

  #later(work: () => Promise<void>): Promise<void> {
    const run = this.#tail.then(async () => {
      if (!this.#isClosed) await work();
    });
    this.#tail = run.catch((error: unknown) => {
      this.#parts.service.log.error(
        { leg: this.place.leg, error: String(error) },
        "something heard was lost",
      );
    });
    return this.#tail;
  }

  async #command(
    what: RoomDo,
    from?: Address & { assurance?: "verified" | "server" | "none" },
    transportId?: string,
  ): Promise<RoomAnswer> {
    const { rooms, service } = this.#parts;
    const { room, there, leg } = this.place;
    const answer = await rooms.command({
      room,
      from: from === undefined ? { ...there, assurance: "server" } : { assurance: "none", ...from },
      do: what,
      ...(transportId !== undefined && { transportId }),
    });
    if (!answer.ok)
      service.log.info(
        { leg, what: what.kind, reason: answer.reason },
        "a room refused what its leg told it",
      );
    return answer;
  }

  #noteRead(key: string | undefined): void {
    if (this.#record === undefined) return;
    const { read } = this.#record;
    this.#record = {
      ...this.#record,
      readAt: this.#parts.service.clock.now(),
      read: key === undefined ? read : [...read.slice(1 - recordLimits.read), key],
    };
    this.#memory.changed();
  }

  #written(): LegRecord {
    const { life = "", readAt, number, read = [] } = this.#record ?? {};
    return {
      life,
      read,
      seats: this.#people?.kept() ?? [],
      known: this.#known.newest(recordLimits.known),
      ...(readAt !== undefined && { readAt }),
      ...(number !== undefined && { number }),
    };
  }
}
