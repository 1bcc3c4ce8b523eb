// What became of the lines that were written: PING as a barrier (RFC 2812 §3.7.2), labels where the server has them
// (IRCv3 labeled-response). Every error that comes before the barrier's answer belongs to what was written before it.
import { type Message, message, param } from "../wire/message.ts";

/** Lines at most between two barriers. */
export const batchLines = 20;

/** Why the server did not pass a line on: its numeric (or FAIL code) and its words. */
export interface Failure {
  readonly code: string;
  readonly text: string;
}

interface Entry {
  readonly job: number;
  /** Folded by the server's case rules. */
  readonly target: string;
  /** Labels that are not answered yet. */
  readonly labels: readonly string[];
  readonly failure?: Failure | undefined;
}

interface Batch {
  /** What the PONG will carry; undefined while lines are still added. */
  readonly token?: string | undefined;
  readonly entries: readonly Entry[];
}

export interface Barriers {
  readonly closed: readonly Batch[];
  readonly open: readonly Entry[];
  readonly openLines: number;
}

export const noBarriers: Barriers = { closed: [], open: [], openLines: 0 };

export interface Verdict {
  readonly job: number;
  readonly failure?: Failure | undefined;
}

export type Step = readonly [Barriers, readonly Verdict[]];

/** A line of this job was written. */
export function wrote(state: Barriers, job: number, target: string, label?: string): Barriers {
  const labels = label === undefined ? [] : [label];
  const last = state.open.at(-1);
  const open =
    last?.job === job
      ? [...state.open.slice(0, -1), { ...last, labels: [...last.labels, ...labels] }]
      : [...state.open, { job, target, labels }];
  return { ...state, open, openLines: state.openLines + 1 };
}

/** The barrier to write behind the lines that stand open; undefined when there are none. */
export function close(state: Barriers, token: string): readonly [Barriers, Message | undefined] {
  if (state.open.length === 0) return [state, undefined];
  const closed = [...state.closed, { token, entries: state.open }];
  return [{ closed, open: [], openLines: 0 }, message("PING", [token])];
}

/** The lines that stand open wait for their labels alone: no barrier is written. */
export function closeLabelled(state: Barriers): Barriers {
  if (state.open.length === 0) return state;
  return { closed: [...state.closed, { entries: state.open }], open: [], openLines: 0 };
}

/** Errors about the one that a message was for: the second parameter is his nick. */
const targetErrors = new Set([
  "401",
  "402",
  "403",
  "404",
  "406",
  "407",
  "408",
  "415",
  "442",
  "477",
  "482",
  "486",
  "489",
  "531",
  "716",
]);
/** Errors that name nobody: they count for the oldest line that may have caused them. */
const namelessErrors = new Set(["411", "412", "413", "414", "416", "417", "421"]);

/** Takes one line of the server; `fold` is the server's case rule for nicks. */
export function step(state: Barriers, line: Message, fold: (nick: string) => string): Step {
  const label = line.tags.get("label");
  if (label !== undefined) return onLabel(state, label, failureIn(line));
  if (line.command === "PONG") return onPong(state, param(line, line.params.length - 1));
  const failure = failureIn(line);
  if (failure === undefined) return [state, []];
  const target = targetErrors.has(line.command) ? fold(param(line, 1)) : undefined;
  return [blame(state, target, failure), []];
}

/** The error in a line, if it is one that tells of an undelivered message. */
function failureIn(line: Message): Failure | undefined {
  const text = param(line, line.params.length - 1);
  if (line.command === "FAIL") return { code: param(line, 1), text };
  return targetErrors.has(line.command) || namelessErrors.has(line.command)
    ? { code: line.command, text }
    : undefined;
}

function onPong(state: Barriers, token: string): Step {
  const index = state.closed.findIndex((batch) => batch.token === token);
  if (index < 0) return [state, []];
  // A server answers in order: an answer settles the batches before it too, but for those that wait for labels.
  const settled = state.closed.slice(0, index + 1).filter((batch) => batch.token !== undefined);
  const closed = state.closed.filter((batch) => !settled.includes(batch));
  return [{ ...state, closed }, settled.flatMap((batch) => batch.entries.map(verdict))];
}

const verdict = (entry: Entry): Verdict =>
  entry.failure === undefined ? { job: entry.job } : { job: entry.job, failure: entry.failure };

function onLabel(state: Barriers, label: string, failure: Failure | undefined): Step {
  const answer = (entry: Entry): Entry =>
    entry.labels.includes(label)
      ? { ...entry, labels: entry.labels.filter((each) => each !== label), failure: entry.failure ?? failure }
      : entry;
  const verdicts: Verdict[] = [];
  const closed: Batch[] = [];
  for (const batch of state.closed) {
    const entries = batch.entries.map(answer);
    if (batch.token !== undefined) {
      closed.push({ ...batch, entries });
      continue;
    }
    const waiting = entries.filter((entry) => entry.labels.length > 0);
    verdicts.push(...entries.filter((entry) => entry.labels.length === 0).map(verdict));
    if (waiting.length > 0) closed.push({ entries: waiting });
  }
  return [{ ...state, closed, open: state.open.map(answer) }, verdicts];
}

/** Marks the oldest entry that fits; an error about a target that nobody wrote to is not ours. */
function blame(state: Barriers, target: string | undefined, failure: Failure): Barriers {
  let found = false;
  const mark = (entry: Entry): Entry => {
    if (found || entry.failure !== undefined || (target !== undefined && entry.target !== target))
      return entry;
    found = true;
    return { ...entry, failure };
  };
  const closed = state.closed.map((batch) => ({ ...batch, entries: batch.entries.map(mark) }));
  return { ...state, closed, open: state.open.map(mark) };
}

/** All jobs that were written and are not settled: after the link is lost they are uncertain. */
export const unsettled = (state: Barriers): number[] =>
  [...state.closed.flatMap((batch) => batch.entries), ...state.open].map((entry) => entry.job);
