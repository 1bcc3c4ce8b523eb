// The SIP gateway: UDP and TCP, registrar, MESSAGE both ways, rooms by INVITE and MSRP. The composition.
import { openRooms } from "#bus-schemas/rooms/open.ts";
import { publishCapabilities } from "#bus-schemas/rooms/publish-capabilities.ts";
import type { Service } from "#bus-schemas/service/service.ts";
import { SipConfig } from "./config.ts";
import { openGateway } from "./edge/gateway.ts";
import { published } from "./translate/legs/capabilities.ts";

/** Opens the gateway for a service: location, courier, rooms, sockets; in this order, so that nothing is taken that cannot be kept. */
export async function main(service: Service): Promise<void> {
  const config = service.section("sip", SipConfig);
  service.health("sip", false, "opening");
  const gateway = await openGateway(service, config);
  service.onStop("sip gateway", () => gateway.close());
  const courier = await service.courier(
    { carrier: "sip", slotBy: "recipient", share: "spread", writeAhead: false },
    gateway.gateway,
  );
  await publishCapabilities(service, published);
  const listening = await gateway.serve(courier, await openRooms(service, "sip"));
  for (const { transport, address, port } of listening) {
    service.log.info({ transport, address, port }, "listening for SIP");
  }
  service.health("sip", true);
}
