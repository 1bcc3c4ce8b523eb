// parley.yaml of the private house: four domains, an account on each, one IRC network.
import { stringify } from "yaml";
import type { Ports } from "../state/ports.ts";
import type { Secrets } from "../state/secrets.ts";

/** The domains of the private house, and the people in it. */
export const domains = {
  sip: "sip.example",
  web: "web.example",
  xmpp: "xmpp.example",
  irc: "irc.example",
} as const;
export const gatewayDomain = "gw.example";
export const people = {
  sip: `alice@${domains.sip}`,
  xmpp: `bob@${domains.xmpp}`,
  irc: `carol@${domains.irc}`,
  web: `dave@${domains.web}`,
} as const;

/** The domain of hosted rooms, the room that is always there, and the channel that is one with it. */
export const roomDomain = "rooms.example";
export const room = `lobby@${roomDomain}`;
export const channel = "#lobby";

/** The domains as which our people appear on XMPP: Prosody's components. */
export const components = [domains.sip, domains.web, domains.irc, gatewayDomain, roomDomain] as const;

/** The text of parley.yaml, with the secrets in it: for a file that nobody else may read. */
export function parleyConfig(store: string, ports: Ports, secrets: Secrets): string {
  return stringify({
    state: store,
    bus: { servers: [`nats://127.0.0.1:${ports.bus}`], token: secrets.bus },
    gateway: { domain: gatewayDomain },
    domains: {
      [domains.sip]: { homes: ["sip"] },
      [domains.web]: { homes: ["web"] },
      [domains.xmpp]: { homes: ["xmpp"] },
      [domains.irc]: { homes: ["irc-demo"] },
      [roomDomain]: { homes: ["rooms"] },
    },
    accounts: [
      { address: people.sip, password: secrets.passwords.sip, display: "Alice" },
      { address: people.web, password: secrets.passwords.web, display: "Dave" },
    ],
    health: { listen: "127.0.0.1:0" },
    sip: {
      listen: [`udp:127.0.0.1:${ports.sip}`, `tcp:127.0.0.1:${ports.sip}`],
      instanceName: "sip-1.parley.invalid",
    },
    xmpp: { host: "127.0.0.1", port: ports.component, secret: secrets.component },
    irc: {
      networks: {
        demo: {
          server: "127.0.0.1",
          port: ports.irc,
          domain: domains.irc,
          pacing: "off",
          connectEvery: "5ms",
        },
      },
    },
    conference: {
      rooms: { [room]: { title: "Lobby", legs: [{ carrier: "irc-demo", channel }] } },
    },
    web: { listen: `127.0.0.1:${ports.web}` },
  });
}
