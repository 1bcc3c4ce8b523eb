// The `irc` section of parley.yaml: one entry per network.
import { z } from "zod";
import { addressText, domainName, duration } from "#bus-schemas/service/config-values.ts";

const secret = z.string().min(1).max(400);
const nick = z.string().regex(/^[A-Za-z[\]\\`_^{|}][A-Za-z0-9[\]\\`_^{|}-]{0,63}$/, "not an IRC nick");

const Sasl = z.discriminatedUnion("mechanism", [
  z.object({
    mechanism: z.literal("PLAIN").describe("account and password"),
    account: z.string().min(1).describe("the services account"),
    password: secret.describe("its password"),
  }),
  z.object({
    mechanism: z.literal("EXTERNAL").describe("the TLS client certificate"),
    account: z.string().describe("the account, or empty for the one of the certificate"),
  }),
]);

const Tls = z.object({
  ca: z.string().optional().describe("PEM file of the authority that signed the server's certificate"),
  cert: z.string().optional().describe("PEM file of our client certificate (SASL EXTERNAL)"),
  key: z.string().optional().describe("PEM file of its key"),
  verify: z.boolean().default(true).describe("whether to refuse a certificate that is not the server's"),
});

export type Tls = z.output<typeof Tls>;

const Pacing = z.object({
  burst: z.int().min(1).max(1000).default(5).describe("lines that may go at once (RFC 1459 §8.10: 5)"),
  line: duration.prefault("2s").describe("what each line costs after that (RFC 1459 §8.10: 2s)"),
  barrierCost: z
    .number()
    .min(0)
    .max(1)
    .default(1)
    .describe("cost of the PING that confirms a batch, as part of a line"),
});

export const Network = z.object({
  server: z.string().min(1).describe("host name or address of the IRC server"),
  port: z.int().min(1).max(65_535).default(6667).describe("its port; 6697 is usual with TLS"),
  tls: z.union([z.boolean(), Tls]).default(false).describe("true, or the certificates, to speak TLS"),
  domain: domainName.describe("the domain of the people there: carol is carol@<domain>"),
  password: secret.optional().describe("the server's own password (PASS)"),
  serviceNick: nick.default("Parley").describe("the nick to which people write for first contact"),
  relayNick: nick
    .default("ParleyRelay")
    .describe("the nick of the bot that sits in channels which are tied to rooms; one for each instance"),
  puppetNick: z
    .string()
    .regex(/\{local\}/, "needs {local}")
    .max(64)
    .default("{local}")
    .describe("how a person's nick is made: {local} and {domain} of his address, for instance {local}[p]"),
  realName: z
    .string()
    .max(200)
    .default("{address} by Parley")
    .describe("the real name shown in WHOIS; {address} is the person's"),
  sasl: Sasl.optional().describe("the account of the service nick"),
  saslRequired: z
    .boolean()
    .default(true)
    .describe("whether to stay away when the network refuses the account"),
  nickServices: z
    .object({
      service: nick.default("NickServ").describe("the services' nick"),
      command: z.enum(["GHOST", "REGAIN"]).default("REGAIN").describe("how a nick is got back"),
      password: secret.describe("the password of the nick"),
    })
    .optional()
    .describe("how the service nick is recovered from a ghost"),
  people: z
    .array(
      z.object({
        address: addressText.describe("one of our people"),
        nick: nick.optional().describe("the nick he wants on this network"),
        sasl: Sasl.optional().describe("his account there"),
      }),
    )
    .max(10_000)
    .default([])
    .describe("people with a nick or account of their own on this network"),
  webirc: z
    .object({
      password: secret.describe("agreed with the network"),
      gateway: z.string().default("parley").describe("our name in the agreement"),
      host: z
        .string()
        .default("{token}.parley.invalid")
        .describe("the host shown for a person; {token} is stable per person"),
      ipPrefix: z
        .string()
        .regex(/^([0-9a-fA-F]{1,4}:){4}$/, "four groups, each with a colon")
        .default("fd70:6172:6c65:79:")
        .describe("the first 64 bits of the address shown for a person"),
    })
    .optional()
    .describe("gives every puppet a host of its own (WEBIRC)"),
  pacing: z
    .union([z.literal("off"), Pacing])
    .prefault({})
    .describe("how fast each connection speaks; off for servers of your own that do not count"),
  flood: z
    .union([
      z.literal("off"),
      z.object({
        burst: z.int().min(1).default(200).describe("lines of one nick that are taken at once"),
        perSecond: z.number().positive().default(50).describe("and then per second"),
      }),
    ])
    .prefault({})
    .describe("what one nick may send to our people"),
  maxPuppets: z
    .int()
    .min(1)
    .max(100_000)
    .default(200)
    .describe("connections of one instance to this network, as agreed with it"),
  connectEvery: duration.prefault("100ms").describe("time between two new connections"),
  idleRelease: duration.prefault("30m").describe("how long a puppet stays without a word"),
  maxLines: z
    .int()
    .min(1)
    .max(20)
    .default(5)
    .describe("lines that one message may become; a longer one is refused"),
  encoding: z
    .enum(["latin1", "windows-1252"])
    .default("windows-1252")
    .describe("how to read lines that are not UTF-8"),
});
export type Network = z.output<typeof Network>;

export const Config = z.object({
  networks: z
    .record(z.string().regex(/^[a-z][a-z0-9-]{0,26}$/, "a short name in lower case"), Network)
    .describe("by name; the network demo is the carrier irc-demo"),
});
export type Config = z.output<typeof Config>;
