// The rooms that this process owns: by slot, as the claims say. Opens them when they are wanted, answers for them, lets them go.
import { type Address, bare, bareKey } from "#bus-schemas/address.ts";
import type { Bucket, Live, Reader } from "#bus-schemas/bus/port.ts";
import type { RoomAnswer, RoomCommand } from "#bus-schemas/events/room-command.ts";
import { emptyView, takeSnapshot } from "#bus-schemas/rooms/view.ts";
import { pack, type RoomReply, RoomRequest, roomPlace, unpack } from "#bus-schemas/rooms/wire.ts";
import type { Service } from "#bus-schemas/service/service.ts";
import { roomAskSubject, streams } from "#bus-schemas/subject.ts";
import { decide } from "../model/decide.ts";
import { roomsOfSlot } from "../store/snapshots.ts";
import { LiveRoom, type RoomParts } from "./live-room.ts";

const limits = {
  /** Rooms that one process has open; above it others are not reachable. */
  rooms: 10_000,
  /** Open rooms of one process that one person may own; whoever wants more is refused, so that nobody takes all the places. */
  ofOnePerson: 100,
  /** A room in which nobody is and nothing happens is closed after so long. */
  idleMs: 600_000,
  tickMs: 1_000,
} as const;

export interface OwnerParts extends Omit<RoomParts, "ended"> {
  readonly service: Service;
  readonly bucket: Bucket;
  /** Every second, for each open room: who fell silent, who is waited for in vain. */
  readonly tick: (room: LiveRoom) => Promise<void>;
  /** A slot is owned now: the configuration's rooms in it are to be there. */
  readonly gained: (slot: number) => Promise<void>;
}

export class Owner {
  readonly #parts: OwnerParts;
  #epochs: ReadonlyMap<number, number> = new Map();
  readonly #asks = new Map<number, Reader>();
  readonly #rooms = new Map<string, Promise<LiveRoom>>();
  /** Of them, those that are open. */
  readonly #live = new Set<LiveRoom>();
  #stop = (): void => undefined;

  constructor(parts: OwnerParts) {
    this.#parts = parts;
    this.#tickLater();
  }

  /** This process owns these slots now, each under its epoch. */
  owns(epochs: ReadonlyMap<number, number>): void {
    const before = this.#epochs;
    this.#epochs = new Map(epochs);
    for (const slot of before.keys()) if (epochs.get(slot) !== before.get(slot)) this.#letGo(slot);
    for (const [slot, epoch] of epochs) if (before.get(slot) !== epoch) this.#take(slot);
  }

  owned(room: Address): boolean {
    return this.#epochs.has(roomPlace(room).slot);
  }

