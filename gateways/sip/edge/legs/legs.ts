// All conferences elsewhere in which people of ours are. Each is served by the instance that holds the slot of its address: all
// dialogs of ours with one focus are at one place, and what is said there comes to it as mail of that slot.

import { z } from "zod";
import { bareKey, printAddress } from "#bus-schemas/address.ts";
import type { Bucket, Reader } from "#bus-schemas/bus/port.ts";
import type { Attempt, Delivery } from "#bus-schemas/delivery/courier.ts";
import { MessageEvent } from "#bus-schemas/events/message.ts";
import { RoomSummary } from "#bus-schemas/events/room-command.ts";
import { Reason } from "#bus-schemas/reason.ts";
import { unpack } from "#bus-schemas/rooms/wire.ts";
import type { Counter } from "#bus-schemas/service/service.ts";
import { instanceSubject, slotOf, token } from "#bus-schemas/subject.ts";
import type { Answer } from "../../session/respond.ts";
import { uriText } from "../../translate/address.ts";
import type { SipRequest } from "../../wire/message.ts";
import { tagOf } from "../../wire/name-addr.ts";
import type { Serving } from "../serving.ts";
import type { Source } from "../transport-types.ts";
import { Leg } from "./leg.ts";
import type { InDialog, LegParts, LegPlace } from "./parts.ts";

export const legsLimits = {
  /** Conferences of one instance; more are not served, and said aloud. */
  legs: 2_000,
  /** How long another instance may take to say something for us, milliseconds. */
  askMs: 35_000,
} as const;

const carrier = "sip";
const what = "sip-leg";
const Told = z.union([
  z.object({ end: z.enum(["handed", "away"]) }),
  z.object({ end: z.literal("uncertain"), text: z.string().optional() }),
  z.object({ end: z.literal("refused"), reason: Reason, text: z.string().optional() }),
]);

interface Standing {
  readonly leg: Leg;
  readonly ear: Reader;
}

export class SipLegs {
  readonly #parts: LegParts;
  readonly #bucket: Bucket;
  readonly #count: Counter;
  /** All that there are, by their name. */
  readonly #places = new Map<string, LegPlace>();
  /** Those that this instance serves. */
  readonly #standing = new Map<string, Standing>();
  #keys = new Map<string, string>();
  #slots: ReadonlySet<number> = new Set();
  #watch: Reader | undefined;
  #isClosed = false;

  private constructor(parts: Omit<LegParts, "dialogs">, bucket: Bucket) {
    this.#parts = { ...parts, dialogs: new Map() };
    this.#bucket = bucket;
    const { metrics } = parts;
    this.#count = metrics.counter(
      "sip_foreign_conference_messages_total",
      "Messages heard in conferences that others host, by what became of them",
    );
    metrics.gauge("sip_foreign_conference_guests", "People of ours in conferences that others host", () =>
      [...this.#standing.values()].reduce((sum, { leg }) => sum + leg.guests, 0),
    );
  }

  /** Looks for rooms whose focus is elsewhere. Errors: the bus. */
  static async open(parts: Omit<LegParts, "dialogs">): Promise<SipLegs> {
    const legs = new SipLegs(parts, await parts.bus.bucket("sip-legs"));
    const rooms = await parts.bus.bucket("rooms");
    legs.#watch = await rooms.watch("summary.>", { change: (key, value) => legs.#changed(key, value) });
    return legs;
  }

  /** This instance acts for these slots now. */
  owns(slots: ReadonlySet<number>): void {
    this.#slots = new Set(slots);
    this.#sort();
  }

  /** Whether this is what a room says to a conference elsewhere. */
  carries(event: MessageEvent): boolean {
    return event.room !== undefined && event.leg?.startsWith(`${carrier}/`) === true;
  }

  async deliver(event: MessageEvent, { signal }: Attempt): Promise<Delivery> {
    const name = event.leg ?? "";
    const here = this.#standing.get(name);
    if (here !== undefined) return await here.leg.deliver(event, signal);
    if (!this.#places.has(name))
      return {
        end: "refused",
        reason: "unknown-user",
        text: "nobody of ours is in that conference any more",
      };
    return await this.#ask(name, event);
  }

  // What is for one person there is mail of another slot than the conference: its holder is asked.
  async #ask(name: string, event: MessageEvent): Promise<Delivery> {
    const { bus, clock } = this.#parts;
    const began = clock.monotonic();
    const data = Buffer.from(JSON.stringify(event));
    const answer = await bus.ask(instanceSubject(token(name), what), data, legsLimits.askMs);
    const told = answer && readTold(answer);
    if (told !== undefined) return told;
    // Nobody serves it now, or somebody did not say in time what became of it.
    return clock.monotonic() - began < legsLimits.askMs / 2 ? { end: "away" } : { end: "uncertain" };
  }

