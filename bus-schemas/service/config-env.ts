// Environment variables that override parley.yaml: PARLEY_XMPP_SECRET is xmpp.secret, PARLEY_SIP_HOLD_RESPONSE sip.holdResponse.
import { parse } from "yaml";
import { z } from "zod";
import type { Path } from "./config-path.ts";
import { printPath } from "./config-problem.ts";
import { core, keysOf, schemasAt } from "./config-schema.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

const prefix = "PARLEY_";

/**
 * The value with every variable set whose name leads to a key of the schema or of the value itself. Texts are taken as they
 * are; other kinds are read as YAML, lists also as words with commas. Variables that lead nowhere are somebody else's.
 */
export function applyOverrides(
  value: unknown,
  schema: z.ZodType,
  env: Environment,
  at: Path,
): { value: unknown; variables: ReadonlyMap<string, string> } {
  const variables = new Map<string, string>();
  let now = value;
  for (const [name, text] of Object.entries(env)) {
    if (!name.startsWith(prefix) || text === undefined) continue;
    const words = name.slice(prefix.length).toLowerCase().split("_");
    const inside = dropPrefix(words, at);
    const path = inside && find(schema, now, inside, []);
    if (!path) continue;
    variables.set(printPath([...at, ...path]), name);
    now = set(now, path, read(text, schemasAt(schema, path)));
  }
  return { value: now, variables };
}

function dropPrefix(words: readonly string[], at: Path): readonly string[] | undefined {
  return at.every((key, index) => words[index] === key) && words.length > at.length
    ? words.slice(at.length)
    : undefined;
}

const plain = (key: string): string => key.toLowerCase().replace(/[^a-z0-9]/g, "");

// The longest run of words that is a key here wins, then the rest below it.
function find(
  schema: z.core.$ZodType,
  value: unknown,
  words: readonly string[],
  path: Path,
): Path | undefined {
  if (words.length === 0) return path;
  const present =
    typeof value === "object" && value !== null && !Array.isArray(value) ? Object.keys(value) : [];
  const keys = [...(keysOf(schema) ?? []), ...present];
  for (let count = words.length; count > 0; count--) {
    const run = words.slice(0, count).join("");
    const key = keys.find((one) => plain(one) === run);
    if (key === undefined) continue;
    const inner = schemasAt(schema, [key])[0] ?? z.unknown();
    const found = find(
      inner,
      present.includes(key) ? (value as Record<string, unknown>)[key] : undefined,
      words.slice(count),
      [...path, key],
    );
    if (found) return found;
  }
  return undefined;
}

function set(value: unknown, path: Path, leaf: unknown): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return leaf;
  const record = typeof value === "object" && value !== null ? { ...(value as Record<string, unknown>) } : {};
  record[key] = set(record[key], rest, leaf);
  return record;
}

function read(text: string, schemas: readonly z.core.$ZodType[]): unknown {
  const kinds = schemas.map(core);
  if (kinds.every((kind) => kind instanceof z.ZodString || kind instanceof z.ZodEnum)) return text;
  const parsed = tryYaml(text);
  const list = kinds.some((kind) => kind instanceof z.ZodArray);
  return list && typeof parsed === "string" ? parsed.split(",").map((word) => word.trim()) : parsed;
}

function tryYaml(text: string): unknown {
  try {
    return parse(text);
  } catch {
    // Not YAML: the schema says what it should have been.
    return text;
  }
}
