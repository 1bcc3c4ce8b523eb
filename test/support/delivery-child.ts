// A process of its own with one courier, for tests that kill, stop and wake processes. Its gateway appends every hand-over
// to a file, as a line `<to> <text> <again> <instance>`, and answers "handed": what the file holds is what a peer has seen.
// Arguments: bus address, token, instance, carrier, file.
import { appendFileSync } from "node:fs";
import { connectNats } from "#bus-schemas/bus/nats.ts";
import { openClock } from "#bus-schemas/service/clock.ts";
import { loud, Stage } from "./delivery-stage.ts";

const [url = "", token = "", instance = "", carrier = "", file = ""] = process.argv.slice(2);

const clock = openClock();
const stage = new Stage(clock, (name) => connectNats({ servers: [url], token, name }), loud);
const { courier, gateway } = await stage.process(instance, carrier);

const write = (line: string): void => appendFileSync(file, `${line}\n`);

gateway.answer = async (event) => {
  const again = gateway.delivered.at(-1)?.again ?? false;
  write(`${event.to.local} ${event.text} ${again ? "again" : "first"} ${instance} ${Date.now()}`);
  return { end: "handed" };
};

process.stdout.write("ready\n");
process.on("SIGTERM", () => {
  void courier.close(5_000).then(() => process.exit(0));
});
