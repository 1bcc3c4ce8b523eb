// The `sip` section of parley.yaml: where phones and proxies connect, whom we believe, and the limits on them.
import { z } from "zod";
import { domainName, duration, parseListen } from "#bus-schemas/service/config-values.ts";
import { algorithms } from "./wire/digest.ts";

const listen = z.string().transform((text, context) => {
  const match = /^(udp|tcp):(.+)$/.exec(text);
  const at = match?.[2] === undefined ? undefined : parseListen(match[2]);
  if (match?.[1] !== undefined && at !== undefined) {
    return {
      transport: match[1] === "udp" ? ("udp" as const) : ("tcp" as const),
      address: at.host,
      port: at.port,
    };
  }
  context.addIssue({
    code: "custom",
    message: "is no SIP listener: write udp: or tcp: and address:port, like udp:127.0.0.1:5060",
  });
  return z.NEVER;
});

const networkAddress = z.union([z.ipv4(), z.ipv6()]);

export const SipConfig = z.strictObject({
  listen: z
    .array(listen)
    .min(1)
    .default([
      { transport: "udp", address: "127.0.0.1", port: 5060 },
      { transport: "tcp", address: "127.0.0.1", port: 5060 },
    ])
    .describe(
      "Where it listens: udp:address:port and tcp:address:port, IPv6 in brackets; port 0 takes a free one.",
    ),
  instanceName: z
    .string()
    .regex(
      /^[A-Za-z0-9](?:[A-Za-z0-9.-]{0,100}[A-Za-z0-9])?$/,
      "is no host name: write one like sip-1.example.org",
    )
    .optional()
    .describe(
      "The name in our Via. One that stays over restarts lets peers recognise what is sent again. Default: the instance.",
    ),
  realm: domainName
    .optional()
    .describe(
      "The realm of digest for all accounts. Default: the domain of the account, so that stored ha1 values fit.",
    ),
  algorithms: z
    .array(z.enum(algorithms))
    .min(1)
    .default(["MD5", "SHA-256"])
    .describe(
      "Digest algorithms that are offered, in this order. Many phones read the first only, and that must be MD5 for them.",
    ),
  holdResponse: duration
    .default(400)
    .describe(
      "How long the answer to a MESSAGE waits for a refusal, to be the real one; then 202. 0s: 202 at once.",
    ),
  maxMessageBytes: z
    .int()
    .min(1000)
    .max(262_144)
    .default(131_072)
    .describe("Bytes of a MESSAGE body; more is answered 413."),
  registration: z
    .strictObject({
      min: duration.default(60_000).describe("The shortest registration; less is answered 423."),
      default: duration.default(3_600_000).describe("What a phone gets that asks for nothing."),
      max: duration.default(86_400_000).describe("The longest; more is cut."),
      bindings: z
        .int()
        .min(1)
        .max(100)
        .default(10)
        .describe("Contacts of one account; more are answered 403."),
    })
    .prefault({})
    .describe("How long and how often a phone may be registered."),
  separator: z
    .strictObject({
      sign: z
        .string()
        .regex(/^[*!~=+$&]$/, "is no sign that can stand there: write one of * ! ~ = + $ &")
        .describe("What is written for the inner @: bob*xmpp.example@gw.example."),
      domains: z
        .array(domainName)
        .min(1)
        .transform((domains): ReadonlySet<string> => new Set(domains))
        .describe("In the user parts of these domains only: gateway.domain, as a rule."),
    })
    .optional()
    .describe(
      "For proxies that reject %40 in a user part. Without it: bob%40xmpp.example@gw.example, which is read either way.",
    ),
  trusted: z
    .array(networkAddress)
    .default([])
    .describe("Addresses of proxies whose P-Asserted-Identity is believed (RFC 3325). Nobody else's is."),
  foreign: z
    .boolean()
    .default(false)
    .describe(
      "true lets senders of other SIP domains, whom nobody vouches for, write to our people. Never through us to others.",
    ),
  trustRegisteredFlow: z
    .boolean()
    .default(false)
    .describe(
      "true takes a MESSAGE from where its account is registered without asking for a password. Over UDP that can be forged.",
    ),
  sourceRate: z
    .int()
    .positive()
    .default(20_000)
    .describe(
      "SIP messages per second that one network address may send; more are dropped unread and counted.",
    ),
  idle: duration
    .default(900_000)
    .describe("A TCP connection on which nothing happens for so long is closed."),
  dns: z
    .array(z.string())
    .default([])
    .describe("DNS servers (address or address:port) for RFC 3263. Default: those of the system."),
});
export type SipConfig = z.output<typeof SipConfig>;
