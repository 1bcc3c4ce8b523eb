// Puts a gateway's table into the bucket from which `Rooms.capabilities` reads; the tables of all carriers are there.
import type { Service } from "../service/service.ts";
import { CarrierCapabilities } from "./capabilities.ts";
import { pack, unpack } from "./wire.ts";

const bucketName = "capabilities";

/**
 * Publishes what a carrier can; the last word holds, whichever instance says it. `if-new`: only where nothing is said yet. Errors: the
 * bus is not to be had.
 */
export async function publishCapabilities(
  { bus }: Pick<Service, "bus">,
  capabilities: CarrierCapabilities,
  when: "always" | "if-new" = "always",
): Promise<void> {
  const bucket = await bus.bucket(bucketName);
  const { carrier } = capabilities;
  const value = Buffer.from(pack(capabilities));
  const before = await bucket.get(carrier);
  if (before === undefined || (when === "always" && !value.equals(before.value)))
    await bucket.put(carrier, value);
}

/** All that is published, by carrier; what cannot be read is logged and left out. */
export async function publishedCapabilities({
  bus,
  log,
}: Pick<Service, "bus" | "log">): Promise<Map<string, CarrierCapabilities>> {
  const bucket = await bus.bucket(bucketName);
  const found = new Map<string, CarrierCapabilities>();
  for (const { key, value } of await bucket.list(">")) {
    const read = unpack(CarrierCapabilities, value);
    if (read.ok) found.set(read.value.carrier, read.value);
    else log.error({ key, error: read.error }, "what a carrier can do cannot be read");
  }
  return found;
}
