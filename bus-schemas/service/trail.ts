// The trail: the last steps of messages through this process, in a bounded ring, and the answer to `parley trace`. No bodies.
import { z } from "zod";
import type { Bus, Reader } from "../bus/port.ts";
import { parseFarId } from "../ids.ts";
import { root } from "../subject.ts";
import type { Clock, Trail } from "./service.ts";

/** Where every process listens for the question what it knows about a message. */
const traceSubject = `${root}.trace`;

/** Notes that one process keeps; at 1,000 messages a second with five notes each, the last ten seconds. */
const ringSize = 50_000;
/** Notes in one answer; a message that has more (a loop) is cut, and the answer says so. */
export const mostNotesInAnswer = 500;

const Facts = z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]));

const Note = z.object({ time: z.number(), message: z.string(), step: z.string(), facts: Facts.optional() });
export type Note = z.infer<typeof Note>;

/** What one process answers. `since`: its oldest note is of this time; what was earlier is forgotten (0: nothing is). */
export const TrailAnswer = z.object({
  instance: z.string(),
  service: z.string(),
  since: z.number(),
  cut: z.boolean(),
  notes: z.array(Note),
});
export type TrailAnswer = z.infer<typeof TrailAnswer>;

export interface OpenTrail extends Trail {
  /** The notes about a message, oldest first: by event id, far id, or the id that the sender's client gave (fact `messageId`). */
  find(id: string): { notes: Note[]; cut: boolean };
  /** The time of the oldest note once older ones have been overwritten, else 0. */
  since(): number;
}

/** Opens the trail of one process; `size` notes are kept. */
export function openTrail(clock: Clock, size = ringSize): OpenTrail {
  const ring: (Note | undefined)[] = new Array(size).fill(undefined);
  let next = 0;
  let full = false;
  const ordered = (): Note[] => {
    const notes = full ? [...ring.slice(next), ...ring.slice(0, next)] : ring.slice(0, next);
    return notes.filter((note) => note !== undefined);
  };
  return {
    note: (message, step, facts) => {
      const time = clock.now();
      ring[next] = facts === undefined ? { time, message, step } : { time, message, step, facts };
      next += 1;
      if (next === size) {
        next = 0;
        full = true;
      }
    },
    find: (id) => {
      const all = ordered();
      const wanted = wantedIds(all, id);
      const notes = all.filter((note) => wanted.has(note.message));
      return { notes: notes.slice(0, mostNotesInAnswer), cut: notes.length > mostNotesInAnswer };
    },
    since: () => (full ? (ring[next]?.time ?? 0) : 0),
  };
}

/** The event ids that a person may mean: the id itself, the one inside a far id, those noted with it as the client's own id. */
function wantedIds(notes: readonly Note[], id: string): Set<string> {
  const far = parseFarId(id);
  const wanted = new Set([far.ok ? far.value.event : id]);
  for (const note of notes) if (note.facts?.messageId === id) wanted.add(note.message);
  return wanted;
}

/** Answers `parley trace` for this process until the reader is stopped. */
export function answerTrace(bus: Bus, who: { instance: string; service: string }, trail: OpenTrail): Reader {
  return bus.listen(traceSubject, (question) => {
    const id = Buffer.from(question.data).toString("utf8");
    const answer: TrailAnswer = { ...who, since: trail.since(), ...trail.find(id) };
    question.answer(Buffer.from(JSON.stringify(answer)));
  });
}

/**
 * Asks every process about a message and returns their answers, and how many could not be read. Asks again by event id if
 * only the client's own id was known: processes further on know the message by the event id alone.
 */
export async function askTrace(
  bus: Bus,
  id: string,
  timeoutMs: number,
): Promise<{ answers: TrailAnswer[]; unreadable: number }> {
  const first = await askOnce(bus, id, timeoutMs);
  const events = new Set(first.answers.flatMap((answer) => answer.notes.map((note) => note.message)));
  const others = [...events].filter((event) => event !== id && !id.startsWith(`${event}.`));
  let { answers, unreadable } = first;
  for (const event of others) {
    const more = await askOnce(bus, event, timeoutMs);
    unreadable += more.unreadable;
    answers = mergeAnswers(answers, more.answers);
  }
  return { answers, unreadable };
}

async function askOnce(
  bus: Bus,
  id: string,
  timeoutMs: number,
): Promise<{ answers: TrailAnswer[]; unreadable: number }> {
  const answers: TrailAnswer[] = [];
  let unreadable = 0;
  for (const bytes of await bus.askAll(traceSubject, Buffer.from(id, "utf8"), timeoutMs)) {
    const answer = readAnswer(bytes);
    if (answer === undefined) unreadable += 1;
    else answers.push(answer);
  }
  return { answers, unreadable };
}

function readAnswer(bytes: Uint8Array): TrailAnswer | undefined {
  try {
    return TrailAnswer.parse(JSON.parse(Buffer.from(bytes).toString("utf8")));
  } catch {
    return undefined; // Counted by the caller and shown: a process of another version may speak otherwise.
  }
}

/** Two rounds of answers as one: of each process all notes, each once. */
export function mergeAnswers(known: readonly TrailAnswer[], more: readonly TrailAnswer[]): TrailAnswer[] {
  const merged = new Map(known.map((answer) => [answer.instance, answer]));
  for (const answer of more) {
    const before = merged.get(answer.instance);
    if (!before) merged.set(answer.instance, answer);
    else {
      const seen = new Set(before.notes.map((note) => JSON.stringify(note)));
      const fresh = answer.notes.filter((note) => !seen.has(JSON.stringify(note)));
      merged.set(answer.instance, {
        ...before,
        cut: before.cut || answer.cut,
        notes: [...before.notes, ...fresh],
      });
    }
  }
  return [...merged.values()];
}
