// Questions to a zod schema: what is at this path, which keys may be there, how is it described. For messages and samples.
import { z } from "zod";
import type { Path } from "./config-path.ts";

/** Wrappers (optional, default, transform …) taken off; what is really to be written. */
export function core(schema: z.core.$ZodType): z.core.$ZodType {
  let now = schema;
  for (;;) {
    if (
      now instanceof z.ZodOptional ||
      now instanceof z.ZodNullable ||
      now instanceof z.ZodDefault ||
      now instanceof z.ZodPrefault ||
      now instanceof z.ZodReadonly ||
      now instanceof z.ZodCatch
    ) {
      now = now.unwrap();
    } else if (now instanceof z.ZodPipe) now = now.in;
    else return now;
  }
}

/** The description, from the outermost wrapper that has one. */
export function describe(schema: z.core.$ZodType): string | undefined {
  let now = schema;
  for (;;) {
    const found = z.globalRegistry.get(now)?.description;
    if (found !== undefined) return found;
    const inner = unwrapOnce(now);
    if (inner === undefined) return undefined;
    now = inner;
  }
}

function unwrapOnce(schema: z.core.$ZodType): z.core.$ZodType | undefined {
  if (schema instanceof z.ZodPipe) return schema.in;
  if (
    schema instanceof z.ZodOptional ||
    schema instanceof z.ZodNullable ||
    schema instanceof z.ZodDefault ||
    schema instanceof z.ZodPrefault ||
    schema instanceof z.ZodReadonly ||
    schema instanceof z.ZodCatch
  ) {
    return schema.unwrap();
  }
  return undefined;
}

/** The schemas that may be meant by one step down: several below a union. */
export function step(schema: z.core.$ZodType, key: string | number): z.core.$ZodType[] {
  const here = core(schema);
  if (here instanceof z.ZodObject) {
    const shape: Readonly<Record<string, z.core.$ZodType>> = here.shape;
    const found = Object.hasOwn(shape, key) ? shape[key] : undefined;
    return found ? [found] : [];
  }
  if (here instanceof z.ZodRecord) return [here.valueType];
  if (here instanceof z.ZodArray) return [here.element];
  if (here instanceof z.ZodUnion) return here.options.flatMap((option: z.core.$ZodType) => step(option, key));
  return [];
}

/** All schemas that may be meant at a path. */
export const schemasAt = (schema: z.core.$ZodType, path: Path): z.core.$ZodType[] =>
  path.reduce<z.core.$ZodType[]>((now, key) => now.flatMap((one) => step(one, key)), [schema]);

/** The keys that may be written here; undefined where any may (a record) or none (a plain value). */
export function keysOf(schema: z.core.$ZodType): string[] | undefined {
  const here = core(schema);
  if (here instanceof z.ZodObject) return Object.keys(here.shape);
  if (here instanceof z.ZodUnion) {
    const keys = here.options.flatMap((option: z.core.$ZodType) => keysOf(option) ?? []);
    return keys.length > 0 ? [...new Set<string>(keys)] : undefined;
  }
  return undefined;
}

/** Paths of keys that no schema knows, however tolerant it is: a key that does nothing is a mistake. */
export function unknownKeys(schema: z.core.$ZodType, value: unknown, at: Path = []): Path[] {
  if (Array.isArray(value)) {
    return value.flatMap((item, index) => below(schema, index, item, at));
  }
  if (typeof value !== "object" || value === null) return [];
  const known = keysOf(schema);
  return Object.entries(value).flatMap(([key, item]) =>
    known !== undefined && !known.includes(key) ? [[...at, key]] : below(schema, key, item, at),
  );
}

function below(schema: z.core.$ZodType, key: string | number, value: unknown, at: Path): Path[] {
  // Below a union a key is unknown only if no branch knows it.
  const branches = step(schema, key).map((branch) => unknownKeys(branch, value, [...at, key]));
  return branches.sort((a, b) => a.length - b.length)[0] ?? [];
}

/** `foreign:` with nothing behind it is a group without keys, not nothing: its defaults apply. */
export function fillGroups(schema: z.core.$ZodType, value: unknown): unknown {
  const here = core(schema);
  if (value === null && (here instanceof z.ZodObject || here instanceof z.ZodRecord)) return {};
  if (Array.isArray(value)) return value.map((item, index) => fillBelow(schema, index, item));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, fillBelow(schema, key, item)]));
}

function fillBelow(schema: z.core.$ZodType, key: string | number, value: unknown): unknown {
  const [inner] = step(schema, key);
  return inner ? fillGroups(inner, value) : value;
}
