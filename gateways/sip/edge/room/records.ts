// What of dialogs outlives its process: calls and subscriptions in the bucket `sip-dialogs`, known to every instance by watching
// it, so that another can go on with them (EDGES §6: take-over).
import { z } from "zod";
import { Address, Party } from "#bus-schemas/address.ts";
import type { Bucket, Bus, Reader } from "#bus-schemas/bus/port.ts";
import type { Log } from "#bus-schemas/service/service.ts";
import { token } from "#bus-schemas/subject.ts";

const StoredDialog = z.object({
  callId: z.string(),
  localTag: z.string(),
  remoteTag: z.string(),
  local: z.string(),
  remote: z.string(),
  localCseq: z.number(),
  remoteCseq: z.number().optional(),
  routes: z.array(z.string()),
  target: z.string(),
});

const common = {
  /** The process that has it (courier.process). */
  owner: z.string(),
  dialog: StoredDialog,
  room: Address,
  from: Party,
};

export const CallRecord = z.object({
  kind: z.literal("call"),
  ...common,
  endpoint: z.string(),
  since: z.number(),
  /** The room's number up to which he has taken everything. */
  seen: z.number(),
  /** Of our o= line. */
  session: z.string(),
  version: z.number(),
  secure: z.boolean(),
  timer: z.object({ seconds: z.number(), refresher: z.enum(["us", "peer"]) }),
});
export type CallRecord = z.infer<typeof CallRecord>;

export const SubscriptionRecord = z.object({
  kind: z.literal("subscription"),
  ...common,
  /** `Event`, with its id. */
  event: z.string(),
  expiresAt: z.number(),
  /** Versions and CSeq numbers below this may have been used. */
  reserved: z.number(),
});
export type SubscriptionRecord = z.infer<typeof SubscriptionRecord>;

const DialogRecord = z.discriminatedUnion("kind", [CallRecord, SubscriptionRecord]);
export type DialogRecord = z.infer<typeof DialogRecord>;

const bucketName = "sip-dialogs";
/** How long a claim of an heir stands whose record is still another's. */
const heldMs = 60_000;
export const recordKey = (dialog: string): string => `sip.${token(dialog)}`;

export interface RecordsParts {
  readonly bus: Bus;
  readonly log: Log;
}

export class Records {
  readonly #parts: RecordsParts;
  readonly #bucket: Bucket;
  readonly #known = new Map<string, DialogRecord>();
  /** Writes of one record go one after the other; of several that wait only the last is done. */
  readonly #writing = new Map<string, { next: DialogRecord | undefined; done: Promise<void> }>();
  /** What was claimed to take a record over, to be taken away with it. */
  readonly #claims = new Map<string, string>();
  #reader: Reader | undefined;

  private constructor(parts: RecordsParts, bucket: Bucket) {
    this.#parts = parts;
    this.#bucket = bucket;
  }

  /** Resolves when all that is stored is known here. */
  static async open(parts: RecordsParts): Promise<Records> {
    const records = new Records(parts, await parts.bus.bucket(bucketName));
    await new Promise<void>((resolve, reject) => {
      records.#bucket
        .watch("sip.>", { change: (key, value) => records.#learn(key, value), ready: resolve })
        .then((reader) => {
          records.#reader = reader;
        }, reject);
    });
    return records;
  }

  #learn(key: string, value: Uint8Array | undefined): void {
    const record = value === undefined ? undefined : read(value);
    if (record === undefined) this.#known.delete(key);
    else this.#known.set(key, record);
    if (value !== undefined && record === undefined)
      this.#parts.log.warn({ key }, "a stored dialog cannot be read");
  }

  get all(): IterableIterator<[string, DialogRecord]> {
    return this.#known.entries();
  }
  get(key: string): DialogRecord | undefined {
    return this.#known.get(key);
  }

  /** Writes; resolves when it is stored. Rejects with what the bus says. */
  async put(key: string, record: DialogRecord): Promise<void> {
    this.#known.set(key, record);
    const writing = this.#writing.get(key);
    if (writing !== undefined) {
      writing.next = record;
      return writing.done;
    }
    const entry = { next: record as DialogRecord | undefined, done: Promise.resolve() };
    entry.done = this.#write(key, entry);
    this.#writing.set(key, entry);
    return entry.done;
  }

  async #write(key: string, entry: { next: DialogRecord | undefined }): Promise<void> {
    try {
      for (let record = entry.next; record !== undefined; record = entry.next) {
        entry.next = undefined;
        await this.#bucket.put(key, Buffer.from(JSON.stringify(record)));
      }
    } finally {
      this.#writing.delete(key);
    }
  }

  /** Takes it away; what is being written first comes to its end. */
  async remove(key: string): Promise<void> {
    const writing = this.#writing.get(key);
    if (writing !== undefined) {
      writing.next = undefined;
      await writing.done.catch(() => undefined); // Whoever wrote it hears of it himself.
    }
    this.#known.delete(key);
    await this.#bucket.remove(key);
    const claim = this.#claims.get(key);
    this.#claims.delete(key);
    if (claim !== undefined) await this.#bucket.remove(claim);
  }

  /**
   * Whether `heir` may take over what `owner` has left: one of all who ask gets it. One that was given it and died at that very
   * moment holds it for a minute.
   */
  async claim(key: string, owner: string, heir: string, now: number): Promise<boolean> {
    const claim = `heir.${key.slice("sip.".length)}.${token(owner)}`;
    const value = Buffer.from(JSON.stringify({ heir, at: now }));
    if (await this.#bucket.create(claim, value)) {
      this.#claims.set(key, claim);
      return true;
    }
    const entry = await this.#bucket.get(claim);
    const at = entry === undefined ? 0 : Number(JSON.parse(Buffer.from(entry.value).toString("utf8")).at);
    if (now - at > heldMs) await this.#bucket.remove(claim);
    return false;
  }

  async close(): Promise<void> {
    await this.#reader?.stop();
  }
}

function read(value: Uint8Array): DialogRecord | undefined {
  try {
    return DialogRecord.parse(JSON.parse(Buffer.from(value).toString("utf8")));
  } catch {
    return undefined; // Of another version or not ours: logged by the caller.
  }
}
