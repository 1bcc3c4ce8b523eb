// parley trace: the way of one message through all processes, in the order of time, and what the bus holds of it. No bodies.
import { z } from "zod";
import type { Bus, Stored } from "#bus-schemas/bus/port.ts";
import { parseFarId } from "#bus-schemas/ids.ts";
import { askTrace, mergeAnswers, type Note, type TrailAnswer } from "#bus-schemas/service/trail.ts";
import { streams } from "#bus-schemas/subject.ts";
import { answerMs, type House, openHouse } from "./house.ts";
import { plain, table } from "./table.ts";
import { readArgs, UsageError } from "./usage.ts";

/** How long the streams of all carriers are searched; then the search ends, and says how far it came. */
const searchMs = 5_000;

interface Held {
  readonly stream: string;
  readonly sequence: number;
  readonly storedAt: number;
  readonly type: string;
  /** The event id of the message that it is, or is about. */
  readonly event: string;
  readonly facts: Readonly<Record<string, string | number>>;
}

interface Search {
  readonly held: readonly Held[];
  /** Streams that were not read to their end in time. */
  readonly cut: readonly string[];
}

/** Exit code 0 if anything is known of the message, else 1. */
export async function trace(args: readonly string[]): Promise<number> {
  const options = { config: { type: "string" }, json: { type: "boolean" } } as const;
  const { values, positionals } = readArgs({
    args: [...args],
    options,
    allowPositionals: true,
    strict: true,
  });
  const [id, ...more] = positionals;
  if (id === undefined || more.length > 0) throw new UsageError("trace takes one message id");
  const house = await openHouse(values.config);
  try {
    const { answers, unreadable, search } = await lookFor(house, id);
    const output = values.json
      ? `${JSON.stringify({ id, answers, unreadable, ...search })}\n`
      : show(id, answers, unreadable, search);
    process.stdout.write(output);
    return answers.some((answer) => answer.notes.length > 0) || search.held.length > 0 ? 0 : 1;
  } finally {
    await house.close();
  }
}

/** Processes first, then the streams; and the processes again for a message that only the streams know by this id. */
async function lookFor(
  house: House,
  id: string,
): Promise<{ answers: TrailAnswer[]; unreadable: number; search: Search }> {
  const asked = await askTrace(house.bus, id, answerMs);
  const known = asked.answers.flatMap((answer) => answer.notes.map((note) => note.message));
  const far = parseFarId(id);
  const ids = new Set([id, ...known, ...(far.ok ? [far.value.event] : [])]);
  const search = await searchStreams(house.bus, await house.carriers(), ids);
  let { answers, unreadable } = asked;
  for (const event of new Set(search.held.map((one) => one.event))) {
    if (ids.has(event)) continue;
    const more = await askTrace(house.bus, event, answerMs);
    answers = mergeAnswers(answers, more.answers);
    unreadable += more.unreadable;
  }
  return { answers, unreadable, search };
}

async function searchStreams(
  bus: Bus,
  carriers: readonly string[],
  ids: ReadonlySet<string>,
): Promise<Search> {
  const held: Held[] = [];
  const cut: string[] = [];
  const until = performance.now() + searchMs;
  for (const carrier of carriers) {
    for (const stream of [streams.message(carrier), streams.outcome(carrier), streams.mailbox(carrier)]) {
      const complete = await searchOne(bus, stream, until, (stored) => {
        const found = recognise(stream, stored, ids);
        if (found) held.push(found);
      });
      if (!complete) cut.push(stream);
    }
  }
  return { held: held.sort((a, b) => a.storedAt - b.storedAt), cut };
}

/** Reads a stream from its begin to its present end; false if time ran out. A stream that is not there is read to its end. */
async function searchOne(
  bus: Bus,
  stream: string,
  until: number,
  on: (stored: Stored) => void,
): Promise<boolean> {
  const state = await bus.state(stream).catch(() => undefined);
  if (!state || state.messages === 0) return true;
  let end: (complete: boolean) => void = () => undefined;
  const ended = new Promise<boolean>((resolve) => {
    end = resolve;
  });
  const timer = setTimeout(() => end(false), Math.max(0, until - performance.now()));
  const reader = await bus.read(stream, ">", 0, (stored) => {
    on(stored);
    if (stored.sequence >= state.lastSequence || stored.pending === 0) end(true);
  });
  const complete = await ended;
  clearTimeout(timer);
  await reader.stop();
  return complete;
}

