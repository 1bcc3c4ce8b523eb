// Rooms on XMPP: what comes to their domains, each occupant's stanzas in their order, and the rooms that are open here.
import type { Address, Party } from "#bus-schemas/address.ts";
import { bareKey } from "#bus-schemas/address.ts";
import { fromJid, toJid } from "#bus-schemas/addresses/jid.ts";
import { BusFull } from "#bus-schemas/bus/port.ts";
import type { Courier } from "#bus-schemas/delivery/courier.ts";
import type { RoomAnswer, RoomDo, RoomReason } from "#bus-schemas/events/room-command.ts";
import { openRooms } from "#bus-schemas/rooms/open.ts";
import type { Rooms } from "#bus-schemas/rooms/port.ts";
import type { Counter, Service } from "#bus-schemas/service/service.ts";
import { answerIq } from "../translate/answers.ts";
import { refuse, roomError } from "../translate/rooms/errors.ts";
import type { RoomWorld } from "../translate/rooms/from-event.ts";
import { roomList, serviceDisco } from "../translate/rooms/service.ts";
import { child, type Element, element, ns } from "../wire/element.ts";
import { acceptPatiently } from "./accept.ts";
import type { Component } from "./component.ts";
import { type Call, type DoorParts, onPresence } from "./rooms-door.ts";
import { type IqParts, onIq } from "./rooms-iq.ts";
import { Lanes } from "./rooms-lanes.ts";
import { OpenRooms } from "./rooms-open.ts";
import { openPace } from "./rooms-pace.ts";
import type { OccupiedRoom } from "./rooms-room.ts";
import { openSaved, type Saved } from "./rooms-saved.ts";
import { onMessage, type TalkParts } from "./rooms-talk.ts";

const carrier = "xmpp";
/** The carrier of the service that hosts rooms: its domains are theirs. */
const roomsCarrier = "rooms";

export interface RoomsOptions {
  readonly service: Service;
  readonly courier: () => Courier;
  readonly version: string;
}

/** What is shared by all domains of rooms. */
interface Ground {
  readonly rooms: Rooms;
  readonly saved: Saved;
  readonly world: RoomWorld;
}

export class XmppRooms {
  readonly #options: RoomsOptions;
  readonly #service: Service;
  readonly #lanes = new Lanes();
  readonly #mayEnter: (source: string) => boolean;
  readonly #domains = new Map<string, OpenRooms>();
  readonly #count: Counter;
  #ground: Promise<Ground> | undefined;

  constructor(options: RoomsOptions) {
    this.#options = options;
    this.#service = options.service;
    this.#mayEnter = openPace(options.service.clock);
    const { metrics } = options.service;
    this.#count = metrics.counter(
      "xmpp_room_stanzas_total",
      "Stanzas to rooms, by kind and what became of them",
    );
    metrics.gauge("xmpp_room_devices", "Devices on XMPP in rooms", () =>
      [...this.#domains.values()].reduce((sum, { devices }) => sum + devices, 0),
    );
  }

  /** Whether the rooms of this domain are ours to show. */
  serves(domain: string): boolean {
    return this.#service.directory.domainsOf(roomsCarrier).includes(domain);
  }

  /** The domain's stream runs, and not as a continuation: its rooms are opened, those who are in them learn what they missed. */
  async begin(component: Component): Promise<void> {
    try {
      await (await this.#open(component)).resume();
    } catch (error) {
      this.#service.log.error(
        { domain: component.domain, error: String(error) },
        "rooms could not be resumed",
      );
    }
  }

  /** The domain is not held here any more. */
  async end(component: Component): Promise<void> {
    const open = this.#domains.get(component.domain);
    this.#domains.delete(component.domain);
    await open?.close();
  }

  async close(): Promise<void> {
    const all = [...this.#domains.values()];
    this.#domains.clear();
    await Promise.all(all.map((open) => open.close()));
  }

  /** Resolves when the stanza is held by the bus or answered; never rejects. */
  async take(
    component: Component,
    stanza: Element,
    transportId: string,
    excess: string | undefined,
  ): Promise<void> {
    const kind = stanza.name;
    const send = (answer: Element | undefined): void => void (answer && component.send(answer));
    try {
      const end =
        excess === undefined
          ? await this.#take(component, stanza, transportId)
          : this.#refuse(component, stanza, "too-large", excess);
      this.#count.add(1, { kind, end });
    } catch (error) {
      if (this.#leftToNext(component)) return await new Promise<never>(() => undefined);
      this.#service.log.error(
        { domain: component.domain, error: String(error) },
        "a stanza to a room failed",
      );
      this.#count.add(1, { kind, end: "failed" });
      send(
        refuse(stanza, roomError(error instanceof BusFull ? "rate-limited" : "unreachable", component.name)),
      );
    }
  }

  /** A direct invitation of somebody on XMPP to one of our people goes through the room (XEP-0249); undefined for no room of ours. */
  async invite(
    from: Address,
    room: Address,
    to: Address,
    reason: string | undefined,
    transportId: string,
  ): Promise<RoomAnswer | undefined> {
    if (!this.serves(room.domain)) return undefined;
    const { rooms } = await this.#grounded();
    const what: RoomDo = { kind: "invite", to, ...(reason !== undefined && { reason }) };
    return await rooms.command({ room, from: { ...from, assurance: "server" }, do: what, transportId });
  }

  #refuse(component: Component, stanza: Element, reason: RoomReason, text?: string): string {
    const error = refuse(stanza, roomError(reason, component.name, text));
    if (error) component.send(error);
    return "refused";
  }

