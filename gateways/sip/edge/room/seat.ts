// One participant's MSRP session: what he says goes to the courier, what happens in the room goes to him, and what he has not
// taken when his session breaks is sent when he is back (RFC 7701 §5-7, RFC 4975 §5.4, EDGES §6).
import { type Address, bareKey, type Party } from "#bus-schemas/address.ts";
import type { MessageDraft, Settled } from "#bus-schemas/delivery/courier.ts";
import type { RoomEvent } from "#bus-schemas/events/room.ts";
import { type RoomAnswer, roomReasonText } from "#bus-schemas/events/room-command.ts";
import { type Reason, reasonText } from "#bus-schemas/reason.ts";
import type { Typing } from "#bus-schemas/rooms/port.ts";
import { byEndpoint, byNick, type RoomView } from "#bus-schemas/rooms/view.ts";
import type { WheelTimer } from "#bus-schemas/service/wheel.ts";
import { token } from "#bus-schemas/subject.ts";
import { msrpStatusOf, roomErrors } from "../../translate/room/errors.ts";
import { type FromRoomView, fromRoom, typingLetter } from "../../translate/room/from-room.ts";
import type { Names } from "../../translate/room/names.ts";
import { type ToRoom, toRoom } from "../../translate/room/to-room.ts";
import type { MsrpEnd, MsrpMessage, MsrpOutgoing, MsrpSession, NicknameRequest } from "../msrp/port.ts";
import type { RoomParts } from "./parts.ts";
import { word } from "./way.ts";

/** The same event under the same names is printed once for all who read it so. */
export type Letters = Map<string, MsrpOutgoing>;

export interface SeatOptions {
  readonly names: Names;
  readonly party: Party;
  readonly endpoint: string;
  /** The room's number up to which he has everything; 0 for a newcomer. */
  readonly seen: number;
  readonly view: () => RoomView;
  readonly bound: () => void;
  readonly lost: () => void;
  /** He has taken more: what is stored of it may be written anew. */
  readonly progress: () => void;
}

/** The stack answers for us after 25 s (msrpEdgeLimits.ownAnswerMs). */
const longestHoldMs = 20_000;
/** What is said before it is answered late is remembered for a failure REPORT; more are forgotten, oldest first. */
const mostLate = 200;
/** Pages of history that are read for one who was away; what is older stays unsent, and he is told. */
const mostPages = 200;
const pageSize = 50;
/** Of what he has missed so many bytes wait at once; the session itself ends above 1 MiB. */
const mostBuffered = 262_144;
/** Members' Message-IDs whose refusal is repeated when they send them again. */
const mostRefused = 200;

export class Seat {
  readonly #parts: RoomParts;
  readonly #options: SeatOptions;
  #session: MsrpSession | undefined;
  /** Sent and not yet answered, in order. */
  #pending: { readonly number: number; done: boolean }[] = [];
  #sent: number;
  #page = pageSize;
  #live = false;
  /** Done when the last message that was sent is answered. */
  #last: Promise<void> = Promise.resolve();
  #accepting: Promise<unknown> = Promise.resolve();
  readonly #late = new Map<string, MsrpMessage>();
  readonly #refused = new Map<string, { status: number; text: string }>();
  #composing: WheelTimer | undefined;

  constructor(parts: RoomParts, options: SeatOptions) {
    this.#parts = parts;
    this.#options = options;
    this.#sent = options.seen;
  }

  /** The room's number up to which he has taken everything. */
  get seen(): number {
    const [first] = this.#pending;
    return first === undefined ? this.#sent : first.number - 1;
  }

  /** The session, unless it is broken. */
  get standing(): MsrpSession | undefined {
    return this.#session?.state === "closed" ? undefined : this.#session;
  }

  /** A new session takes the place of the one before, if there was one. Throws when nothing listens for that scheme. */
  open(secure: boolean, family: 4 | 6): MsrpSession {
    const before = this.#session;
    const { maxSize } = this.#parts.config.msrp;
    const session = this.#parts.msrp.expect(
      { scheme: secure ? "msrps" : "msrp", family, acceptTypes: ["message/cpim"], maxSize },
      {
        message: (message) => this.#receive(message),
        nickname: (request) => void this.#nickname(request),
        bound: () => {
          if (this.#session === session) this.#options.bound();
        },
        closed: () => {
          if (this.#session === session) this.#options.lost();
        },
      },
    );
    this.#session = session;
    this.#stand();
    before?.close();
    return session;
  }

  // Nothing more goes to the session before: what it has not taken is sent again by `enter`.
  #stand(): void {
    this.#sent = this.seen;
    this.#pending = [];
    this.#live = false;
  }

