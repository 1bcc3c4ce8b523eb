// Pages of a room's history, from what is in memory where that is enough, else from the log.
import type { RoomEvent } from "#bus-schemas/events/room.ts";
import type { RoomPage, RoomQuestion } from "#bus-schemas/events/room-command.ts";
import { decodeRoomEvent, roomPlace } from "#bus-schemas/rooms/wire.ts";
import type { Service } from "#bus-schemas/service/service.ts";
import { streams } from "#bus-schemas/subject.ts";
import type { RoomLog } from "./log.ts";
import { isHistory, type Mark } from "./marks.ts";

type Ground = Pick<Service, "bus" | "clock">;
type Question = Extract<RoomQuestion, { ask: "history" }>;

/** Events of one room that one page may look at in the log: a filter that finds little ends here, and says `complete: false`. */
const scanLimit = 20_000;
const readMs = 10_000;
/** Octets of one page: below what one message of the bus may hold. */
const pageBytes = 700_000;

/** One page of what was said, oldest first. */
export async function readPage(ground: Ground, log: RoomLog, question: Question): Promise<RoomPage> {
  const { recent } = log.view;
  const kept = log.marks.history;
  const wanted = (event: RoomEvent): boolean => isHistory(event) && matchesQuestion(event, question);
  const inMemory = recent.length >= kept;
  const newest = question.last === true || question.before !== undefined;
  if (inMemory || canAnswer(recent, question, newest, wanted))
    return page(recent, question, wanted, kept, inMemory);
  const { events, complete } = await scan(ground, log, question);
  return page(events, question, wanted, kept, complete);
}

/** Whether the newest events, which are in memory, hold the whole page. */
function canAnswer(
  recent: readonly RoomEvent[],
  question: Question,
  newest: boolean,
  wanted: (event: RoomEvent) => boolean,
): boolean {
  const [first] = recent;
  if (first === undefined) return false;
  if (question.since !== undefined) return question.since >= first.number - 1;
  if (question.after !== undefined) return recent.some(({ id }) => id === question.after);
  if (!newest) return false;
  const end =
    question.before === undefined ? recent.length : recent.findIndex(({ id }) => id === question.before);
  return end >= 0 && recent.slice(0, end).filter(wanted).length >= question.max;
}

function matchesQuestion(event: RoomEvent, question: Question): boolean {
  const { change } = event;
  const author = change.kind === "said" ? change.message.from : "by" in change ? change.by : undefined;
  if (change.kind === "said" && change.message.to !== undefined) {
    const { reader } = question;
    if (reader === undefined || (reader !== change.message.to.key && reader !== change.message.from.key))
      return false;
  }
  if (question.since !== undefined && event.number <= question.since) return false;
  if (question.from !== undefined && event.time < question.from) return false;
  if (question.until !== undefined && event.time > question.until) return false;
  return question.with === undefined || author?.key === question.with;
}

function page(
  events: readonly RoomEvent[],
  question: Question,
  wanted: (event: RoomEvent) => boolean,
  total: number,
  whole: boolean,
): RoomPage {
  const after = question.after === undefined ? -1 : events.findIndex(({ id }) => id === question.after);
  const before =
    question.before === undefined ? events.length : events.findIndex(({ id }) => id === question.before);
  const inside = events.slice(after + 1, Math.max(0, before)).filter(wanted);
  const newest = question.last === true || question.before !== undefined;
  const cut = bounded(newest ? inside.slice(-question.max) : inside.slice(0, question.max), newest);
  return { events: cut, complete: whole && cut.length === inside.length, total };
}

/** No more than fits into one answer on the bus, from the end at which the reader begins; one event always does. */
function bounded(events: readonly RoomEvent[], newest: boolean): RoomEvent[] {
  const ordered = newest ? [...events].reverse() : [...events];
  let bytes = 0;
  const fitting = ordered.filter((event, index) => {
    const { change } = event;
    bytes += 600 + (change.kind === "said" ? Buffer.byteLength(change.message.text, "utf8") : 0);
    return index === 0 || bytes <= pageBytes;
  });
  return newest ? fitting.reverse() : fitting;
}

/** Reads the part of the log in which the page must be. */
async function scan(
  ground: Ground,
  log: RoomLog,
  question: Question,
): Promise<{ events: RoomEvent[]; complete: boolean }> {
  const marks = log.marks.all;
  const newest = question.last === true || question.before !== undefined;
  let start = newest ? marks.length - Math.ceil(question.max / 64) - 2 : startFor(marks, question);
  for (;;) {
    const from = Math.max(0, start);
    const events = await readLog(ground, log, marks[from - 1]?.sequence ?? 0);
    const found = newest
      ? events.filter((event) => isHistory(event) && matchesQuestion(event, question))
      : events;
    const end =
      question.before === undefined ? found.length : found.findIndex(({ id }) => id === question.before);
    if (!newest || from === 0 || end >= question.max || events.length >= scanLimit)
      return { events, complete: from === 0 };
    start = from - Math.max(4, marks.length - from);
  }
}

function startFor(marks: readonly Mark[], question: Question): number {
  if (question.since !== undefined)
    return marks.findLastIndex(({ number }) => number <= (question.since ?? 0)) + 1;
  if (question.from !== undefined) return marks.findLastIndex(({ time }) => time < (question.from ?? 0)) + 1;
  return 0;
}

/** The events of the room after this place that count, up to what the view knows. */
async function readLog({ bus, clock }: Ground, log: RoomLog, after: number): Promise<RoomEvent[]> {
  const until = log.sequence;
  const { events: subject } = roomPlace(log.view.room);
  const found: RoomEvent[] = [];
  let epoch = 0;
  let number: number | undefined;
  if (after >= until) return found;
  await new Promise<void>((resolve, reject) => {
    const cancel = clock.after(readMs, () => end(new Error("the log was not read in time")));
    const reader = bus.read(streams.room, subject, after, (stored) => {
      const event = decodeRoomEvent(stored.data);
      if (event.ok && stored.sequence <= until) {
        const isNext =
          event.value.change.kind === "owner"
            ? event.value.epoch > epoch
            : number === undefined || (event.value.epoch === epoch && event.value.number === number + 1);
        if (isNext || number === undefined) {
          epoch = event.value.epoch;
          number = event.value.change.kind === "owner" ? (number ?? 0) + 1 : event.value.number;
          if (event.value.change.kind === "owner" && found.length === 0) number = undefined;
          if (isHistory(event.value)) found.push(event.value);
        }
      }
      if (stored.sequence >= until || stored.pending === 0 || found.length >= scanLimit) end();
    });
    const end = (error?: Error): void => {
      cancel();
      reader.then((open) => open.stop()).catch(() => undefined);
      if (error) reject(error);
      else resolve();
    };
    reader.catch(reject);
  });
  return found;
}