  /** A request inside a dialog of ours; undefined: it is no business of conferences elsewhere. */
  request(request: SipRequest, source: Source): Answer | undefined {
    return this.#dialogOf(request)?.request(request, source);
  }

  /** A re-INVITE. False: it is no business of conferences elsewhere. */
  invite(request: SipRequest, source: Source, serving: Serving): boolean {
    const dialog = this.#dialogOf(request);
    if (dialog === undefined) return false;
    serving.answer(dialog.reInvite?.(request, source) ?? { status: 405 });
    // The ACK says nothing that we wait for; one that does not come is the focus' trouble, and shows in its session.
    serving.acknowledged();
    return true;
  }

  #dialogOf(request: SipRequest): InDialog | undefined {
    const tag = request.to && tagOf(request.to);
    return tag === undefined ? undefined : this.#parts.dialogs.get(`${request.callId} ${tag}`);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#watch?.stop();
    const standing = [...this.#standing.values()];
    this.#standing.clear();
    await Promise.all(standing.map(({ leg, ear }) => Promise.all([ear.stop(), leg.stop()])));
  }

  #changed(key: string, value: Uint8Array | undefined): void {
    const known = this.#keys.get(key);
    const place = value === undefined || value.length === 0 ? undefined : this.#placeOf(value);
    if (place === undefined) {
      if (known === undefined) return;
      this.#keys.delete(key);
      this.#places.delete(known);
    } else {
      this.#keys.set(key, place.leg);
      this.#places.set(place.leg, place);
    }
    this.#sort();
  }

  #placeOf(value: Uint8Array): LegPlace | undefined {
    const { directory, config } = this.#parts;
    const read = unpack(RoomSummary, value);
    if (!read.ok || directory.elsewhere(read.value.room.domain) !== carrier) return undefined;
    const room = { local: read.value.room.local, domain: read.value.room.domain };
    const uri = uriText(room, config);
    return uri === undefined ? undefined : { room, uri, leg: `${carrier}/${printAddress(room)}` };
  }

  /** Takes what is ours to serve, lets go of what is not. */
  #sort(): void {
    if (this.#isClosed) return;
    for (const [name, { leg, ear }] of [...this.#standing]) {
      const isThere = this.#places.has(name);
      if (isThere && this.#slots.has(slotOf(bareKey(leg.place.room)))) continue;
      this.#standing.delete(name);
      this.#settled(Promise.all([ear.stop(), isThere ? leg.stop() : leg.close()]), name);
    }
    for (const [name, place] of this.#places)
      if (!this.#standing.has(name) && this.#slots.has(slotOf(bareKey(place.room)))) this.#begin(name, place);
  }

  #begin(name: string, place: LegPlace): void {
    if (this.#standing.size >= legsLimits.legs) {
      this.#parts.log.error({ leg: name }, `more than ${legsLimits.legs} conferences elsewhere`);
      return;
    }
    const leg = new Leg(this.#parts, {
      place,
      bucket: this.#bucket,
      became: (end) => this.#count.add(1, { end }),
    });
    const ear = this.#parts.bus.listen(instanceSubject(token(name), what), (live) => {
      const read = readEvent(live.data);
      if (read === undefined) return;
      const signal = AbortSignal.timeout(legsLimits.askMs);
      void leg.deliver(read, signal).then((told) => live.answer(Buffer.from(JSON.stringify(told))));
    });
    this.#standing.set(name, { leg, ear });
    this.#settled(leg.open(), name);
  }

  #settled(work: Promise<unknown>, leg: string): void {
    work.catch((error: unknown) => {
      this.#parts.log.error(
        { leg, error: String(error) },
        "a conference elsewhere could not be opened or left in order",
      );
    });
  }
}

function readTold(bytes: Uint8Array): Delivery | undefined {
  const read = Told.safeParse(parseJson(bytes));
  if (!read.success) return undefined;
  const { data } = read;
  if (data.end === "refused") {
    const { end, reason, text } = data;
    return { end, reason, ...(text !== undefined && { text }) };
  }
  if (data.end !== "uncertain") return { end: data.end };
  return { end: data.end, ...(data.text !== undefined && { text: data.text }) };
}

function readEvent(bytes: Uint8Array): MessageEvent | undefined {
  const read = MessageEvent.safeParse(parseJson(bytes));
  return read.success ? read.data : undefined;
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString("utf8"));
  } catch {
    return undefined; // Not from an instance of ours: answered by nobody.
  }
}
