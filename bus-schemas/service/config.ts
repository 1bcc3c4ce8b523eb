// The shared sections of parley.yaml, and how the file is read: what the bus is, who lives where, who has an account.
import { z } from "zod";
import { applyOverrides, type Environment } from "./config-env.ts";
import { type ConfigFile, readConfigFile } from "./config-file.ts";
import { checkValue } from "./config-problem.ts";
import { addressText, carrierName, domainName, duration, listenAddress } from "./config-values.ts";
import { logLevels } from "./log.ts";
import type { Problem } from "./problem.ts";

const busServer = z
  .string()
  .regex(/^(?:nats|tls|ws|wss):\/\/\S+$/, "is no bus server: write nats://host:port");

const Bus = z
  .strictObject({
    servers: z
      .array(busServer)
      .min(1)
      .default(["nats://127.0.0.1:4222"])
      .describe("The NATS servers, any of which will do."),
    token: z.string().min(1).optional().describe("The token that the NATS servers ask for."),
    storage: z
      .enum(["file", "memory"])
      .optional()
      .describe("Where the bus keeps messages. Default: file; memory on a bus that is volatile."),
    volatile: z
      .boolean()
      .default(false)
      .describe("true allows a bus in memory, for benches: a killed server loses what was accepted."),
    replicas: z
      .int()
      .min(1)
      .max(5)
      .default(1)
      .describe("On how many NATS servers each message is stored; 3 in a cluster of three."),
  })
  .refine((bus) => bus.storage !== "memory" || bus.volatile, {
    path: ["storage"],
    message:
      "keeps messages in memory only, so a killed server loses what was accepted: write file, or volatile: true for a bench",
  })
  .transform((bus) => ({
    ...bus,
    storage: bus.storage ?? (bus.volatile ? ("memory" as const) : ("file" as const)),
  }));

const Domain = z.strictObject({
  homes: z
    .array(carrierName)
    .min(1)
    .max(16)
    .describe(
      "What holds people of this domain, in the order in which it is tried: sip, web, xmpp, irc-<network>.",
    ),
  deliver: z
    .string()
    .regex(
      /^(?:any|all|prefer:[a-z][a-z0-9-]{0,30})$/,
      "is no way to deliver: write any, all, or prefer: with one of the homes, like prefer:xmpp",
    )
    .default("any")
    .describe(
      "any: the first home that takes a message; all: a copy to each; prefer:<home>: any, that home first.",
    ),
  elsewhere: carrierName
    .optional()
    .describe(
      "For rooms that somebody else hosts (homes: [rooms]): xmpp, if the domain is a MUC service. Our people enter them as themselves.",
    ),
  faces: z
    .record(carrierName, domainName)
    .default({})
    .describe(
      "As which domain these people appear on a carrier where their own domain belongs to somebody else's server.",
    ),
});

const hex = (digits: number) =>
  z
    .string()
    .regex(
      new RegExp(`^[0-9a-f]{${digits}}$`),
      `is no digest: write ${digits} hexadecimal digits in lower case`,
    );

const Account = z
  .strictObject({
    address: addressText.describe("The person's address; its domain needs sip or web among its homes."),
    password: z.string().min(1).max(1024).optional().describe("The password; or give ha1 instead."),
    ha1: z
      .strictObject({
        md5: hex(32).optional().describe("MD5 of user:realm:password."),
        sha256: hex(64).optional().describe("SHA-256 of user:realm:password."),
      })
      .optional()
      .describe("Digests instead of the password (RFC 7616 §3.4.2)."),
    display: z.string().max(200).optional().describe("The name shown to others."),
  })
  .refine((account) => account.password !== undefined || account.ha1?.md5 || account.ha1?.sha256, {
    message: "has no secret: give a password, or ha1 with md5 or sha256",
  });

const Foreign = z.strictObject({
  sip: z
    .boolean()
    .default(false)
    .describe("Whether domains that are not in the table may be reached by SIP."),
  xmpp: z
    .boolean()
    .default(false)
    .describe("Whether domains that are not in the table may be reached by XMPP."),
  trusted: z
    .array(domainName)
    .default([])
    .describe("Foreign domains whose people may write through this house to other foreign domains."),
});

