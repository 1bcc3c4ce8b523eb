// Views of rooms as they are kept beside the log, so that a room opens without its whole past; and the list of rooms.
import { z } from "zod";
import type { Address } from "#bus-schemas/address.ts";
import type { Bucket } from "#bus-schemas/bus/port.ts";
import { RoomSummary } from "#bus-schemas/events/room-command.ts";
import { RoomSnapshot, type RoomView } from "#bus-schemas/rooms/view.ts";
import { pack, roomPlace, unpack } from "#bus-schemas/rooms/wire.ts";

const MarkSchema = z.object({
  number: z.int(),
  sequence: z.int(),
  epoch: z.int(),
  time: z.number(),
  history: z.int(),
});
export const StoredRoom = z.object({
  snapshot: RoomSnapshot,
  /** The stream's sequence up to which the view goes. */
  sequence: z.int(),
  done: z.array(z.object({ id: z.string(), number: z.int(), sequence: z.int() })),
  marks: z.array(MarkSchema),
});
export type StoredRoom = z.infer<typeof StoredRoom>;

const key = (what: "snapshot" | "summary", room: Address): string => {
  const place = roomPlace(room);
  return `${what}.${place.slot}.${place.token}`;
};

/** The stored view, if there is one. Errors: it cannot be read (then the log alone must do). */
export async function loadRoom(bucket: Bucket, room: Address): Promise<StoredRoom | undefined> {
  const entry = await bucket.get(key("snapshot", room));
  if (entry === undefined || entry.value.length === 0) return undefined;
  const stored = unpack(StoredRoom, entry.value);
  if (!stored.ok) throw new Error(`the stored view of a room is not readable: ${stored.error}`);
  return stored.value;
}

export const saveRoom = (bucket: Bucket, stored: StoredRoom): Promise<number> =>
  bucket.put(key("snapshot", stored.snapshot.room), pack(stored));

/** The room's line in the list; a room that is no more has none. */
export async function saveSummary(bucket: Bucket, view: RoomView): Promise<void> {
  if (!view.exists || view.config === undefined) return bucket.remove(key("summary", view.room));
  await bucket.put(key("summary", view.room), pack(summaryOf(view)));
}

export function summaryOf(view: RoomView): RoomSummary {
  const carriers = new Set<string>();
  for (const { endpoints } of view.participants.values())
    for (const { carrier } of endpoints) carriers.add(carrier);
  return {
    room: view.room,
    ...(view.config?.title !== undefined && { title: view.config.title }),
    ...(view.subject !== undefined && { subject: view.subject.text.slice(0, 200) }),
    participants: view.participants.size,
    listed: view.config?.listed === true,
    carriers: [...carriers].sort(),
  };
}

/** The rooms of one slot that are in the list. */
export async function roomsOfSlot(bucket: Bucket, slot: number): Promise<RoomSummary[]> {
  const entries = await bucket.list(`summary.${slot}.*`);
  return entries
    .map(({ value }) => unpack(RoomSummary, value))
    .flatMap((read) => (read.ok ? [read.value] : []));
}
