// Prints deploy/parley.sample.yaml from the schemas: every key with its meaning and its default. Run it to renew the file.
import { writeFileSync } from "node:fs";
import { stringify } from "yaml";
import { z } from "zod";
import { houseConfig } from "#bus-schemas/service/config.ts";
import { core, describe } from "#bus-schemas/service/config-schema.ts";
import { RoomsConfig } from "../../conference-svc/config.ts";
import { Config as IrcConfig } from "../../gateways/irc/config.ts";
import { SipConfig } from "../../gateways/sip/config.ts";
import { WebConfig } from "../../gateways/webrtc/config.ts";
import { XmppConfig } from "../../gateways/xmpp/config.ts";
import { examples } from "./sample-examples.ts";

export const sampleFile = new URL("../../deploy/parley.sample.yaml", import.meta.url);

/** The sections of the services, by name. */
export const sections = {
  sip: SipConfig,
  xmpp: XmppConfig,
  irc: IrcConfig,
  web: WebConfig,
  conference: RoomsConfig,
};

const head = `# parley.yaml with every key there is. Lines that begin with #- are keys at their default, or keys left out: take the
# #- away to set them. Environment variables override: PARLEY_XMPP_SECRET is xmpp.secret. parley check says what is wrong.
# Printed by test/contract/print-sample-config.ts.
`;

const titles: Readonly<Record<string, string>> = {
  sip: "The gateway for SIP phones and proxies.",
  xmpp: "The gateway for XMPP.",
  irc: "The gateway for IRC networks.",
  web: "The gateway for browsers.",
  conference: "The service of hosted rooms; needs a domain whose home is rooms.",
};

/** The whole file. */
export function printSample(): string {
  const house = Object.entries(houseConfig.shape).map(([key, schema]) => printKey(key, schema, [], ""));
  const services = Object.entries(sections).map(
    ([key, schema]) =>
      comment(describe(schema) ? undefined : titles[key], "") + printKey(key, schema, [], ""),
  );
  return [head, ...house, ...services].join("\n");
}

type Schema = z.core.$ZodType;

// Width of comments; YAML has none of its own.
const width = 110;

function printKey(key: string, schema: Schema, path: readonly string[], indent: string): string {
  const here = [...path, key];
  const example = examples[here.join(".")];
  const name = /^[\w-]+$/.test(key) ? key : JSON.stringify(key);
  const meaning = comment(describe(schema), indent);
  const kind = core(schema);
  if (example !== undefined) return `${meaning}${keysBelow(kind, indent)}${value(name, example, indent)}`;
  if (kind instanceof z.ZodObject && isEntered(schema)) {
    return `${meaning}${indent}${name}:\n${entries(kind, here, `${indent}  `)}`;
  }
  const fallback = defaultOf(schema);
  const shown = fallback === undefined ? "" : ` ${inline(fallback)}`;
  return `${meaning}${keysBelow(kind, indent)}${indent}#- ${name}:${shown}\n`;
}

function entries(schema: z.ZodObject, path: readonly string[], indent: string): string {
  const shape: Readonly<Record<string, Schema>> = schema.shape;
  return Object.entries(shape)
    .map(([key, inner]) => printKey(key, inner, path, indent))
    .join("");
}

/** A group is written out unless it may be left out and then means nothing. */
const isEntered = (schema: Schema): boolean => !(schema instanceof z.ZodOptional);

/** Wrapped, each line with its `# `; `deeper` sets the text further in. */
function comment(text: string | undefined, indent: string, deeper = ""): string {
  if (text === undefined) return "";
  const room = width - indent.length - deeper.length - 2;
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + word.length < room) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines.map((line, index) => `${indent}# ${deeper}${index === 0 ? "" : "  "}${line}\n`).join("");
}

/** The keys inside a list, a record, or one form of a choice: as comments, as there is nothing to set them on. */
function keysBelow(kind: Schema, indent: string, deeper = "  "): string {
  const inner = insideOf(kind);
  if (inner instanceof z.ZodUnion) {
    return inner.options.map((option: Schema) => keysBelow(core(option), indent, deeper)).join("");
  }
  if (!(inner instanceof z.ZodObject)) return "";
  const shape: Readonly<Record<string, Schema>> = inner.shape;
  return Object.entries(shape)
    .map(([key, schema]) => {
      const fallback = defaultOf(schema);
      const shown =
        fallback === undefined || inline(fallback) === "{}" ? "" : ` Default: ${inline(fallback)}.`;
      const about = (describe(schema) ?? "").replace(/([^.])$/, "$1.");
      return (
        comment(`${key}: ${about}${shown}`, indent, deeper) + keysBelow(core(schema), indent, `${deeper}  `)
      );
    })
    .join("");
}

function insideOf(kind: Schema): Schema {
  if (kind instanceof z.ZodArray) return core(kind.element);
  return kind instanceof z.ZodRecord ? core(kind.valueType) : kind;
}

const value = (name: string, example: unknown, indent: string): string =>
  stringify({ [name]: example }, { lineWidth: 0, flowCollectionPadding: true, collectionStyle: "any" })
    .trimEnd()
    .split("\n")
    .map((line) => `${indent}${line}\n`)
    .join("");

/** The default as one would write it: durations with their unit, listeners as text. */
function defaultOf(schema: Schema): unknown {
  if (schema instanceof z.ZodDefault) return written(schema.def.defaultValue, core(schema));
  if (schema instanceof z.ZodPrefault) return schema.def.defaultValue;
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable) return defaultOf(schema.unwrap());
  return schema instanceof z.ZodPipe ? defaultOf(schema.in) : undefined;
}

const units = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1000],
] as const;

function written(now: unknown, kind: Schema): unknown {
  if (typeof now === "number" && kind instanceof z.ZodString) {
    const unit = units.find(([, size]) => now >= size && now % size === 0);
    return unit ? `${now / unit[1]}${unit[0]}` : `${now}ms`;
  }
  if (Array.isArray(now) && kind instanceof z.ZodArray)
    return now.map((item) => written(item, core(kind.element)));
  if (typeof now !== "object" || now === null || !("port" in now)) return now;
  const host = String("host" in now ? now.host : "address" in now ? now.address : "127.0.0.1");
  const transport = "transport" in now ? `${String(now.transport)}:` : "";
  return `${transport}${host.includes(":") ? `[${host}]` : host}:${String(now.port)}`;
}

const inline = (fallback: unknown): string => JSON.stringify(fallback);

if (import.meta.main) writeFileSync(sampleFile, printSample());
