// Opens the courier of one carrier: intake, claims, units, ledger, put together.
import { type Address, bareKey } from "../address.ts";
import { BusTimeout, type Reader } from "../bus/port.ts";
import type { OutcomeEvent } from "../events/outcome.ts";
import type { Service } from "../service/service.ts";
import { root, slotCount } from "../subject.ts";
import { answerAudit } from "./audit.ts";
import { Carrying } from "./carrying.ts";
import { Claims } from "./claims.ts";
import type {
  Acceptance,
  Arrival,
  Courier,
  CourierOptions,
  Gateway,
  MessageDraft,
  ReportDraft,
} from "./courier.ts";
import { Holds } from "./hold.ts";
import { Intake } from "./intake.ts";
import { Lease } from "./lease.ts";
import { dropSuperseded, freshUnit, LedgerWriter, newest, readLedgers } from "./ledger.ts";
import { placedBySpeaker } from "./placement.ts";
import { Streams, streamLimits } from "./streams.ts";
import { Unit } from "./unit.ts";

/** How often the mailboxes are looked through for what has expired. */
const sweepMs = 5_000;
/** How often settled messages older than the duplicate window are deleted from the streams. */
const purgeMs = 60_000;

const availableSubject = `${root}.available`;

const leases = new WeakMap<Service, Promise<Lease>>();

/** The one lease of this process: for claims of other units than slots, such as who reads a channel. */
export function leaseOf(service: Service): Promise<Lease> {
  const lease = leases.get(service) ?? Lease.open(service);
  leases.set(service, lease);
  return lease;
}

/** Opens the courier; it takes its share of the units as soon as the claims allow. Errors: the bus is not to be had. */
export async function openCourier(
  service: Service,
  options: CourierOptions,
  gateway: Gateway,
): Promise<Courier> {
  if ((options.slotBy === "sender") !== placedBySpeaker(options.carrier))
    throw new Error(`carrier ${options.carrier}: slotBy "${options.slotBy}" contradicts placement.ts`);
  const streams = new Streams(service);
  await streams.ensure(options.carrier);
  const courier = new OpenCourier(service, options, gateway, streams, await leaseOf(service));
  await courier.start();
  return courier;
}

class OpenCourier implements Courier {
  readonly carrier: string;
  readonly process: string;
  readonly #service: Service;
  readonly #options: CourierOptions;
  readonly #gateway: Gateway;
  readonly #streams: Streams;
  readonly #lease: Lease;
  readonly #intake: Intake;
  readonly #ledger: LedgerWriter;
  readonly #carrying: Carrying;
  readonly #units = new Map<string, Unit>();
  /** What this process last knew of units that it gave away or lost: kept in its record until others have written theirs. */
  readonly #former = new Map<string, object>();
  readonly #readers: Reader[] = [];
  readonly #stops: (() => void)[] = [];
  #claims: Claims | undefined;
  #closed = false;

