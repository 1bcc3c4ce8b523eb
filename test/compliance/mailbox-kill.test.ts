// A killed nats-server 2.9 forgets deletions: mail that was settled stands in the mailbox stream again. It must not be mail again.
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { connectNats } from "#bus-schemas/bus/nats.ts";
import { audit } from "#bus-schemas/delivery/audit.ts";
import type { Courier, Delivery } from "#bus-schemas/delivery/courier.ts";
import { streams } from "#bus-schemas/subject.ts";
import { until } from "#test/servers/child.ts";
import { type NatsServer, startNats } from "#test/servers/nats.ts";
import { type FakeService, fakeService } from "#test/support/fake-service.ts";

const directory = {
  domains: { "web.example": { homes: ["web"], deliver: "any", faces: {} } },
  accounts: ["ann", "ben", "cat"].map((local) => ({ address: { local, domain: "web.example" } })),
};
const person = (local: string) => ({ local, domain: "web.example", assurance: "verified" }) as const;

/** A process of the carrier whose people are there or not, as `answer` says. */
async function open(
  server: NatsServer,
  answer: (to: string) => Delivery,
): Promise<{ service: FakeService; courier: Courier; heard: string[] }> {
  const bus = await connectNats({ servers: [server.url], token: server.token, name: "web" });
  const service = fakeService({ name: "web", bus, directory });
  const heard: string[] = [];
  const courier = await service.courier(
    { carrier: "web", slotBy: "recipient", share: "spread", writeAhead: false },
    {
      deliver: async (event) => {
        const delivery = answer(event.to.local);
        if (delivery.end === "handed") heard.push(event.text);
        return delivery;
      },
      tell: async () => "told",
    },
  );
  return { service, courier, heard };
}

test("settled mail does not come back with the server that was killed", async () => {
  const server = await startNats();
  let there = false;
  const first = await open(server, (to) => (to === "ben" && there ? { end: "handed" } : { end: "away" }));
  for (let index = 0; index < 30; index += 1)
    for (const to of ["ben", "cat"])
      await first.courier.accept(
        { from: person("ann"), to: person(to), kind: "chat", text: `${index}` },
        { source: "ann", transportId: `${to} ${index}` },
      );
  const waiting = async (): Promise<boolean> => (await audit(first.service.bus, "web", 300)).mailbox === 60;
  await until("all wait in the mailbox", waiting, 20_000);
  // What has lain on the disk for a while is what a killed server remembers.
  await sleep(3_000);
  there = true;
  first.courier.available(person("ben"));
  await until(
    "the mailbox is empty",
    async () =>
      first.heard.length === 30 && (await first.service.bus.state(streams.mailbox("web"))).messages === 30,
    20_000,
  );
  await server.kill();
  await server.restart();
  const risen = (await first.service.bus.state(streams.mailbox("web"))).messages;
  console.log(
    `the killed server ${risen > 30 ? `brought ${risen - 30} settled ones back` : "kept all deletions"}`,
  );
  await first.service.stop();
  const second = await open(server, (to) => (to === "ben" ? { end: "handed" } : { end: "away" }));
  const closed = async (): Promise<boolean> => {
    const books = await audit(second.service.bus, "web", 500);
    return books.owners === 1 && books.difference === 0 && books.inFlight === 30 && books.handed === 30;
  };
  await until("the books close", closed, 20_000);
  expect(second.heard, "heard a second time").toEqual([]);
  await second.service.stop();
  await server.stop();
}, 90_000);