  async #take(component: Component, stanza: Element, transportId: string): Promise<string> {
    const from = fromJid(stanza.attrs.from ?? "");
    const to = fromJid(stanza.attrs.to ?? "");
    if (!to.ok) {
      if (stanza.attrs.to !== component.name)
        return this.#refuse(component, stanza, "nick-invalid", to.error);
      return await this.#toService(component, stanza);
    }
    if (!from.ok) return this.#refuse(component, stanza, "forbidden", "Only people can be in rooms.");
    const jid = toJid(from.value);
    if (!jid.ok) return this.#refuse(component, stanza, "forbidden", jid.error);
    const { local, domain, device } = to.value;
    const party: Party = { ...from.value, assurance: "server" };
    const call: Call = {
      stanza,
      jid: jid.value,
      from: party,
      room: { local, domain },
      nick: device,
      transportId,
    };
    const lane = `${jid.value} ${bareKey(call.room)}`;
    return await this.#lanes.run(lane, () => this.#onCall(component, call, lane));
  }

  async #onCall(component: Component, call: Call, lane: string): Promise<string> {
    const open = await this.#open(component);
    const parts = await this.#parts(component, open, lane);
    const { name, attrs } = call.stanza;
    const use = <T>(work: (room: OccupiedRoom) => Promise<T>): Promise<T> => open.use(call.room, work);
    if (name === "message") return await use((room) => onMessage(parts, call, room));
    if (name === "iq") return await use((room) => onIq(parts, call, room));
    if (name !== "presence") return "dropped";
    // A room is not opened for somebody who may not enter any more rooms just now.
    if (attrs.type === undefined || attrs.type === "error")
      return await use((room) => onPresence(parts, call, () => Promise.resolve(room)));
    return await onPresence(parts, call, () => use((room) => Promise.resolve(room)));
  }

  async #parts(
    component: Component,
    open: OpenRooms,
    lane: string,
  ): Promise<DoorParts & TalkParts & IqParts> {
    const { clock, directory } = this.#service;
    const { rooms, world } = await this.#grounded();
    return {
      now: () => clock.now(),
      mayEnter: (source) => this.#mayEnter(bareKey(source)),
      faces: world,
      behind: (address) => directory.behind(carrier, address),
      command: async (call, what) => {
        // What he said before has its place in the room first.
        await this.#lanes.settled(lane);
        const { room, from, transportId } = call;
        const answer = await rooms.command({ room, from, do: what, transportId });
        const isLeft = !answer.ok && answer.reason === "unreachable" && this.#leftToNext(component);
        return isLeft ? await new Promise<never>(() => undefined) : answer;
      },
      send: (stanza) => void (stanza && component.send(stanza)),
      sendAll: async (stanzas, to) => {
        const recipient = { id: "", key: "", jid: to };
        await open.writer.write(stanzas.map((stanza) => ({ stanza, to: [recipient] })));
      },
      accept: (draft, arrival) =>
        acceptPatiently(this.#service, this.#options.courier(), component, draft, arrival),
      typing: (typing) => rooms.typing(typing),
      said: (settled) => this.#lanes.said(lane, settled),
      history: (question) => rooms.history(question),
      capabilities: (room) => rooms.capabilities(room),
    };
  }

  /** About to end, what is not done stays unacknowledged: the server gives it to the next holder of the stream. */
  #leftToNext(component: Component): boolean {
    return this.#service.signal.aborted && component.status === "acked";
  }

  /** Stanzas to the domain itself. */
  async #toService(component: Component, stanza: Element): Promise<string> {
    const { type, from, to, id } = stanza.attrs;
    if (stanza.name !== "iq") return "dropped";
    const result = (answer: Element): string => {
      component.send(element("iq", ns.component, { type: "result", from: to, to: from, id }, answer));
      return "answered";
    };
    const items = type === "get" ? child(stanza, "query", ns.discoItems) : undefined;
    if (items && items.attrs.node === undefined) {
      const { rooms } = await this.#grounded();
      return result(roomList(items, await rooms.list({ domain: component.domain })));
    }
    const info = type === "get" ? child(stanza, "query", ns.discoInfo) : undefined;
    const disco = info && serviceDisco(info.attrs.node);
    if (disco) return result(disco);
    const view = { domain: component.name, version: this.#options.version, known: () => undefined };
    const answer = info ? refuse(stanza, roomError("no-such-room", component.name)) : answerIq(stanza, view);
    return answer && component.send(answer) ? "answered" : "dropped";
  }

  async #open(component: Component): Promise<OpenRooms> {
    const { rooms, saved, world } = await this.#grounded();
    const known = this.#domains.get(component.domain);
    if (known) return known;
    const open = new OpenRooms({ service: this.#service, component, rooms, saved, world });
    this.#domains.set(component.domain, open);
    return open;
  }

  // Opened when the first domain of rooms is served: a house without rooms needs none of it.
  #grounded(): Promise<Ground> {
    this.#ground ??= this.#openGround().catch((error: unknown) => {
      this.#ground = undefined;
      throw error;
    });
    return this.#ground;
  }

  async #openGround(): Promise<Ground> {
    const { directory } = this.#service;
    const rooms = await openRooms(this.#service, carrier);
    const saved = await openSaved(this.#service);
    const secret = await saved.secret();
    const onXmpp = (address: Address): boolean => {
      const routed = directory.route(address, { carrier: roomsCarrier, assurance: "verified" });
      return routed.ok && routed.homes.includes(carrier);
    };
    // People of XMPP appear as themselves: only others need a face there.
    const faceOn = (address: Address): Address =>
      onXmpp(address) ? address : directory.faceOn(carrier, address);
    const world = { faceOn, secret, onXmpp };
    return { rooms, saved, world };
  }
}
