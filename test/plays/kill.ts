// Kill plays: messages in all twelve directions at once while each process in turn is killed with -9 and comes back; then the
// account of every single message, as the clients outside saw it.
import { setTimeout as sleep } from "node:timers/promises";
import type { Audit } from "#bus-schemas/delivery/audit.ts";
import { type LoadDriver, startDriver } from "#test/bench/drivers.ts";
import type { Numbers } from "#test/bench/load/load.ts";
import { type GatewayName, gatewayNames, type House } from "./house.ts";

export interface Direction {
  readonly from: GatewayName;
  readonly to: GatewayName;
}

/** What became of the messages of one direction while one process was killed. */
export interface Account extends Direction {
  readonly killed: string;
  readonly said: number;
  /** Answered as accepted (SIP, web), or taken by the sender's own server (XMPP, IRC). */
  readonly accepted: number;
  readonly refused: number;
  /** A failure told after acceptance. */
  readonly told: number;
  readonly heard: number;
  /** Accepted, and neither heard nor told. */
  readonly lost: readonly number[];
  /** Heard more than once, where the protocol cannot tell copies apart. */
  readonly twice: number;
  /** Heard after a later one of the same conversation. */
  readonly disordered: number;
}

export const directions: readonly Direction[] = gatewayNames.flatMap((from) =>
  gatewayNames.filter((to) => to !== from).map((to) => ({ from, to })),
);

export interface KillOptions {
  readonly people: number;
  /** Messages per second in each direction. */
  readonly perSecond: number;
  /** Messages in each direction and kill. */
  readonly count: number;
  /** How long the killed process stays away. */
  readonly awayMs: number;
  /** How long after the last one was said the messages may take to arrive or fail. */
  readonly settleMs: number;
}

export type Drivers = Readonly<Record<GatewayName, LoadDriver>>;

/** One driver for each protocol, everybody logged in. */
export async function startDrivers(house: House, people: number): Promise<Drivers> {
  const started: Partial<Record<GatewayName, LoadDriver>> = {};
  for (const name of gatewayNames) started[name] = await startDriver(house, name, people);
  const { sip, xmpp, irc, web } = started;
  if (!sip || !xmpp || !irc || !web) throw new Error("a driver is missing");
  return { sip, xmpp, irc, web };
}

let plays = 0;

/** Plays all `played` directions at once, kills one process in the middle, brings it back, and counts. */
export async function killOnce(
  house: House,
  drivers: Drivers,
  victim: string,
  options: KillOptions,
  played: readonly Direction[] = directions,
): Promise<Account[]> {
  plays += 1;
  const names = played.map((_, index) => `r${plays}x${index + 1000}`);
  const { perSecond, count } = options;
  for (const [index, { from, to }] of played.entries())
    drivers[from].order({ do: "say", run: names[index] ?? "", to: drivers[to].people, perSecond, count });
  const lastsMs = (count / perSecond) * 1000;
  await sleep(lastsMs / 3);
  await house.kill(victim);
  await sleep(options.awayMs);
  await house.start(victim);
  await sleep(Math.max(0, (lastsMs * 2) / 3 - options.awayMs));
  return await settled(drivers, victim, played, names, options);
}

/** Asks again until nothing is missing, or the time is up. */
async function settled(
  drivers: Drivers,
  killed: string,
  played: readonly Direction[],
  names: readonly string[],
  options: KillOptions,
): Promise<Account[]> {
  const until = performance.now() + options.settleMs;
  for (;;) {
    const accounts: Account[] = [];
    for (const [index, { from, to }] of played.entries()) {
      const run = names[index] ?? "";
      const sent = await drivers[from].numbers(run);
      const received = await drivers[to].numbers(run);
      accounts.push(account({ from, to }, killed, options, sent, received));
    }
    const open = accounts.some(
      ({ lost, said, accepted, refused }) => lost.length > 0 || accepted + refused < said,
    );
    if (!open || performance.now() > until) return accounts;
    await sleep(500);
  }
}

function account(
  way: Direction,
  killed: string,
  options: KillOptions,
  sent: Numbers,
  received: Numbers,
): Account {
  const heard = new Set(received.heard);
  const told = new Set([...sent.told, ...sent.refused]);
  return {
    ...way,
    killed,
    said: options.count - sent.unsaid.length,
    accepted: sent.accepted.length,
    refused: sent.refused.filter((number) => !sent.accepted.includes(number)).length,
    told: sent.told.length,
    heard: heard.size,
    lost: sent.accepted.filter((number) => !heard.has(number) && !told.has(number)),
    twice: received.heard.length - heard.size,
    disordered: disordered(received.heard, options.people),
  };
}

/** How many came, for the first time, after a later one of the same conversation. */
function disordered(heard: readonly number[], people: number): number {
  const highest = new Map<number, number>();
  const seen = new Set<number>();
  let count = 0;
  for (const number of heard) {
    if (seen.has(number)) continue;
    seen.add(number);
    const conversation = number % people;
    if (number < (highest.get(conversation) ?? -1)) count += 1;
    else highest.set(conversation, number);
  }
  return count;
}

/** Which losses and copies are not ours to prevent when this process is killed, and why. */
export function excuse(killed: string, { from, to }: Direction): string | undefined {
  if (killed === "prosody" && (from === "xmpp" || to === "xmpp"))
    return "Prosody loses what it holds in memory";
  if (killed === "ngircd" && (from === "irc" || to === "irc")) return "ngIRCd loses what it holds in memory";
  if (killed.startsWith("irc") && from === "irc")
    return "lines unread in the killed puppet's socket; IRC cannot ask";
  return undefined;
}

/** One line of the table. */
export function printAccount(one: Account): string {
  const why = excuse(one.killed, one);
  return [
    one.killed.padEnd(8),
    `${one.from} → ${one.to}`.padEnd(12),
    `said ${one.said}, accepted ${one.accepted}, refused ${one.refused}, told ${one.told}, heard ${one.heard},`,
    `lost ${one.lost.length}, twice ${one.twice}, disordered ${one.disordered}`,
    one.lost.length > 0 && why !== undefined ? `(${why})` : "",
  ].join(" ");
}

/** One line for the books of all carriers. */
export const printBooks = (books: readonly Audit[]): string =>
  books
    .map(
      (one) =>
        `${one.carrier}: ${one.accepted} = ${one.handed} handed + ${one.refused} refused + ${one.expired} expired + ${one.uncertain} uncertain + ${one.inFlight} in flight`,
    )
    .join("; ");
