// The XMPP gateway: our domains as components of one XMPP server.
import { publishCapabilities } from "#bus-schemas/rooms/publish-capabilities.ts";
import type { Service } from "#bus-schemas/service/service.ts";
import { productVersion } from "#bus-schemas/service/version.ts";
import { XmppConfig } from "./config.ts";
import { openLink } from "./edge/link.ts";
import { published } from "./translate/legs/capabilities.ts";

/** Runs the gateway until the service is stopped. */
export async function main(service: Service): Promise<void> {
  const config = service.section("xmpp", XmppConfig);
  await publishCapabilities(service, published);
  const link = await openLink(service, config, productVersion());
  service.onStop("xmpp link", () => link.close());
}
