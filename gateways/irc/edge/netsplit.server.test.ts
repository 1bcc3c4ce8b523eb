// A network of two real servers that breaks in two: the room is told once who was lost, and once who is back.
import { afterEach, expect, test } from "vitest";
import { main as conference } from "../../../conference-svc/main.ts";
import { ForeignClient, type Ircd, startNgircd } from "./foreign-client.ts";
import { openRoomsHouse, type RoomsHouse } from "./rooms-house.ts";

let house: RoomsHouse | undefined;
const servers: Ircd[] = [];
const clients: ForeignClient[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await house?.stop();
  for (const server of servers.splice(0)) await server.child.stop();
});

const link = (name: string, port?: number): string[] => [
  "[Server]",
  `Name = ${name}`,
  "MyPassword = secret",
  "PeerPassword = secret",
  ...(port === undefined ? [] : ["Host = 127.0.0.1", `Port = ${port}`]),
];

test("told once, with the servers' names", async () => {
  const leaf = await startNgircd([], link("hub.test.invalid"), "leaf.test.invalid");
  const hub = await startNgircd([], link("leaf.test.invalid", leaf.port), "hub.test.invalid");
  servers.push(hub, leaf);
  const zoe = await ForeignClient.login(hub.port, "zoe");
  clients.push(zoe);
  zoe.write("JOIN #lobby");
  const linked = async (): Promise<boolean> => {
    zoe.write("LINKS");
    const seen = zoe.next((line) => / 364 .*leaf\.test/.test(line), 500);
    return seen.then(
      () => true,
      () => false,
    );
  };
  for (let tries = 0; tries < 60 && !(await linked()); tries++);
  const far = await Promise.all(["a1", "a2", "a3", "a4"].map((nick) => ForeignClient.login(leaf.port, nick)));
  clients.push(...far);
  for (const client of far) client.write("JOIN #lobby");
  const parts = await openRoomsHouse(hub.port, { startConference: conference });
  house = parts;
  await parts.until(() => parts.view().participants.size === 5, 20_000);
  far[0]?.say("#lobby", "hello from the leaf");
  await parts.until(() => parts.said().includes("<a1> hello from the leaf"));
  const before = parts.changes("roster").length;
  await leaf.child.kill();
  await parts.until(() => parts.view().participants.size === 1);
  const lost = parts.changes("roster").slice(before);
  expect(lost).toHaveLength(1);
  expect(lost[0]?.gone.map(({ cause }) => cause)).toEqual(Array(4).fill("netsplit"));
  expect(lost[0]?.text).toMatch(/netsplit: .*hub\.test\.invalid.*leaf\.test\.invalid/);
  zoe.say("#lobby", "alone");
  await parts.until(() => parts.said().includes("<zoe> alone"));
}, 90_000);
