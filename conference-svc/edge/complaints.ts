// Complaints: who said something that a leg would not take is told, once in a while and not for every line.
import { type Address, bareKey } from "#bus-schemas/address.ts";
import type { Clock } from "#bus-schemas/service/service.ts";

/** The same trouble is told to the same person at most so often. */
const againMs = 60_000;
/** People whose troubles are remembered. */
const limit = 10_000;

export function openComplaints(
  clock: Clock,
  tell: (room: Address, speaker: Address, text: string) => Promise<unknown>,
): (room: Address, speaker: Address, where: string, why: string) => void {
  const told = new Map<string, number>();
  return (room, speaker, where, why) => {
    const key = `${bareKey(room)} ${bareKey(speaker)} ${where} ${why}`;
    const now = clock.monotonic();
    if (now - (told.get(key) ?? Number.NEGATIVE_INFINITY) < againMs) return;
    told.delete(key);
    told.set(key, now);
    const [oldest] = told.keys();
    if (told.size > limit && oldest !== undefined) told.delete(oldest);
    // Its failure is the room's own: there is nobody else to tell.
    void tell(room, speaker, `Not said in ${where}: ${why}`);
  };
}
