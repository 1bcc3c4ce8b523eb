// The section `xmpp` of parley.yaml.
import { z } from "zod";
import { toAsciiDomain } from "#bus-schemas/addresses/domain.ts";

export const XmppConfig = z
  .object({
    host: z
      .string()
      .default("127.0.0.1")
      .describe("Where the XMPP server listens for components (XEP-0114)."),
    port: z.int().min(1).max(65_535).default(5347).describe("The server's component port."),
    secret: z
      .string()
      .min(1)
      .describe(
        "The component secret that the XMPP server has for our domains; better in PARLEY_XMPP_SECRET.",
      ),
    domains: z
      .array(z.string().refine((domain) => toAsciiDomain(domain).ok, "not a domain name"))
      .max(1_000)
      .optional()
      .describe(
        "The domains to serve as components. Default: all domains as which our people appear on XMPP.",
      ),
    ack: z
      .enum(["auto", "require", "off"])
      .default("auto")
      .describe(
        "Acknowledged streams over mod_parley_ack. auto: if the server has it; require: connect only then; off: plain, inbound best effort.",
      ),
    maxStanza: z
      .int()
      .min(10_000)
      .max(8 * 1024 * 1024)
      .default(524_288)
      .describe(
        "Longest stanza that is read, in characters; a longer one ends the stream (RFC 6120 §13.12).",
      ),
  })
  .describe("The link to one XMPP server, for which Parley is an external component on every domain.");
export type XmppConfig = z.infer<typeof XmppConfig>;
