// All foreign rooms that are tied to rooms of ours, on the instance that holds the streams: those of the configuration, as
// conference-svc publishes them, and those of domains whose rooms somebody else hosts, while one of ours is in them.
import { type Address, bareKey } from "#bus-schemas/address.ts";
import { fromJid } from "#bus-schemas/addresses/jid.ts";
import type { Bucket, Reader } from "#bus-schemas/bus/port.ts";
import type { Attempt, Courier, Delivery } from "#bus-schemas/delivery/courier.ts";
import type { MessageEvent } from "#bus-schemas/events/message.ts";
import { RoomSummary } from "#bus-schemas/events/room-command.ts";
import { openRooms } from "#bus-schemas/rooms/open.ts";
import { unpack } from "#bus-schemas/rooms/wire.ts";
import type { Counter, Service } from "#bus-schemas/service/service.ts";
import { child, type Element, ns } from "../../wire/element.ts";
import type { Component } from "../component.ts";
import { Leg, type LegParts } from "./leg.ts";
import { doorPlace, type LegPlace, Published, publishedPlace } from "./place.ts";
import { houseSecret } from "./record.ts";

export const legsLimits = {
  /** Foreign rooms at the same time; more are not served, and said aloud. */
  legs: 2_000,
  /** How long a stanza waits for the list of foreign rooms. */
  readyMs: 10_000,
  /** How long what a room says waits for its leg. */
  soonMs: 5_000,
  /** A leg whose room is no more stays so long, for last words. */
  lingerMs: 1_000,
  /** Between two tries to open them all. */
  againMs: 2_000,
} as const;

const carrier = "xmpp";

export interface LegsOptions {
  readonly service: Service;
  readonly courier: () => Courier;
  readonly component: (domain: string) => Component | undefined;
  /** For tests: how long a room may be silent before it is asked whether we are in. */
  readonly quietMs?: number | undefined;
}

export class XmppLegs {
  readonly #options: LegsOptions;
  readonly #service: Service;
  readonly #count: Counter;
  /** By the key under which they are known on the bus. */
  readonly #legs = new Map<string, Leg>();
  /** Those whose rooms are no more, by the foreign room as XMPP writes it. */
  readonly #closing = new Map<string, Leg>();
  /** By the foreign room as XMPP writes it. */
  readonly #byJid = new Map<string, Leg>();
  #watches: Reader[] = [];
  #changes: Promise<void> = Promise.resolve();
  #parts: LegParts | undefined;
  #isOn = false;
  /** Each taking of the streams is another one: what an older one still does is void. */
  #turn = 0;
  #isKnown = false;
  #listed = Promise.withResolvers<void>();

  constructor(options: LegsOptions) {
    this.#options = options;
    this.#service = options.service;
    const { metrics } = options.service;
    this.#count = metrics.counter(
      "xmpp_foreign_room_messages_total",
      "Messages heard in rooms that others host, by what became of them",
    );
    metrics.gauge("xmpp_foreign_room_occupants", "People of ours in rooms that others host", () =>
      [...this.#legs.values()].reduce((sum, { seats }) => sum + seats, 0),
    );
  }