  /** He is in (again) as of this event: what he has missed, or the latest of the room, and from then on everything. */
  enter(view: RoomView): void {
    this.#stand();
    if (this.#sent > 0) this.#resume();
    else {
      const wanted = this.#parts.config.rooms.history;
      const shown = view.recent.filter((event) => fromRoom(event, this.#reader(view)) !== undefined);
      for (const event of wanted === 0 ? [] : shown.slice(-wanted)) this.#write(event, view, undefined);
      this.#sent = view.number;
      this.#live = true;
    }
    this.#options.progress();
  }

  #resume(): void {
    const session = this.#session;
    this.#catchUp().catch((error: unknown) => {
      this.#parts.log.warn({ error: String(error) }, "what somebody has missed in a room cannot be read now");
      session?.close();
    });
  }

  // At the pace at which he takes it. What cannot be read now ends the session: he is called again, and nothing is left out.
  async #catchUp(): Promise<void> {
    const session = this.#session;
    const { names } = this.#options;
    for (let page = 0; page < mostPages; page += 1) {
      const { recent, endpoints } = this.#options.view();
      const [oldest] = recent;
      if (oldest === undefined || oldest.number <= this.#sent + 1) break;
      const reader = endpoints.get(this.#options.endpoint);
      const asked = { ask: "history", room: names.room, max: this.#page, since: this.#sent } as const;
      const got = await this.#parts.rooms.history({ ...asked, ...(reader !== undefined && { reader }) });
      if (this.#session !== session) return; // Another session has come meanwhile: it catches up itself.
      if (got === undefined) {
        // Perhaps too much for one answer on the bus: the next time less is asked for.
        this.#page = Math.max(1, Math.floor(this.#page / 4));
        return session?.close();
      }
      for (const event of got.events) {
        this.#write(event, this.#options.view(), undefined);
        while ((session?.buffered ?? 0) > mostBuffered) await this.#last;
        if (this.#session !== session) return;
      }
      if (got.complete) break;
    }
    const view = this.#options.view();
    for (const event of view.recent) if (event.number > this.#sent) this.#write(event, view, undefined);
    this.#sent = view.number;
    this.#live = true;
  }

  /** Something has happened in the room. */
  tell(event: RoomEvent, view: RoomView, letters: Letters): void {
    if (!this.#live || event.number <= this.#sent) return;
    this.#write(event, view, letters);
  }

  #write(event: RoomEvent, view: RoomView, letters: Letters | undefined): void {
    const session = this.#session;
    // History that is paged says the room's number of each event; the owner's own events have none.
    if (event.number > this.#sent) this.#sent = event.number;
    const letter = fromRoom(event, this.#reader(view));
    if (letter === undefined || session === undefined) return;
    const ready = letters?.get(letter.same);
    const outgoing: MsrpOutgoing = ready ?? {
      contentType: "message/cpim",
      body: letter.body(),
      messageId: messageIdOf(event.id),
    };
    letters?.set(letter.same, outgoing);
    const entry = { number: event.number, done: false };
    this.#pending.push(entry);
    this.#last = session.send(outgoing).then((end) => {
      if (this.#session === session) this.#ended(entry, end, session);
    });
  }

  // 0, 408 and 481 speak of the session, and what it has not taken it gets again; any other refusal is of this message.
  #ended(entry: { done: boolean }, { status }: MsrpEnd, session: MsrpSession): void {
    if (status === 0 || status === 408 || status === 481) return session.close();
    entry.done = true;
    while (this.#pending[0]?.done) this.#pending.shift();
    this.#options.progress();
  }

  #reader(view: RoomView): FromRoomView {
    const { names, endpoint } = this.#options;
    const self = byEndpoint(view, endpoint);
    const viewer = { key: self?.key ?? "", moderator: self?.role === "moderator" };
    return { names, view, viewer, endpoint };
  }

  /** Somebody writes, or no longer. Left out where the reader is slow. */
  typing(typing: Typing, view: RoomView): void {
    const session = this.#session;
    const reader = this.#reader(view);
    const { key } = reader.viewer;
    if (!this.#live || session === undefined || session.congested || typing.key === key) return;
    if (typing.to !== undefined && typing.to !== key) return;
    const to = typing.to === undefined ? undefined : view.participants.get(key)?.nick;
    const active = typing.state === "composing";
    const { nick } = typing;
    const said = { nick, key: typing.key, active, ...(to !== undefined && { to }) };
    const body = typingLetter(said, reader, this.#parts.clock.now());
    void session.send({
      contentType: "message/cpim",
      body,
      messageId: word(),
      failureReport: "no",
    });
  }

  #receive(message: MsrpMessage): void {
    if (message.body.length === 0) return message.answer(200);
    const view = this.#options.view();
    const self = byEndpoint(view, this.#options.endpoint);
    if (self === undefined) return message.answer(403, roomReasonText["not-joined"]);
    const { names, party } = this.#options;
    const own: Address[] = [party, ...this.#parts.directory.linked(party)];
    const meant = toRoom(message, { names, view, from: party, self, own });
    this.#done(message, meant, self.key, self.nick, view);
  }

  #done(message: MsrpMessage, meant: ToRoom, key: string, nick: string, view: RoomView): void {
    switch (meant.do) {
      case "refuse":
        return message.answer(meant.status, meant.comment);
      case "nothing":
        return message.answer(200);
      case "typing": {
        message.answer(200);
        const to = meant.to === undefined ? undefined : byNick(view, meant.to)?.key;
        return this.#composes({ key, nick, ...(to !== undefined && { to }) }, meant);
      }
      case "subject":
        void this.#command({ kind: "subject", text: meant.text }).then((answer) => {
          if (answer.ok) message.answer(200);
          else message.answer(roomErrors[answer.reason].msrp, answer.text ?? roomReasonText[answer.reason]);
        });
        return;
      case "say":
        this.#composing?.cancel();
        this.#say(message, meant.draft, meant.isPrivate);
    }
  }

  #composes(
    who: { key: string; nick: string; to?: string },
    { active, refreshMs }: { active: boolean; refreshMs: number },
  ): void {
    const { rooms, wheel } = this.#parts;
    const { room } = this.#options.names;
    this.#composing?.cancel();
    rooms.typing({ room, ...who, state: active ? "composing" : "paused" });
    if (active)
      this.#composing = wheel.after(refreshMs, () => rooms.typing({ room, ...who, state: "paused" }));
  }

  #say(message: MsrpMessage, draft: MessageDraft, isPrivate: boolean): void {
    const refused = this.#refused.get(message.messageId);
    if (refused !== undefined) return message.answer(refused.status, refused.text);
    const { courier, config, log } = this.#parts;
    const source = bareKey(this.#options.party);
    const transportId = `msrp ${this.#options.endpoint} ${message.messageId}`;
    const accepting = this.#accepting.then(() =>
      courier.accept(draft, { source, transportId, holdMs: Math.min(config.rooms.hold, longestHoldMs) }),
    );
    // What he says next is accepted after this, whatever becomes of it.
    this.#accepting = accepting.catch(() => undefined);
    accepting.then(
      async (accepted) => {
        if (!accepted.accepted) return this.#refuse(message, accepted.reason, accepted.text, isPrivate);
        this.#settle(message, draft.messageId ?? message.messageId, await accepted.settled, isPrivate);
      },
      (error: unknown) => {
        log.warn({ error: String(error) }, "the bus does not take what was said in a room");
        message.answer(408, "try again later");
      },
    );
  }

  #settle(message: MsrpMessage, id: string, settled: Settled | undefined, isPrivate: boolean): void {
    if (settled === undefined) {
      // It is ours now; if it fails after all, a REPORT says so.
      remember(this.#late, id, message, mostLate);
      return message.answer(200);
    }
    if (settled.outcome === "handed") return message.answer(200);
    const reason = settled.reason ?? (settled.outcome === "refused" ? "unreachable" : settled.outcome);
    this.#refuse(message, reason, settled.text ?? reasonText[reason], isPrivate);
  }

  #refuse(message: MsrpMessage, reason: Reason, text: string, isPrivate: boolean): void {
    const status = isPrivate && reason === "not-supported" ? 428 : msrpStatusOf[reason];
    remember(this.#refused, message.messageId, { status, text }, mostRefused);
    message.answer(status, text);
  }

  /** What he said was refused after he was answered 200; false if that message is not remembered. */
  failed(id: string | undefined, reason: Reason, text: string | undefined): boolean {
    const message = id === undefined ? undefined : this.#late.get(id);
    if (id === undefined || message === undefined || this.#session?.state !== "bound") return false;
    this.#late.delete(id);
    message.answer(msrpStatusOf[reason], text ?? reasonText[reason]);
    return true;
  }

  async #nickname({ nickname, answer }: NicknameRequest): Promise<void> {
    if (Buffer.byteLength(nickname) > 1_023) return answer(423);
    // An empty one takes the nick away (RFC 7701 §7.1): nobody is without a name here, so he gets that of his account.
    const { party } = this.#options;
    const nick = nickname === "" ? (party.display ?? party.local) : nickname;
    const done = await this.#command({ kind: "nick", nick, mangle: nickname === "" });
    if (done.ok) answer(200);
    else answer(roomErrors[done.reason].msrp, done.text ?? roomReasonText[done.reason]);
  }

  #command(what: Parameters<RoomParts["rooms"]["command"]>[0]["do"]): Promise<RoomAnswer> {
    const { names, party } = this.#options;
    return this.#parts.rooms.command({ room: names.room, from: party, do: what }).catch((error: unknown) => {
      this.#parts.log.warn({ error: String(error) }, "a room cannot be asked");
      return { ok: false, reason: "unreachable" };
    });
  }

  close(): void {
    const session = this.#session;
    this.#session = undefined;
    this.#live = false;
    this.#composing?.cancel();
    session?.close();
  }
}

function remember<T>(map: Map<string, T>, key: string, value: T, most: number): void {
  map.delete(key);
  map.set(key, value);
  const oldest = map.size > most ? map.keys().next().value : undefined;
  if (oldest !== undefined) map.delete(oldest);
}

// 4 to 32 of letters, digits and `.-+%=`: the same event has the same one in every session, so that what comes again is known.
const messageIdOf = (event: string): string => `m${token(event).replaceAll("_", ".")}`;
