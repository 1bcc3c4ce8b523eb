// The rooms of one domain that are open here: those with people on XMPP, and for a while those that somebody looks at.
import { type Address, bareKey, printAddress } from "#bus-schemas/address.ts";
import { BusTimeout } from "#bus-schemas/bus/port.ts";
import type { Rooms } from "#bus-schemas/rooms/port.ts";
import type { Service } from "#bus-schemas/service/service.ts";
import type { RoomWorld } from "../translate/rooms/from-event.ts";
import { probeStanza } from "../translate/rooms/presence.ts";
import type { Out } from "../translate/rooms/stage.ts";
import type { Component } from "./component.ts";
import { OccupiedRoom } from "./rooms-room.ts";
import type { Saved } from "./rooms-saved.ts";
import { Writer } from "./rooms-writer.ts";

export const limits = {
  /** A room without people on XMPP is let go after so long. */
  idleMs: 30_000,
  /** Rooms open at once in one process, those without people included; rooms/port.ts follows 4,096. */
  open: 4_000,
  /** Between two tries to open a room after a take-over. */
  againMs: 2_000,
} as const;

export interface OpenRoomsOptions {
  readonly service: Service;
  readonly component: Component;
  readonly rooms: Rooms;
  readonly saved: Saved;
  readonly world: RoomWorld;
}

export class OpenRooms {
  readonly #options: OpenRoomsOptions;
  readonly #writer: Writer;
  readonly #rooms = new Map<string, OccupiedRoom>();
  readonly #closing = new Map<string, Promise<void>>();
  #closed = false;

  constructor(options: OpenRoomsOptions) {
    this.#options = options;
    const { component } = options;
    this.#writer = new Writer(async (id, text) => (await component.handText(id, text)).end === "taken");
    this.#sweep();
  }

  /** Devices in all rooms here. */
  get devices(): number {
    return [...this.#rooms.values()].reduce((sum, { audience }) => sum + audience.size, 0);
  }

  all(): Iterable<OccupiedRoom> {
    return this.#rooms.values();
  }

  get writer(): Writer {
    return this.#writer;
  }

  /** Uses a room while `work` lasts. Errors: BusTimeout when its owner cannot be asked, or too many rooms are open. */
  async use<T>(address: Address, work: (room: OccupiedRoom) => Promise<T>): Promise<T> {
    const key = bareKey(address);
    // What is still being let go is opened anew afterwards, so that it is not forgotten then.
    await this.#closing.get(key);
    const room = this.#room(address);
    room.users += 1;
    try {
      try {
        await room.open();
      } catch (error) {
        if (this.#rooms.get(key) === room) this.#rooms.delete(key);
        await room.close(true);
        throw error;
      }
      return await work(room);
    } finally {
      room.users -= 1;
    }
  }

  /** Opens all rooms of this domain in which XMPP has people, or had when somebody last wrote it down. */
  async resume(): Promise<void> {
    const { rooms, saved, component, service } = this.#options;
    const isNew = await saved.isNewStream(component.domain, component.queue);
    const listed = (await rooms.list({ carrier: "xmpp", domain: component.domain })).map(({ room }) => room);
    const kept = (await saved.rooms()).filter(({ domain }) => domain === component.domain);
    for (const address of new Map([...listed, ...kept].map((one) => [bareKey(one), one])).values())
      void this.#insist(address, (room) => (isNew ? this.#probe(room) : Promise.resolve()));
    service.log.info({ domain: component.domain, rooms: listed.length }, "rooms with people on XMPP");
  }

  /** Lets go of all; the next holder goes on. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#rooms.values()].map((room) => room.close(true)));
    this.#rooms.clear();
  }

  // A server that was started anew has forgotten who was connected: what is sent to somebody who is not there comes back
  // as an error, and he is taken out (status 333). Clients do nothing with an empty message.
  async #probe(room: OccupiedRoom): Promise<void> {
    await this.#writer.write([{ stanza: probeStanza(room.address), to: [...room.audience.values()] }]);
  }

  // Its people wait for it: however long its owner is away, it is opened.
  async #insist(address: Address, then: (room: OccupiedRoom) => Promise<void>): Promise<void> {
    const { clock, log } = this.#options.service;
    while (!this.#closed) {
      try {
        return await this.use(address, then);
      } catch (error) {
        log.warn(
          { room: printAddress(address), error: String(error) },
          "a room could not be opened, trying again",
        );
        await clock.sleep(limits.againMs);
      }
    }
  }

  #room(address: Address): OccupiedRoom {
    const key = bareKey(address);
    const known = this.#rooms.get(key);
    if (known) return known;
    if (this.#closed) throw new BusTimeout("the domain is not served here any more");
    if (this.#rooms.size >= limits.open) this.#letGo(1);
    if (this.#rooms.size >= limits.open) throw new BusTimeout(`${limits.open} rooms are open already`);
    const { service, rooms, saved, world } = this.#options;
    const { clock, log } = service;
    const send = (outs: readonly Out[]): void => this.#send(outs);
    const room = new OccupiedRoom({ address, rooms, writer: this.#writer, saved, world, clock, log, send });
    this.#rooms.set(key, room);
    return room;
  }

  #send(outs: readonly Out[]): void {
    const { component } = this.#options;
    for (const { stanza, to } of outs)
      for (const { jid } of to) component.send({ ...stanza, attrs: { ...stanza.attrs, to: jid } });
  }

  #sweep(): void {
    this.#options.service.clock.after(limits.idleMs, () => {
      if (this.#closed) return;
      this.#letGo(this.#rooms.size);
      this.#sweep();
    });
  }

  #letGo(most: number): void {
    let count = 0;
    for (const [key, room] of this.#rooms) {
      if (count >= most) return;
      if (!room.idle) continue;
      count += 1;
      this.#rooms.delete(key);
      const closing = room
        .close(false)
        .catch((error: unknown) => {
          this.#options.service.log.warn({ error: String(error) }, "a room could not be let go in order");
        })
        .finally(() => this.#closing.delete(key));
      this.#closing.set(key, closing);
    }
  }
}
