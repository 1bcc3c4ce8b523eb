// What an account remembers: its recent messages, and what was read, removed or reported since, folded from a log of records.
import { z } from "zod";
import type { SyncedMessage } from "../wire/event.ts";

const State = z.enum(["accepted", "processed", "delivered", "displayed", "failed", "received"]);

/** One thing that happened to an account's messages; the log is append-only, the fold decides. */
export const HistoryRecord = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("message"),
    /** Milliseconds since 1970. */
    time: z.number(),
    contact: z.string(),
    id: z.string(),
    direction: z.enum(["incoming", "outgoing"]),
    contentType: z.string(),
    content: z.string(),
    disposition: z.array(z.string()),
  }),
  z.object({
    kind: z.literal("state"),
    time: z.number(),
    id: z.string(),
    state: State,
    reason: z.string().optional(),
  }),
  z.object({ kind: z.literal("read"), time: z.number(), contact: z.string() }),
  z.object({ kind: z.literal("removed"), time: z.number(), contact: z.string(), id: z.string() }),
  z.object({ kind: z.literal("conversation-removed"), time: z.number(), contact: z.string() }),
]);
export type HistoryRecord = z.infer<typeof HistoryRecord>;

// A report that comes late or twice never takes a message back to an earlier state; a failure ends it.
const rank: Record<z.infer<typeof State>, number> = {
  accepted: 0,
  received: 0,
  processed: 1,
  delivered: 2,
  displayed: 3,
  failed: 4,
};

/** Where to begin: after this message, or after this moment (milliseconds since 1970); both absent: from the start. */
export interface Since {
  readonly messageId?: string | undefined;
  readonly timeMs?: number | undefined;
  readonly limit: number;
}

export interface Synced {
  readonly messages: readonly SyncedMessage[];
  /** More are there after the last one. */
  readonly more: boolean;
  /** Ids of messages received up to the point from which the client asks: it has them. */
  readonly had: readonly string[];
}

interface Line {
  readonly at: number;
  entry: SyncedMessage;
  /** For a report: the message that it is about. */
  readonly about?: string;
}

type StateRecord = Extract<HistoryRecord, { kind: "state" }>;

interface Fold {
  readonly lines: Map<string, Line>;
  /** Reports about messages that have not been read yet. */
  readonly early: Map<string, StateRecord[]>;
  /** Entries about messages: removals and reports. */
  readonly changes: Line[];
}

// A report is an entry of its own only for a message that the client had before; a newer one carries its state itself.
const told = (lines: ReadonlyMap<string, Line>, change: Line, from: number): boolean =>
  change.about === undefined || (lines.get(change.about)?.at ?? from) < from;

// Letter case tells nobody apart here (as in bus-schemas/address.ts).
const sameContact = (a: string, b: string): boolean =>
  a.normalize("NFC").toLowerCase() === b.normalize("NFC").toLowerCase();

const entryId = (record: HistoryRecord): string | undefined => {
  switch (record.kind) {
    case "message":
      return record.id;
    case "state":
      return `${record.state}:${record.id}`;
    case "removed":
      return `remove:${record.id}`;
    case "read":
    case "conversation-removed":
      return undefined;
  }
};

/**
 * What a client that knows everything up to `since` has missed, oldest first. Removals of what it may still show and
 * reports about it come as entries of their own (`application/sylk-message-remove`, `message/imdn`), as published clients expect. An unknown `messageId` means from the start.
 */
export function missed(records: readonly HistoryRecord[], since: Since): Synced {
  const fold: Fold = { lines: new Map(), early: new Map(), changes: [] };
  records.forEach((record, at) => {
    apply(fold, record, at);
  });
  const { lines, changes } = fold;
  const from = start(records, since);
  const had = [...lines.values()]
    .filter((line) => line.at < from && line.entry.direction === "incoming")
    .map((line) => line.entry.message_id);
  const after = [...lines.values(), ...changes.filter((change) => told(lines, change, from))]
    .filter((line) => line.at >= from)
    .sort((a, b) => a.at - b.at);
  return {
    messages: after.slice(0, since.limit).map((line) => line.entry),
    more: after.length > since.limit,
    had,
  };
}

function start(records: readonly HistoryRecord[], since: Since): number {
  const { messageId, timeMs } = since;
  if (messageId !== undefined) return records.findIndex((record) => entryId(record) === messageId) + 1;
  if (timeMs === undefined) return 0;
  const first = records.findIndex((record) => record.time > timeMs);
  return first === -1 ? records.length : first;
}

function apply(fold: Fold, record: HistoryRecord, at: number): void {
  const { lines, early, changes } = fold;
  switch (record.kind) {
    case "message": {
      // The same message may be written twice: an attempt that was repeated. The first one keeps its place.
      if (lines.has(record.id)) return;
      lines.set(record.id, { at, entry: entryOf(record) });
      for (const state of early.get(record.id) ?? []) applyState(fold, state, at);
      early.delete(record.id);
      return;
    }
    case "state":
      // A quick recipient's report may be written before the message itself is.
      if (lines.has(record.id)) applyState(fold, record, at);
      else early.set(record.id, [...(early.get(record.id) ?? []), record]);
      return;
    case "read":
      for (const line of lines.values())
        if (sameContact(line.entry.contact, record.contact) && line.entry.direction === "incoming")
          line.entry = { ...line.entry, read: true };
      return;
    case "removed":
      lines.delete(record.id);
      changes.push({ at, entry: removal(record.contact, record.id, record.time) });
      return;
    case "conversation-removed":
      for (const [id, line] of lines)
        if (sameContact(line.entry.contact, record.contact)) {
          lines.delete(id);
          changes.push({ at, entry: removal(record.contact, id, record.time) });
        }
  }
}

function applyState(fold: Fold, record: StateRecord, at: number): void {
  const line = fold.lines.get(record.id);
  if (line === undefined || rank[record.state] <= (rank[line.entry.state as keyof typeof rank] ?? 0)) return;
  line.entry = {
    ...line.entry,
    state: record.state,
    ...(record.reason === undefined ? {} : { reason: record.reason }),
  };
  fold.changes.push({ at, about: record.id, entry: report(line.entry.contact, record) });
}

const entryOf = (record: Extract<HistoryRecord, { kind: "message" }>): SyncedMessage => ({
  contact: record.contact,
  timestamp: new Date(record.time).toISOString(),
  disposition: record.disposition,
  message_id: record.id,
  content_type: record.contentType,
  content: record.content,
  direction: record.direction,
  state: record.direction === "incoming" ? "received" : "accepted",
});

const report = (contact: string, record: StateRecord): SyncedMessage => ({
  contact,
  timestamp: new Date(record.time).toISOString(),
  disposition: [],
  message_id: `${record.state}:${record.id}`,
  content_type: "message/imdn",
  content: JSON.stringify({ message_id: record.id, state: record.state, reason: record.reason }),
  direction: "incoming",
  state: "received",
});

const removal = (contact: string, id: string, timeMs: number): SyncedMessage => ({
  contact,
  timestamp: new Date(timeMs).toISOString(),
  disposition: [],
  message_id: `remove:${id}`,
  content_type: "application/sylk-message-remove",
  content: JSON.stringify({ message_id: id, contact }),
  direction: "outgoing",
  state: "accepted",
});
