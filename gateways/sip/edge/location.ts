// The location service: who can be reached where; kept in the bucket `registrations`, known to every instance by watching it.
import { z } from "zod";
import type { Bucket, Bus, Reader } from "#bus-schemas/bus/port.ts";
import type { Clock, Log } from "#bus-schemas/service/service.ts";
import { token } from "#bus-schemas/subject.ts";
import type { Binding } from "../session/registration.ts";

const Stored = z.object({
  /** Bare key of the person. */
  person: z.string(),
  contact: z.string(),
  callId: z.string(),
  cseq: z.number(),
  expiresAt: z.number(),
  q: z.string().optional(),
  instanceId: z.string().optional(),
  regId: z.string().optional(),
  path: z.array(z.string()),
  /** The instance that holds the flow, and where the REGISTER came from. */
  owner: z.string(),
  flow: z.string(),
  transport: z.enum(["udp", "tcp"]),
  address: z.string(),
  port: z.number(),
  /** The phone reads CPIM: it said so in Accept, or has sent some. */
  cpim: z.boolean(),
});

/** A binding with what is needed to reach it. */
export interface Place extends Binding {
  readonly person: string;
  readonly owner: string;
  readonly flow: string;
  readonly transport: "udp" | "tcp";
  readonly address: string;
  readonly port: number;
  readonly cpim: boolean;
}

const bucketName = "registrations";

/** The token of one binding among those of its person: stable for the device and flow, else for the contact. */
const placeToken = (binding: Binding): string =>
  token(
    binding.instanceId !== undefined && binding.regId !== undefined
      ? `${binding.instanceId} ${binding.regId}`
      : binding.contact,
  );

const keyOf = (place: Place): string => `sip.${token(place.person)}.${placeToken(place)}`;

export interface LocationParts {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly log: Log;
  readonly instance: string;
}

export class Location {
  readonly #parts: LocationParts;
  readonly #bucket: Bucket;
  /** Token of the person -> key -> place. */
  readonly #people = new Map<string, Map<string, Place>>();
  #reader: Reader | undefined;
  #count = 0;

  private constructor(parts: LocationParts, bucket: Bucket) {
    this.#parts = parts;
    this.#bucket = bucket;
  }

  /** Opens it; resolves when all that is registered is known here. */
  static async open(parts: LocationParts): Promise<Location> {
    const location = new Location(parts, await parts.bus.bucket(bucketName));
    await new Promise<void>((resolve, reject) => {
      location.#bucket
        .watch("sip.>", { change: (key, value) => location.#learn(key, value), ready: resolve })
        .then((reader) => {
          location.#reader = reader;
        }, reject);
    });
    return location;
  }

  get size(): number {
    return this.#count;
  }

  #learn(key: string, value: Uint8Array | undefined): void {
    const place = value === undefined ? undefined : read(value);
    if (value !== undefined && place === undefined)
      this.#parts.log.warn({ key }, "registration cannot be read");
    if (place === undefined) this.#drop(key);
    else this.#keep(key, place);
  }

  #keep(key: string, place: Place): void {
    const person = key.split(".")[1] ?? "";
    const places = this.#people.get(person) ?? new Map<string, Place>();
    if (!places.has(key)) this.#count += 1;
    places.set(key, place);
    this.#people.set(person, places);
  }

  #drop(key: string): void {
    const person = key.split(".")[1] ?? "";
    const places = this.#people.get(person);
    if (!places?.delete(key)) return;
    this.#count -= 1;
    if (places.size === 0) this.#people.delete(person);
  }

  /** Where this person (by bare key) can be reached now; highest q first. */
  of(person: string): Place[] {
    const now = this.#parts.clock.now();
    const places = [...(this.#people.get(token(person))?.values() ?? [])].filter(
      (place) => place.expiresAt > now,
    );
    return places.sort((a, b) => Number(b.q ?? 1) - Number(a.q ?? 1));
  }

  /** Writes a change of one person's places: all of it or, with an error, nothing. */
  async change(put: readonly Place[], remove: readonly Place[]): Promise<void> {
    const undo: (() => Promise<unknown>)[] = [];
    try {
      for (const place of put) {
        const before = this.#people.get(token(place.person))?.get(keyOf(place));
        await this.#put(place);
        undo.push(() => (before === undefined ? this.#remove(place) : this.#put(before)));
      }
      const kept = new Set(put.map(keyOf));
      for (const place of remove.filter((each) => !kept.has(keyOf(each)))) {
        await this.#remove(place);
        undo.push(() => this.#put(place));
      }
    } catch (error) {
      const undone = await Promise.allSettled(undo.map((each) => each()));
      if (undone.some((each) => each.status === "rejected"))
        this.#parts.log.error({}, "registration half written");
      throw error;
    }
  }

  async #put(place: Place): Promise<void> {
    const key = keyOf(place);
    await this.#bucket.put(key, Buffer.from(JSON.stringify(place)));
    this.#keep(key, place);
  }

  async #remove(place: Place): Promise<void> {
    const key = keyOf(place);
    await this.#bucket.remove(key);
    this.#drop(key);
  }

  /** Removes what has expired: our own at once, that of other instances when they had an hour to do it. */
  async sweep(): Promise<void> {
    const now = this.#parts.clock.now();
    for (const places of [...this.#people.values()]) {
      for (const place of [...places.values()]) {
        const grace = place.owner === this.#parts.instance ? 0 : 3_600_000;
        if (place.expiresAt + grace < now) await this.#remove(place);
      }
    }
  }

  async close(): Promise<void> {
    await this.#reader?.stop();
  }
}

function read(value: Uint8Array): Place | undefined {
  try {
    return Stored.parse(JSON.parse(Buffer.from(value).toString("utf8")));
  } catch {
    return undefined; // Of another version or not ours: logged by the caller.
  }
}
