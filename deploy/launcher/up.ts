// The launcher: brings the private house up, shows that every direction works, stays, and leaves nothing behind.
import { fileURLToPath } from "node:url";
import { channel, room } from "./configs/parley-config.ts";
import { type Guard, openGuard } from "./guard.ts";
import { type GatewayName, gateways, type House, isThere, openHouse, services } from "./house.ts";
import { joinText } from "./join-text.ts";
import { keepLastLogs, limitLogs } from "./logs.ts";
import { printMatrix, runMatrix } from "./matrix.ts";
import { answerAtOnce, readOptions } from "./options.mjs";
import { gatewayPart, natsPart, ngircdPart, prosodyPart } from "./parts.ts";
import { type Lock, takeLock } from "./state/lock.ts";
import { type Folders, openFolders, openStore } from "./state/store.ts";
import { type Part, PartFailure, type Supervised, superviseUp } from "./supervisor.ts";

const root = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");
type Options = Exclude<ReturnType<typeof readOptions>, { readonly mistake: string }>;
const logs = ["nats", "prosody", "ngircd", ...services];
const say = (line: string): void => void process.stdout.write(`${line}\n`);

/** `parley up`, which is `npm start`: resolves with 0 (all went well), 1 (something did not) or 2 (a mistake in `args`). */
export async function up(args: readonly string[]): Promise<number> {
  const answer = answerAtOnce(args);
  if (answer !== undefined) return answer;
  const options = readOptions(args);
  if ("mistake" in options) throw new Error(options.mistake);
  return await bringUp(options, watchForEnd());
}

async function bringUp(options: Options, end: AbortSignal): Promise<number> {
  const folders = openFolders(root);
  const taken = await takeLock(folders.lock);
  if ("heldBy" in taken) {
    say(
      `Parley already runs in this checkout: process ${taken.heldBy.pid}, since ${taken.heldBy.since}. End it first (Ctrl-C there).`,
    );
    return 1;
  }
  const guard = await openGuard(folders.lock);
  taken.lock.guardedBy(guard.pid);
  const running: Supervised[] = [];
  const letLogsBe = limitLogs(folders.log, logs);
  try {
    return await inside(options, folders, guard, running, end);
  } catch (error) {
    if (!(error instanceof PartFailure)) throw error;
    // Ended while it started: nothing failed.
    if (end.aborted) return 1;
    say(`\n${error.message}`);
    return 1;
  } finally {
    letLogsBe();
    await endAll(running, guard, taken.lock);
  }
}

async function inside(
  options: Options,
  folders: Folders,
  guard: Guard,
  running: Supervised[],
  end: AbortSignal,
): Promise<number> {
  const moved = openStore(folders, new Date());
  if (moved !== undefined) say(moved);
  keepLastLogs(folders.log, logs);
  const house = await openHouse(folders);
  const start = async (parts: readonly Part[]): Promise<void> => {
    const all = await Promise.allSettled(
      parts.map(async (part) => {
        const one = await superviseUp(part, folders.log, guard, say, end);
        running.push(one);
        say(`  ${one.name.padEnd(10)} up after ${(one.tookMs / 1000).toFixed(1)} s`);
      }),
    );
    for (const one of all) if (one.status === "rejected") throw one.reason;
  };
  say(`Parley starts (state in ${folders.state}) ...`);
  await start([natsPart(house), prosodyPart(house), ngircdPart(house)]);
  house.writeConfig();
  const there = gateways.filter((gateway) => isThere(root, gateway));
  await start([...there, "conference" as const].map((service) => gatewayPart(house, service)));
  return show(options, house, there, end);
}

async function show(
  options: Options,
  house: House,
  there: readonly GatewayName[],
  end: AbortSignal,
): Promise<number> {
  let well = true;
  if (!options.quiet && !end.aborted) {
    say("\nOne message along each direction:");
    const rows = await runMatrix(house, there);
    say(printMatrix(rows.messages, "directions arrived"));
    say(`\nOne line of each in the room ${room}, on IRC the channel ${channel}:`);
    say(printMatrix(rows.room, "heard in the room"));
    well = rows.messages.length > 0 && [...rows.messages, ...rows.room].every((row) => row.arrived);
  }
  if (options.once) return well ? 0 : 1;
  say(joinText(house));
  if (!end.aborted) await new Promise((resolve) => end.addEventListener("abort", resolve, { once: true }));
  return 0;
}

/** Gateways first, while the bus still stands; then the servers. */
async function endAll(running: readonly Supervised[], guard: Guard, lock: Lock): Promise<void> {
  if (running.length > 0) say("Ending ...");
  const isGateway = (one: Supervised): boolean => (services as readonly string[]).includes(one.name);
  await Promise.all(running.filter(isGateway).map((one) => one.stop()));
  for (const one of running.filter((other) => !isGateway(other)).reverse()) await one.stop();
  await guard.close();
  lock.release();
}

/** Aborted by Ctrl-C, SIGTERM, SIGHUP, or the end of the process that started us. */
function watchForEnd(): AbortSignal {
  const end = new AbortController();
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(name, () => end.abort());
  process.on("disconnect", () => end.abort());
  process.channel?.unref();
  // A closed terminal or pipe must not end us before our children.
  process.stdout.on("error", () => end.abort());
  return end.signal;
}
