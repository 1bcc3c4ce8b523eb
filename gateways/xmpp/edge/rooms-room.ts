// One room with people on XMPP: follows it, shows them what happens in its order, and gives newcomers the whole picture.
import { type Address, bare } from "#bus-schemas/address.ts";
import type { Participant, RoomEvent } from "#bus-schemas/events/room.ts";
import type { Followed, Follower, Rooms, Typing } from "#bus-schemas/rooms/port.ts";
import type { RoomView } from "#bus-schemas/rooms/view.ts";
import type { Clock, Log } from "#bus-schemas/service/service.ts";
import { fromEvent, type RoomWorld } from "../translate/rooms/from-event.ts";
import { finder, type HistoryWish, picture } from "../translate/rooms/picture.ts";
import { missedPresence, newcomers } from "../translate/rooms/resume.ts";
import { saidStanza } from "../translate/rooms/said.ts";
import {
  advance,
  emptyStage,
  follow,
  type Out,
  type Recipient,
  recipientsOf,
  type Stage,
} from "../translate/rooms/stage.ts";
import { typingStanza } from "../translate/rooms/typing.ts";
import { Progress } from "./rooms-progress.ts";
import type { Saved, ShownRoster } from "./rooms-saved.ts";
import type { Writer } from "./rooms-writer.ts";

export const limits = {
  /** How long an answer waits for the replica to come as far as the command did. */
  reachMs: 5_000,
  /** Events shown and not yet taken by the server; above it the room waits. */
  unTaken: 256,
} as const;

/** How somebody who asked to come in wants to be shown the room. */
export interface Coming {
  readonly nick: string;
  readonly history: HistoryWish;
}

export interface RoomOptions {
  readonly address: Address;
  readonly rooms: Rooms;
  readonly writer: Writer;
  readonly saved: Saved;
  readonly world: RoomWorld;
  readonly clock: Clock;
  readonly log: Log;
  /** Writes what only holds for a moment. */
  readonly send: (outs: readonly Out[]) => void;
}

export class OccupiedRoom implements Follower {
  readonly address: Address;
  /** Stanzas and answers that are being worked on here: it stays open for them. */
  users = 0;
  readonly #options: RoomOptions;
  readonly #progress: Progress;
  readonly #coming = new Map<string, Coming>();
  readonly #waiters = new Set<{ number: number; go: () => void }>();
  #stage: Stage = emptyStage();
  #view: RoomView | undefined;
  #followed: Followed | undefined;
  #opening: Promise<void> | undefined;
  #beginning: Promise<void> | undefined;
  #closed = false;

  constructor(options: RoomOptions) {
    this.#options = options;
    this.address = bare(options.address);
    const { clock, log, saved } = options;
    this.#progress = new Progress({ room: this.address, clock, log, saved });
  }

  /** As of the last event shown. */
  get view(): RoomView {
    if (!this.#view) throw new Error("a room is looked at before it is open");
    return this.#view;
  }

  /** Devices on XMPP that are shown the room. */
  get audience(): ReadonlyMap<string, Recipient> {
    return this.#stage.audience;
  }

  get idle(): boolean {
    return (
      this.users === 0 &&
      this.#coming.size === 0 &&
      this.#stage.audience.size === 0 &&
      this.#progress.open === 0
    );
  }

  /** Follows the room and shows what was missed. Errors: its owner cannot be asked. */
  open(): Promise<void> {
    this.#opening ??= this.#open();
    return this.#opening;
  }

  async #open(): Promise<void> {
    this.#followed = await this.#options.rooms.follow(this.address, this);
    await this.#begin(this.#followed.view);
  }

