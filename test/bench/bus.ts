// Raw speed of the bus: one process stores, another connection of the same process reads; open loop, file and memory.
// Usage: node test/bench/bus.ts [messages per second, 0 for all it takes] [seconds]. Prints one JSON line per storage.
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { connectNats } from "#bus-schemas/bus/nats.ts";
import type { Bus } from "#bus-schemas/bus/port.ts";
import { startNats } from "#test/servers/nats.ts";

const slots = 64;
const payloadBytes = 700;

interface Row {
  readonly storage: "file" | "memory";
  readonly offered: number;
  readonly stored: number;
  readonly read: number;
  readonly perSecond: number;
  readonly storeMs: { readonly p50: number; readonly p99: number };
  readonly readMs: { readonly p50: number; readonly p99: number };
  readonly cpuMicrosPerMessage: number;
}

/** One run; latencies count from the moment at which the message was due, so a late sender hides nothing. */
export async function benchBus(storage: "file" | "memory", perSecond: number, seconds: number): Promise<Row> {
  const server = await startNats();
  const connect = (name: string): Promise<Bus> =>
    connectNats({ servers: [server.url], token: server.token, name, storage });
  const [writer, reader] = await Promise.all([connect("writer"), connect("reader")]);
  await writer.ensureStream({
    name: "B",
    subjects: ["b.*"],
    keep: "limits",
    maxBytes: 9e8,
    duplicateWindowMs: 120_000,
  });
  const count = perSecond === 0 ? 25_000 * seconds : perSecond * seconds;
  const dueAt = new Float64Array(count);
  const storeMs: number[] = [];
  const readMs: number[] = [];
  for (let slot = 0; slot < slots; slot += 1) {
    await reader.read("B", `b.${slot}`, 0, (message) => {
      readMs.push(performance.now() - (dueAt[Buffer.from(message.data).readUInt32BE(0)] ?? 0));
    });
  }
  const cpu = process.cpuUsage();
  const started = performance.now();
  const store = async (index: number): Promise<void> => {
    const data = Buffer.alloc(payloadBytes, 0x61);
    data.writeUInt32BE(index, 0);
    await writer.store(`b.${index % slots}`, data, { id: `m${index}` });
    storeMs.push(performance.now() - (dueAt[index] ?? 0));
  };
  await offer(count, perSecond, started, dueAt, store);
  const storedAfter = performance.now() - started;
  for (let waits = 0; readMs.length < count && waits < 500; waits += 1) await sleep(10);
  const { user, system } = process.cpuUsage(cpu);
  const row: Row = {
    storage,
    offered: count,
    stored: storeMs.length,
    read: readMs.length,
    perSecond: Math.round((storeMs.length / storedAfter) * 1_000),
    storeMs: percentiles(storeMs),
    readMs: percentiles(readMs),
    cpuMicrosPerMessage: Math.round((user + system) / count),
  };
  await Promise.all([writer.close(), reader.close()]);
  await server.stop();
  return row;
}

/** At a rate: each at its time, whatever became of the others. At rate 0: always 1,024 under way. */
async function offer(
  count: number,
  perSecond: number,
  started: number,
  dueAt: Float64Array,
  store: (index: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) {
      const index = next;
      next += 1;
      dueAt[index] = performance.now();
      await store(index);
    }
  };
  if (perSecond === 0) {
    await Promise.all(Array.from({ length: 1_024 }, worker));
    return;
  }
  const all: Promise<void>[] = [];
  for (; next < count; next += 1) {
    const due = started + (next * 1_000) / perSecond;
    dueAt[next] = due;
    while (performance.now() < due) await sleep(1);
    all.push(store(next));
  }
  await Promise.all(all);
}

function percentiles(values: readonly number[]): { p50: number; p99: number } {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (part: number): number =>
    Math.round((sorted[Math.floor(sorted.length * part)] ?? 0) * 100) / 100;
  return { p50: at(0.5), p99: at(0.99) };
}

if (import.meta.main) {
  const [perSecond = 5_000, seconds = 3] = process.argv.slice(2).map(Number);
  for (const storage of ["file", "memory"] as const) {
    console.log(JSON.stringify(await benchBus(storage, perSecond, seconds)));
  }
}
