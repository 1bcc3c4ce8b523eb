// All channels of one network that are legs of rooms: as conference-svc has published them, and as that changes.
import { z } from "zod";
import { type Address, bareKey } from "#bus-schemas/address.ts";
import type { Reader } from "#bus-schemas/bus/port.ts";
import type { Attempt, Delivery } from "#bus-schemas/delivery/courier.ts";
import type { MessageEvent } from "#bus-schemas/events/message.ts";
import { root } from "#bus-schemas/subject.ts";
import { foldName } from "../wire/isupport.ts";
import { Leg, type LegParts } from "./leg.ts";
import { LegConfig } from "./leg-config.ts";

export const legsLimits = {
  /** Between two tries to open one while the bus is away. */
  retryMs: 5_000,
  /** Channels of one network that are tied to rooms; more are not served, and said aloud. */
  legs: 500,
} as const;

/** What the server calls a message of the room, told live among the instances. */
const Known = z.object({ leg: z.string(), msgid: z.string().max(1023), event: z.string().max(64) });

export class Legs {
  readonly #parts: LegParts;
  /** By the key of their configuration. */
  readonly #legs = new Map<string, Leg>();
  /** What is published now. */
  readonly #latest = new Map<string, Uint8Array | undefined>();
  #closed = false;
  #changes: Promise<void> = Promise.resolve();
  #watch: Reader | undefined;

  readonly #listening: Reader;

  private constructor(parts: Omit<LegParts, "known">) {
    const { bus } = parts.service;
    const subject = `${root}.irc.${parts.carrier}.msgid`;
    const known: LegParts["known"] = (leg, msgid, event) =>
      bus.emit(subject, Buffer.from(JSON.stringify({ leg, msgid, event })));
    this.#parts = { ...parts, known };
    this.#listening = bus.listen(subject, ({ data }) => this.#onKnown(data));
  }

  #onKnown(data: Uint8Array): void {
    // Written by instances of this gateway alone, hence always JSON.
    const said = Known.safeParse(JSON.parse(Buffer.from(data).toString("utf8")));
    if (!said.success) return;
    for (const leg of this.#legs.values())
      if (leg.config.leg === said.data.leg) leg.note(said.data.msgid, said.data.event);
  }

  /** Opens those that are published; resolves when the list is known. */
  static async open(parts: Omit<LegParts, "known">): Promise<Legs> {
    const legs = new Legs(parts);
    const bucket = await parts.service.bus.bucket("rooms");
    const ready = Promise.withResolvers<void>();
    legs.#watch = await bucket.watch(`leg.${parts.carrier}.>`, {
      change: (key, value) => legs.#changed(key, value),
      ready: ready.resolve,
    });
    await ready.promise;
    return legs;
  }

  /** The leg of this channel. */
  of(channel: string): Leg | undefined {
    const folded = foldName(channel, "rfc1459");
    return [...this.#legs.values()].find((leg) => foldName(leg.config.channel, "rfc1459") === folded);
  }

  /** The channel of this network that is a leg of the room. */
  channelOf(room: Address): string | undefined {
    return [...this.#legs.values()].find(({ config }) => bareKey(config.room) === bareKey(room))?.config
      .channel;
  }

  async deliver(event: MessageEvent, attempt: Attempt): Promise<Delivery> {
    // A leg that was published a moment ago may still be opening.
    await this.#changes;
    const leg = this.of(event.to.local);
    if (leg === undefined || (event.leg !== undefined && event.leg !== leg.config.leg))
      return { end: "refused", reason: "unknown-user", text: `${event.to.local} is tied to no room` };
    if (event.room === undefined)
      return { end: "refused", reason: "not-supported", text: "a channel is written to by its room only" };
    return leg.deliver(event, attempt);
  }

  /** Whether somebody of this leg can be whispered to: only a nick of his own can do that for a person. */
  whispers(leg: string): boolean {
    return [...this.#legs.values()].some(({ config }) => config.leg === leg && config.mode === "puppets");
  }

  sync(): void {
    for (const leg of this.#legs.values()) leg.sync();
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#watch?.stop();
    await this.#listening.stop();
    await this.#changes;
    await Promise.all([...this.#legs.values()].map((leg) => leg.close("")));
  }

  #changed(key: string, value: Uint8Array | undefined): void {
    this.#latest.set(key, value);
    this.#changes = this.#changes
      .then(() => this.#apply(key, value))
      .catch((error: unknown) => {
        this.#parts.log.error(
          { key, error: String(error) },
          "a channel that is tied to a room cannot be served",
        );
        this.#parts.clock.after(legsLimits.retryMs, () => {
          if (!this.#closed && this.#latest.get(key) === value) this.#changed(key, value);
        });
      });
  }

  async #apply(key: string, value: Uint8Array | undefined): Promise<void> {
    const before = this.#legs.get(key);
    const config = value === undefined ? undefined : this.#read(key, value);
    if (config !== undefined && JSON.stringify(config) === JSON.stringify(before?.config)) return;
    this.#legs.delete(key);
    await before?.close("this channel is no longer tied to that room");
    if (config === undefined) return;
    if (this.#legs.size >= legsLimits.legs) throw new Error(`more than ${legsLimits.legs} channels`);
    const leg = new Leg(this.#parts, config);
    this.#legs.set(key, leg);
    try {
      await leg.open();
    } catch (error) {
      this.#legs.delete(key);
      await leg.close("it could not be served");
      throw error;
    }
  }

  #read(key: string, value: Uint8Array): LegConfig | undefined {
    const read = LegConfig.safeParse(JSON.parse(Buffer.from(value).toString("utf8")));
    if (read.success && read.data.carrier === this.#parts.carrier) return read.data;
    this.#parts.log.error({ key }, "what is published of a channel that is tied to a room cannot be read");
    return undefined;
  }
}
