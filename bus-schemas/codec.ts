// Events as bytes: JSON, written strictly and read tolerantly, so that old and new processes understand each other.
import type { Event, EventType } from "./event.ts";
import { MessageEvent } from "./events/message.ts";
import { OutcomeEvent } from "./events/outcome.ts";
import { bad, ok, type Result } from "./result.ts";

/** Octets of one event. Below the bus's own limit (1 MiB in nats-server by default) with room for headers. */
export const eventBytes = 1_000_000;

// By type, not through the union: as fast (measured), and a type of tomorrow is told apart from a broken event.
const schemas = { "message.sent": MessageEvent, "message.outcome": OutcomeEvent } satisfies Record<
  EventType,
  unknown
>;

const isKnown = (type: unknown): type is EventType =>
  typeof type === "string" && Object.hasOwn(schemas, type);

/** The types that this process understands. */
export const eventTypes = Object.keys(schemas) as readonly EventType[];

/**
 * Writes an event. Only what its schema knows is written. An event that breaks its own schema, or is larger than
 * eventBytes, is our fault: it throws, and nothing reaches the bus.
 */
export function encode(event: Event): Uint8Array {
  const bytes = Buffer.from(JSON.stringify(schemas[event.type].parse(event)));
  if (bytes.length > eventBytes) throw new RangeError(`an event of ${bytes.length} bytes`);
  return bytes;
}

/** Reads an event; fields that it does not know are dropped. Errors: too large, no JSON, an unknown type, a broken event. */
export function decode(bytes: Uint8Array): Result<Event> {
  if (bytes.length > eventBytes) return bad(`an event of ${bytes.length} bytes`);
  const value = parse(bytes);
  if (typeof value !== "object" || value === null || !("type" in value)) return bad("not an event");
  if (!isKnown(value.type)) return bad("an event of a type unknown here");
  const parsed = schemas[value.type].safeParse(value);
  if (parsed.success) return ok(parsed.data);
  const at = parsed.error.issues[0]?.path.join(".") ?? "";
  return bad(`a ${value.type} that is broken at ${at.slice(0, 100)}`);
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8"));
  } catch {
    // Not JSON: the caller says so.
    return undefined;
  }
}
