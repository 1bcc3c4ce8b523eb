// parley ledger: the law accepted = handed + refused + expired + uncertain + in flight, checked against the bus itself.
import { setTimeout as sleep } from "node:timers/promises";
import type { Bus } from "#bus-schemas/bus/port.ts";
import { type Audit, audit } from "#bus-schemas/delivery/audit.ts";
import { answerMs, openHouse } from "./house.ts";
import { countResting } from "./resting.ts";
import { table } from "./table.ts";
import { readArgs } from "./usage.ts";

/** Under load the numbers are not of one moment, so a difference counts only if it is seen this often in a row. */
const tries = 4;
const pauseMs = 300;

/** Exit code 0 if the law holds for every carrier, else 1. */
export async function ledger(args: readonly string[]): Promise<number> {
  const options = { config: { type: "string" }, json: { type: "boolean" } } as const;
  const { values } = readArgs({ args: [...args], options, strict: true });
  const house = await openHouse(values.config);
  try {
    const audits: Audit[] = [];
    const unused: string[] = [];
    for (const carrier of await house.carriers()) {
      const one = await auditPatiently(house.bus, carrier);
      if (one) audits.push(one);
      else unused.push(carrier);
    }
    const holds = audits.every((one) => one.difference === 0);
    process.stdout.write(
      values.json ? `${JSON.stringify({ holds, carriers: audits, unused })}\n` : show(audits, unused, holds),
    );
    return holds ? 0 : 1;
  } finally {
    await house.close();
  }
}

/** The audit of one carrier; undefined for one that nothing was ever stored for. */
export async function auditPatiently(bus: Bus, carrier: string, most = tries): Promise<Audit | undefined> {
  let last: Audit | undefined;
  for (let count = 0; count < most && last?.difference !== 0; count += 1) {
    if (count > 0) await sleep(pauseMs);
    try {
      last = await auditOnce(bus, carrier);
    } catch (error) {
      if (isAbsent(error)) return undefined;
      throw error;
    }
  }
  return last;
}

/** Owners say what they have in their hands; where there is none, the bus is counted through. */
async function auditOnce(bus: Bus, carrier: string): Promise<Audit> {
  const books = await audit(bus, carrier, answerMs);
  if (books.owners > 0 || books.difference === 0) return books;
  const resting = await countResting(bus, carrier);
  return { ...books, ...resting, difference: books.difference + books.inFlight - resting.inFlight };
}

// The bus says it in its own words for a stream that nobody made yet; everything else is a failure and is shown.
const isAbsent = (error: unknown): boolean =>
  error instanceof Error && /stream not found|no such stream|no stream/i.test(error.message);

const columns = [
  "accepted",
  "handed",
  "refused",
  "expired",
  "uncertain",
  "forwarded",
  "unreadable",
  "inFlight",
  "mailbox",
  "owners",
] as const;

function show(audits: readonly Audit[], unused: readonly string[], holds: boolean): string {
  const head = [
    "carrier",
    ...columns.map((column) => (column === "inFlight" ? "in flight" : column)),
    "law holds",
  ];
  const rows = audits.map((one) => [
    one.carrier,
    ...columns.map((column) => one[column]),
    one.difference === 0 ? "yes" : `NO, by ${one.difference}`,
  ]);
  const nothing = unused.length === 0 ? "" : `Nothing stored yet: ${unused.join(", ")}\n`;
  const verdict = `accepted = handed + refused + expired + uncertain + forwarded + unreadable + in flight: ${holds ? "yes" : "NO"}\n`;
  return `${audits.length === 0 ? "" : table(head, rows)}${nothing}${verdict}`;
}