  /** This instance holds the streams now, or no longer. */
  hold(yes: boolean): void {
    if (yes === this.#isOn) return;
    this.#isOn = yes;
    this.#turn += 1;
    const turn = this.#turn;
    this.#changes = this.#changes.then(() => (yes ? this.#open(turn) : this.#stop()));
  }

  /** Whether this stanza is from a foreign room, and `take` is to be called. */
  concerns(stanza: Element): boolean {
    const { from, type } = stanza.attrs;
    if (from === undefined) return false;
    if (stanza.name === "iq" && (type === "get" || type === "set")) return false;
    const slash = from.indexOf("/");
    const jid = slash < 0 ? from : from.slice(0, slash);
    if (this.#byJid.has(jid)) return !this.#isInvitation(stanza);
    const domain = jid.slice(jid.indexOf("@") + 1);
    if (this.#service.directory.elsewhere(domain) === carrier)
      return jid !== domain && !this.#isInvitation(stanza);
    // Until the list is known, whoever writes so may be a room of ours.
    return stanza.name === "message" && type === "groupchat" && !this.#isKnown;
  }

  /** Resolves when the server may forget the stanza; never rejects. */
  async take(
    component: Component,
    stanza: Element,
    transportId: string,
    excess: string | undefined,
  ): Promise<void> {
    // An error would put its hearer out of the room.
    if (excess !== undefined) return this.#count.add(1, { end: "too-large" });
    try {
      const leg = await this.#legOf(stanza.attrs.from ?? "");
      // About to end: the server gives it to the next holder of the stream.
      if (!this.#isOn) return await new Promise<never>(() => undefined);
      await leg?.take(component, stanza, transportId);
    } catch (error) {
      this.#service.log.error({ error: String(error) }, "a stanza from a foreign room could not be stored");
      this.#count.add(1, { end: "failed" });
    }
  }

  /** Whether this message is what a room says to a foreign one, or asks somebody on XMPP into it. */
  carries(event: MessageEvent): boolean {
    const { invitation } = event;
    if (invitation !== undefined)
      return this.#service.directory.elsewhere(invitation.room.domain) === carrier;
    return event.room !== undefined && event.leg?.startsWith(`${carrier}/`) === true;
  }

  async deliver(event: MessageEvent, attempt: Attempt): Promise<Delivery> {
    const leg = await this.#soon(({ place }) =>
      event.invitation === undefined
        ? place.leg === event.leg
        : bareKey(place.room) === bareKey(event.invitation.room),
    );
    if (!this.#isOn) return { end: "away" };
    if (leg !== undefined)
      return event.invitation === undefined ? leg.deliver(event, attempt) : leg.invite(event);
    // A room through which nobody goes any more, or a tie that was cut.
    return { end: "refused", reason: "unknown-user", text: "this room is tied to no other any more" };
  }

  /** Whether this is the address of somebody in a foreign room: nothing can be told him in his room's name. */
  isThere(address: Address): boolean {
    if (address.device === undefined) return this.#service.directory.elsewhere(address.domain) === carrier;
    return [...this.#legs.values()].some(({ place }) => place.there.domain === address.domain);
  }

  /** The stream of a domain runs, and not as a continuation. */
  begin(domain: string): void {
    for (const leg of this.#legs.values()) leg.again(domain);
  }

  async close(): Promise<void> {
    this.hold(false);
    await this.#changes;
  }

  // An invitation that a room passes on is for the person, in the room or not (XEP-0045 §7.8.2).
  #isInvitation(stanza: Element): boolean {
    if (stanza.name !== "message" || stanza.attrs.type === "groupchat" || stanza.attrs.type === "error")
      return false;
    const x = child(stanza, "x", ns.mucUser);
    return x !== undefined && child(x, "invite", ns.mucUser) !== undefined;
  }

  async #legOf(from: string): Promise<Leg | undefined> {
    const slash = from.indexOf("/");
    const jid = slash < 0 ? from : from.slice(0, slash);
    const known = this.#byJid.get(jid);
    if (known !== undefined || !this.#isOn) return known;
    if (!(await this.#isListed())) return undefined;
    await this.#changes;
    const address = fromJid(jid);
    return (
      this.#byJid.get(jid) ??
      [...this.#legs.values()].find(
        ({ place }) => address.ok && bareKey(place.there) === bareKey(address.value),
      )
    );
  }

  /** The leg, waited for: the room may speak before this gateway has heard that there is one. */
  async #soon(isIt: (leg: Leg) => boolean): Promise<Leg | undefined> {
    const { clock } = this.#service;
    if (!(await this.#isListed())) return undefined;
    const until = clock.monotonic() + legsLimits.soonMs;
    for (;;) {
      const leg = [...this.#legs.values(), ...this.#closing.values()].find(isIt);
      if (leg !== undefined || clock.monotonic() > until || !this.#isOn) return leg;
      await clock.sleep(100);
    }
  }

  async #isListed(): Promise<boolean> {
    const late = this.#service.clock.sleep(legsLimits.readyMs).then(() => false);
    return Promise.race([this.#listed.promise.then(() => true), late]);
  }

  async #open(turn: number): Promise<void> {
    const { log, clock } = this.#service;
    while (this.#turn === turn) {
      try {
        await this.#begin(turn);
        return;
      } catch (error) {
        log.warn({ error: String(error) }, "foreign rooms could not be opened, trying again");
        await clock.sleep(legsLimits.againMs);
      }
    }
  }

  async #begin(turn: number): Promise<void> {
    const { bus, clock, log } = this.#service;
    const records = { bucket: await bus.bucket("xmpp-legs"), clock, log };
    const { service, courier, component, quietMs } = this.#options;
    this.#parts ??= {
      service,
      courier,
      component,
      records,
      quietMs,
      rooms: await openRooms(service, carrier),
      secret: await houseSecret(records.bucket),
      count: this.#count,
    };
    const bucket = await bus.bucket("rooms");
    this.#byJid.clear();
    await this.#watch(bucket, turn, `leg.${carrier}.>`, (value) => this.#published(value));
    await this.#watch(bucket, turn, "summary.>", (value) => this.#door(value));
    this.#isKnown = true;
    this.#listed.resolve();
  }

  async #watch(
    bucket: Bucket,
    turn: number,
    filter: string,
    read: (value: Uint8Array) => LegPlace | undefined,
  ): Promise<void> {
    const ready = Promise.withResolvers<void>();
    const change = (key: string, value: Uint8Array | undefined): void => {
      const place = value === undefined || value.length === 0 ? undefined : read(value);
      const known = this.#legs.get(key)?.place;
      if (this.#turn !== turn || JSON.stringify(place) === JSON.stringify(known)) return;
      // The list is known before its legs are open: each waits for its own room.
      this.#apply(key, place);
    };
    this.#watches.push(await bucket.watch(filter, { change, ready: ready.resolve }));
    await ready.promise;
  }

  #published(value: Uint8Array): LegPlace | undefined {
    const read = Published.safeParse(JSON.parse(Buffer.from(value).toString("utf8")));
    if (!read.success) {
      this.#service.log.error({}, "what is published of a foreign room cannot be read");
      return undefined;
    }
    if (read.data.mode === "bot")
      this.#service.log.warn(
        { leg: read.data.leg },
        "on XMPP everybody speaks for himself: mode bot is not served",
      );
    return publishedPlace(read.data);
  }

  #door(value: Uint8Array): LegPlace | undefined {
    const read = unpack(RoomSummary, value);
    if (!read.ok || this.#service.directory.elsewhere(read.value.room.domain) !== carrier) return undefined;
    return doorPlace(read.value.room);
  }

  #apply(key: string, place: LegPlace | undefined): void {
    const { log } = this.#service;
    const before = this.#legs.get(key);
    this.#legs.delete(key);
    if (before !== undefined) {
      this.#closing.set(before.jid, before);
      this.#service.clock.after(legsLimits.lingerMs, () => void this.#leave(before));
    }
    if (place === undefined || this.#parts === undefined) return;
    if (this.#legs.size >= legsLimits.legs) {
      log.error({ leg: place.leg }, `more than ${legsLimits.legs} foreign rooms`);
      return;
    }
    const leg = new Leg(this.#parts, place);
    this.#legs.set(key, leg);
    // The same people under the same addresses: they leave before they come.
    const older = this.#closing.get(leg.jid);
    const free = older === undefined ? Promise.resolve() : this.#leave(older);
    this.#byJid.set(leg.jid, leg);
    free
      .then(() => leg.open())
      .catch((error: unknown) => {
        log.error({ leg: place.leg, error: String(error) }, "a foreign room could not be opened");
      });
  }

  async #leave(leg: Leg): Promise<void> {
    if (this.#closing.get(leg.jid) !== leg) return;
    this.#closing.delete(leg.jid);
    if (this.#byJid.get(leg.jid) === leg) this.#byJid.delete(leg.jid);
    try {
      await leg.close(undefined);
    } catch (error) {
      this.#service.log.warn(
        { leg: leg.place.leg, error: String(error) },
        "a foreign room could not be left in order",
      );
    }
  }

  async #stop(): Promise<void> {
    this.#isKnown = false;
    this.#listed = Promise.withResolvers<void>();
    const watches = this.#watches;
    this.#watches = [];
    await Promise.all(watches.map((watch) => watch.stop()));
    const legs = [...this.#legs.values()];
    this.#legs.clear();
    for (const leg of [...this.#closing.values()]) await this.#leave(leg);
    await Promise.all(legs.map((leg) => leg.stop()));
  }
}
