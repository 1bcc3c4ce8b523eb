// Values that every section of parley.yaml spells alike: durations, listening addresses, domains, addresses, secrets.
import { z } from "zod";
import type { Address } from "../address.ts";
import { toAsciiDomain } from "../addresses/domain.ts";

const units = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const;

/** `400ms`, `30s`, `1d`; becomes milliseconds. */
export const duration = z
  .string()
  .regex(
    /^\d{1,9}(?:ms|s|m|h|d|w)$/,
    "is no duration: write a number and ms, s, m, h, d or w, like 400ms or 1d",
  )
  .transform((text) => Number.parseInt(text, 10) * units[text.replace(/\d+/, "") as keyof typeof units]);

/** Where a socket listens. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

const listenText = /^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+):(\d{1,5})$/;

/** `127.0.0.1:5060`, `[::1]:5060`, read; undefined if it is none. */
export function parseListen(text: string): ListenAddress | undefined {
  const [, host, port] = listenText.exec(text) ?? [];
  if (host === undefined || Number(port) > 65_535) return undefined;
  return { host: host.replace(/^\[|\]$/g, ""), port: Number(port) };
}

/** Becomes host (without brackets) and port; port 0 takes a free one. */
export const listenAddress = z.string().transform((text, context): ListenAddress => {
  const address = parseListen(text);
  if (address) return address;
  context.addIssue({
    code: "custom",
    message: "is no listening address: write address:port, like 127.0.0.1:5060",
  });
  return z.NEVER;
});

/** A domain of any script; becomes its canonical form (addresses/domain.ts). */
export const domainName = z.string().transform((text, context): string => {
  const domain = toAsciiDomain(text);
  if (domain.ok) return domain.value;
  context.addIssue({ code: "custom", message: `is no domain (${domain.error}): write one like sip.example` });
  return z.NEVER;
});

/** `local@domain`, without device; becomes an Address. The last `@` counts. */
export const addressText = z.string().transform((text, context): Address => {
  const at = text.lastIndexOf("@");
  const domain = toAsciiDomain(text.slice(at + 1));
  if (at > 0 && domain.ok && Buffer.byteLength(text) <= 2000)
    return { local: text.slice(0, at), domain: domain.value };
  context.addIssue({ code: "custom", message: "is no address: write name@domain, like alice@sip.example" });
  return z.NEVER;
});

/** The name of a carrier: sip, web, xmpp, rooms (hosted rooms), or irc- and the name of a network. */
export const carrierName = z
  .string()
  .regex(
    /^(?:sip|web|xmpp|rooms|irc-[a-z0-9][a-z0-9-]{0,26})$/,
    "is no carrier: write sip, web, xmpp, rooms or irc-<network>",
  );
