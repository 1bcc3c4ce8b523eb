// Claims: exactly one owner for each unit (a slot, or a whole carrier). A claim is an epoch taken by create-if-absent, never
// updated: of several writers exactly one wins, on one server and on a cluster.
import { createHash } from "node:crypto";
import type { Bucket, Reader } from "../bus/port.ts";
import type { Service } from "../service/service.ts";
import type { Lease, Peer } from "./lease.ts";

interface Claim {
  readonly epoch: number;
  readonly instance: string;
  readonly incarnation: string;
  readonly released: boolean;
}

export interface ClaimsOptions {
  readonly service: Service;
  readonly lease: Lease;
  readonly carrier: string;
  readonly units: readonly string[];
  /** Stay with a living holder (a component stream) instead of spreading evenly. */
  readonly sticky: boolean;
  /** This process is now the owner. `resumed`: it was before, nobody else in between. */
  readonly onGain: (unit: string, epoch: number, resumed: boolean) => void;
  /** Another process is the owner now, or may be: write nothing more. */
  readonly onLoss: (unit: string) => void;
  /** Another process should have it: finish what is under way, write the ledger, then it is released. */
  readonly onRelease: (unit: string) => Promise<void>;
}

/** Which of these should own the unit: the same answer everywhere, and few moves when one comes or goes (rendezvous hashing). */
export function preferred(unit: string, peers: readonly Peer[]): string | undefined {
  let best: { instance: string; weight: string } | undefined;
  for (const { instance } of peers) {
    const weight = createHash("sha1").update(`${unit} ${instance}`).digest("hex");
    if (best === undefined || weight > best.weight) best = { instance, weight };
  }
  return best?.instance;
}

export class Claims {
  readonly #options: ClaimsOptions;
  readonly #bucket: Bucket;
  readonly #top = new Map<string, Claim>();
  /** Epochs this process won and has not lost: unit to epoch. */
  readonly #mine = new Map<string, number>();
  /** Owned until the term ended, and to be claimed anew: unit to the epoch under which it was. */
  readonly #suspended = new Map<string, number>();
  readonly #busy = new Set<string>();
  /** The lease's term in which the claims of this process were won or confirmed. */
  #term: number;
  #ready = false;
  #closed = false;
  #watch: Reader | undefined;
  #unlisten: (() => void) | undefined;

  private constructor(options: ClaimsOptions, bucket: Bucket) {
    this.#options = options;
    this.#bucket = bucket;
    this.#term = options.lease.term;
  }

