// What a network must remember through a crash: who has which nick and talks with whom, when this process was last alive,
// and who has blocked whom. KV bucket `irc-<network>`: puppet.<slot>.<person>, alive.<epoch>, block.<nick>.
import { z } from "zod";
import { Address, bareKey } from "#bus-schemas/address.ts";
import type { Bucket, Entry } from "#bus-schemas/bus/port.ts";
import type { Log } from "#bus-schemas/service/service.ts";
import { slotOf, token } from "#bus-schemas/subject.ts";

const Peer = z.object({ nick: z.string(), at: z.number() });
export type Peer = z.infer<typeof Peer>;

const PuppetRecord = z.object({
  address: Address,
  nick: z.string(),
  /** True while a conversation lives: the puppet comes back after a restart. */
  open: z.boolean(),
  /** True when the process let go of it in order: nothing can be missing. */
  clean: z.boolean(),
  /** Whose `alive` says how long it was read. */
  epoch: z.string(),
  peers: z.array(Peer).max(100),
});
export type PuppetRecord = z.infer<typeof PuppetRecord>;

const BlockRecord = z.object({ nick: z.string(), people: z.array(z.string()).max(500) });
const AliveRecord = z.object({ at: z.number() });

export const memoryLimits = { blockedPeople: 500, aliveForgottenMs: 7 * 24 * 3_600_000 } as const;

const encode = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));

export class Memory {
  readonly #bucket: Bucket;
  readonly #log: Log;
  readonly #blocks = new Map<string, readonly string[]>();

  private constructor(bucket: Bucket, log: Log) {
    this.#bucket = bucket;
    this.#log = log;
  }

  /** Opens the memory and follows the block lists, which every instance obeys. */
  static async open(bucket: Bucket, log: Log): Promise<{ memory: Memory; stop: () => Promise<void> }> {
    const memory = new Memory(bucket, log);
    const ready = Promise.withResolvers<void>();
    const reader = await bucket.watch("block.>", {
      change: (key, value) => memory.#onBlock(key, value),
      ready: ready.resolve,
    });
    await ready.promise;
    return { memory, stop: () => reader.stop() };
  }

  #read<T>(key: string, value: Uint8Array, schema: z.ZodType<T>): T | undefined {
    try {
      const parsed = schema.safeParse(JSON.parse(Buffer.from(value).toString("utf8")));
      if (parsed.success) return parsed.data;
    } catch {
      // Not JSON: the same as a record of another shape, reported below.
    }
    this.#log.warn({ key }, "a record of the IRC memory cannot be read and is left alone");
    return undefined;
  }

  static #puppetKey(address: Address): string {
    const key = bareKey(address);
    return `puppet.${slotOf(key)}.${token(key)}`;
  }

  async savePuppet(record: PuppetRecord): Promise<void> {
    await this.#bucket.put(Memory.#puppetKey(record.address), encode(record));
  }

  async puppet(address: Address): Promise<PuppetRecord | undefined> {
    const key = Memory.#puppetKey(address);
    const entry = await this.#bucket.get(key);
    return entry && this.#read(key, entry.value, PuppetRecord);
  }

  /** All puppets of one slot, or of all slots. */
  async puppets(slot: number | "*"): Promise<PuppetRecord[]> {
    const entries: Entry[] = await this.#bucket.list(`puppet.${slot}.*`);
    return entries.flatMap(({ key, value }) => this.#read(key, value, PuppetRecord) ?? []);
  }

  async saveAlive(epoch: string, at: number): Promise<void> {
    await this.#bucket.put(`alive.${epoch}`, encode({ at }));
  }

  async alive(epoch: string): Promise<number | undefined> {
    const key = `alive.${epoch}`;
    const entry = await this.#bucket.get(key);
    return entry && this.#read(key, entry.value, AliveRecord)?.at;
  }

  /** Removes the stamps of processes that are gone for good. */
  async forgetOld(now: number): Promise<void> {
    for (const { key, value } of await this.#bucket.list("alive.*")) {
      const record = this.#read(key, value, AliveRecord);
      if (record !== undefined && now - record.at > memoryLimits.aliveForgottenMs)
        await this.#bucket.remove(key);
    }
  }

  #onBlock(key: string, value: Uint8Array | undefined): void {
    const record = value && this.#read(key, value, BlockRecord);
    if (record) this.#blocks.set(key, record.people);
    else this.#blocks.delete(key);
  }

  /** Whom this nick (folded) has blocked: bare keys, or `*`. */
  blocked(nick: string): readonly string[] {
    return this.#blocks.get(`block.${token(nick)}`) ?? [];
  }

  /** Replaces the list of this nick. False when it is too long. */
  async saveBlocked(nick: string, people: readonly string[]): Promise<boolean> {
    if (people.length > memoryLimits.blockedPeople) return false;
    const key = `block.${token(nick)}`;
    this.#blocks.set(key, people);
    if (people.length === 0) await this.#bucket.remove(key);
    else await this.#bucket.put(key, encode({ nick, people }));
    return true;
  }
}