// Tolerant: of an event of a newer version the same things are shown as far as they are there.
const Party = z.object({ local: z.string(), domain: z.string() });
const Seen = z.object({
  id: z.string(),
  type: z.string(),
  from: Party.optional(),
  to: Party.optional(),
  message: z.string().optional(),
  outcome: z.string().optional(),
  reason: z.string().optional(),
  messageId: z.string().optional(),
  origin: z
    .union([z.string(), z.object({ carrier: z.string(), messageId: z.string().optional() })])
    .optional(),
});

function recognise(stream: string, stored: Stored, ids: ReadonlySet<string>): Held | undefined {
  const bytes = Buffer.from(stored.data.buffer, stored.data.byteOffset, stored.data.byteLength);
  if (![...ids].some((id) => bytes.includes(id))) return undefined;
  const seen = Seen.safeParse(parseJson(bytes.toString("utf8")));
  if (!seen.success) return undefined;
  const { id, type, from, to, message, outcome, reason, origin, messageId } = seen.data;
  const own = messageId ?? (typeof origin === "object" ? origin.messageId : undefined);
  // The id may also stand in a body, which says nothing.
  if (![id, message, own].some((one) => one !== undefined && ids.has(one))) return undefined;
  const event = message ?? id;
  const facts = {
    event,
    ...(from && { from: `${from.local}@${from.domain}` }),
    ...(to && { to: `${to.local}@${to.domain}` }),
    ...(outcome !== undefined && { outcome }),
    ...(reason !== undefined && { reason }),
    ...(own !== undefined && { messageId: own }),
    ...(stored.headers.traceparent !== undefined && { trace: stored.headers.traceparent }),
  };
  return { stream, sequence: stored.sequence, storedAt: stored.storedAt, type, event, facts };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // Not ours to judge here: the reader of the stream counts what it cannot read.
  }
}

function show(
  id: string,
  answers: readonly TrailAnswer[],
  unreadable: number,
  { held, cut }: Search,
): string {
  const steps = answers
    .flatMap((answer) => answer.notes.map((note) => ({ ...note, instance: answer.instance })))
    .sort((a, b) => a.time - b.time);
  const parts = [
    steps.length === 0 ? `No process remembers ${plain(id)}.\n` : showSteps(steps),
    held.length === 0 ? "The streams do not hold it (any more).\n" : `\nOn the bus:\n${showHeld(held)}`,
    ...answers.flatMap((answer) => forgotten(answer, steps[0]?.time)),
    answers.length === 0 ? "No process answered.\n" : "",
    unreadable === 0 ? "" : `${unreadable} answers of another version could not be read.\n`,
    cut.length === 0 ? "" : `Not searched to the end in ${searchMs / 1000} s: ${cut.join(", ")}\n`,
  ];
  return parts.join("");
}

function showSteps(steps: readonly (Note & { instance: string })[]): string {
  const several = new Set(steps.map((step) => step.message)).size > 1;
  const rows = steps.map((step, index) => [
    clockTime(step.time),
    index === 0 ? "" : `+${step.time - (steps[index - 1]?.time ?? step.time)} ms`,
    step.instance,
    step.step,
    printFacts({ ...(several && { event: step.message }), ...step.facts }),
  ]);
  const first = steps[0]?.message ?? "";
  const head = several
    ? ""
    : `Message ${plain(first)}, ${new Date(steps[0]?.time ?? 0).toISOString().slice(0, 10)} UTC\n`;
  return `${head}${table(["time", "since", "process", "step", "facts"], rows)}`;
}

const showHeld = (held: readonly Held[]): string =>
  table(
    ["stored", "stream", "sequence", "event", "facts"],
    held.map((one) => [clockTime(one.storedAt), one.stream, one.sequence, one.type, printFacts(one.facts)]),
  );

/** A ring that began to forget may have forgotten this very message, or its first steps: that must be said. */
function forgotten(answer: TrailAnswer, first: number | undefined): string[] {
  const said: string[] = [];
  if (answer.cut)
    said.push(`${answer.instance}: more notes than fit into one answer; the later ones are left out.\n`);
  if (answer.since > 0 && (first === undefined || answer.since >= first))
    said.push(
      `${answer.instance} has forgotten everything before ${new Date(answer.since).toISOString()}.\n`,
    );
  return said;
}

const clockTime = (time: number): string => new Date(time).toISOString().slice(11, 23);

const printFacts = (facts: Readonly<Record<string, unknown>> | undefined): string =>
  Object.entries(facts ?? {})
    .map(([name, value]) => `${name}=${plain(String(value))}`)
    .join(" ");
