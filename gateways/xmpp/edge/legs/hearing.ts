// What a foreign room says, on its way into ours: each message once, by whoever of us reads; our own words are known by their speaker
// and their id, never by text.
import type { Address } from "#bus-schemas/address.ts";
import type { Courier, MessageDraft } from "#bus-schemas/delivery/courier.ts";
import type { RoomAnswer, RoomDo } from "#bus-schemas/events/room-command.ts";
import type { Rooms } from "#bus-schemas/rooms/port.ts";
import type { RoomView } from "#bus-schemas/rooms/view.ts";
import type { Counter, Service } from "#bus-schemas/service/service.ts";
import type { Crowd } from "../../translate/legs/crowd.ts";
import { type ForeignMessage, readForeignMessage } from "../../translate/legs/foreign-message.ts";
import type { KnownIds } from "../../translate/legs/known-ids.ts";
import { type Element, elements, ns } from "../../wire/element.ts";
import { acceptPatiently } from "../accept.ts";
import type { Component } from "../component.ts";
import { recall } from "../recall.ts";
import type { Mirror } from "./mirror.ts";
import type { People } from "./people.ts";
import type { LegPlace } from "./place.ts";
import type { Reading } from "./reading.ts";
import type { Seat } from "./seat.ts";
import type { Speaking } from "./speaking.ts";

export const hearingLimits = {
  /** What cannot be shown of one person is told at most so often. */
  untoldMs: 3_600_000,
  people: 1_000,
  /** Ids of messages that are done with. */
  done: 1_000,
} as const;

export interface HearingParts {
  readonly service: Service;
  readonly courier: () => Courier;
  readonly rooms: Rooms;
  readonly place: LegPlace;
  /** Of this life of our room: goes into ids. */
  readonly life: string;
  readonly view: () => RoomView;
  readonly crowd: Crowd;
  readonly people: People;
  readonly mirror: Mirror;
  readonly reading: Reading;
  readonly speaking: Speaking;
  readonly known: KnownIds;
  readonly count: Counter;
  readonly command: (what: RoomDo, from: Address | undefined, transportId?: string) => Promise<RoomAnswer>;
  /** Gives work its turn, and resolves when it is done. */
  readonly later: (work: () => Promise<void>) => Promise<void>;
  /** The message of this key is done with for good: it is written down soon. */
  readonly read: (key: string | undefined) => void;
}

/** One stanza as it came. */
export interface Came {
  readonly component: Component;
  readonly stanza: Element;
  readonly transportId: string;
  readonly seat: Seat;
}

export class Hearing {
  readonly #parts: HearingParts;
  readonly #untold = recall<number>(hearingLimits.people);

  /** The room's ids of what was passed on, or was ours. */
  readonly #done = recall<true>(hearingLimits.done);

  constructor(parts: HearingParts) {
    this.#parts = parts;
  }

  /** Resolves when the server may forget it. */
  async message(came: Came): Promise<void> {
    const { place, people, reading, service } = this.#parts;
    const stanzaId = came.seat === reading.reader ? undefined : roomsIdOf(came.stanza);
    // Each of us hears everything: what is done with is not read again.
    if (stanzaId !== undefined && this.#done.get(stanzaId) === true) return;
    const nickHere = this.#parts.view().participants.get(came.seat.key)?.nick;
    const message = readForeignMessage(came.stanza, place.there, place.room, nickHere);
    if (message === undefined) return this.#became("dropped");
    const done = (): void => {
      if (message.stanzaId !== undefined) this.#done.set(message.stanzaId, true);
    };
    const author = message.nick === undefined ? undefined : people.byNick(message.nick);
    if (message.isPrivate) {
      if (author !== undefined) return this.#became("own");
      return this.#parts.later(() => this.#pass(came, message));
    }
    if (this.#isOwn(message, author)) {
      if (message.wish.kind === "say" && message.id !== undefined)
        this.#parts.speaking.echoed(message.id, message.stanzaId, message.nick);
      done();
      return this.#became("own");
    }
    if (this.#isFirstSubject(came.seat, message)) return this.#firstSubject(came, message);
    let passed: Promise<void> | undefined;
    reading.hear(came.seat, message.key, service.clock.monotonic(), () => {
      done();
      passed = this.#parts.later(() => this.#pass(came, message));
    });
    await passed;
  }

  // History is known by its id alone: whoever had that nick then need not be the one who has it now.
  #isOwn(message: ForeignMessage, author: Seat | undefined): boolean {
    if (message.said === undefined) return author !== undefined;
    const { id } = message;
    if (id === undefined) return false;
    const { speaking, view } = this.#parts;
    return (
      speaking.wasEchoed(id) ||
      view().recent.some(
        (event) =>
          event.id === id &&
          event.change.kind === "said" &&
          event.change.message.leg !== this.#parts.place.leg,
      )
    );
  }

  /** With the subject a room ends what it shows a newcomer (XEP-0045 §7.2.15). */
  #isFirstSubject(seat: Seat, { wish }: ForeignMessage): boolean {
    if (wish.kind !== "do" || wish.do.kind !== "subject" || seat.isCaughtUp || seat.state === "out")
      return false;
    seat.isCaughtUp = true;
    return true;
  }

