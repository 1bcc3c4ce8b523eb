// A crowd in one room over a real Prosody: two hundred come at once, all hear the same in the same order.
import { afterAll, beforeAll, expect, test } from "vitest";
import { until } from "#test/servers/child.ts";
import type { FakeService } from "#test/support/fake-service.ts";
import { type Raw, rawComponent } from "./raw-for-test.ts";
import { openRoomsHouse, type RoomsHouse, running } from "./rooms-house-for-test.ts";

const people = 200;
const lines = 30;
let house: RoomsHouse;
let service: FakeService;
/** A second component, for which two hundred people live: another server, as far as rooms know. */
let crowd: Raw;

beforeAll(async () => {
  const components = { "sip.example": "", "gw.example": "", "rooms.example": "", "crowd.example": "" };
  house = await openRoomsHouse([], { create: "everybody" }, { components });
  const gateway = await house.gateway("xmpp-1");
  service = gateway.service;
  await running(gateway.link);
  const { componentPort, secret } = house.prosody;
  crowd = await rawComponent(componentPort, "crowd.example", secret);
});
afterAll(async () => {
  crowd?.end();
  await house?.close();
});

test("two hundred come in at once and talk", async () => {
  const jid = (n: number): string => `u${n}@crowd.example/x`;
  const start = performance.now();
  for (let n = 0; n < people; n += 1)
    crowd.write(
      `<presence from='${jid(n)}' to='crowd@rooms.example/n${n}'><x xmlns='http://jabber.org/protocol/muc'/></presence>`,
    );
  const count = (pattern: RegExp): number => crowd.all(pattern).length;
  await until("all are in", () => service.metric("xmpp_room_devices") === people, 60_000);
  const inside = performance.now();
  let size = -1;
  // The crowd's own text is megabytes: it is read when nothing comes any more.
  const quiet = async (): Promise<boolean> => {
    await new Promise((go) => setTimeout(go, 500));
    const before = size;
    size = crowd.socket.bytesRead;
    return before === size;
  };
  await until("it is quiet", quiet, 60_000);
  expect(count(/<subject\/>/)).toBe(people);
  // Everybody sees everybody: those who were there by their picture, those who came later one by one.
  expect(count(/<presence [^>]*from='crowd@rooms/)).toBe(people * people);
  const joined = performance.now();
  console.log(`in: ${inside - start}, shown: ${joined - inside}`);
  for (let line = 0; line < lines; line += 1)
    crowd.write(
      `<message from='${jid(line % 7)}' to='crowd@rooms.example' type='groupchat' id='l${line}'><body>line ${line}</body></message>`,
    );
  const started = crowd.socket.bytesRead;
  await until("something is heard", () => crowd.socket.bytesRead > started + 100_000, 30_000);
  await until("it is quiet again", quiet, 60_000);
  expect(count(/<body>line \d+<\/body>/)).toBe(people * lines);
  const heard = new Map<string, string[]>();
  for (const [stanza] of crowd.all(/<message [^>]*>[\s\S]*?<\/message>/)) {
    const to = / to='([^']+)'/.exec(stanza)?.[1] ?? "";
    const body = /<body>([^<]*)/.exec(stanza)?.[1];
    if (body !== undefined) heard.set(to, [...(heard.get(to) ?? []), body]);
  }
  expect(heard.size).toBe(people);
  expect(new Set([...heard.values()].map((all) => all.join())).size).toBe(1);
  const done = performance.now();
  console.log(
    `${people} were in after ${(inside - start).toFixed(0)} ms, shown to all ${(joined - inside).toFixed(0)} ms later; ${lines} lines were with all ${(done - joined).toFixed(0)} ms later`,
  );
}, 150_000);
