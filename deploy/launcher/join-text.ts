// What a person reads when the house is up: how to come in with his own clients.
import { channel, domains, people, room } from "./configs/parley-config.ts";
import type { House } from "./house.ts";

export function joinText(house: House): string {
  const { ports } = house.book;
  const { passwords } = house.secrets;
  return `
Join with your own clients (all on this machine only, 127.0.0.1):

  web   http://127.0.0.1:${ports.web}/   ${people.web}, password ${passwords.web}
  SIP   server 127.0.0.1:${ports.sip} (UDP or TCP), account ${people.sip}, password ${passwords.sip}
  XMPP  server 127.0.0.1 port ${ports.c2s}, no TLS, account ${people.xmpp}, password ${passwords.xmpp}
  IRC   server 127.0.0.1 port ${ports.irc}, any nick; channel ${channel}; \`/msg Parley help\`,
        \`/msg Parley to ${people.sip} hello\`. A nick is reached as nick@${domains.irc}.

  Room  ${room}: a MUC for XMPP clients, a chat room to call for SIP clients with MSRP, a room on the web
        page, and channel ${channel} on IRC are one room.

  Logs: ${house.folders.log}   Configuration: ${house.config}
  Ctrl-C ends everything.
`;
}
