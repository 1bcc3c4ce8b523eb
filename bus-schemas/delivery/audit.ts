// The audit of the ledger law: accepted = handed + refused + expired + uncertain + in flight, from three sources that do not
// know of one another: the server's count of what it stored, the ledgers, and what the owners and the server say is unsettled.
import { z } from "zod";
import type { Bus, Reader } from "../bus/port.ts";
import type { Service } from "../service/service.ts";
import { root, streams } from "../subject.ts";
import { newest, readLedgers } from "./ledger.ts";
import type { Unit } from "./unit.ts";

export const auditSubject = (carrier: string): string => `${root}.audit.${carrier}`;

const Owned = z.object({
  instance: z.string(),
  units: z.record(z.string(), z.object({ epoch: z.int(), open: z.int(), pending: z.int(), box: z.int() })),
});

/** The books of one carrier. `inFlight`: unread + read and unsettled + waiting in mailboxes. */
export interface Audit {
  readonly carrier: string;
  readonly accepted: number;
  readonly handed: number;
  readonly refused: number;
  readonly expired: number;
  readonly uncertain: number;
  /** Given to another home of the same person, whose books go on. */
  readonly forwarded: number;
  /** Events that nobody could read: counted, logged, and a fault of ours. */
  readonly unreadable: number;
  readonly mailbox: number;
  readonly inFlight: number;
  /** accepted − (ends + in flight): 0 when the law holds. */
  readonly difference: number;
  readonly owners: number;
}

/** Answers audits with what this process has in its hands. */
export const answerAudit = (
  service: Service,
  carrier: string,
  units: () => ReadonlyMap<string, Unit>,
): Reader =>
  service.bus.listen(auditSubject(carrier), (live) => {
    const owned = [...units()].map(([name, unit]) => [name, { epoch: unit.epoch, ...unit.counts() }]);
    live.answer(
      Buffer.from(JSON.stringify({ instance: service.instance, units: Object.fromEntries(owned) })),
    );
  });

/**
 * Audits one carrier. The numbers are exact when nothing moves; under load they are taken one after the other, and the
 * difference may swing around 0: ask again. `waitMs`: how long owners may take to answer.
 */
export async function audit(bus: Bus, carrier: string, waitMs: number): Promise<Audit> {
  const answers = await bus.askAll(auditSubject(carrier), new Uint8Array(), waitMs);
  const owners = answers.map((bytes) => Owned.parse(JSON.parse(Buffer.from(bytes).toString("utf8"))));
  const { units } = newest(await readLedgers(bus, carrier));
  const stored = await bus.state(streams.message(carrier));
  const sums = { handed: 0, refused: 0, expired: 0, uncertain: 0, forwarded: 0, unreadable: 0 };
  for (const { message, box } of units.values()) {
    for (const end of ["handed", "refused", "expired", "uncertain", "forwarded"] as const)
      sums[end] += (message.counts[end] ?? 0) + (box.counts[end] ?? 0);
    sums.unreadable += message.counts.dropped ?? 0;
  }
  let inFlight = 0;
  let mailbox = 0;
  for (const [name, record] of units) {
    const mine = owners
      .flatMap((owner) => owner.units[name] ?? [])
      .find((unit) => unit.epoch === record.epoch);
    inFlight += (mine?.open ?? 0) + (mine?.pending ?? 0) + (mine?.box ?? 0);
    mailbox += mine?.box ?? 0;
  }
  const ended = sums.handed + sums.refused + sums.expired + sums.uncertain + sums.forwarded + sums.unreadable;
  return {
    carrier,
    accepted: stored.lastSequence,
    ...sums,
    mailbox,
    inFlight,
    difference: stored.lastSequence - ended - inFlight,
    owners: owners.length,
  };
}
