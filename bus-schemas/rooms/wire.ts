// How rooms travel on the bus: commands, questions and their answers, views and events as bytes.
import { gunzipSync, gzipSync } from "node:zlib";
import { z } from "zod";
import { type Address, bareKey } from "../address.ts";
import { RoomEvent } from "../events/room.ts";
import { RoomAnswer, RoomCommand, RoomPage, RoomQuestion } from "../events/room-command.ts";
import { bad, ok, type Result } from "../result.ts";
import { roomAskSubject, roomEventSubject, roomLiveSubject, slotOf, token } from "../subject.ts";
import { RoomSnapshot } from "./view.ts";

/** What is asked of a room's owner. */
export const RoomRequest = z.union([RoomCommand, RoomQuestion]);
export type RoomRequest = z.infer<typeof RoomRequest>;

/** What he answers; `elsewhere`: he owns the room no longer, ask again. */
export const RoomReply = z.discriminatedUnion("is", [
  z.object({ is: z.literal("answer"), answer: RoomAnswer }),
  /** The view after the event at `sequence` of the stream; what follows is read from there. */
  z.object({ is: z.literal("view"), snapshot: RoomSnapshot, sequence: z.int() }),
  z.object({ is: z.literal("page"), page: RoomPage }),
  z.object({ is: z.literal("elsewhere") }),
]);
export type RoomReply = z.infer<typeof RoomReply>;

/** Where a room is on the bus. */
export const roomPlace = (
  room: Address,
): { slot: number; token: string; events: string; ask: string; live: string } => {
  const key = bareKey(room);
  const slot = slotOf(key);
  const name = token(key);
  return {
    slot,
    token: name,
    events: roomEventSubject(slot, name),
    ask: roomAskSubject(slot),
    live: roomLiveSubject(slot, name),
  };
};

// Views of large rooms are megabytes of JSON that says the same again and again: a tenth of it travels.
const packed = 16 * 1024;

/** Bytes of anything JSON; large ones are compressed (gzip, RFC 1952). */
export function pack(value: unknown): Uint8Array {
  const plain = Buffer.from(JSON.stringify(value));
  return plain.length < packed ? plain : gzipSync(plain, { level: 1 });
}

/** Reads bytes as the schema says. Errors: not JSON, larger than 64 MiB, not of that form. */
export function unpack<T extends z.ZodType>(schema: T, bytes: Uint8Array): Result<z.output<T>> {
  try {
    const isPacked = bytes[0] === 0x1f && bytes[1] === 0x8b;
    const plain = isPacked ? gunzipSync(bytes, { maxOutputLength: 64 * 1024 ** 2 }) : Buffer.from(bytes);
    const parsed = schema.safeParse(JSON.parse(plain.toString("utf8")));
    return parsed.success
      ? ok(parsed.data)
      : bad(`broken at ${parsed.error.issues[0]?.path.join(".") ?? ""}`);
  } catch (error) {
    return bad(error instanceof Error ? error.message : "not readable");
  }
}

/** An event of a room's log as bytes. One that breaks its schema is our fault: it throws. */
export const encodeRoomEvent = (event: RoomEvent): Uint8Array =>
  Buffer.from(JSON.stringify(RoomEvent.parse(event)));

/** Reads an event of a room's log. Errors: not readable, or of a kind unknown to this version. */
export const decodeRoomEvent = (bytes: Uint8Array): Result<RoomEvent> => unpack(RoomEvent, bytes);
