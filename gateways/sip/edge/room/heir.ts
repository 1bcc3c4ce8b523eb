// Take-over: the calls and subscriptions of a process that fell silent go on here, if it is this one's turn (EDGES §6).
import { bareKey } from "#bus-schemas/address.ts";
import type { WheelTimer } from "#bus-schemas/service/wheel.ts";
import { token } from "#bus-schemas/subject.ts";
import type { Target } from "../transport-types.ts";
import type { Door } from "./door.ts";
import type { Hosted } from "./hosted.ts";
import type { RoomParts } from "./parts.ts";
import type { CallRecord, DialogRecord, SubscriptionRecord } from "./records.ts";

/** How often is looked whether somebody has fallen silent, milliseconds. */
const lookMs = 1_000;
/** So many dialogs are taken over at the same time. */
const mostAtOnce = 50;

export interface HeirParts extends RoomParts {
  readonly door: Door;
  readonly hosted: (room: DialogRecord["room"]) => Promise<Hosted>;
  /** Whether this process has that dialog, whatever a late write of its former owner says. */
  readonly has: (record: DialogRecord) => boolean;
  readonly subscription: (record: SubscriptionRecord, hosted: Hosted) => void;
}

export class Heir {
  readonly #parts: HeirParts;
  readonly #adopting = new Set<string>();
  readonly #adopted;
  #timer: WheelTimer | undefined;

  constructor(parts: HeirParts) {
    this.#parts = parts;
    this.#adopted = parts.metrics.counter(
      "sip_dialogs_adopted_total",
      "Calls and subscriptions taken over from a process that fell silent",
    );
  }

  /** Looks from now on. */
  start(): void {
    this.#look();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #look(): void {
    const { courier, records, wheel, stopping } = this.#parts;
    const living = courier.living("sip");
    // Who is not seen alive himself must not judge others.
    if (!stopping() && living.has(courier.process))
      for (const [key, record] of records.all) {
        if (this.#adopting.size >= mostAtOnce) break;
        if (living.has(record.owner) || this.#adopting.has(key) || this.#parts.has(record)) continue;
        if (chosen(record, living) === courier.process) this.#adopt(key, record);
      }
    this.#timer = wheel.after(lookMs, () => this.#look());
  }

  #adopt(key: string, record: DialogRecord): void {
    this.#adopting.add(key);
    this.#take(key, record)
      .catch((error: unknown) => {
        this.#parts.log.warn({ error: String(error) }, "a dialog is not taken over yet");
      })
      .finally(() => this.#adopting.delete(key));
  }

  async #take(key: string, record: DialogRecord): Promise<void> {
    const { records, clock } = this.#parts;
    if (record.kind === "subscription" && record.expiresAt <= clock.now()) return records.remove(key);
    const hosted = await this.#parts.hosted(record.room);
    // One of several that see the silence at the same time.
    if (!(await records.claim(key, record.owner, this.#parts.courier.process, clock.now()))) return;
    const { kind } = record;
    this.#adopted.add(1, { kind });
    this.#parts.log.info({ kind, owner: record.owner }, "a dialog is taken over");
    if (record.kind === "subscription") return this.#parts.subscription(record, hosted);
    // Whom the room has let go meanwhile nobody has to call back.
    if (!hosted.view.endpoints.has(record.endpoint)) return records.remove(key);
    this.#parts.door.adopt(
      {
        ...record,
        hosted,
        party: record.from,
      },
      this.#way(record),
    );
  }

  // The connection of his registration, if that is ours now; else his Contact.
  #way({ from, dialog }: CallRecord): Target | undefined {
    const { location } = this.#parts;
    const place = location
      .of(bareKey(from))
      .find(({ contact, path }) => contact === dialog.target && path.length === 0);
    if (place === undefined) return undefined;
    const { transport, address, port, flow } = place;
    return { transport, address, port, flow };
  }
}

/** Whose turn it is: the same for all who see the same processes alive. */
function chosen(record: DialogRecord, living: ReadonlySet<string>): string | undefined {
  const rank = (process: string): string => token(`${record.dialog.callId} ${process}`);
  return [...living].sort((a, b) => (rank(a) < rank(b) ? -1 : 1))[0];
}
