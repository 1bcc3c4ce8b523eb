// npm run bench: how many messages a second each direction carries, how soon, and at what cost; beside it the bus alone and
// other gateways, driven by the same generators. README.md says what every figure means.
import { writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import type { GatewayName } from "#test/plays/house.ts";
import { hasBiboumi } from "#test/servers/biboumi.ts";
import { hasKamailio } from "#test/servers/kamailio.ts";
import { benchBus } from "./bus.ts";
import { type Climb, climb } from "./climb.ts";
import { benchMsrp } from "./msrp.ts";
import { type Plan, readPlan, usageText } from "./options.ts";
import { openBiboumi, openKamailio } from "./peers.ts";
import { benchRooms } from "./rooms/rooms.ts";
import { openHouseStage, type Stage } from "./stage.ts";
import { climbLine, comparison, stepHeading, stepLine } from "./table.ts";

type Direction = readonly [GatewayName, GatewayName];

const plan = readPlan(process.argv.slice(2));
if (plan === undefined) {
  console.log(usageText);
  process.exit(0);
}
// Nothing that was started may outlive the bench: children end with this process, however it ends.
process.on("SIGINT", () => process.exit(130));
process.on("SIGTERM", () => process.exit(143));

const load = (): string =>
  loadavg()
    .map((one) => one.toFixed(1))
    .join(" ");
const machine = `${cpus().length} × ${cpus()[0]?.model ?? "unknown"}`;
const before = load();
const sides = plan.rooms === undefined ? `; ${plan.people} people on each side` : "";
console.log(`${machine}, Node ${process.versions.node}, load ${before}${sides}`);
if (!plan.msrp)
  console.log(
    "IRC: pacing off in the gateway, penalties off in ngIRCd. Latencies count from when a message was due.",
  );

try {
  await bench(plan);
} catch (error) {
  // A server that does not start or people who cannot log in: figures would mean nothing.
  console.error(`\nbench: given up: ${causes(error)}`);
  process.exit(1);
}
process.exit(0);

async function bench(plan: Plan): Promise<void> {
  if (plan.rooms) return write(plan, { rooms: await benchRooms(plan.rooms) });
  if (plan.msrp) return write(plan, { msrp: await benchMsrp(plan) });
  const bus = plan.bus ? await busAlone(plan) : [];
  const climbs = await ofParley(plan);
  const peers = plan.peers ? await ofPeers(plan) : [];
  console.log("");
  for (const line of comparison(climbs, peers)) console.log(line);
  write(plan, { bus, climbs, peers });
}

function write(plan: Plan, parts: object): void {
  console.log(`load before ${before}, after ${load()}`);
  if (plan.out === undefined) return;
  const figures = { machine, node: process.versions.node, load: { before, after: load() }, ...parts };
  writeFileSync(plan.out, `${JSON.stringify(figures, undefined, 1)}\n`);
}

function causes(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message}: ${causes(error.cause)}`;
}

async function busAlone({ storages }: Plan): Promise<object[]> {
  const rows = [];
  for (const storage of storages) {
    for (const perSecond of [5_000, 0]) {
      const row = await benchBus(storage, perSecond, 2);
      rows.push(row);
      console.log(
        `bus alone, ${storage}, ${perSecond === 0 ? "all it takes" : `${perSecond}/s offered`}: ${row.perSecond}/s, stored in ${row.storeMs.p50} / ${row.storeMs.p99} ms, read after ${row.readMs.p50} / ${row.readMs.p99} ms, client CPU ${row.cpuMicrosPerMessage} µs`,
      );
    }
  }
  return rows;
}

async function ofParley(plan: Plan): Promise<Climb[]> {
  const all: Climb[] = [];
  for (const storage of plan.storages)
    for (const pair of plan.pairs) {
      const directions = wanted(plan, pair);
      // What waits is the answer to a SIP phone: without one that speaks the hold changes nothing.
      const several =
        directions.some(([from]) => from === "sip") && (storage === "file" || plan.holdsInMemory);
      const holds = several ? plan.holds : plan.holds.slice(0, 1);
      for (const [index, hold] of holds.entries()) {
        const { people, nodeOptions } = plan;
        const played = index === 0 ? directions : directions.filter(([from]) => from === "sip");
        all.push(
          ...(await onStage(plan, played, () =>
            openHouseStage({ pair, people, storage, hold, nodeOptions }),
          )),
        );
      }
    }
  return all;
}

async function ofPeers(plan: Plan): Promise<Climb[]> {
  const all: Climb[] = [];
  const peers = [
    { name: "Kamailio", there: hasKamailio(), pair: ["sip", "xmpp"], open: openKamailio },
    { name: "biboumi", there: hasBiboumi(), pair: ["xmpp", "irc"], open: openBiboumi },
  ] as const;
  for (const { name, there, pair, open } of peers) {
    const directions = wanted(plan, pair);
    if (directions.length === 0) continue;
    if (!there) console.log(`${name} is not installed: not compared with`);
    else all.push(...(await onStage(plan, directions, () => open(plan.people))));
  }
  return all;
}

function wanted(plan: Plan, [one, other]: Direction): Direction[] {
  const both: Direction[] = [
    [one, other],
    [other, one],
  ];
  return both.filter(([from, to]) => plan.wants(from, to));
}

async function onStage(
  plan: Plan,
  directions: readonly Direction[],
  open: () => Promise<Stage>,
): Promise<Climb[]> {
  const stage = await open();
  try {
    const all: Climb[] = [];
    for (const direction of directions) {
      console.log(`\n${direction.join(" → ")}, ${stage.system}\n${stepHeading}`);
      const done = await climb(stage, direction, plan, (run) => console.log(stepLine(run)));
      console.log(climbLine(done));
      if (done.steps.some(({ lost }) => lost > 0) && stage.books !== undefined)
        console.log(`  ${await stage.books()}`);
      all.push(done);
    }
    return all;
  } finally {
    await stage.close();
  }
}
