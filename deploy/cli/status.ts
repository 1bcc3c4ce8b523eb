// parley status: who is there, how they fare, what they hold.
import { hostname } from "node:os";
import type { Bucket } from "#bus-schemas/bus/port.ts";
import type { Audit } from "#bus-schemas/delivery/audit.ts";
import { askStatus, readStatus, type Status } from "#bus-schemas/service/status.ts";
import { answerMs, type House, openHouse } from "./house.ts";
import { auditPatiently } from "./ledger.ts";
import { table } from "./table.ts";
import { readArgs } from "./usage.ts";

interface Seen extends Status {
  /** False: announced and not taken back, but silent – it died, or hangs. */
  readonly answers: boolean;
  /** Slots (or "all") that it owns, by carrier. */
  readonly owns: Readonly<Record<string, readonly string[]>>;
}

interface Picture {
  readonly instances: readonly Seen[];
  readonly carriers: readonly Audit[];
  /** Answers of processes that speak another version. */
  readonly unreadable: number;
}

/** Exit code 0 if every instance answers and is well, else 1. */
export async function status(args: readonly string[]): Promise<number> {
  const options = { config: { type: "string" }, json: { type: "boolean" } } as const;
  const { values } = readArgs({ args: [...args], options, strict: true });
  const house = await openHouse(values.config);
  try {
    const picture = await look(house);
    process.stdout.write(values.json ? `${JSON.stringify(picture)}\n` : show(picture, Date.now()));
    return picture.instances.every((one) => one.answers && one.well) ? 0 : 1;
  } finally {
    await house.close();
  }
}

async function look(house: House): Promise<Picture> {
  const [bucket, claims] = await Promise.all([house.bus.bucket("instances"), house.bus.bucket("claims")]);
  const [{ answers, unreadable }, announced, owned, carriers] = await Promise.all([
    askStatus(house.bus, answerMs),
    bucket.list("about.*"),
    ownership(claims),
    house.carriers(),
  ]);
  const audits: Audit[] = [];
  for (const carrier of carriers) {
    const one = await auditPatiently(house.bus, carrier, 1);
    if (one) audits.push(one);
  }
  const answered = new Set(answers.map((one) => one.instance));
  const silent = announced
    .flatMap(({ value }) => readStatus(value) ?? [])
    .filter((one) => !answered.has(one.instance));
  const instances = [
    ...answers.map((one) => ({ ...one, answers: true })),
    ...silent.map((one) => ({ ...one, answers: false, well: false })),
  ].map((one) => ({ ...one, owns: owned.get(one.instance) ?? {} }));
  return { instances, carriers: audits, unreadable };
}

/** Who holds which unit: the highest epoch of each claim, unless it was released. */
async function ownership(claims: Bucket): Promise<Map<string, Record<string, string[]>>> {
  const tops = new Map<string, { epoch: number; instance: string; released: boolean }>();
  for (const { key, value } of await claims.list(">")) {
    const [carrier, unit, epochText] = key.split(".");
    if (!carrier || !unit) continue;
    const said = JSON.parse(Buffer.from(value).toString("utf8")) as { instance: string; released: boolean };
    const epoch = Number(epochText);
    if (epoch >= (tops.get(`${carrier}.${unit}`)?.epoch ?? 0))
      tops.set(`${carrier}.${unit}`, { ...said, epoch });
  }
  const owned = new Map<string, Record<string, string[]>>();
  for (const [claim, { instance, released }] of tops) {
    if (released) continue;
    const [carrier = "", unit = ""] = claim.split(".");
    const own = owned.get(instance) ?? {};
    own[carrier] = [...(own[carrier] ?? []), unit];
    owned.set(instance, own);
  }
  return owned;
}

function show({ instances, carriers, unreadable }: Picture, now: number): string {
  const head = ["instance", "service", "host", "pid", "up", "state", "owns", "health"];
  const rows = instances.map((one) => [
    one.instance,
    one.service,
    one.host === hostname() ? "here" : one.host,
    one.pid,
    one.answers ? duration(now - one.started) : "-",
    state(one),
    Object.entries(one.owns)
      .map(([carrier, units]) => `${carrier}: ${units.includes("all") ? "all" : `${units.length} slots`}`)
      .join(", ") || "-",
    one.health,
  ]);
  const parts = [
    instances.length === 0 ? "No instance is there.\n" : table(head, rows),
    ...instances.flatMap(remarks),
    unreadable === 0 ? "" : `${unreadable} answers of another version could not be read\n`,
    carriers.length === 0 ? "" : `\n${showCarriers(carriers)}`,
  ];
  return parts.join("");
}

function state(one: Seen): string {
  if (!one.answers) return "no answer";
  if (one.stopping) return "stopping";
  return one.well ? "well" : "unwell";
}

/** What the parts of an instance say: what is not well, and labels like "inbound best effort" of those that are. */
function remarks(one: Seen): string[] {
  if (!one.answers) return [];
  return Object.entries(one.parts)
    .filter(([, part]) => !part.well || part.why !== undefined)
    .map(([name, part]) => `  ${one.instance}: ${name} ${part.well ? "" : "NOT WELL: "}${part.why ?? ""}\n`);
}

function showCarriers(carriers: readonly Audit[]): string {
  const head = ["carrier", "accepted", "in flight", "mailbox", "owners", "books"];
  const rows = carriers.map((one) => [
    one.carrier,
    one.accepted,
    one.inFlight,
    one.mailbox,
    one.owners,
    one.difference === 0 ? "balanced" : `off by ${one.difference} (parley ledger looks closer)`,
  ]);
  return table(head, rows);
}

/** 45s, 12m, 3h, 8d. */
function duration(ms: number): string {
  const steps = [
    [86_400_000, "d"],
    [3_600_000, "h"],
    [60_000, "m"],
  ] as const;
  for (const [unit, name] of steps) if (ms >= 2 * unit) return `${Math.floor(ms / unit)}${name}`;
  return `${Math.max(0, Math.floor(ms / 1000))}s`;
}