  // Their subject becomes ours where ours is only the door to it, or has none; else each keeps its own until somebody changes it.
  async #firstSubject(came: Came, message: ForeignMessage): Promise<void> {
    const { reading, place, view, later } = this.#parts;
    const { wish } = message;
    if (came.seat !== reading.reader || wish.kind !== "do" || wish.do.kind !== "subject") return;
    const { text } = wish.do;
    const mine = view().subject?.text ?? "";
    if (text === mine || (mine !== "" && !place.isDoor) || (text === "" && !place.isDoor)) return;
    await later(() => this.#do(message, { kind: "subject", text, leg: place.leg }));
  }

  async #pass(came: Came, message: ForeignMessage): Promise<void> {
    const { wish, nick } = message;
    if (nick !== undefined && message.said === undefined) await this.#parts.mirror.before(nick);
    switch (wish.kind) {
      case "say":
        if (nick === undefined) return this.#became("dropped");
        return this.#say(came, message, wish.draft, nick);
      case "do":
        return this.#act(message, wish.do);
      case "typing":
        return this.#typing(message, wish.state);
      case "refuse":
        return this.#untellable(nick ?? place(this.#parts.place), wish.text);
      case "voice":
      case "none":
        return this.#became("dropped");
    }
  }

  async #say(came: Came, message: ForeignMessage, said: MessageDraft, nick: string): Promise<void> {
    const { place, life, known, service, courier, read } = this.#parts;
    const written = message.said ?? said.written;
    const answered = said.replyTo?.id === undefined ? undefined : known.eventOf(said.replyTo.id);
    const draft: MessageDraft = {
      ...said,
      from: { local: nick, domain: place.there.domain, display: nick, assurance: "none" },
      leg: place.leg,
      ...(written !== undefined && { written }),
      ...(said.replyTo && { replyTo: { ...said.replyTo, ...(answered !== undefined && { id: answered }) } }),
    };
    const arrival = {
      source: `${place.leg} ${nick}`,
      transportId: `${life} ${message.isPrivate ? came.transportId : (message.key ?? came.transportId)}`,
    };
    const acceptance = await acceptPatiently(service, courier(), came.component, draft, arrival);
    if (!acceptance.accepted) {
      this.#became("refused");
      return this.#untellable(nick, acceptance.text);
    }
    this.#became(acceptance.duplicate ? "duplicate" : "accepted");
    // Private messages are in no history.
    if (message.isPrivate) return;
    known.remember({ event: acceptance.id, stanzaId: message.stanzaId, id: message.id, nick });
    read(message.key);
  }

  async #act(message: ForeignMessage, what: RoomDo): Promise<void> {
    const { known, place } = this.#parts;
    const { leg } = place;
    switch (what.kind) {
      case "subject":
        return this.#do(message, { ...what, leg });
      case "react": {
        const event = known.eventOf(what.message);
        if (event === undefined) return this.#became("dropped");
        return this.#do(message, { ...what, message: event, leg });
      }
      case "retract": {
        const event = known.eventOf(what.message);
        if (event === undefined) return this.#became("dropped");
        return this.#do(message, { ...what, message: event, leg });
      }
      default:
        return this.#became("dropped");
    }
  }

  async #do(message: ForeignMessage, what: RoomDo): Promise<void> {
    const { place, life, command, read } = this.#parts;
    const nick = message.nick ?? place.there.local;
    const from = { local: nick, domain: place.there.domain };
    const answer = await command(
      what,
      from,
      message.key === undefined ? undefined : `${life} ${message.key}`,
    );
    this.#became(answer.ok ? what.kind : "refused");
    read(message.key);
  }

  async #typing(message: ForeignMessage, state: "composing" | "paused" | "active"): Promise<void> {
    const { place, rooms, view } = this.#parts;
    const shown = [...view().participants.values()].find(
      ({ leg, address }) => leg === place.leg && address.local === message.nick,
    );
    if (shown === undefined || message.isPrivate) return;
    rooms.typing({ room: place.room, key: shown.key, nick: shown.nick, state });
  }

  /** An error to the room would put its hearer out: ours is told instead, once in a while. */
  async #untellable(nick: string, why: string | undefined): Promise<void> {
    const { service, command, place } = this.#parts;
    const now = service.clock.monotonic();
    if (now - (this.#untold.get(nick) ?? Number.NEGATIVE_INFINITY) < hearingLimits.untoldMs) return;
    this.#untold.set(nick, now);
    const text = `Something that ${nick} said cannot be shown here: ${why ?? "it is of a kind that is not known"}`;
    await command({ kind: "notice", text: text.slice(0, 1024), leg: place.leg }, undefined);
  }

  #became(end: string): void {
    this.#parts.count.add(1, { end });
  }
}

/** Any id of a room: it decides nothing but what is left unread. */
const roomsIdOf = (stanza: Element): string | undefined => {
  const by = (stanza.attrs.from ?? "").split("/")[0];
  return elements(stanza).find(
    ({ name, xmlns, attrs }) => name === "stanza-id" && xmlns === ns.ids && attrs.by === by,
  )?.attrs.id;
};

const place = ({ there }: LegPlace): string => there.local;
