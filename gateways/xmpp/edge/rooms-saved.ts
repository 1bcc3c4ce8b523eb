// What the people of a room on XMPP have been shown so far, kept for the next holder of the stream: a number, and the roster.
import { createHash, randomBytes } from "node:crypto";
import { z } from "zod";
import { Address, bareKey } from "#bus-schemas/address.ts";
import type { Bucket } from "#bus-schemas/bus/port.ts";
import { Participant } from "#bus-schemas/events/room.ts";
import { pack, unpack } from "#bus-schemas/rooms/wire.ts";
import type { Service } from "#bus-schemas/service/service.ts";
import { emptyStage, recipientsOf, type Stage } from "../translate/rooms/stage.ts";

/** The bucket, on the bus. */
const name = "xmpp-rooms";

const SavedNumber = z.object({ room: Address, number: z.int() });
const SavedRoster = z.object({
  number: z.int(),
  participants: z.array(Participant),
  audience: z.array(z.string()),
});

/** The roster as it was shown, and to whom. */
export interface ShownRoster {
  readonly participants: readonly Participant[];
  /** Endpoints that have got the picture. */
  readonly audience: readonly string[];
}

/** What is remembered of all rooms. */
export interface Saved {
  /** The stage as it was when somebody last wrote it down, or undefined. */
  load(room: Address): Promise<Stage | undefined>;
  saveNumber(room: Address, number: number): Promise<void>;
  saveRoster(room: Address, number: number, roster: ShownRoster): Promise<void>;
  forget(room: Address): Promise<void>;
  /** All rooms of which something is kept. */
  rooms(): Promise<Address[]>;
  /** Notes the queue that a domain has at the server; true if it is another than before, or has no name. */
  isNewStream(domain: string, queue: string | undefined): Promise<boolean>;
  /** The secret of occupant ids: made once, the same in all processes. */
  secret(): Promise<string>;
}

/** Opens the memory. Errors: the bus is not to be had. */
export async function openSaved(service: Service): Promise<Saved> {
  const bucket = await service.bus.bucket(name);
  return savedIn(bucket);
}

const keyOf = (room: Address): string =>
  createHash("sha256").update(bareKey(room)).digest("base64url").slice(0, 22);

function savedIn(bucket: Bucket): Saved {
  return {
    async load(room) {
      const number = await bucket.get(`number.${keyOf(room)}`);
      const roster = await bucket.get(`roster.${keyOf(room)}`);
      const shown = roster && unpack(SavedRoster, roster.value);
      if (!shown?.ok) return undefined;
      const counted = number && unpack(SavedNumber, number.value);
      const stage = emptyStage();
      for (const participant of shown.value.participants) {
        stage.participants.set(participant.key, participant);
        for (const one of recipientsOf(participant))
          if (shown.value.audience.includes(one.id)) stage.audience.set(one.id, one);
      }
      stage.number = Math.max(shown.value.number, counted?.ok ? counted.value.number : 0);
      return stage;
    },
    async saveNumber(room, number) {
      await bucket.put(
        `number.${keyOf(room)}`,
        pack({ room: { local: room.local, domain: room.domain }, number }),
      );
    },
    async saveRoster(room, number, roster) {
      await bucket.put(`roster.${keyOf(room)}`, pack({ number, ...roster }));
    },
    async forget(room) {
      await bucket.remove(`roster.${keyOf(room)}`);
      await bucket.remove(`number.${keyOf(room)}`);
    },
    async rooms() {
      const found = await bucket.list("number.>");
      return found.flatMap(({ value }) => {
        const read = unpack(SavedNumber, value);
        return read.ok ? [read.value.room] : [];
      });
    },
    async isNewStream(domain, queue) {
      const key = `stream.${keyOf({ local: "*", domain })}`;
      const before = await bucket.get(key);
      if (queue !== undefined && before !== undefined && Buffer.from(before.value).toString("utf8") === queue)
        return false;
      await bucket.put(key, Buffer.from(queue ?? ""));
      return true;
    },
    async secret() {
      await bucket.create("secret", Buffer.from(randomBytes(32).toString("base64url")));
      const entry = await bucket.get("secret");
      if (entry === undefined) throw new Error("the secret of occupant ids is gone");
      return Buffer.from(entry.value).toString("utf8");
    },
  };
}
