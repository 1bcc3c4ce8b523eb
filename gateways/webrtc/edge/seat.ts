// One browser's seat in a room: the whole picture first, then every event in the room's order; a reader that lags is closed.
import type { Address, Party } from "#bus-schemas/address.ts";
import type { RoomEvent } from "#bus-schemas/events/room.ts";
import type { Rooms, Typing } from "#bus-schemas/rooms/port.ts";
import { byEndpoint, type RoomView } from "#bus-schemas/rooms/view.ts";
import { concerned, happening, seesAddresses, type Viewer } from "../translate/room-from-bus.ts";
import {
  acceptedFrame,
  historyFrames,
  recentFrame,
  rosterPages,
  saidSince,
} from "../translate/room-picture.ts";
import { limits } from "../wire/limits.ts";
import type { RoomHappening } from "../wire/room-event.ts";
import { type Connection, closeCodes } from "./connection.ts";

// Events that wait while the picture is sent; one more and the browser is sent away, to come back by its last number.
const mostWaiting = 1000;
// What a returning browser may have missed; after more it is shown the room anew, and pages back as it likes.
const mostMissed = 10_000;
const historyPage = 500;
// Messages of a browser that wait for the room's number; of more the oldest is answered without one.
const mostUnnumbered = 1000;
// For how long a page shows that somebody writes, if it hears nothing else.
const typingShownSeconds = 60;

export interface SeatOptions {
  readonly session: string;
  readonly connection: Connection;
  readonly room: Address;
  /** Who sits here: the account with its device. */
  readonly party: Party;
  /** The endpoint's id in the room. */
  readonly endpoint: string;
  readonly rooms: Rooms;
  readonly idOf: (key: string) => string;
  /** The last number that the browser knows. */
  readonly since: number | undefined;
  /** How much history a newcomer is shown at most. */
  readonly history: number;
  /** The session is over, and the browser has been told. */
  readonly ended: () => void;
}

/** An event as everybody is told it whom it does not concern himself; printed once for all seats. */
export interface Printed {
  readonly concerned: ReadonlySet<string | undefined>;
  readonly open: string | undefined;
  readonly hidden: string | undefined;
}

const bodyOf = (what: RoomHappening | undefined): string | undefined =>
  what === undefined ? undefined : JSON.stringify(what).slice(1);

/** Prints an event for those who see addresses and for those who do not. */
export function printOnce(event: RoomEvent, view: RoomView, idOf: Viewer["idOf"]): Printed {
  const print = (sees: boolean) => bodyOf(happening(event, view, { key: "", idOf, seesAddresses: sees }));
  return { concerned: new Set(concerned(event)), open: print(true), hidden: print(false) };
}

type Act = () => void;

export class Seat {
  readonly options: SeatOptions;
  /** His device was expected back when it came: nobody was told that it was away. */
  resumed = false;
  #phase: "joining" | "drawing" | "live" | "over" = "joining";
  /** What follows the picture, while it is sent. */
  readonly #waiting: Act[] = [];
  #from: number | undefined;
  #key = "";
  #sees = false;
  #created = false;
  readonly #unnumbered = new Map<string, (event: RoomEvent) => void>();

  constructor(options: SeatOptions) {
    this.options = options;
  }

