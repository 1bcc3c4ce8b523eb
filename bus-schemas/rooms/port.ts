// Rooms, as a gateway's edge sees them: commands to a room's owner, and a replica of each room in which it has members.
import type { Address, Party } from "../address.ts";
import type { RoomEvent } from "../events/room.ts";
import type { RoomAnswer, RoomDo, RoomPage, RoomQuestion, RoomSummary } from "../events/room-command.ts";
import type { RoomCapabilities } from "./capabilities.ts";
import type { RoomView } from "./view.ts";

export interface CommandDraft {
  readonly room: Address;
  /** Who wants it, with the device. */
  readonly from: Party;
  readonly do: RoomDo;
  /** The same for the same packet sent again, else different; absent: this command is sent once. */
  readonly transportId?: string | undefined;
}

/** What only holds for a moment; never stored. */
export interface Typing {
  readonly room: Address;
  readonly key: string;
  readonly nick: string;
  readonly state: "composing" | "paused" | "active";
  /** For one participant only. */
  readonly to?: string | undefined;
}

export interface Follower {
  /**
   * Each event in the room's order, after it has been applied: `view` is how the room is now. The next one waits until the
   * promise is settled (backpressure). A follower that throws is called again.
   */
  event(event: RoomEvent, view: RoomView): void | Promise<void>;
  typing?(typing: Typing, view: RoomView): void;
}

/** A room being followed. */
export interface Followed {
  /** As of the last event that the follower was given. */
  readonly view: RoomView;
  /** Stops; the follower is not called again. */
  release(): Promise<void>;
}

export interface Rooms {
  /** Whether a room of this address would be hosted here. */
  hosts(address: Address): boolean;
  /**
   * Asks the room's owner. Resolves when what it caused is in the log for good, or with the refusal; while the room has no
   * owner it is asked again, for at most 20 s, then refused as unreachable.
   */
  command(draft: CommandDraft): Promise<RoomAnswer>;
  /**
   * Keeps a replica of the room and calls the follower with every event after it. One replica for all followers of a process;
   * at most 4,096 rooms. Who has to go on where an earlier process stopped asks for `history` since that number before its
   * first event is done with. A room of which nothing is known yet can be followed. Errors: BusTimeout when the owner cannot
   * be asked.
   */
  follow(room: Address, follower: Follower): Promise<Followed>;
  history(question: Extract<RoomQuestion, { ask: "history" }>): Promise<RoomPage | undefined>;
  /** The rooms of all domains, or those in which this carrier has members. */
  list(filter: { carrier?: string; domain?: string }): Promise<RoomSummary[]>;
  typing(typing: Typing): void;
  /**
   * What becomes of what is said and done in this room, on each of its legs and by each carrier through which somebody is in it at
   * this moment; undefined for no room. Errors: BusTimeout when the owner cannot be asked.
   */
  capabilities(room: Address): Promise<RoomCapabilities | undefined>;
}