  /** Stops. `remember`: others go on where this one ended; else nothing is kept. */
  async close(remember: boolean): Promise<void> {
    this.#closed = true;
    for (const waiter of this.#waiters) waiter.go();
    await this.#followed?.release();
    await (remember ? this.#progress.close() : this.#progress.forget());
  }

  /** This device asked to come in: it is shown the room so. */
  expect(endpoint: string, coming: Coming): void {
    this.#coming.set(endpoint, coming);
  }

  unexpect(endpoint: string): void {
    this.#coming.delete(endpoint);
  }

  /** A device that asked to come in is in already: nothing happened that would show it the room. */
  async showAgain(endpoint: string): Promise<void> {
    if (this.#coming.has(endpoint) && this.view.endpoints.has(endpoint))
      await this.#show([...this.#pictureOf(endpoint, false)], true);
  }

  /** Resolves when this event has been shown, or after a while all the same. */
  reached(number: number): Promise<void> {
    if (this.#stage.number >= number || this.#closed) return Promise.resolve();
    return new Promise((resolve) => {
      const waiter = { number, go: () => go() };
      const cancel = this.#options.clock.after(limits.reachMs, () => go());
      const go = (): void => {
        cancel();
        this.#waiters.delete(waiter);
        resolve();
      };
      this.#waiters.add(waiter);
    });
  }

  async event(event: RoomEvent, view: RoomView): Promise<void> {
    if (this.#closed) return;
    await this.#begin(view);
    // What the view held already when this began has been shown with it.
    if (view.number <= this.#stage.number) return;
    const { world } = this.#options;
    const outs = fromEvent({ event, stage: this.#stage, view, world });
    const isRoster = advance(this.#stage, event, view);
    const { change } = event;
    if (change.kind === "joined" && change.endpoint !== undefined)
      outs.push(...this.#pictureOf(change.endpoint, change.created === true, change.renicked));
    else if (change.kind === "endpoint" && change.endpoint.carrier === "xmpp")
      outs.push(...this.#pictureOf(change.endpoint.id, false));
    await this.#show(outs, isRoster);
  }

  typing(typing: Typing, view: RoomView): void {
    if (this.#closed || this.#view === undefined) return;
    const stanza = typingStanza(view.room, typing, this.#options.world);
    const to = [...this.#stage.audience.values()].filter(
      ({ key }) => key !== typing.key && (typing.to === undefined || key === typing.to),
    );
    this.#options.send([{ stanza, to }]);
  }

  #begin(view: RoomView): Promise<void> {
    this.#beginning ??= this.#start(view).catch((error: unknown) => {
      // The bus may have been away: whoever needs it next tries again.
      this.#beginning = undefined;
      throw error;
    });
    return this.#beginning;
  }

  async #start(view: RoomView): Promise<void> {
    const saved = await this.#options.saved.load(this.address);
    const old = saved ? await this.#older(saved, view) : [];
    // From here to the stage's next number nothing waits: the view is that of one moment.
    this.#view = view;
    const outs: Out[] = [];
    if (saved) {
      this.#stage = saved;
      const sight = { stage: saved, view, world: this.#options.world };
      const since = saved.number;
      const recent = view.recent.filter(({ number }) => number > since);
      const presence = missedPresence(sight);
      const newly = newcomers(sight);
      follow(this.#stage, view);
      outs.push(...presence, ...this.#missed([...old, ...recent], view));
      for (const one of newly) outs.push(...this.#pictureOf(one.id, false));
    } else {
      const newly = [...view.participants.values()].flatMap(recipientsOf);
      follow(this.#stage, view);
      for (const one of newly) outs.push(...this.#pictureOf(one.id, false));
    }
    await this.#show(outs, this.#stage.audience.size > 0);
  }

  /** What was said since then and is not in the view any more; in private too, to those who were shown the room. */
  async #older(saved: Stage, view: RoomView): Promise<RoomEvent[]> {
    const first = view.recent[0]?.number;
    // Numbers are counted without a gap, but not all of them are of things said.
    if (first === undefined || first <= saved.number + 1) return [];
    const found = await this.#pages(saved.number, first, undefined);
    const readers = new Set([...saved.audience.values()].map(({ key }) => key));
    for (const key of readers) {
      const own = await this.#pages(saved.number, first, key);
      found.push(...own.filter(({ change }) => change.kind === "said" && change.message.to?.key === key));
    }
    return found.sort((a, b) => a.number - b.number);
  }

  async #pages(since: number, until: number, reader: string | undefined): Promise<RoomEvent[]> {
    const found: RoomEvent[] = [];
    const ask = {
      ask: "history",
      room: this.address,
      max: 500,
      ...(reader !== undefined && { reader }),
    } as const;
    for (let from = since; ; ) {
      const page = await this.#options.rooms.history({ ...ask, since: from });
      const events = page?.events.filter(({ number }) => number < until) ?? [];
      found.push(...events);
      const last = events.at(-1);
      if (last === undefined || page?.complete === true) return found;
      from = last.number;
    }
  }

  #missed(events: readonly RoomEvent[], view: RoomView): Out[] {
    const find = finder(view);
    const all = [...this.#stage.audience.values()];
    return events.flatMap((event): Out[] => {
      const stanza = saidStanza(event, find, this.#options.world);
      const { change } = event;
      const only = change.kind === "said" ? change.message.to?.key : undefined;
      const to = only === undefined ? all : all.filter(({ key }) => key === only);
      return stanza === undefined ? [] : [{ stanza, to }];
    });
  }

  #pictureOf(endpoint: string, created: boolean, renicked = false): Out[] {
    const { view } = this;
    const key = view.endpoints.get(endpoint);
    const self: Participant | undefined = key === undefined ? undefined : view.participants.get(key);
    const recipient = self && recipientsOf(self).find(({ id }) => id === endpoint);
    if (self === undefined || recipient === undefined) return [];
    const coming = this.#coming.get(endpoint);
    // A device that is in and did not ask is not shown it all again.
    if (coming === undefined && this.#stage.audience.has(endpoint)) return [];
    this.#coming.delete(endpoint);
    this.#stage.audience.set(endpoint, this.#stage.audience.get(endpoint) ?? recipient);
    const other = renicked || (coming !== undefined && coming.nick !== self.nick);
    const newcomer = { recipient, history: coming?.history ?? {}, created, renicked: other };
    return picture(view, newcomer, this.#options.world);
  }

  async #show(outs: readonly Out[], isRoster: boolean): Promise<void> {
    const { number } = this.#stage;
    const roster = isRoster ? this.#shown() : undefined;
    const { taken } = await this.#options.writer.write(outs);
    this.#progress.handed(number, roster, taken);
    for (const waiter of [...this.#waiters]) if (number >= waiter.number) waiter.go();
    if (this.#progress.open > limits.unTaken) await taken;
  }

  #shown(): ShownRoster {
    return {
      participants: [...this.#stage.participants.values()],
      audience: [...this.#stage.audience.keys()],
    };
  }
}