  /** The participant's key; empty until the room has taken it. */
  get key(): string {
    return this.#key;
  }
  get over(): boolean {
    return this.#phase === "over";
  }
  get viewer(): Viewer {
    return { key: this.#key, seesAddresses: this.#sees, idOf: this.options.idOf };
  }

  tell(what: RoomHappening): void {
    this.options.connection.send({ sylkrtc: "videoroom-event", session: this.options.session, ...what });
  }

  /** The room has taken it with this number: as soon as the view is so far, the picture is drawn. */
  begin(number: number, view: RoomView): void {
    this.#from = number;
    this.#draw(view);
  }

  /** The room's next event, after which it is as `view` says. */
  event(event: RoomEvent, view: RoomView, printed: Printed): void {
    if (this.#phase === "over") return;
    if (this.#phase === "joining") {
      const { change } = event;
      if (change.kind === "joined" && change.endpoint === this.options.endpoint)
        this.#created = change.created === true;
      this.#draw(view);
      return;
    }
    for (const act of this.#acts(event, view, printed)) this.#perform(act);
  }

  typing({ key, nick, state, to }: Typing): void {
    if (this.#phase !== "live" || key === this.#key || (to !== undefined && to !== this.#key)) return;
    this.tell({
      event: "composing-indication",
      state: state === "composing" ? "active" : "idle",
      refresh: typingShownSeconds,
      content_type: "text/plain",
      sender: { participant_id: this.options.idOf(key), nick },
      ...(to === undefined ? {} : { private: true as const }),
    });
  }

  /** Calls once when the room numbers the message with this id of this device. The returned function takes it back. */
  expect(messageId: string, numbered: (event: RoomEvent) => void): () => void {
    this.#unnumbered.set(messageId, numbered);
    const [oldest] = this.#unnumbered.keys();
    if (this.#unnumbered.size > mostUnnumbered && oldest !== undefined) this.#unnumbered.delete(oldest);
    return () => {
      if (this.#unnumbered.get(messageId) === numbered) this.#unnumbered.delete(messageId);
    };
  }

  /** The session is over, and the browser is told why. */
  terminate(cause: string, code: number): void {
    if (this.over) return;
    this.tell({ event: "session-state", state: "terminated", cause, code });
    this.end();
    this.options.ended();
  }

  /** Nothing more is told here. */
  end(): void {
    this.#phase = "over";
    this.#waiting.length = 0;
    this.#unnumbered.clear();
  }

  #perform(act: Act): void {
    if (this.#phase === "live") return act();
    if (this.#phase !== "drawing") return;
    this.#waiting.push(act);
    if (this.#waiting.length > mostWaiting)
      this.options.connection.close(closeCodes.tryAgain, "too slow to read");
  }

  #acts(event: RoomEvent, view: RoomView, printed: Printed): Act[] {
    const { change } = event;
    if (change.kind === "endpoint-gone" && change.endpoint === this.options.endpoint)
      return [() => this.terminate("left", 200)];
    if (change.kind === "endpoint" && change.endpoint.id === this.options.endpoint) return [];
    if (change.kind === "said" && change.message.origin.endpoint === this.options.endpoint) {
      const id = change.message.origin.messageId ?? "";
      const numbered = this.#unnumbered.get(id);
      this.#unnumbered.delete(id);
      // Who said it is told by the answer to his request, in the room's order all the same.
      if (numbered !== undefined) return [() => numbered(event)];
    }
    if (change.kind === "roster" && change.joined.length + change.gone.length > limits.rosterPage)
      return this.#crowd(event, view);
    const isOver = change.kind === "destroyed" || (change.kind === "left" && change.gone.key === this.#key);
    const acts = this.#telling(event, view, printed);
    if (isOver) return [...acts, () => this.#finish()];
    const sees = seesAddresses(view, this.#key);
    if (sees === this.#sees) return acts;
    // He sees more or less of everybody now.
    this.#sees = sees;
    return [...acts, ...rosterPages(view, this.viewer).map((page) => () => this.tell(page))];
  }

  // Too many at once for one frame: the roster anew, and what happened in words.
  #crowd({ number, change }: RoomEvent, view: RoomView): Act[] {
    const text = change.kind === "roster" ? change.text : undefined;
    const frames: RoomHappening[] = [
      ...rosterPages(view, this.viewer),
      {
        event: "participants-changed",
        number,
        joined: [],
        left: [],
        ...(text === undefined ? {} : { text }),
      },
    ];
    return frames.map((frame) => () => this.tell(frame));
  }

  #telling(event: RoomEvent, view: RoomView, printed: Printed): Act[] {
    const text = printed.concerned.has(this.#key)
      ? bodyOf(happening(event, view, this.viewer))
      : this.#sees
        ? printed.open
        : printed.hidden;
    if (text === undefined) return [];
    const { session, connection } = this.options;
    const head = `{"sylkrtc":"videoroom-event","session":${JSON.stringify(session)},`;
    return [() => connection.sendText(head + text)];
  }

  #finish(): void {
    this.end();
    this.options.ended();
  }

  #draw(view: RoomView): void {
    if (this.#phase !== "joining" || this.#from === undefined || view.number < this.#from) return;
    const self = byEndpoint(view, this.options.endpoint);
    // Thrown out between his coming in and now.
    if (self === undefined) return this.terminate("lost", 480);
    this.#key = self.key;
    this.#sees = seesAddresses(view, self.key);
    this.#phase = "drawing";
    const { since, history } = this.options;
    const missed = since !== undefined && since <= view.number && view.number - since <= mostMissed;
    const accepted = acceptedFrame(view, this.viewer, {
      resumed: this.resumed,
      created: this.#created,
      ...(missed ? { since } : {}),
    });
    const frames = [...(accepted === undefined ? [] : [accepted]), ...rosterPages(view, this.viewer)];
    const past = missed ? saidSince(view, this.viewer, since) : [recentFrame(view, this.viewer, history)];
    void this.#send([...frames, ...(past ?? [])], past === undefined, view.number);
  }

  // Page by page, as fast as the browser reads. `ask`: the view does not reach back so far, the room is asked.
  async #send(frames: readonly RoomHappening[], ask: boolean, number: number): Promise<void> {
    const { connection } = this.options;
    for (const frame of frames) {
      if (this.over) return;
      this.tell(frame);
      await connection.drained();
    }
    if (ask && !(await this.#past(number))) return this.terminate("unreachable", 503);
    if (this.over) return;
    this.tell({ event: "session-state", state: "established", number });
    this.#phase = "live";
    for (const act of this.#waiting.splice(0)) if (!this.over) act();
  }

  async #past(upTo: number): Promise<boolean> {
    const { rooms, room, connection } = this.options;
    for (let since = this.options.since ?? 0; ; ) {
      const question = { ask: "history", room, reader: this.#key, since, max: historyPage } as const;
      // A bus that fails is a room that cannot be reached: the browser comes again.
      const page = await rooms.history(question).catch(() => undefined);
      if (page === undefined) return false;
      if (this.over || !connection.open) return true;
      const events = page.events.filter(({ number }) => number > since && number <= upTo);
      for (const frame of historyFrames(events, this.viewer, { more: false })) {
        if (this.over) return true;
        this.tell(frame);
        await connection.drained();
      }
      const last = page.events.at(-1)?.number ?? upTo;
      if (page.complete || last >= upTo || last <= since) return true;
      since = last;
    }
  }
}
