// What is confirmed in a stream of kind `latest` is there after nats-server was killed with -9 under load, again and again:
// hot subjects beside idle ones, as the ledgers of many processes are.
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { connectNats } from "#bus-schemas/bus/nats.ts";
import { startNats } from "#test/servers/nats.ts";

const hot = 8;
const idle = 12;

test("six kills: every confirmed write of every subject is the last one, or before the last one", async () => {
  const server = await startNats();
  const connect = (name: string) => connectNats({ servers: [server.url], token: server.token, name });
  const [writer, reader] = await Promise.all([connect("writer"), connect("reader")]);
  await writer.ensureStream({
    name: "L",
    subjects: ["l.>"],
    keep: "latest",
    maxBytes: 6.4e7,
    duplicateWindowMs: 0,
  });
  const store = (subject: string, number: number): Promise<unknown> =>
    writer.store(
      subject,
      Buffer.from(JSON.stringify({ number, pad: "x".repeat(5_000 + ((number * 37) % 4_000)) })),
      {},
    );
  for (let index = 0; index < idle; index += 1) await store(`l.idle${index}`, 1);
  const confirmed = new Array<number>(hot).fill(0);
  let stopped = false;
  const write = async (index: number): Promise<void> => {
    for (let number = 1; !stopped; number += 1) {
      await store(`l.hot${index}`, number);
      confirmed[index] = number;
      if (number % 90 === 0) await store(`l.idle${(number / 90) % idle}`, number);
      await sleep(8);
    }
  };
  const writing = confirmed.map((_, index) => write(index));
  for (let kill = 0; kill < 6; kill += 1) {
    await sleep(2_500);
    await server.kill();
    await sleep(300);
    await server.restart();
    await sleep(1_000);
    const least = [...confirmed];
    const found = new Map<string, number>();
    for (const { subject, data } of await reader.lastOfEach("L", "l.*"))
      found.set(subject, JSON.parse(Buffer.from(data).toString("utf8")).number);
    const behind = least.filter((number, index) => (found.get(`l.hot${index}`) ?? 0) < number);
    expect(behind, `after kill ${kill + 1}: ${JSON.stringify([...found])}`).toEqual([]);
  }
  stopped = true;
  await Promise.all(writing);
  await Promise.all([writer.close(), reader.close()]);
  await server.stop();
}, 90_000);