  /** The open room; opens it. Undefined when it is not ours. Errors: the bus. */
  async room(address: Address): Promise<LiveRoom | undefined> {
    const { slot } = roomPlace(address);
    const epoch = this.#epochs.get(slot);
    if (epoch === undefined) return undefined;
    const key = bareKey(address);
    const open = this.#rooms.get(key);
    if (open !== undefined) return open;
    if (this.#rooms.size >= limits.rooms) throw new Error(`this process has ${limits.rooms} rooms open`);
    const room = { local: address.local, domain: address.domain };
    const opening = LiveRoom.open(
      { ...this.#parts, ended: (ended) => this.#forget(key, ended) },
      room,
      epoch,
    );
    this.#rooms.set(key, opening);
    opening.then(
      (live) => this.#live.add(live),
      () => this.#rooms.delete(key),
    );
    return opening;
  }

  /** The configuration has changed: what it wants of rooms in the slots owned here is done. */
  renew(): void {
    for (const slot of this.#epochs.keys())
      this.#parts.gained(slot).catch((error: unknown) => {
        this.#parts.service.log.warn({ err: error, slot }, "rooms not renewed, they are at the next start");
      });
  }

  /** Rooms open here, and the people in them. */
  get counts(): { rooms: number; participants: number } {
    let participants = 0;
    for (const { view } of this.#live) participants += view.participants.size;
    return { rooms: this.#rooms.size, participants };
  }

  async close(): Promise<void> {
    this.#stop();
    await Promise.all([...this.#asks.values()].map((reader) => reader.stop()));
    for (const opening of this.#rooms.values()) {
      const room = await opening.catch(() => undefined);
      // What is not stored stands in the log: the next owner reads a little more of it.
      await room
        ?.save(true)
        .catch((error: unknown) =>
          this.#parts.service.log.warn({ err: error }, "the view of a room was not stored at the end"),
        );
      room?.close();
    }
  }

  #forget(key: string, room: LiveRoom): void {
    this.#live.delete(room);
    void this.#rooms.get(key)?.then((known) => {
      if (known === room) this.#rooms.delete(key);
    });
  }

  #take(slot: number): void {
    const { bus, log } = this.#parts.service;
    this.#asks.set(
      slot,
      bus.listen(roomAskSubject(slot), (live) => void this.#asked(live)),
    );
    const begin = async (): Promise<void> => {
      await this.#parts.gained(slot);
      // Rooms with people in them are opened at once: somebody may have vanished while nobody looked.
      for (const { room, participants } of await roomsOfSlot(this.#parts.bucket, slot))
        if (participants > 0) await this.room(room);
    };
    begin().catch((error: unknown) =>
      log.warn({ err: error, slot }, "rooms of a slot not opened, they are when somebody asks"),
    );
  }

  #letGo(slot: number): void {
    void this.#asks.get(slot)?.stop();
    this.#asks.delete(slot);
    for (const [key, opening] of this.#rooms) {
      void opening.then(
        (room) => {
          if (roomPlace(room.view.room).slot !== slot) return;
          room.close();
          this.#live.delete(room);
          this.#rooms.delete(key);
        },
        () => undefined,
      );
    }
  }

  async #asked(live: Live): Promise<void> {
    const request = unpack(RoomRequest, live.data);
    if (!request.ok) {
      this.#parts.service.log.error({ error: request.error }, "a request to a room cannot be read");
      return;
    }
    try {
      live.answer(pack(await this.#reply(request.value)));
    } catch (error) {
      this.#parts.service.log.warn({ err: error }, "a request to a room not answered, it is asked again");
      live.answer(pack({ is: "elsewhere" } satisfies RoomReply));
    }
  }

  async #reply(request: RoomRequest): Promise<RoomReply> {
    if (!this.owned(request.room)) return { is: "elsewhere" };
    if (!(await this.#known(request.room))) {
      if (!("type" in request))
        return request.ask === "view"
          ? { is: "view", snapshot: takeSnapshot(emptyView(request.room)), sequence: 0 }
          : { is: "page", page: { events: [], complete: true, total: 0 } };
      // Whoever may not make a room leaves no trace of one.
      const refusal = this.#refusal(request) ?? this.#tooMany(request.from);
      if (refusal !== undefined) return { is: "answer", answer: refusal };
    }
    const room = await this.room(request.room);
    if (room === undefined) return { is: "elsewhere" };
    if ("type" in request) {
      const answer = await room.command(request);
      return answer === undefined ? { is: "elsewhere" } : { is: "answer", answer };
    }
    return request.ask === "view"
      ? { is: "view", ...room.snapshot() }
      : { is: "page", page: await room.history(request) };
  }

  /** Whether anything ever happened in this room. */
  async #known(address: Address): Promise<boolean> {
    if (this.#rooms.has(bareKey(address))) return true;
    const { events, slot, token } = roomPlace(address);
    if ((await this.#parts.bucket.get(`snapshot.${slot}.${token}`)) !== undefined) return true;
    return (await this.#parts.service.bus.last(streams.room, events)) !== undefined;
  }

  #refusal(command: RoomCommand): RoomAnswer | undefined {
    const { service, policy } = this.#parts;
    const context = {
      view: emptyView(bare(command.room)),
      now: service.clock.now(),
      policy,
      from: command.from,
      carrier: command.carrier,
    };
    const decision = decide(context, command.do);
    return decision.ok ? undefined : decision;
  }

  #tooMany(from: Address): RoomAnswer | undefined {
    const { policy } = this.#parts;
    if (policy.isAdmin(from)) return undefined;
    const his = new Set(policy.linked(from).map(bareKey));
    let count = 0;
    for (const { view } of this.#live)
      for (const [key, { affiliation }] of view.affiliations)
        if (affiliation === "owner" && his.has(key)) count += 1;
    if (count < limits.ofOnePerson) return undefined;
    return { ok: false, reason: "rate-limited", text: "you own too many rooms already" };
  }

  #tickLater(): void {
    this.#stop = this.#parts.service.clock.after(
      limits.tickMs,
      () => void this.#tick().finally(() => this.#tickLater()),
    );
  }

  async #tick(): Promise<void> {
    const { clock, log } = this.#parts.service;
    for (const [key, opening] of this.#rooms) {
      const room = await opening.catch(() => undefined);
      if (room === undefined) continue;
      try {
        await this.#parts.tick(room);
        const idle = clock.monotonic() - room.usedAt;
        await room.save(idle > 2 * limits.tickMs);
        if (idle < limits.idleMs || room.view.participants.size > 0) continue;
        room.close();
        this.#live.delete(room);
        this.#rooms.delete(key);
      } catch (error) {
        log.warn({ err: error }, "a room not looked after, will try again");
      }
    }
  }
}
