// The puppets of one network on this instance: one for each of our people who talks there, at most as many as agreed.
import { type Address, bareKey, printAddress } from "#bus-schemas/address.ts";
import { slotOf } from "#bus-schemas/subject.ts";
import type { Login } from "../session/registration.ts";
import { puppetNick, shownHost, userName } from "../translate/naming.ts";
import { foldName } from "../wire/isupport.ts";
import { Puppet, type PuppetParts } from "./puppet.ts";

export const puppetsLimits = {
  /** A puppet that was silent for so long may have to make room for another. */
  mayLeaveMs: 60_000,
  sweepMs: 5_000,
  aliveMs: 1_000,
} as const;

/** How somebody is called in a room, and whether his address is hidden from those in it. */
export interface Shown {
  readonly nick: string;
  readonly hidden: boolean;
}

export class Puppets {
  readonly #parts: PuppetParts;
  readonly #puppets = new Map<string, Puppet>();
  readonly #cancels = new Set<() => void>();
  #slots: ReadonlySet<number> = new Set();
  readonly #gained = new Set<number>();
  #resuming: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(parts: PuppetParts) {
    this.#parts = parts;
    this.#every(puppetsLimits.sweepMs, () => this.#sweep());
    this.#every(puppetsLimits.aliveMs, () => this.#stamp());
  }

  get count(): number {
    return this.#puppets.size;
  }

  /** Puppets that are logged in. */
  get ready(): number {
    return [...this.#puppets.values()].filter((puppet) => puppet.link !== undefined).length;
  }

  owns(person: Address): boolean {
    return this.#slots.has(slotOf(bareKey(person)));
  }

  /** Whether this nick is one of ours: what it says would come back to us. */
  isOurs(nick: string): boolean {
    const folded = foldName(nick, "rfc1459");
    return [...this.#puppets.values()].some(
      (puppet) => puppet.link !== undefined && foldName(puppet.nick, "rfc1459") === folded,
    );
  }

  /** The puppet of this person if there is one. */
  known(person: Address): Puppet | undefined {
    return this.#puppets.get(bareKey(person));
  }

  /**
   * The puppet of this person, made if need be; `undefined` when the network takes no more and none may leave. `shown`: how he
   * is called in a room for which he is made, and whether his address is nobody's business there.
   */
  obtain(person: Address, shown?: Shown): Puppet | undefined {
    const key = bareKey(person);
    const known = this.#puppets.get(key);
    if (known !== undefined) return known;
    if (this.#puppets.size >= this.#parts.network.maxPuppets && !this.#makeRoom()) return undefined;
    return this.#add(person, undefined, shown);
  }

  #add(person: Address, before?: ConstructorParameters<typeof Puppet>[3], shown?: Shown): Puppet {
    const puppet = new Puppet(this.#parts, person, this.#login(person, shown), before);
    this.#puppets.set(bareKey(person), puppet);
    return puppet;
  }

  /** The nick that somebody of this name in a room wants here: his own by configuration, else by the network's template. */
  nickFor(person: Address, nick: string): string {
    const { network } = this.#parts;
    const own = network.people.find((each) => bareKey(each.address) === bareKey(person));
    return own?.nick ?? puppetNick(network.puppetNick, { ...person, local: nick });
  }

  #login(person: Address, shown?: Shown): Login {
    const { network } = this.#parts;
    const own = network.people.find((each) => bareKey(each.address) === bareKey(person));
    const { webirc } = network;
    const isHidden = shown?.hidden === true;
    const named = isHidden ? shown.nick : printAddress(person);
    return {
      nick: this.nickFor(person, shown?.nick ?? person.local),
      user: userName(isHidden ? { ...person, local: shown.nick } : person),
      realName: network.realName.replaceAll("{address}", named).slice(0, 100),
      password: network.password,
      sasl: own?.sasl,
      saslOptional: !network.saslRequired,
      webirc: webirc && { ...webirc, ...shownHost(person, webirc.host, webirc.ipPrefix) },
    };
  }

  /** Sends the one that was silent for longest away. */
  #makeRoom(): boolean {
    const idlest = [...this.#puppets.values()].sort((a, b) => b.idleMs() - a.idleMs())[0];
    if (idlest === undefined || idlest.idleMs() < puppetsLimits.mayLeaveMs) return false;
    this.#release(idlest);
    return true;
  }

  #release(puppet: Puppet): void {
    this.#puppets.delete(bareKey(puppet.person));
    puppet
      .release("nobody has said anything for a while", false)
      .catch((error: unknown) => this.#complain(error));
  }

  #complain(error: unknown): void {
    this.#parts.log.warn({ error: String(error) }, "the IRC memory cannot be used now");
  }

  /** From now on this instance speaks for these slots: others' puppets leave, open conversations are taken up. */
  take(slots: ReadonlySet<number>): void {
    const before = this.#slots;
    this.#slots = new Set(slots);
    for (const [key, puppet] of [...this.#puppets])
      if (!this.#slots.has(slotOf(key))) {
        this.#puppets.delete(key);
        puppet.release("another instance takes over", true).catch((error: unknown) => this.#complain(error));
      }
    for (const slot of slots) if (!before.has(slot)) this.#gained.add(slot);
    // Slots come one by one: what has come meanwhile is looked up at once.
    this.#resuming = this.#resuming
      .then(() => this.#resume())
      .catch((error: unknown) => this.#complain(error));
  }

  /** Resolves when the puppets of all slots taken so far are known: before that a new one would forget its partners. */
  resumed(): Promise<void> {
    return this.#resuming;
  }

  async #resume(): Promise<void> {
    const wanted = new Set(this.#gained);
    this.#gained.clear();
    if (wanted.size === 0) return;
    for (const record of await this.#parts.memory.puppets("*")) {
      const key = bareKey(record.address);
      const slot = slotOf(key);
      if (
        !record.open ||
        record.peers.length === 0 ||
        !wanted.has(slot) ||
        !this.#slots.has(slot) ||
        this.#closed
      )
        continue;
      if (this.#puppets.has(key) || this.#puppets.size >= this.#parts.network.maxPuppets) continue;
      const gapFrom = record.clean ? undefined : await this.#parts.memory.alive(record.epoch);
      this.#add(record.address, { peers: record.peers, nick: record.nick, gapFrom }).need();
    }
  }

  #every(ms: number, call: () => void): void {
    const cancel = this.#parts.clock.after(ms, () => {
      this.#cancels.delete(cancel);
      call();
      if (!this.#closed) this.#every(ms, call);
    });
    this.#cancels.add(cancel);
  }

  #sweep(): void {
    for (const puppet of this.#puppets.values())
      if (puppet.idleMs() >= this.#parts.network.idleRelease) this.#release(puppet);
  }

  /** Says that this process still reads: a successor tells from when on lines may be missing. */
  #stamp(): void {
    if (this.ready === 0) return;
    const { memory, epoch, clock } = this.#parts;
    memory.saveAlive(epoch, clock.now()).catch((error: unknown) => this.#complain(error));
  }

  /** Leaves the network in order; living conversations are taken up by whoever comes next. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const cancel of this.#cancels) cancel();
    const ends = await Promise.allSettled(
      [...this.#puppets.values()].map((puppet) => puppet.release("restarting", true)),
    );
    for (const end of ends) if (end.status === "rejected") this.#complain(end.reason);
    this.#puppets.clear();
  }
}
