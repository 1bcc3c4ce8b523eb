// What is in flight on a carrier that no process serves: counted on the bus itself, from the ledgers' cursors on.
import type { Bus } from "#bus-schemas/bus/port.ts";
import { decode } from "#bus-schemas/codec.ts";
import { newest, readLedgers, type UnitRecord } from "#bus-schemas/delivery/ledger.ts";
import { settledSubject, streams } from "#bus-schemas/subject.ts";

export interface Resting {
  readonly inFlight: number;
  readonly mailbox: number;
}

/**
 * Reads what no ledger calls settled. A message that stands in its slot and in a mailbox (a crash between the two) is one
 * message. Exact while nobody serves the carrier; reads the whole backlog, about 50,000 a second.
 */
export async function countResting(bus: Bus, carrier: string): Promise<Resting> {
  const { units } = newest(await readLedgers(bus, carrier));
  const gone = new Set([...units.values()].flatMap((unit) => unit.box.gone.map(([sequence]) => sequence)));
  const floors = new Map<string, number>();
  for (const { subject, data } of await bus.lastOfEach(streams.settled, settledSubject(carrier, "*", "*")))
    floors.set(subject.split(".").slice(-2).join("."), Number(Buffer.from(data).toString("utf8")));
  const inSlots = await idsIn(bus, streams.message(carrier), lowestCursor(units), (subject, sequence) => {
    const unit = units.get("all") ?? units.get(subject.slice(subject.lastIndexOf(".") + 1));
    return !unit || (sequence > unit.message.cursor && !unit.message.above.includes(sequence));
  });
  const inBoxes = await idsIn(bus, streams.mailbox(carrier), 0, (subject, sequence) => {
    const floor = floors.get(subject.split(".").slice(-2).join(".")) ?? 0;
    return sequence > floor && !gone.has(sequence);
  });
  return { inFlight: new Set([...inSlots, ...inBoxes]).size, mailbox: inBoxes.length };
}

/** Slots that nobody ever owned have no record: then everything is read. */
function lowestCursor(units: ReadonlyMap<string, UnitRecord>): number {
  const whole = units.get("all");
  if (whole) return whole.message.cursor;
  return units.size < 64 ? 0 : Math.min(...[...units.values()].map((unit) => unit.message.cursor));
}

/** A reader that has heard nothing for so long has heard all. */
const silenceMs = 2_000;

/** The ids of the messages (not the reports) after `after` that `counts` wants. */
async function idsIn(
  bus: Bus,
  stream: string,
  after: number,
  counts: (subject: string, sequence: number) => boolean,
): Promise<string[]> {
  const { messages, lastSequence } = await bus.state(stream);
  const ids: string[] = [];
  if (messages === 0 || lastSequence <= after) return ids;
  let end: () => void = () => undefined;
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  // Everything after the cursor may have been deleted: then there is nothing to come.
  let silence = setTimeout(end, silenceMs);
  const reader = await bus.read(stream, ">", after, (stored) => {
    clearTimeout(silence);
    silence = setTimeout(end, silenceMs);
    if (counts(stored.subject, stored.sequence)) {
      const event = decode(stored.data);
      // What nobody can read is in flight too, until an owner has counted it as unreadable.
      if (!event.ok) ids.push(`unreadable ${stored.sequence}`);
      else if (event.value.type === "message.sent") ids.push(event.value.id);
    }
    if (stored.sequence >= lastSequence || stored.pending === 0) end();
  });
  await ended;
  clearTimeout(silence);
  await reader.stop();
  return ids;
}
