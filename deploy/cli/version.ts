// parley version: what runs here.
import { productVersion } from "#bus-schemas/service/version.ts";
import { readArgs } from "./usage.ts";

export function version(args: readonly string[]): Promise<number> {
  readArgs({ args: [...args], options: {}, strict: true });
  process.stdout.write(`parley ${productVersion()}, Node ${process.versions.node}\n`);
  return Promise.resolve(0);
}