const Lifetime = z.strictObject({
  default: duration.prefault("1d").describe("How long a message is tried if its sender asked for nothing."),
  most: duration.prefault("7d").describe("How long a sender may ask for at most."),
});

/** The shared sections; each gateway's own section has its schema in the gateway's config.ts. */
export const houseConfig = z.strictObject({
  state: z
    .string()
    .min(1)
    .default(".parley")
    .describe("The folder for what this machine keeps; relative to the file."),
  bus: Bus.prefault({}).describe("The bus on which everything travels."),
  gateway: z
    .strictObject({
      domain: domainName.describe("The domain of escaped addresses: carol\\40sip.other@gw.example."),
    })
    .optional()
    .describe("How people without a domain of their own on a protocol are met there."),
  domains: z.record(domainName, Domain).default({}).describe("The domain table: who lives where."),
  accounts: z.array(Account).max(100_000).default([]).describe("The accounts of the homes sip and web."),
  people: z
    .array(z.array(addressText).min(2).max(50))
    .max(100_000)
    .default([])
    .describe("Lists of addresses that belong to one person each."),
  foreign: Foreign.prefault({}).describe(
    "Which servers beyond the domain table may be reached. Default: none.",
  ),
  lifetime: Lifetime.prefault({}).describe("How long messages are tried."),
  health: z
    .strictObject({
      listen: listenAddress
        .prefault("127.0.0.1:0")
        .describe("Where /health and /metrics answer; port 0 takes a free one."),
    })
    .prefault({})
    .describe("What watches over the processes."),
  telemetry: z
    .strictObject({
      otlp: z
        .url()
        .optional()
        .describe("The OTLP/HTTP collector of traces, like http://127.0.0.1:4318/v1/traces."),
      ratio: z.number().min(0).max(1).default(1).describe("Which part of new traces is recorded."),
    })
    .prefault({})
    .describe("Where traces go. Default: nowhere."),
  log: z
    .strictObject({
      level: z.enum(logLevels).default("info").describe("From which level on the log is written."),
    })
    .prefault({})
    .describe("The log."),
});
export type HouseConfig = z.output<typeof houseConfig>;

/** The sections that belong to one service each. */
export const serviceSections = ["sip", "xmpp", "irc", "web", "conference", "presence", "media"] as const;

/** parley.yaml as far as it could be read. */
export interface ConfigReading {
  readonly file: ConfigFile;
  readonly env: Environment;
  /** The file as it stands, before defaults and environment. */
  readonly raw: Readonly<Record<string, unknown>>;
  /** Undefined if there is any problem in the shared sections. */
  readonly house: HouseConfig | undefined;
  readonly problems: readonly Problem[];
}

/** Reads the file and validates the shared sections. Never throws: a missing or broken file is a problem like any other. */
export function readConfig(path: string, env: Environment): ConfigReading {
  const { file, problems } = readConfigFile(path);
  if (problems.length > 0) return { file, env, raw: file.raw, house: undefined, problems };
  const services: ReadonlySet<string> = new Set(serviceSections);
  const shared = Object.fromEntries(Object.entries(file.raw).filter(([name]) => !services.has(name)));
  const overridden = applyOverrides(shared, houseConfig, env, []);
  const checked = checkValue(houseConfig, overridden.value, {
    file,
    at: [],
    variables: overridden.variables,
  });
  return { file, env, raw: file.raw, house: checked.value, problems: checked.problems };
}

/** One section, validated. An absent one is validated as an empty one: its schema says what must not be left out. */
export function readSection<T extends z.ZodType>(
  reading: ConfigReading,
  name: string,
  schema: T,
): { readonly value: z.output<T> | undefined; readonly problems: readonly Problem[] } {
  const overridden = applyOverrides(reading.raw[name] ?? {}, schema, reading.env, [name]);
  return checkValue(schema, overridden.value, {
    file: reading.file,
    at: [name],
    variables: overridden.variables,
  });
}
