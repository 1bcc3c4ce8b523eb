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

const msrpListen = z.string().transform((text, context) => {
  const match = /^(msrps?):(.+)$/.exec(text);
  const at = match?.[2] === undefined ? undefined : parseListen(match[2]);
  if (at !== undefined)
    return {
      transport: match?.[1] === "msrps" ? ("msrps" as const) : ("msrp" as const),
      address: at.host,
      port: at.port,
    };
  context.addIssue({
    code: "custom",
    message: "is no MSRP listener: write msrp: or msrps: and address:port, like msrp:127.0.0.1:2855",
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
  contactHost: z
    .string()
    .regex(
      /^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9](?:[A-Za-z0-9.-]{0,250}[A-Za-z0-9])?)$/,
      "is no host name or address",
    )
    .optional()
    .describe(
      "The host under which this instance alone is reached, for the Contact of rooms. Default: the address it listens on.",
    ),
  msrp: z
    .strictObject({
      listen: z
        .array(msrpListen)
        .default([{ transport: "msrp", address: "127.0.0.1", port: 0 }])
        .describe(
          "Where MSRP sessions come in: msrp:address:port and, with tls, msrps:address:port. Port 0 takes a free one; none: no rooms.",
        ),
      host: z
        .string()
        .min(1)
        .max(253)
        .optional()
        .describe("The host in our MSRP URIs. Default: the address that is listened on."),
      tls: z
        .strictObject({
          key: z.string().describe("The file of the private key, PEM."),
          cert: z.string().describe("The file of the certificate, PEM."),
        })
        .optional()
        .describe("For msrps. Phones compare the certificate with the fingerprint in our description."),
      maxSize: z
        .int()
        .min(1_000)
        .max(10_485_760)
        .default(131_072)
        .describe("Bytes of one MSRP message; more is answered 413."),
    })
    .prefault({})
    .describe("Messaging sessions (RFC 4975), which rooms are made of."),
  rooms: z
    .strictObject({
      history: z
        .int()
        .min(0)
        .max(200)
        .default(20)
        .describe("How many of the room's last messages one who comes in is shown."),
      hold: duration
        .default(10_000)
        .describe(
          "How long the answer to what was said waits for the room; then it is 200, and a failure comes as a REPORT. At most 20s.",
        ),
      notifyEvery: duration
        .default(5_000)
        .describe("The least time between two notices of the roster to one subscriber (RFC 4575 §3.8)."),
      sessionExpires: duration
        .default(1_800_000)
        .describe("How long a call into a room stands without being refreshed (RFC 4028); at least 90s."),
      subscription: z
        .strictObject({
          min: duration.default(60_000).describe("The shortest subscription; less is answered 423."),
          default: duration.default(3_600_000).describe("What is given to one who asks for nothing."),
          max: duration.default(86_400_000).describe("The longest; more is cut."),
        })
        .prefault({})
        .describe("Subscriptions to the roster."),
    })
    .prefault({})
    .describe("Rooms as SIP phones meet them."),
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
