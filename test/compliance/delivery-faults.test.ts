// Delivery on a real nats-server with owners in processes of their own, while servers and owners are ended, killed, stopped
// and woken under load. Every hand-over is counted by a file that no courier reads.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { connectNats } from "#bus-schemas/bus/nats.ts";
import { type Audit, audit } from "#bus-schemas/delivery/audit.ts";
import { openClock } from "#bus-schemas/service/clock.ts";
import { type Child, privateFolder, startChild, until } from "#test/servers/child.ts";
import { type NatsServer, startNats } from "#test/servers/nats.ts";
import { type Process, Stage } from "#test/support/delivery-stage.ts";
import { ownNode, repository } from "#test/support/own-node.ts";

const people = 40;
const clock = openClock();
let server: NatsServer;
let stage: Stage;
let sender: Process;
let file: string;
let owners: Child[];

async function owner(instance: string, carrier = "web"): Promise<Child> {
  const args = [
    `${repository}/test/support/delivery-child.ts`,
    server.url,
    server.token,
    instance,
    carrier,
    file,
  ];
  const child = await startChild({
    name: instance,
    command: ownNode,
    args,
    ready: (output) => output.includes("ready"),
  });
  owners.push(child);
  return child;
}

interface Seen {
  readonly to: string;
  readonly round: number;
  readonly again: boolean;
  readonly by: string;
}

const seen = (): Seen[] =>
  readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const [to = "", round = "", again = "", by = ""] = line.split(" ");
      return { to, round: Number(round), again: again === "again", by };
    });

/** Says rounds `from` to `to`, one message to every person each, a round every `everyMs`. Resolves when all are accepted. */
async function load(from: number, to: number, everyMs: number, carrier = "web"): Promise<void> {
  const accepting: Promise<unknown>[] = [];
  for (let round = from; round < to; round += 1) {
    for (let person = 0; person < people; person += 1)
      accepting.push(stage.say(sender, "bob@xmpp.example", `user${person}@${carrier}.example`, `${round}`));
    await clock.sleep(everyMs);
  }
  for (const answer of await Promise.all(accepting)) expect(answer).toMatchObject({ accepted: true });
}

async function booksClose(carrier = "web"): Promise<Audit> {
  return await until(
    "the books close",
    async () => {
      const books = await audit(sender.bus, carrier, 200);
      return books.inFlight === 0 && books.difference === 0 && books;
    },
    30_000,
  );
}

/** Nothing lost, nothing out of order; the number of second copies, each of which was marked as possibly one. */
function copies(rounds: number): number {
  let second = 0;
  const all = seen();
  for (let person = 0; person < people; person += 1) {
    const mine = all.filter(({ to }) => to === `user${person}`);
    const first = mine.filter(
      (entry, index) => mine.findIndex(({ round }) => round === entry.round) === index,
    );
    expect(first.map(({ round }) => round)).toEqual(Array.from({ length: rounds }, (_, round) => round));
    const later = mine.filter((entry) => !first.includes(entry));
    for (const entry of later)
      expect(entry, JSON.stringify(mine.filter(({ round }) => round === entry.round))).toMatchObject({
        again: true,
      });
    second += later.length;
  }
  return second;
}

beforeEach(async () => {
  server = await startNats();
  file = join(privateFolder("sink"), "handed");
  writeFileSync(file, "");
  owners = [];
  stage = new Stage(clock, (name) => connectNats({ servers: [server.url], token: server.token, name }));
  sender = await stage.process("sender", "xmpp");
});

afterEach(async () => {
  for (const child of owners) await child.kill();
  await sender.courier.close(1_000);
  await sender.bus.close();
  await server.kill();
});

describe("nats-server", () => {
  test.each([
    ["ended (SIGTERM) and started again", () => server.stop().then(() => server.restart())],
    ["killed (SIGKILL) and started again", () => server.kill().then(() => server.restart())],
    [
      "stopped for 5 s (SIGSTOP) and woken",
      async () => {
        server.pause();
        await clock.sleep(5_000);
        server.resume();
      },
    ],
  ])("%s under load: nothing lost, nothing out of order, the books close", async (_, fault) => {
    await owner("web-1");
    await owner("web-2");
    const loading = load(0, 60, 50);
    await clock.sleep(1_200);
    await fault();
    await loading;
    const books = await booksClose();
    expect(books).toMatchObject({ accepted: 60 * people, handed: 60 * people });
    const second = copies(60);
    console.log(`second copies at the far side, all marked: ${second} of ${60 * people}`);
    expect(second).toBe(0);
  });
});

describe("an owner", () => {
  test("killed (SIGKILL) five times under load: its peer carries on, in order", async () => {
    await owner("web-1");
    let victim = await owner("web-2");
    const loading = load(0, 120, 100);
    for (let kill = 0; kill < 5; kill += 1) {
      await clock.sleep(2_000);
      await victim.kill();
      victim = await owner("web-2");
    }
    await loading;
    expect(await booksClose()).toMatchObject({ accepted: 120 * people, handed: 120 * people });
    console.log(`second copies at the far side, all marked: ${copies(120)} of ${120 * people}, 5 kills`);
  });

  test("stopped for 10 s and woken hands over nothing that another has taken over meanwhile", async () => {
    const zombie = await owner("web-1");
    await owner("web-2");
    await clock.sleep(1_500);
    const loading = load(0, 150, 100);
    await clock.sleep(2_000);
    zombie.signal("SIGSTOP");
    await clock.sleep(10_000);
    zombie.signal("SIGCONT");
    await loading;
    expect(await booksClose()).toMatchObject({ accepted: 150 * people, handed: 150 * people });
    const second = copies(150);
    console.log(`second copies at the far side, all marked: ${second} of ${150 * people}`);
    expect(second).toBeLessThanOrEqual(people);
  });

  test("ended in order under load: its slots go over without one second copy", async () => {
    await owner("web-1");
    const leaving = await owner("web-2");
    const loading = load(0, 60, 50);
    await clock.sleep(1_500);
    await leaving.stop();
    await loading;
    expect(await booksClose()).toMatchObject({ accepted: 60 * people, handed: 60 * people });
    expect(copies(60)).toBe(0);
  });
});
