// One room in which this process has somebody: follows it, and gives each event to the calls and subscriptions that it concerns.
import type { Address } from "#bus-schemas/address.ts";
import type { RoomEvent } from "#bus-schemas/events/room.ts";
import type { Followed, Follower, Rooms, Typing } from "#bus-schemas/rooms/port.ts";
import type { RoomView } from "#bus-schemas/rooms/view.ts";
import type { Letters } from "./seat.ts";

/** Somebody's device in the room, as the room sees it. */
export interface Member {
  readonly endpoint: string;
  /** The participant whose device it is; known once he has entered. */
  key: string | undefined;
  entered(view: RoomView): void;
  /** The room has let him go; `why` in words. */
  expelled(cause: string): void;
  tell(event: RoomEvent, view: RoomView, letters: Letters): void;
  typing(typing: Typing, view: RoomView): void;
}

/** Somebody who watches the roster. */
export interface Watcher {
  happened(event: RoomEvent, view: RoomView): void;
}

export class Hosted implements Follower {
  readonly room: Address;
  readonly members = new Map<string, Member>();
  readonly watchers = new Set<Watcher>();
  #followed: Followed | undefined;

  constructor(room: Address) {
    this.room = room;
  }

  /** Begins to follow. Rejects when the room cannot be asked. */
  async open(rooms: Rooms): Promise<void> {
    this.#followed = await rooms.follow(this.room, this);
  }

  get view(): RoomView {
    if (this.#followed === undefined) throw new Error("the room is not followed yet");
    return this.#followed.view;
  }

  get idle(): boolean {
    return this.members.size === 0 && this.watchers.size === 0;
  }

  release(): Promise<void> {
    return this.#followed?.release() ?? Promise.resolve();
  }

  event(event: RoomEvent, view: RoomView): void {
    this.#come(event, view);
    const letters: Letters = new Map();
    for (const member of [...this.members.values()]) member.tell(event, view, letters);
    for (const watcher of [...this.watchers]) watcher.happened(event, view);
    this.#go(event);
  }

  typing(typing: Typing, view: RoomView): void {
    for (const member of this.members.values()) member.typing(typing, view);
  }

  #come({ change }: RoomEvent, view: RoomView): void {
    if (change.kind === "joined") {
      for (const { id } of change.participant.endpoints) this.#enter(id, change.participant.key, view);
    } else if (change.kind === "endpoint" && change.endpoint.state === "connected") {
      this.#enter(change.endpoint.id, change.key, view);
    } else if (change.kind === "rekeyed") {
      for (const member of this.members.values()) if (member.key === change.key) member.key = change.to;
    }
  }

  #enter(endpoint: string, key: string, view: RoomView): void {
    const member = this.members.get(endpoint);
    if (member === undefined) return;
    member.key = key;
    member.entered(view);
  }

  // After everything else is told: whoever has to go reads why.
  #go({ change }: RoomEvent): void {
    const all = [...this.members.values()];
    if (change.kind === "endpoint-gone") this.members.get(change.endpoint)?.expelled("left");
    else if (change.kind === "left")
      for (const member of all) if (member.key === change.gone.key) member.expelled(change.gone.cause);
    if (change.kind === "destroyed")
      for (const member of all) if (member.key !== undefined) member.expelled("destroyed");
  }
}
