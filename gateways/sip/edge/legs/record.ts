// What of one conference elsewhere outlives the process: what was read last, and the dialogs of ours, so that the next holder neither
// reads twice nor leaves ghosts there; in the bucket `sip-legs`, written at most so often.
import { randomBytes } from "node:crypto";
import { z } from "zod";
import type { Bucket } from "#bus-schemas/bus/port.ts";
import { token } from "#bus-schemas/subject.ts";
import type { Dialog } from "../../session/dialog.ts";
import type { LegParts } from "./parts.ts";

export const recordLimits = {
  /** Between two writes, milliseconds. */
  saveMs: 300,
  /** Keys of messages read last. */
  read: 200,
} as const;

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

const LegRecord = z.object({
  /** Of this life of the room here: what was said in an earlier one may be shown in it again. */
  life: z.string(),
  read: z.array(z.string()),
  dialogs: z.array(StoredDialog),
});
export type LegRecord = z.infer<typeof LegRecord>;

export class LegMemory {
  readonly #parts: Pick<LegParts, "clock" | "log">;
  readonly #bucket: Bucket;
  readonly #key: string;
  readonly #dialogs: () => readonly Dialog[];
  #life = randomBytes(9).toString("base64url");
  #read: string[] = [];
  #cancel: (() => void) | undefined;
  #saving: Promise<void> = Promise.resolve();

  /** `dialogs`: those that stand when it is written. */
  constructor(
    parts: Pick<LegParts, "clock" | "log">,
    bucket: Bucket,
    leg: string,
    dialogs: () => readonly Dialog[],
  ) {
    this.#parts = parts;
    this.#bucket = bucket;
    this.#key = `leg.${token(leg)}`;
    this.#dialogs = dialogs;
  }

  get life(): string {
    return this.#life;
  }

  /** What an earlier holder wrote, if there was one. Errors: the bus. */
  async load(): Promise<LegRecord | undefined> {
    const entry = await this.#bucket.get(this.#key);
    if (entry === undefined || entry.value.length === 0) return undefined;
    const read = LegRecord.safeParse(JSON.parse(Buffer.from(entry.value).toString("utf8")));
    if (!read.success) {
      this.#parts.log.error({}, "what was written of a conference elsewhere cannot be read");
      return undefined;
    }
    this.#life = read.data.life;
    this.#read = read.data.read;
    return read.data;
  }

  /** The message of this key is done with. */
  read(key: string): void {
    this.#read = [...this.#read.slice(1 - recordLimits.read), key];
    this.changed();
  }

  changed(): void {
    this.#cancel ??= this.#parts.clock.after(recordLimits.saveMs, () => void this.save());
  }

  save(): Promise<void> {
    const { life } = this;
    return this.#write(async () => {
      const record = { life, read: this.#read, dialogs: this.#dialogs() };
      await this.#bucket.put(this.#key, Buffer.from(JSON.stringify(record)));
    });
  }

  /** The room here is no more. */
  forget(): Promise<void> {
    return this.#write(() => this.#bucket.remove(this.#key));
  }

  #write(work: () => Promise<unknown>): Promise<void> {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#saving = this.#saving.then(work).then(
      () => undefined,
      (error: unknown) => {
        this.#parts.log.warn({ error: String(error) }, "a conference elsewhere could not be written down");
      },
    );
    return this.#saving;
  }
}
