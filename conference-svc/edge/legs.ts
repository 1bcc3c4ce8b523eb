// The legs of rooms as other processes are told of them: a key each in the bucket `rooms`.

import { z } from "zod";
import { Address } from "#bus-schemas/address.ts";
import type { Bucket } from "#bus-schemas/bus/port.ts";
import { roomPlace } from "#bus-schemas/rooms/wire.ts";
import { token } from "#bus-schemas/subject.ts";
import type { LegPlace } from "./policy.ts";

const Published = z.object({ room: Address });

/** Publishes the legs of the rooms of one slot, and takes back those that are configured no more. */
export async function publishLegs(bucket: Bucket, slot: number, legs: readonly LegPlace[]): Promise<void> {
  const wanted = new Map(
    legs.map((leg) => [`leg.${leg.carrier}.${token(leg.channel)}`, Buffer.from(JSON.stringify(leg))]),
  );
  for (const { key, value } of await bucket.list("leg.>")) {
    const published = Published.safeParse(JSON.parse(Buffer.from(value).toString("utf8")));
    const isHere = published.success && roomPlace(published.data.room).slot === slot;
    if (isHere && !wanted.has(key)) await bucket.remove(key);
    if (wanted.get(key)?.equals(value)) wanted.delete(key);
  }
  for (const [key, value] of wanted) await bucket.put(key, value);
}