  static async open(options: ClaimsOptions): Promise<Claims> {
    const claims = new Claims(options, await options.service.bus.bucket("claims"));
    claims.#watch = await claims.#bucket.watch(`${options.carrier}.>`, {
      change: (key, value) => claims.#heard(key, value),
      ready: () => {
        claims.#ready = true;
        claims.#evaluateAll();
      },
    });
    claims.#unlisten = options.lease.onChange(() => claims.#leaseChanged());
    return claims;
  }

  /** Whether this process may act for the unit, under this epoch, at this moment. */
  holds(unit: string, epoch: number): boolean {
    const { lease } = this.#options;
    return this.#term === lease.term && this.#mine.get(unit) === epoch && lease.held();
  }

  /** This process cannot serve the unit after all: somebody, perhaps itself, may try again a little later. */
  giveBack(unit: string): void {
    const epoch = this.#mine.get(unit);
    this.#mine.delete(unit);
    if (epoch === undefined) return;
    this.#options.service.clock.after(1_000, () => {
      void this.#guarded(unit, async () => {
        await this.#bucket.put(this.#key(unit, epoch), this.#value(true));
      });
    });
  }

  /** Releases everything, so that others need not wait for silence. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#unlisten?.();
    await Promise.all([...this.#mine.keys()].map((unit) => this.#release(unit)));
    await this.#watch?.stop();
  }

  #heard(key: string, value: Uint8Array | undefined): void {
    const [, unit, epochText] = key.split(".");
    if (unit === undefined || value === undefined) return;
    const said = JSON.parse(Buffer.from(value).toString("utf8")) as Omit<Claim, "epoch">;
    const claim = { ...said, epoch: Number(epochText) };
    const top = this.#top.get(unit);
    if (top !== undefined && top.epoch > claim.epoch) return;
    this.#top.set(unit, claim);
    const mine = this.#mine.get(unit) ?? this.#suspended.get(unit);
    if (mine !== undefined && claim.epoch > mine && !this.#isMe(claim)) this.#lose(unit);
    if (this.#ready) this.#evaluate(unit);
  }

  #leaseChanged(): void {
    if (this.#term !== this.#options.lease.term) void this.#newTerm();
    else this.#evaluateAll();
  }

  /** After a pause the old epochs prove nothing any more: each unit is claimed anew, and whoever took it meanwhile keeps it. */
  async #newTerm(): Promise<void> {
    this.#term = this.#options.lease.term;
    await Promise.all(
      [...this.#mine].map(([unit, epoch]) => this.#guarded(unit, () => this.#resume(unit, epoch))),
    );
    this.#evaluateAll();
  }

  async #resume(unit: string, epoch: number): Promise<void> {
    this.#mine.delete(unit);
    // If the bus does not answer, the unit is taken again later, and then goes on where it stood.
    this.#suspended.set(unit, epoch);
    const top = this.#top.get(unit);
    const free = top === undefined || top.epoch <= epoch;
    const { term } = this.#options.lease;
    if (free && (await this.#create(unit, epoch + 1))) return this.#gain(unit, epoch + 1, term);
    this.#lose(unit);
  }

  /** `term`: in which the create was begun; if another one has begun since, it proves nothing any more. */
  async #gain(unit: string, epoch: number, term: number): Promise<void> {
    if (term !== this.#options.lease.term) return this.#resume(unit, epoch);
    const resumed = this.#suspended.delete(unit);
    this.#mine.set(unit, epoch);
    this.#options.onGain(unit, epoch, resumed);
  }

  #evaluateAll(): void {
    if (this.#ready) for (const unit of this.#options.units) this.#evaluate(unit);
  }

  #evaluate(unit: string): void {
    if (this.#closed || this.#busy.has(unit) || !this.#options.lease.held()) return;
    const living = this.#options.lease.living(this.#options.carrier);
    const top = this.#top.get(unit);
    const holder = top !== undefined && this.#stands(unit, top, living) ? top.instance : undefined;
    const wanted = this.#options.sticky ? (holder ?? preferred(unit, living)) : preferred(unit, living);
    const me = this.#options.service.instance;
    if (this.#mine.has(unit)) {
      if (wanted !== undefined && wanted !== me) void this.#guarded(unit, () => this.#release(unit));
    } else if (wanted === me && holder === undefined) {
      void this.#guarded(unit, () => this.#take(unit, (top?.epoch ?? 0) + 1));
    }
  }

  #stands(unit: string, claim: Claim, living: readonly Peer[]): boolean {
    if (claim.released) return false;
    // A create whose answer was lost: the claim is ours by the log but we never acted on it. Take the next epoch.
    if (this.#isMe(claim) && !this.#mine.has(unit)) return false;
    return living.some((peer) => peer.instance === claim.instance && peer.incarnation === claim.incarnation);
  }

  async #take(unit: string, epoch: number): Promise<void> {
    const { term } = this.#options.lease;
    if (!(await this.#create(unit, epoch))) return;
    await this.#gain(unit, epoch, term);
    // Two epochs are kept: a reader that lags behind must still find the one that beat him.
    if (epoch > 2) await this.#bucket.remove(this.#key(unit, epoch - 2));
  }

  async #release(unit: string): Promise<void> {
    const epoch = this.#mine.get(unit);
    if (epoch === undefined) return;
    await this.#options.onRelease(unit);
    if (this.#mine.get(unit) !== epoch) return;
    this.#mine.delete(unit);
    await this.#bucket.put(this.#key(unit, epoch), this.#value(true));
  }

  #lose(unit: string): void {
    this.#mine.delete(unit);
    this.#suspended.delete(unit);
    this.#options.onLoss(unit);
  }

  async #create(unit: string, epoch: number): Promise<boolean> {
    return await this.#bucket.create(this.#key(unit, epoch), this.#value(false));
  }

  async #guarded(unit: string, act: () => Promise<void>): Promise<void> {
    this.#busy.add(unit);
    try {
      await act();
    } catch (error) {
      this.#options.service.log.warn(
        { err: error, unit, carrier: this.#options.carrier },
        "claim not settled, will try again",
      );
    } finally {
      this.#busy.delete(unit);
    }
    // What was heard while it was busy has not been weighed yet.
    this.#options.service.clock.after(50, () => this.#evaluate(unit));
  }

  #isMe(claim: Claim): boolean {
    return (
      claim.instance === this.#options.service.instance &&
      claim.incarnation === this.#options.lease.incarnation
    );
  }

  #key(unit: string, epoch: number): string {
    return `${this.#options.carrier}.${unit}.${epoch}`;
  }

  #value(released: boolean): Uint8Array {
    const { service, lease } = this.#options;
    return Buffer.from(
      JSON.stringify({ instance: service.instance, incarnation: lease.incarnation, released }),
    );
  }
}
