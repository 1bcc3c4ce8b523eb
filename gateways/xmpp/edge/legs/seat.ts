// One of our people in a foreign room, as an occupant of his own: comes in, wears his nick, is looked after, comes in again, leaves.
// XEP-0045 §7.2, §7.6, §7.7, §7.14; XEP-0410.
import { randomBytes } from "node:crypto";
import type { Address } from "#bus-schemas/address.ts";
import type { Role, RoomStatus } from "#bus-schemas/events/room.ts";
import { roomReasonText } from "#bus-schemas/events/room-command.ts";
import type { Clock } from "#bus-schemas/service/service.ts";
import { readError } from "../../translate/errors.ts";
import type { ForeignPresence } from "../../translate/legs/foreign-presence.ts";
import { type JoinRefusal, joinRefusal } from "../../translate/legs/join-errors.ts";
import {
  type HistoryWanted,
  joinStanza,
  leaveStanza,
  occupantOf,
  pingStanza,
  presenceStanza,
  unlockStanza,
  type Way,
} from "../../translate/legs/to-foreign.ts";
import { shownNick } from "../../translate/rooms/names.ts";
import type { Element } from "../../wire/element.ts";

export const seatLimits = {
  /** How long a room may take to let somebody in. */
  joinMs: 30_000,
  /** First and longest pause before another try. */
  againMs: { first: 2_000, most: 300_000 },
  /** Without a word from the room for so long it is asked whether he is still in (XEP-0410 §3.3). */
  quietMs: 600_000,
  pingMs: 30_000,
  /** Nicks that are tried where the first ones are taken. */
  nicks: 6,
} as const;

/** `waiting`: refused for now or unreachable, another try follows. `out`: not to be let in. */
export type SeatState = "entering" | "in" | "waiting" | "out";

export interface Refused {
  readonly refusal: JoinRefusal;
  readonly text: string;
}

export interface SeatParts {
  readonly clock: Clock;
  /** The foreign room. */
  readonly there: Address;
  readonly quietMs: number;
  readonly mark: (nick: string) => string;
  readonly password: () => string | undefined;
  readonly history: (seat: Seat) => HistoryWanted;
  /** False when the stream does not run now: it is written anew when it does. */
  readonly send: (seat: Seat, stanza: Element) => boolean;
  readonly on: {
    /** He asks to come in, and will be shown everything. */
    asked(seat: Seat): void;
    /** He is in, and everything has been shown. */
    in(seat: Seat, isFirst: boolean): void;
    /** Under what, and whether, the room knows him has changed. */
    moved(): void;
    /** The nick that he wanted is not the one he has. */
    renicked(seat: Seat, nick: string): void;
    refused(seat: Seat, refused: Refused): void;
    removed(seat: Seat, presence: Extract<ForeignPresence, { is: "gone" }>): void;
  };
}

export interface Person {
  /** The participant's key in our room. */
  readonly key: string;
  readonly address: Address;
  readonly nick: string;
  readonly status?: RoomStatus | undefined;
}

/** As whom he is seen there. */
export interface Face {
  readonly jid: string;
  readonly domain: string;
  /** The bare key of that address. */
  readonly face: string;
}

// Unlike those of an earlier process: what is late must not be taken for an answer.
const run = randomBytes(6).toString("base64url");
let count = 0;

export class Seat {
  readonly key: string;
  readonly address: Address;
  /** His full JID towards the room. */
  readonly jid: string;
  /** The domain of ours whose stream carries it. */
  readonly domain: string;
  readonly face: string;
  state: SeatState = "waiting";
  /** Under which he is, or was last, known there. */
  nick: string;
  role: Role = "speaker";
  occupantId: string | undefined;
  /** The room has, or may have, him under that nick. */
  isKnownThere = false;
  /** The subject, with which the room ends what it shows a newcomer, has come. */
  isCaughtUp = false;
  refused: Refused | undefined;
  readonly #parts: SeatParts;
  #wanted: string;
  #status: RoomStatus | undefined;
  #asking: string;
  #presence = "";
  #ping: string | undefined;
  #tries = 0;
  #againMs: number = seatLimits.againMs.first;
  #wasIn = false;
  #heardAt: number;
  #cancel: (() => void) | undefined;
  #waiters: (() => void)[] = [];

  constructor(parts: SeatParts, person: Person, { jid, domain, face }: Face) {
    this.#parts = parts;
    this.key = person.key;
    this.address = person.address;
    this.jid = jid;
    this.domain = domain;
    this.face = face;
    this.#wanted = this.#usable(person.nick);
    this.nick = this.#wanted;
    this.#asking = this.#wanted;
    this.#status = person.status;
    this.#heardAt = parts.clock.monotonic();
  }

