// Which nicks on the network are the house's own, on whatever instance: what they say in a channel came from the room and must not
// go back into it. KV bucket `irc-<network>`: own.<process>.<nick>. A nick is told to all before it enters a channel.
import { z } from "zod";
import type { Bucket, Bus, Reader } from "#bus-schemas/bus/port.ts";
import type { Courier } from "#bus-schemas/delivery/courier.ts";
import type { Clock, Log } from "#bus-schemas/service/service.ts";
import { root, token } from "#bus-schemas/subject.ts";
import { foldName } from "../wire/isupport.ts";

export const ownNicksLimits = {
  /** How long another instance is waited for to say that it knows the nick; then it has the record alone. */
  tellMs: 1_000,
  /**
   * What a nick said last may be heard by the reader of a channel after the nick was given up: it stays ours so long. A
   * stranger who takes it within that time is not heard in rooms until it is over.
   */
  keepMs: 3_000,
  /** Records of processes that are gone are removed so long after the start: who lives is known by then. */
  tidyMs: 60_000,
} as const;

const Own = z.object({
  process: z.string(),
  nick: z.string(),
  /** The bare key of the one of our people who has it; absent for bots. */
  person: z.string().optional(),
});
type Own = z.infer<typeof Own>;

export interface OwnNicksParts {
  readonly bucket: Bucket;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly log: Log;
  /** The network's name. */
  readonly name: string;
  readonly courier: () => Courier;
}

export class OwnNicks {
  readonly #parts: OwnNicksParts;
  /** Folded nicks to what the processes that have said so said of them. */
  readonly #known = new Map<string, Map<string, Own>>();
  /** People to the nick that was told last. */
  readonly #nicks = new Map<string, Own>();
  /** Nicks that are about to be nobody's, with the way to keep them. */
  readonly #leaving = new Map<string, () => void>();
  readonly #readers: Reader[] = [];
  #cancelTidy: (() => void) | undefined;

  private constructor(parts: OwnNicksParts) {
    this.#parts = parts;
  }

  /** Opens before the courier: the records of the others are known when it resolves. */
  static async open(parts: OwnNicksParts): Promise<OwnNicks> {
    const own = new OwnNicks(parts);
    const ready = Promise.withResolvers<void>();
    own.#readers.push(
      await parts.bucket.watch("own.>", {
        change: (key, value) => own.#heard(key, value),
        ready: ready.resolve,
      }),
    );
    await ready.promise;
    return own;
  }

  /** The courier runs: from now on the others can tell this process their nicks directly. */
  opened(): void {
    const { bus, clock, courier } = this.#parts;
    const subject = this.#subject(courier().process);
    this.#readers.push(
      bus.listen(subject, (live) => {
        const said = Own.safeParse(JSON.parse(Buffer.from(live.data).toString("utf8")));
        if (said.success) this.#add(said.data);
        live.answer(Buffer.from("known"));
      }),
    );
    this.#cancelTidy = clock.after(ownNicksLimits.tidyMs, () => {
      this.#tidy().catch((error: unknown) => this.#complain(error));
    });
  }

  /** How many nicks are known; some of them perhaps no longer ours. */
  get count(): number {
    return this.#known.size;
  }

  /** Whether this nick is one of the house's. */
  has(nick: string): boolean {
    const { courier, name } = this.#parts;
    const processes = this.#known.get(fold(nick));
    if (processes === undefined) return false;
    const living = courier().living(`irc-${name}`);
    return [...processes.keys()].some((process) => process === courier().process || living.has(process));
  }

  /** Whose nick this is. */
  personOf(nick: string): string | undefined {
    return [...(this.#known.get(fold(nick))?.values() ?? [])].find(({ person }) => person !== undefined)
      ?.person;
  }

  /** Whether it is a bot of the house. */
  isBot(nick: string): boolean {
    return this.has(nick) && this.personOf(nick) === undefined;
  }

  /** Under which nick this person is on the network. */
  nickOf(person: string): string | undefined {
    return this.#nicks.get(person)?.nick;
  }

  /** Makes the nick known to every instance; resolves when they know it. Never rejects. */
  async announce(nick: string, person?: string): Promise<void> {
    const { bucket, bus, courier, name } = this.#parts;
    const { process } = courier();
    const own = { process, nick, ...(person !== undefined && { person }) };
    this.#leaving.get(fold(nick))?.();
    this.#leaving.delete(fold(nick));
    this.#add(own);
    const bytes = Buffer.from(JSON.stringify(own));
    try {
      await bucket.put(this.#key(own), bytes);
      const others = [...courier().living(`irc-${name}`)].filter((other) => other !== process);
      await Promise.all(others.map((other) => bus.ask(this.#subject(other), bytes, ownNicksLimits.tellMs)));
    } catch (error) {
      this.#complain(error);
    }
  }

  /** The nick is nobody of ours any more; known to all when the last of what it said has been heard. */
  withdraw(nick: string): void {
    this.#leaving.get(fold(nick))?.();
    this.#leaving.set(
      fold(nick),
      this.#parts.clock.after(ownNicksLimits.keepMs, () => this.#forget(nick)),
    );
  }

  #forget(nick: string): void {
    const { bucket, courier } = this.#parts;
    const own = { process: courier().process, nick };
    this.#leaving.delete(fold(nick));
    this.#drop(own);
    bucket.remove(this.#key(own)).catch((error: unknown) => this.#complain(error));
  }

  /** Ends; what is still known of this process is removed by others once it is gone. */
  async stop(): Promise<void> {
    this.#cancelTidy?.();
    for (const cancel of this.#leaving.values()) cancel();
    await Promise.all(this.#readers.map((reader) => reader.stop()));
  }

  #subject(process: string): string {
    return `${root}.irc.${this.#parts.name}.own.${token(process)}`;
  }

  #key({ process, nick }: Own): string {
    return `own.${token(process)}.${token(fold(nick))}`;
  }

  readonly #byKey = new Map<string, Own>();

  #heard(key: string, value: Uint8Array | undefined): void {
    const before = this.#byKey.get(key);
    if (value === undefined) {
      this.#byKey.delete(key);
      if (before !== undefined) this.#drop(before);
      return;
    }
    const own = Own.safeParse(JSON.parse(Buffer.from(value).toString("utf8")));
    if (!own.success) return;
    this.#byKey.set(key, own.data);
    this.#add(own.data);
  }

  #add(own: Own): void {
    const processes = this.#known.get(fold(own.nick)) ?? new Map<string, Own>();
    processes.set(own.process, own);
    this.#known.set(fold(own.nick), processes);
    if (own.person !== undefined) this.#nicks.set(own.person, own);
  }

  #drop({ process, nick }: Own): void {
    const processes = this.#known.get(fold(nick));
    const person = processes?.get(process)?.person;
    processes?.delete(process);
    if (processes?.size === 0) this.#known.delete(fold(nick));
    const told = person === undefined ? undefined : this.#nicks.get(person);
    if (person !== undefined && told?.process === process && told.nick === nick) this.#nicks.delete(person);
  }

  async #tidy(): Promise<void> {
    const { bucket, courier, name } = this.#parts;
    const living = courier().living(`irc-${name}`);
    for (const [key, { process }] of this.#byKey)
      if (process !== courier().process && !living.has(process)) await bucket.remove(key);
  }

  #complain(error: unknown): void {
    this.#parts.log.warn({ error: String(error) }, "the nicks of our own people cannot be kept now");
  }
}

/** Any of the servers' rules folds at least so far; two nicks that are one here are at worst both ours. */
const fold = (nick: string): string => foldName(nick, "rfc1459");