  constructor(service: Service, options: CourierOptions, gateway: Gateway, streams: Streams, lease: Lease) {
    this.carrier = options.carrier;
    this.#service = service;
    this.#options = options;
    this.#gateway = gateway;
    this.#streams = streams;
    this.#lease = lease;
    this.#intake = new Intake(service, options.carrier, streams, new Holds(service, options.carrier));
    this.process = `${service.instance}-${lease.incarnation}`;
    this.#ledger = new LedgerWriter(service, options.carrier, this.process, () => this.#record());
    this.#carrying = new Carrying(
      service,
      options,
      gateway,
      this.#ledger,
      (unit, epoch) => this.#holds(unit, epoch),
      streams,
    );
  }

  async start(): Promise<void> {
    const { carrier, share } = this.#options;
    const { bus, metrics } = this.#service;
    this.#readers.push(bus.listen(availableSubject, (live) => this.#heardAvailable(live.data)));
    this.#readers.push(answerAudit(this.#service, carrier, () => this.#units));
    metrics.gauge(
      `parley_mailbox_messages_${carrier.replaceAll("-", "_")}`,
      "Messages that wait in mailboxes",
      () => this.#sum("box"),
    );
    metrics.gauge(
      `parley_in_flight_messages_${carrier.replaceAll("-", "_")}`,
      "Messages read and not settled",
      () => this.#sum("open"),
    );
    const units = share === "whole" ? ["all"] : Array.from({ length: slotCount }, (_, slot) => `${slot}`);
    this.#claims = await Claims.open({
      service: this.#service,
      lease: this.#lease,
      carrier,
      units,
      sticky: share === "whole",
      onGain: (unit, epoch, resumed) => this.#gain(unit, epoch, resumed),
      onLoss: (unit) => this.#lose(unit),
      onRelease: (unit) => this.#release(unit),
    });
    await this.#lease.serve(carrier);
    this.#every(sweepMs, () => {
      for (const unit of this.#units.values()) unit.sweep();
    });
    this.#every(purgeMs, () => void this.#purge());
  }

  async accept(draft: MessageDraft, arrival: Arrival): Promise<Acceptance> {
    // Not stored, and another instance may take it: what an edge answers to a bus that is away is right here too.
    if (this.#closed) throw new BusTimeout("this process is about to end");
    return this.#intake.accept(draft, arrival);
  }

  async report(draft: ReportDraft): Promise<void> {
    const { clock } = this.#service;
    const { text, ...said } = draft;
    const outcome: OutcomeEvent = {
      ...said,
      ...(text !== undefined && { text: text.slice(0, 200) }),
      id: `${draft.message}:${draft.outcome}`,
      type: "message.outcome",
      version: 1,
      time: clock.now(),
      expires: clock.now() + this.#service.directory.lifetimeMs.most,
    };
    this.#service.trail.note(draft.message, `reported ${draft.outcome}`, { carrier: this.carrier });
    await this.#streams.report(outcome, {});
  }

  available(address: Address): void {
    this.#service.bus.emit(
      availableSubject,
      Buffer.from(JSON.stringify({ person: bareKey(address), carrier: this.carrier })),
    );
  }

  living(carrier: string): ReadonlySet<string> {
    return new Set(this.#lease.living(carrier).map((peer) => `${peer.instance}-${peer.incarnation}`));
  }

  async close(timeoutMs: number): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const stop of this.#stops) stop();
    const late = this.#service.clock.sleep(timeoutMs).then(() => "late" as const);
    const done = await Promise.race([this.#claims?.close(), late]);
    if (done === "late")
      this.#service.log.warn({ carrier: this.carrier }, "closed before everything under way had ended");
    for (const unit of this.#units.values()) unit.lose();
    await Promise.all(this.#readers.map((reader) => reader.stop()));
    await this.#lease.close();
  }

  #holds(unit: string, epoch: number): boolean {
    return this.#claims?.holds(unit, epoch) ?? false;
  }

  #record(): object {
    const units: Record<string, object> = Object.fromEntries(this.#former);
    for (const [name, unit] of this.#units) units[name] = unit.record();
    return { instance: this.#service.instance, units };
  }

  #gain(name: string, epoch: number, resumed: boolean): void {
    const known = this.#units.get(name);
    if (resumed && known !== undefined) {
      this.#service.log.info({ carrier: this.carrier, unit: name, epoch }, "unit resumed");
      known.resume(epoch);
      this.#tellOwned();
      this.#ledger.dirty();
      return;
    }
    this.#open(name, epoch).catch((error: unknown) => {
      // Without its ledger a unit must not be served: given back, so that this or another process tries again.
      this.#service.log.error(
        { err: error, carrier: this.carrier, unit: name },
        "unit not opened, given back",
      );
      this.#units.get(name)?.lose();
      this.#units.delete(name);
      this.#claims?.giveBack(name);
    });
  }

  async #open(name: string, epoch: number): Promise<void> {
    const { units, unreadable } = newest(await readLedgers(this.#service.bus, this.carrier));
    if (unreadable > 0) throw new Error(`${unreadable} ledger records of ${this.carrier} cannot be read`);
    // It may have been lost or asked back while its ledger was read.
    if (!this.#holds(name, epoch)) return;
    const record = units.get(name) ?? freshUnit(epoch);
    const unit = new Unit(this.#carrying, name, record, epoch);
    this.#units.set(name, unit);
    // The gateway hears what it acts for before the first hand-over: it opens its connections meanwhile.
    this.#tellOwned();
    await unit.open();
    this.#service.log.debug({ carrier: this.carrier, unit: name, epoch, clean: record.clean }, "unit opened");
  }

  #lose(name: string): void {
    this.#service.log.info({ carrier: this.carrier, unit: name }, "unit lost");
    this.#units.get(name)?.lose();
    this.#leave(name);
  }

  #leave(name: string): void {
    const unit = this.#units.get(name);
    if (unit !== undefined) this.#former.set(name, unit.record());
    this.#units.delete(name);
    this.#tellOwned();
  }

  async #release(name: string): Promise<void> {
    await this.#units.get(name)?.release(5_000);
    this.#service.log.debug({ carrier: this.carrier, unit: name }, "unit released");
    this.#leave(name);
  }

  #tellOwned(): void {
    const whole = this.#units.get("all");
    const slots: [number, number][] =
      whole === undefined
        ? [...this.#units].map(([name, unit]) => [Number(name), unit.epoch])
        : Array.from({ length: slotCount }, (_, slot) => [slot, whole.epoch]);
    const epochs = new Map(slots);
    this.#gateway.owns?.(new Set(epochs.keys()), epochs);
  }

  #heardAvailable(bytes: Uint8Array): void {
    const said = JSON.parse(Buffer.from(bytes).toString("utf8")) as { person: string; carrier: string };
    for (const unit of this.#units.values()) unit.available(said.person, said.carrier);
  }

  #sum(what: "box" | "open"): number {
    let sum = 0;
    for (const unit of this.#units.values()) sum += unit.counts()[what];
    return sum;
  }

  /** Two looks a window apart: what was settled at the first one is deleted at the second. */
  async #purge(): Promise<void> {
    try {
      for (const unit of this.#units.values()) await unit.purgeOlder(streamLimits.duplicateWindowMs);
      await dropSuperseded(this.#service.bus, this.carrier);
    } catch (error) {
      this.#service.log.warn(
        { err: error, carrier: this.carrier },
        "settled things not deleted, will try again",
      );
    }
  }

  #every(periodMs: number, act: () => void): void {
    let cancel = (): void => undefined;
    const again = (): void => {
      cancel = this.#service.clock.after(periodMs, () => {
        act();
        again();
      });
    };
    again();
    this.#stops.push(() => cancel());
  }
}
