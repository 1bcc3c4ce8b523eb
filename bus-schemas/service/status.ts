// What one instance says of itself when `parley status` asks, over the bus: it works from any machine of the house.
import { z } from "zod";
import type { Bus, Reader } from "../bus/port.ts";
import { root } from "../subject.ts";

/** Where every process listens for the question how it fares. */
const statusSubject = `${root}.status`;

const Part = z.object({ well: z.boolean(), why: z.string().optional(), since: z.number() });

export const Status = z.object({
  instance: z.string(),
  service: z.string(),
  version: z.string(),
  host: z.string(),
  pid: z.number(),
  /** Milliseconds since 1970, by its own clock. */
  started: z.number(),
  /** The carriers whose couriers it has open. */
  carriers: z.array(z.string()),
  /** Where /health and /metrics are; on loopback it is of use on that machine only. */
  health: z.string(),
  well: z.boolean(),
  stopping: z.boolean(),
  parts: z.record(z.string(), Part),
});
export type Status = z.infer<typeof Status>;

/** The key, in the bucket `instances`, under which an instance announces its Status at the start; removed at an orderly end. */
export const aboutKey = (instance: string): string => `about.${instance}`;

/** Answers `parley status` for this process until the reader is stopped. */
export function answerStatus(bus: Bus, status: () => Status): Reader {
  return bus.listen(statusSubject, (question) => question.answer(Buffer.from(JSON.stringify(status()))));
}

/** Asks all instances; the answers in the order of their names. An answer that cannot be read is counted. */
export async function askStatus(
  bus: Bus,
  timeoutMs: number,
): Promise<{ answers: Status[]; unreadable: number }> {
  const answers: Status[] = [];
  let unreadable = 0;
  for (const bytes of await bus.askAll(statusSubject, new Uint8Array(), timeoutMs)) {
    const answer = readStatus(bytes);
    if (answer) answers.push(answer);
    else unreadable += 1;
  }
  return { answers: answers.sort((a, b) => (a.instance < b.instance ? -1 : 1)), unreadable };
}

/** Reads one Status, from an answer or from the bucket; undefined if it is none. */
export function readStatus(bytes: Uint8Array): Status | undefined {
  try {
    return Status.parse(JSON.parse(Buffer.from(bytes).toString("utf8")));
  } catch {
    return undefined; // Of another version, perhaps: the caller counts it and shows the count.
  }
}
