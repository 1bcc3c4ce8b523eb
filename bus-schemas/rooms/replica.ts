// One followed room: the owner's view once, then the log; every event is applied here once and given to all followers.
import { z } from "zod";
import type { Address } from "../address.ts";
import type { Reader, Stored } from "../bus/port.ts";
import type { Service } from "../service/service.ts";
import { streams } from "../subject.ts";
import type { Followed, Follower } from "./port.ts";
import { applyEvent, emptyView, type RoomView, readSnapshot, skipEvent } from "./view.ts";
import { decodeRoomEvent, type RoomReply, roomPlace, unpack } from "./wire.ts";

const Counted = z.object({ epoch: z.number(), number: z.number(), time: z.number() });
const TypingWire = z.object({
  room: z.object({ local: z.string(), domain: z.string() }),
  key: z.string(),
  nick: z.string(),
  state: z.enum(["composing", "paused", "active"]),
  to: z.string().optional(),
});

export class Replica {
  readonly #service: Service;
  readonly #room: Address;
  readonly #snapshot: () => Promise<Extract<RoomReply, { is: "view" }>>;
  readonly #forget: () => void;
  readonly #followers = new Set<Follower>();
  readonly #readers: Reader[] = [];
  #view: RoomView;
  #opening: Promise<void> | undefined;
  /** Followers, and those on their way to become one: counted at once, so that nobody joins what another is closing. */
  #users = 0;
  #closed = false;

  constructor(
    service: Service,
    room: Address,
    snapshot: () => Promise<Extract<RoomReply, { is: "view" }>>,
    forget: () => void,
  ) {
    this.#service = service;
    this.#room = room;
    this.#snapshot = snapshot;
    this.#forget = forget;
    this.#view = emptyView(room);
  }

  /** The follower is called with every event after those that are in the view when this resolves. */
  async add(follower: Follower): Promise<Followed> {
    this.#users += 1;
    this.#opening ??= this.#open();
    try {
      await this.#opening;
    } catch (error) {
      await this.#leave();
      throw error;
    }
    this.#followers.add(follower);
    const replica = this;
    return {
      get view() {
        return replica.#view;
      },
      release: async () => {
        if (this.#followers.delete(follower)) await this.#leave();
      },
    };
  }

  async #open(): Promise<void> {
    const { bus } = this.#service;
    const { events, live } = roomPlace(this.#room);
    const { snapshot, sequence } = await this.#snapshot();
    this.#view = readSnapshot(snapshot);
    this.#readers.push(await bus.read(streams.room, events, sequence, (stored) => this.#read(stored)));
    this.#readers.push(bus.listen(live, ({ data }) => this.#typing(data)));
  }

  async #leave(): Promise<void> {
    this.#users -= 1;
    if (this.#users > 0) return;
    this.#closed = true;
    this.#forget();
    await Promise.all(this.#readers.map((reader) => reader.stop()));
  }

  async #read(stored: Stored): Promise<void> {
    const event = decodeRoomEvent(stored.data);
    if (!event.ok) {
      // A newer conference service may write kinds that this process does not know: the count must stay right.
      const counted = unpack(Counted, stored.data);
      if (counted.ok) skipEvent(this.#view, counted.value);
      this.#service.log.error(
        { sequence: stored.sequence, error: event.error },
        "an event of a room cannot be read",
      );
      return;
    }
    if (!applyEvent(this.#view, event.value)) return;
    for (const follower of this.#followers)
      await this.#give(follower, () => follower.event(event.value, this.#view));
  }

  #typing(data: Uint8Array): void {
    const typing = unpack(TypingWire, data);
    if (!typing.ok) return;
    for (const follower of this.#followers) follower.typing?.(typing.value, this.#view);
  }

  async #give(follower: Follower, call: () => void | Promise<void>): Promise<void> {
    for (;;) {
      try {
        await call();
        return;
      } catch (error) {
        if (this.#closed || !this.#followers.has(follower)) return;
        this.#service.log.error({ error }, "a follower of a room failed, it is called again");
        await this.#service.clock.sleep(1_000);
      }
    }
  }
}