  get way(): Way {
    return { from: this.jid, room: this.#parts.there };
  }

  /** Asks to come in; who is in is shown everything again. `nick`: under which he was in before. */
  enter(nick?: string): void {
    if (nick !== undefined) {
      this.nick = nick;
      this.isKnownThere = true;
      this.#parts.on.moved();
    }
    if (this.state !== "in") this.#asking = this.nick;
    this.state = "entering";
    this.refused = undefined;
    this.isCaughtUp = false;
    this.#ask();
  }

  /** The stream has begun anew: nobody knows whether he is still in. */
  again(): void {
    if (this.state !== "out") this.enter();
  }

  /** His nick or status in our room has changed. */
  follow(person: Person): void {
    const wanted = this.#usable(person.nick);
    const isRenamed = wanted !== this.#wanted;
    const isChanged = JSON.stringify(person.status) !== JSON.stringify(this.#status);
    this.#wanted = wanted;
    this.#status = person.status;
    if (this.state !== "in") {
      if (isRenamed && !this.#wasIn) this.nick = wanted;
      return;
    }
    if (!isRenamed && !isChanged) return;
    this.#tries = 0;
    this.#asking = isRenamed ? wanted : this.nick;
    this.#show();
  }

  leave(reason: string | undefined): void {
    this.#stop();
    const to = occupantOf(this.#parts.there, this.nick);
    const wasThere = this.state === "in" || this.state === "entering";
    this.state = "out";
    this.isKnownThere = false;
    this.#parts.on.moved();
    if (wasThere && to !== undefined) this.#parts.send(this, leaveStanza(this.way, to, reason));
    this.#settle();
  }

  /** Lets go without a word: the next holder goes on. */
  close(): void {
    this.#stop();
    this.state = "out";
    this.isKnownThere = false;
    this.#parts.on.moved();
    this.#settle();
  }

  /** Resolves when it is settled whether he is in, or after `ms`. */
  async settled(ms: number): Promise<void> {
    if (this.state !== "entering") return;
    const done = new Promise<void>((go) => this.#waiters.push(go));
    await Promise.race([done, this.#parts.clock.sleep(ms)]);
  }

  /** Something came from the room to him. */
  heard(): void {
    this.#heardAt = this.#parts.clock.monotonic();
  }

  /** A presence that is about himself; false if it is not. */
  presence(presence: ForeignPresence, stanza: Element): boolean {
    switch (presence.is) {
      case "here":
        if (!this.#isMine(presence)) return false;
        this.#onIn(presence);
        return true;
      case "gone":
        if (!presence.isSelf && presence.nick !== this.nick) return false;
        this.#onGone(presence);
        return true;
      case "error":
        this.#onError(stanza);
        return true;
      case "none":
        return false;
    }
  }

  /** An answer to an IQ of his; false if he asked nothing of the kind. */
  answered(stanza: Element): boolean {
    const { id, type } = stanza.attrs;
    if (id === undefined || id !== this.#ping) return false;
    this.#ping = undefined;
    this.#watch();
    if (type === "result") return true;
    const { condition } = readError(stanza);
    // XEP-0410 §3.2: what a room says that lets nobody ping, and what one says to whom is not in it.
    const isIn = condition === "service-unavailable" || condition === "feature-not-implemented";
    if (condition === "remote-server-timeout" || condition === "remote-server-not-found") return true;
    if (!isIn && this.state === "in") this.enter();
    return true;
  }

  /** The room does not know him: what he said came back. */
  lost(): void {
    if (this.state === "in") this.enter();
  }

  /** Asks the room whether he is still in. */
  ping(): void {
    const to = occupantOf(this.#parts.there, this.nick);
    if (this.state !== "in" || this.#ping !== undefined || to === undefined) return;
    this.#ping = this.#id("ping");
    const asked = this.#ping;
    this.#parts.send(this, pingStanza(this.way, to, asked));
    this.#arm(seatLimits.pingMs, () => {
      if (this.#ping !== asked) return;
      this.#ping = undefined;
      this.#watch();
    });
  }

  #isMine({ isSelf, occupant }: Extract<ForeignPresence, { is: "here" }>): boolean {
    if (isSelf) return true;
    // Rooms older than status 110: the nick that he asked for, with his mark.
    return (
      this.state === "entering" &&
      occupant.nick === this.#asking &&
      occupant.mark === this.#mark(occupant.nick)
    );
  }

  #onIn({ occupant, codes }: Extract<ForeignPresence, { is: "here" }>): void {
    const wasIn = this.state === "in";
    const isNew = occupant.nick !== this.nick || !wasIn;
    this.nick = occupant.nick;
    this.role = occupant.role;
    this.occupantId = occupant.occupantId;
    this.isKnownThere = true;
    this.#parts.on.moved();
    if (codes.has("201")) this.#parts.send(this, unlockStanza(this.way, this.#id("unlock")));
    if (isNew && this.nick !== this.#wanted) this.#parts.on.renicked(this, this.nick);
    this.#asking = this.nick;
    if (wasIn) return;
    const isFirst = !this.#wasIn;
    this.#wasIn = true;
    this.state = "in";
    this.#tries = 0;
    this.#againMs = seatLimits.againMs.first;
    this.#watch();
    this.#parts.on.in(this, isFirst);
    this.#settle();
    // What changed here meanwhile.
    if (this.nick !== this.#wanted && !this.nick.startsWith(this.#wanted)) {
      this.#asking = this.#wanted;
      this.#show();
    }
  }

  #onGone(presence: Extract<ForeignPresence, { is: "gone" }>): void {
    if (presence.newNick !== undefined) {
      this.nick = presence.newNick;
      this.#parts.on.moved();
      return;
    }
    // While he comes in anew this is the end of an older stay.
    if (this.state !== "in") return;
    const { codes, isDestroyed } = presence;
    const isOver = isDestroyed || ["301", "307", "321", "322"].some((code) => codes.has(code));
    if (!isOver) {
      this.isKnownThere = false;
      this.#parts.on.moved();
      return this.#wait();
    }
    this.#stop();
    this.state = "out";
    this.isKnownThere = false;
    this.#parts.on.moved();
    this.#settle();
    this.#parts.on.removed(this, presence);
  }

  #onError(stanza: Element): void {
    const { id } = stanza.attrs;
    if (id !== undefined && id !== this.#presence) return;
    const { condition, text } = readError(stanza);
    const refusal = joinRefusal(condition);
    // A status that the room does not know whose it is.
    if (this.state === "in" && condition === "item-not-found") return this.enter();
    if (refusal.next === "nick" && this.#tries + 1 < seatLimits.nicks) {
      this.#tries += 1;
      this.#asking = this.#usable(`${this.#wanted} (${this.#tries + 1})`);
      return this.state === "in" ? this.#show() : this.#ask();
    }
    const told = { refusal, text: text ?? roomReasonText[refusal.reason] };
    if (this.state === "in") {
      this.#asking = this.nick;
      return this.#parts.on.renicked(this, this.nick);
    }
    this.refused = told;
    if (refusal.next === "later") this.#wait();
    else {
      this.#stop();
      this.state = "out";
      this.isKnownThere = false;
      this.#parts.on.moved();
    }
    this.#settle();
    this.#parts.on.refused(this, told);
  }

  #ask(): void {
    const to = occupantOf(this.#parts.there, this.#asking);
    if (to === undefined) return;
    this.#presence = this.#id("join");
    this.#parts.on.asked(this);
    const { password, history } = this.#parts;
    const sent = this.#parts.send(
      this,
      joinStanza(this.way, to, {
        id: this.#presence,
        history: history(this),
        password: password(),
        status: this.#status,
        mark: this.#mark(this.#asking),
      }),
    );
    this.#arm(seatLimits.joinMs, () => {
      const refusal: JoinRefusal = { reason: "unreachable", next: "later" };
      this.refused = { refusal, text: roomReasonText.unreachable };
      this.#wait();
      this.#settle();
      if (sent) this.#parts.on.refused(this, this.refused);
    });
  }

  #show(): void {
    const to = occupantOf(this.#parts.there, this.#asking);
    if (to === undefined) return;
    this.#presence = this.#id("show");
    const wish = { id: this.#presence, status: this.#status, mark: this.#mark(this.#asking) };
    this.#parts.send(this, presenceStanza(this.way, to, wish));
  }

  #wait(): void {
    this.state = "waiting";
    this.#arm(this.#againMs, () => this.enter());
    this.#againMs = Math.min(this.#againMs * 2, seatLimits.againMs.most);
  }

  /** While he is in: looks whether the room has been silent for too long. */
  #watch(): void {
    const { clock, quietMs } = this.#parts;
    const left = this.#heardAt + quietMs - clock.monotonic();
    this.#arm(Math.max(left, quietMs / 10), () => {
      if (this.#parts.clock.monotonic() - this.#heardAt >= quietMs) this.ping();
      else this.#watch();
    });
  }

  #arm(ms: number, call: () => void): void {
    this.#cancel?.();
    this.#cancel = this.#parts.clock.after(ms, call);
  }

  #stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #settle(): void {
    for (const go of this.#waiters.splice(0)) go();
  }

  #mark(nick: string): string {
    return this.#parts.mark(nick);
  }

  #usable(nick: string): string {
    return shownNick(this.#parts.there, { nick, key: this.key });
  }

  #id(what: string): string {
    count += 1;
    return `leg-${what}-${run}-${count}`;
  }
}
