// The full kill play: each direction by itself at 200/s, 2,000 messages, each process killed in turn. Hours of CPU on small
// machines: not part of npm test. Options: --from, --to, --kill (one of each), --rate, --count.
import { parseArgs } from "node:util";
import { openHouse } from "./house.ts";
import { directions, excuse, killOnce, printAccount, printBooks, startDrivers } from "./kill.ts";

const { values } = parseArgs({
  options: {
    from: { type: "string" },
    to: { type: "string" },
    kill: { type: "string" },
    rate: { type: "string", default: "200" },
    count: { type: "string", default: "2000" },
  },
});
const people = 20;
const options = {
  people,
  perSecond: Number(values.rate),
  count: Number(values.count),
  awayMs: 3_000,
  settleMs: 90_000,
};
const house = await openHouse({
  instances: 2,
  people: Array.from({ length: people }, (_, index) => `user${index}`),
});
let lost = 0;
try {
  const drivers = await startDrivers(house, people);
  const victims = house.names.filter((name) => values.kill === undefined || name === values.kill);
  const ways = directions.filter(
    ({ from, to }) => (values.from ?? from) === from && (values.to ?? to) === to,
  );
  for (const victim of victims) {
    for (const way of ways) {
      for (const account of await killOnce(house, drivers, victim, options, [way])) {
        console.log(printAccount(account));
        if (excuse(victim, account) === undefined) lost += account.lost.length;
      }
    }
    console.log(`${victim}: ${printBooks(await house.booksClose(120_000, "mailboxes too"))}`);
  }
} finally {
  await house.close();
}
console.log(lost === 0 ? "nothing that Parley answers for was lost" : `${lost} messages lost`);
process.exit(lost === 0 ? 0 : 1);
