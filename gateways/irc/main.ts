// The IRC gateway: on each network a service nick, and a connection of his own for each of our people who talks there.
import type { Service } from "#bus-schemas/service/service.ts";
import { Config } from "./config.ts";
import { openNetwork } from "./edge/network.ts";

/** Opens the gateway on a service that is ready; resolves when every network has its courier. */
export async function main(service: Service): Promise<void> {
  const { networks } = service.section("irc", Config);
  for (const [name, network] of Object.entries(networks)) await openNetwork(service, name, network);
}
