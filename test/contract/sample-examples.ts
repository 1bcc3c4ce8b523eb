// What the sample configuration shows where there is no default: one house with each kind of domain.

/** By path. A path below a record or list is not looked up: its whole value stands here. */
export const examples: Readonly<Record<string, unknown>> = {
  "bus.token": "a-long-random-text",
  "gateway.domain": "gw.example",
  gateway: { domain: "gw.example" },
  domains: {
    "sip.example": { homes: ["sip"] },
    "web.example": { homes: ["web"] },
    "xmpp.example": { homes: ["xmpp"] },
    "irc.example": { homes: ["irc-demo"] },
    "rooms.example": { homes: ["rooms"] },
    "example.org": { homes: ["sip", "web", "xmpp"], deliver: "any", faces: { xmpp: "sip.example.org" } },
  },
  accounts: [
    { address: "alice@sip.example", password: "another-long-random-text", display: "Alice" },
    { address: "alice@web.example", ha1: { md5: "0123456789abcdef0123456789abcdef" } },
  ],
  people: [["alice@sip.example", "alice@web.example"]],
  "xmpp.secret": "a-third-long-random-text",
  "conference.rooms": {
    lobby: {
      title: "Lobby",
      owners: ["alice@sip.example"],
      legs: [{ carrier: "irc-demo", channel: "#lobby" }],
    },
  },
  "irc.networks": { demo: { server: "127.0.0.1", domain: "irc.example" } },
};
