// The lease of one process, and who else is alive. Silence counts only on the observer's own clock, and only while his own
// renewals come back to him: after a pause of the bus nobody is taken for dead.
import { randomBytes } from "node:crypto";
import type { Bucket, Reader } from "../bus/port.ts";
import type { Service } from "../service/service.ts";

export const leaseTimes = {
  renewMs: 500,
  /** Silence after which another process counts as dead. A cluster's election takes up to 6 s: configure 8 s there. */
  leaseMs: 2_000,
  /** An owner stops so long before the others may take over. */
  marginMs: 500,
  /** A lease nobody has renewed for so long is removed: its process will not come back under that name unnoticed. */
  forgetMs: 60_000,
} as const;

export interface Peer {
  readonly instance: string;
  readonly incarnation: string;
  readonly carriers: readonly string[];
}

interface Known extends Peer {
  silenceMs: number;
}

/** One lease per process, whatever number of carriers it serves. */
export class Lease {
  readonly incarnation = randomBytes(6).toString("hex");
  readonly #service: Service;
  readonly #bucket: Bucket;
  readonly #carriers = new Set<string>();
  readonly #peers = new Map<string, Known>();
  readonly #listeners = new Set<() => void>();
  #watch: Reader | undefined;
  #confirmedAt = Number.NEGATIVE_INFINITY;
  #echoedAt = Number.NEGATIVE_INFINITY;
  #sent = 0;
  #term = 0;
  #closed = false;
  #usurped = false;

  private constructor(service: Service, bucket: Bucket) {
    this.#service = service;
    this.#bucket = bucket;
  }

  static async open(service: Service): Promise<Lease> {
    const lease = new Lease(service, await service.bus.bucket("instances"));
    await lease.#start();
    return lease;
  }

  /** Whether this process may act as owner now. Ask right before every act. */
  held(): boolean {
    return !this.#closed && !this.#usurped && this.#fresh();
  }

  /** Counts up whenever the lease had run out and was got again: what was owned in an earlier term may have another owner. */
  get term(): number {
    return this.#term;
  }

  /** Everybody who serves this carrier and is not silent, this process included. */
  living(carrier: string): Peer[] {
    const all = [...this.#peers.values()];
    return all.filter((peer) => peer.carriers.includes(carrier) && peer.silenceMs < leaseTimes.leaseMs);
  }

  async serve(carrier: string): Promise<void> {
    this.#carriers.add(carrier);
    await this.#renew();
  }

  /** No longer fit to serve it: others who are take its claims over, and what nobody else serves stays. */
  async withdraw(carrier: string): Promise<void> {
    if (this.#carriers.delete(carrier)) await this.#renew();
  }

  /** Called at every change: of the peers, and of `held`. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#watch?.stop();
    await this.#bucket.remove(this.#key());
  }

  #key(): string {
    return `lease.${this.#service.instance}`;
  }

  async #start(): Promise<void> {
    await this.#renew();
    // Nobody is judged before all who are there have been heard of: an owner not yet seen is not a dead one.
    await new Promise<void>((ready, failed) => {
      const on = { change: (key: string, value: Uint8Array | undefined) => this.#heard(key, value), ready };
      this.#bucket.watch("lease.>", on).then((watch) => {
        this.#watch = watch;
      }, failed);
    });
    void this.#keep();
  }

  async #keep(): Promise<void> {
    while (!this.#closed) {
      await Promise.race([this.#renew(), this.#service.clock.sleep(2 * leaseTimes.renewMs)]);
      await this.#service.clock.sleep(leaseTimes.renewMs);
      if (!this.held()) this.#changed();
    }
  }

  async #renew(): Promise<void> {
    const sentAt = this.#service.clock.monotonic();
    this.#sent += 1;
    const value = {
      incarnation: this.incarnation,
      carriers: [...this.#carriers],
      name: this.#service.name,
      count: this.#sent,
    };
    try {
      await this.#bucket.put(this.#key(), Buffer.from(JSON.stringify(value)));
    } catch (error) {
      this.#service.log.warn({ err: error }, "lease not renewed");
      return;
    }
    this.#confirmed(sentAt);
  }

  /**
   * A renewal counts from when it was sent. If the one before had run out before this one was confirmed, a new term begins,
   * even if it was sent in time: whoever asked meanwhile whether he may act was told no, and waits for the next term.
   */
  #confirmed(sentAt: number): void {
    if (sentAt <= this.#confirmedAt) return;
    const ranOut = !this.#fresh();
    this.#confirmedAt = sentAt;
    if (!ranOut) return;
    this.#term += 1;
    this.#changed();
  }

  #fresh(): boolean {
    return this.#service.clock.monotonic() - this.#confirmedAt < leaseTimes.leaseMs - leaseTimes.marginMs;
  }

  #heard(key: string, value: Uint8Array | undefined): void {
    const instance = key.slice("lease.".length);
    if (value === undefined) {
      if (this.#peers.delete(instance)) this.#changed();
      return;
    }
    const said = JSON.parse(Buffer.from(value).toString("utf8")) as {
      incarnation: string;
      carriers: string[];
    };
    const known = this.#peers.get(instance);
    this.#peers.set(instance, {
      instance,
      incarnation: said.incarnation,
      carriers: said.carriers,
      silenceMs: 0,
    });
    if (instance === this.#service.instance) this.#heardSelf(said.incarnation);
    const same = known?.incarnation === said.incarnation && `${known.carriers}` === `${said.carriers}`;
    if (!same || known.silenceMs >= leaseTimes.leaseMs) this.#changed();
  }

  #heardSelf(incarnation: string): void {
    if (incarnation !== this.incarnation) {
      // Only a process that started after us writes after us: it has our name, and we have none.
      if (this.#echoedAt > 0 && !this.#usurped) {
        this.#usurped = true;
        this.#service.log.error(
          { instance: this.#service.instance },
          "another process has taken this instance name",
        );
        this.#changed();
      }
      return;
    }
    const now = this.#service.clock.monotonic();
    const gap = now - this.#echoedAt;
    this.#echoedAt = now;
    const trusted = gap < 3 * leaseTimes.renewMs;
    let changed = false;
    for (const peer of this.#peers.values()) {
      if (peer.instance === this.#service.instance) continue;
      const before = peer.silenceMs;
      peer.silenceMs = trusted ? before + gap : 0;
      changed ||= before < leaseTimes.leaseMs && peer.silenceMs >= leaseTimes.leaseMs;
      if (peer.silenceMs >= leaseTimes.forgetMs) this.#forget(peer.instance);
    }
    if (changed) this.#changed();
  }

  #forget(instance: string): void {
    this.#peers.delete(instance);
    this.#bucket.remove(`lease.${instance}`).catch((error: unknown) => {
      this.#service.log.warn({ err: error, instance }, "stale lease not removed");
    });
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
  }
}
