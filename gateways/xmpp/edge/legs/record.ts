// What outlives the process of one foreign room: who of us was in it, what was read last, and how messages are called on both
// sides; in the KV bucket `xmpp-legs`, written at most so often. Needed for nobody's message to be kept, but to go on without noise.
import { randomBytes } from "node:crypto";
import { z } from "zod";
import type { Bucket } from "#bus-schemas/bus/port.ts";
import type { Clock, Log } from "#bus-schemas/service/service.ts";
import { token } from "#bus-schemas/subject.ts";

export const recordLimits = {
  /** Between two writes. */
  saveMs: 500,
  /** Keys of messages read last. */
  read: 100,
  /** Messages whose names on both sides are written down. */
  known: 200,
} as const;

const Record = z.object({
  /** Of this life of the room here: what was said in an earlier one may be shown in it again. */
  life: z.string().max(64),
  /** When something was read last, milliseconds since 1970. */
  readAt: z.number().optional(),
  read: z.array(z.string().max(64)),
  /** The room's number here up to which its changes were carried there. */
  number: z.int().optional(),
  seats: z.array(z.object({ key: z.string(), jid: z.string(), nick: z.string() })),
  known: z.array(
    z.object({
      event: z.string(),
      stanzaId: z.string().optional(),
      id: z.string().optional(),
      nick: z.string().optional(),
    }),
  ),
});
export type LegRecord = z.infer<typeof Record>;

const fresh = (): LegRecord => ({
  life: randomBytes(9).toString("base64url"),
  read: [],
  seats: [],
  known: [],
});

export interface Records {
  readonly bucket: Bucket;
  readonly clock: Clock;
  readonly log: Log;
}

/** The house's secret for marks: made once. Errors: the bus. */
export async function houseSecret(bucket: Bucket): Promise<string> {
  await bucket.create("secret", randomBytes(32));
  const entry = await bucket.get("secret");
  if (entry === undefined) throw new Error("the secret of the house is not to be had");
  return Buffer.from(entry.value).toString("base64url");
}

export class LegMemory {
  readonly #records: Records;
  readonly #key: string;
  readonly #now: () => LegRecord;
  #cancel: (() => void) | undefined;
  #saving: Promise<void> = Promise.resolve();

  /** `now`: what is to be written when the time comes. */
  constructor(records: Records, leg: string, now: () => LegRecord) {
    this.#records = records;
    this.#key = `leg.${token(leg)}`;
    this.#now = now;
  }

  /** What an earlier process wrote; a fresh one if there is none. Errors: the bus. */
  async load(): Promise<LegRecord> {
    const entry = await this.#records.bucket.get(this.#key);
    if (entry === undefined || entry.value.length === 0) return fresh();
    try {
      return Record.parse(JSON.parse(Buffer.from(entry.value).toString("utf8")));
    } catch (error) {
      this.#records.log.error({ error: String(error) }, "what was written of a foreign room cannot be read");
      return fresh();
    }
  }

  /** Something has changed: it is written soon. */
  changed(): void {
    this.#cancel ??= this.#records.clock.after(recordLimits.saveMs, () => {
      this.#cancel = undefined;
      void this.save();
    });
  }

  save(): Promise<void> {
    this.#cancel?.();
    this.#cancel = undefined;
    const { bucket, log } = this.#records;
    this.#saving = this.#saving.then(async () => {
      try {
        await bucket.put(this.#key, Buffer.from(JSON.stringify(this.#now())));
      } catch (error) {
        log.warn({ error: String(error) }, "a foreign room could not be written down");
      }
    });
    return this.#saving;
  }

  /** The room here is no more. */
  async forget(): Promise<void> {
    this.#cancel?.();
    this.#cancel = undefined;
    await this.#saving;
    try {
      await this.#records.bucket.remove(this.#key);
    } catch (error) {
      this.#records.log.warn({ error: String(error) }, "a foreign room could not be forgotten");
    }
  }
}
