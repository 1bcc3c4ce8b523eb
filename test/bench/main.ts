// npm run bench: each direction with an open-loop generator. Prints a table, and writes all figures as JSON.
// Options: --from sip --to xmpp (else all twelve), --rates 100,1000,5000, --seconds 4, --repeat 3, --people 50, --out FILE.
import { writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { type GatewayName, gatewayNames, openHouse } from "#test/plays/house.ts";
import { type LoadDriver, measure, type Run, startDriver, usages } from "./drivers.ts";
import { median } from "./processes.ts";

const { values } = parseArgs({
  options: {
    from: { type: "string" },
    to: { type: "string" },
    rates: { type: "string", default: "100,500,1000,2000,5000" },
    seconds: { type: "string", default: "4" },
    repeat: { type: "string", default: "3" },
    people: { type: "string", default: "50" },
    out: { type: "string" },
  },
});
const people = Number(values.people);
const seconds = Number(values.seconds);
const repeat = Number(values.repeat);
const rates = values.rates.split(",").map(Number);
const wanted = (name: GatewayName, only: string | undefined): boolean => only === undefined || only === name;
const pairs = gatewayNames.flatMap((from) =>
  gatewayNames
    .filter((to) => to !== from && wanted(from, values.from) && wanted(to, values.to))
    .map((to) => [from, to] as const),
);
const played = gatewayNames.filter((name) => pairs.some((pair) => pair.includes(name)));

console.log(
  `${cpus().length} cores ${cpus()[0]?.model ?? ""}; bus in file mode; ${people} people on each side; ${seconds} s, median of ${repeat}`,
);
const unlimited = {
  framesPerSecond: 1e6,
  framesAtOnce: 1e6,
  bufferedBytes: 64 * 1024 * 1024,
  unanswered: 100_000,
};
const house = await openHouse({
  people: Array.from({ length: people }, (_, index) => `user${index}`),
  sip: { sourceRate: 1_000_000 },
  web: { limits: unlimited },
});
const all: Run[] = [];
try {
  const drivers = new Map<GatewayName, LoadDriver>();
  for (const name of played) drivers.set(name, await startDriver(house, name, people));
  const driver = (name: GatewayName): LoadDriver => {
    const found = drivers.get(name);
    if (found === undefined) throw new Error(`no driver for ${name}`);
    return found;
  };
  console.log("from → to       offered/s   lost  twice    p50 ms    p99 ms   CPU µs per message");
  for (const [from, to] of pairs) {
    // Caches, connections and code warm up first: what is measured is a house that has been up for a while.
    await measure(house, driver(from), driver(to), 200, 2);
    for (const rate of rates) await step(from, to, rate, driver);
  }
  const books = await house.booksClose(20_000);
  for (const { carrier, accepted, handed, difference } of books)
    console.log(`books of ${carrier}: accepted ${accepted}, handed ${handed}, difference ${difference}`);
  const memory = Object.entries(usages(house)).map(
    ([name, { residentMiB }]) => `${name} ${Math.round(residentMiB)}`,
  );
  console.log(`resident MiB: ${memory.join(", ")}`);
  if (values.out !== undefined) writeFileSync(values.out, JSON.stringify(all, undefined, 1));
  for (const one of drivers.values()) one.stop();
} finally {
  await house.close();
}
process.exit(0);

async function step(
  from: GatewayName,
  to: GatewayName,
  rate: number,
  driver: (name: GatewayName) => LoadDriver,
): Promise<void> {
  const runs: Run[] = [];
  for (let index = 0; index < repeat; index += 1)
    runs.push(await measure(house, driver(from), driver(to), rate, seconds));
  all.push(...runs);
  const figure = (pick: (run: Run) => number): number => median(runs.map(pick));
  const cpu = Object.entries(runs[0]?.cpuMicros ?? {}).filter(([, micros]) => micros >= 3);
  const line = [
    `${from} → ${to}`.padEnd(14),
    `${rate}`.padStart(10),
    `${Math.max(...runs.map(({ lost }) => lost))}`.padStart(6),
    `${Math.max(...runs.map(({ twice }) => twice))}`.padStart(6),
    figure((run) => run.p50Ms)
      .toFixed(2)
      .padStart(9),
    figure((run) => run.p99Ms)
      .toFixed(1)
      .padStart(9),
    `   ${cpu.map(([name]) => `${name} ${figure((run) => run.cpuMicros[name] ?? 0)}`).join(", ")}`,
  ];
  console.log(line.join(" "));
}
