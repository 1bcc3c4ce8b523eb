// A secret that all instances of this gateway share, made by the first of them: for ids that must not be guessed. XEP-0421 §3.3 in meaning.
import { randomBytes } from "node:crypto";
import type { Bus } from "#bus-schemas/bus/port.ts";

const secretBytes = 32;
const key = "web-secret";

/** The secret. Errors: those of the bus. */
export async function commonSecret(bus: Bus): Promise<Uint8Array> {
  const bucket = await bus.bucket("registrations");
  const made = randomBytes(secretBytes);
  if (await bucket.create(key, made)) return made;
  const known = await bucket.get(key);
  if (known === undefined) throw new Error("the secret of the web gateways is gone");
  return known.value;
}
