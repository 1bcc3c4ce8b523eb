// The quick kill play: all twelve directions at once, two instances of every gateway, file storage; each process in turn is
// killed with -9 under load and comes back. What the clients outside saw must add up for every single message.
// The full form, by its own command: node test/plays/kill-full.ts.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type House, openHouse } from "./house.ts";
import {
  type Account,
  type Drivers,
  excuse,
  killOnce,
  printAccount,
  printBooks,
  startDrivers,
} from "./kill.ts";

const people = 10;
const options = { people, perSecond: 20, count: 160, awayMs: 2_500, settleMs: 40_000 };
const victims = [
  "sip-1",
  "sip-2",
  "xmpp-1",
  "xmpp-2",
  "irc-1",
  "irc-2",
  "web-1",
  "web-2",
  "nats",
  "prosody",
  "ngircd",
];

let house: House;
let drivers: Drivers;

beforeAll(async () => {
  house = await openHouse({
    instances: 2,
    people: Array.from({ length: people }, (_, index) => `user${index}`),
  });
  drivers = await startDrivers(house, people);
});

afterAll(async () => {
  for (const driver of Object.values(drivers ?? {})) driver.stop();
  await house?.close();
});

const ways = (accounts: readonly Account[], pick: (one: Account) => boolean): string[] =>
  accounts.filter(pick).map(printAccount);

describe("killed with -9 under load in all twelve directions", () => {
  test.each(victims)(
    "%s: every message is heard or its sender told, in order, and the books close",
    async (victim) => {
      const accounts = await killOnce(house, drivers, victim, options);
      const excused = accounts.filter((one) => one.lost.length > 0 && excuse(victim, one) !== undefined);
      for (const one of excused) console.log(printAccount(one));
      expect(ways(accounts, (one) => one.lost.length > 0 && excuse(victim, one) === undefined)).toEqual([]);
      // Nothing may stay unanswered either: a client that got no answer would have to guess.
      const unanswered = (one: Account): boolean =>
        one.accepted + one.refused < one.said && excuse(victim, one) === undefined;
      expect(ways(accounts, unanswered)).toEqual([]);
      // A second copy can only come of what was under way at the moment of the kill: one for each conversation.
      expect(ways(accounts, (one) => one.twice > people)).toEqual([]);
      const touched = (one: Account): boolean =>
        victim.startsWith(one.from) || victim.startsWith(one.to) || victim === "nats";
      expect(
        ways(accounts, (one) => one.twice > 0 && !touched(one) && excuse(victim, one) === undefined),
      ).toEqual([]);
      // A SIP client whose gateway is gone sends again on timers of its own: it overtakes itself.
      const ownTimers = (one: Account): boolean =>
        one.from === "sip" && (victim.startsWith("sip") || victim === "nats");
      expect(
        ways(accounts, (one) => one.disordered > 0 && !ownTimers(one) && excuse(victim, one) === undefined),
      ).toEqual([]);
      const books = await house.booksClose(60_000, "mailboxes too");
      console.log(`${victim}: ${printBooks(books)}`);
    },
  );
});
