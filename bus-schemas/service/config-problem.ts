// What is wrong with a configuration, in one line: where, what, and what to write instead.
import type { z } from "zod";
import type { ConfigFile } from "./config-file.ts";
import type { Path } from "./config-path.ts";
import { describe, fillGroups, keysOf, schemasAt, unknownKeys } from "./config-schema.ts";
import type { Problem } from "./problem.ts";

/** Thrown where a process cannot start: its message is all problems, one a line. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly problems: readonly Problem[];
  constructor(problems: readonly Problem[]) {
    super(problems.map(printProblem).join("\n"));
    this.problems = problems;
  }
}

/** `parley.yaml:12: xmpp.secret is missing - write …` */
export function printProblem(problem: Problem): string {
  const where = problem.line === 0 ? problem.file : `${problem.file}:${problem.line}`;
  const what = problem.path === "" ? problem.message : `${problem.path} ${problem.message}`;
  return `${where}: ${what} - ${problem.remedy}`.replace(/[\r\n]+/g, " ");
}

/** `accounts[3].address`; keys with dots in quotes. */
export const printPath = (path: Path): string =>
  path
    .map((key, index) => {
      if (typeof key === "number") return `[${key}]`;
      const plain = /^[A-Za-z0-9_-]+$/.test(key) ? key : JSON.stringify(key);
      return index === 0 ? plain : `.${plain}`;
    })
    .join("");

/** Where a value comes from. */
export interface Place {
  readonly file: ConfigFile;
  /** The path of the value in the file. */
  readonly at: Path;
  /** Environment variables that set something, by printed path. */
  readonly variables: ReadonlyMap<string, string>;
}

/** A problem at a path, in the file or in the environment variable that set it. */
export function problemAt(place: Place, path: Path, message: string, remedy: string): Problem {
  const full = printPath(path);
  const variable = place.variables.get(full);
  if (variable !== undefined) return { file: variable, line: 0, path: full, message, remedy };
  return { file: place.file.path, line: place.file.lineOf(path), path: full, message, remedy };
}

/** Validates, and says everything that is wrong at once: keys that mean nothing, then values. */
export function checkValue<T extends z.ZodType>(
  schema: T,
  written: unknown,
  place: Place,
): { value: z.output<T> | undefined; problems: Problem[] } {
  const value = fillGroups(schema, written);
  const unknown = unknownKeys(schema, value).map((path) => unknownKey(schema, path, place));
  const parsed = schema.safeParse(value);
  const wrong = parsed.success
    ? []
    : parsed.error.issues.flatMap((issue) => wrongValue(schema, value, issue, place));
  const problems = [...unknown, ...wrong];
  return { value: parsed.success && problems.length === 0 ? parsed.data : undefined, problems };
}

function unknownKey(schema: z.ZodType, path: Path, place: Place): Problem {
  const known = schemasAt(schema, path.slice(0, -1)).flatMap((one) => keysOf(one) ?? []);
  const near = nearest(String(path.at(-1)), known);
  const remedy = near ? `did you mean ${near}?` : `the keys here are: ${known.join(", ")}`;
  return problemAt(place, [...place.at, ...path], "is not a key that is known here", remedy);
}

function wrongValue(schema: z.ZodType, value: unknown, issue: z.core.$ZodIssue, place: Place): Problem[] {
  // Already told, with a remedy.
  if (issue.code === "unrecognized_keys") return [];
  if (issue.code === "invalid_union") {
    const branch = bestBranch(issue.errors);
    const inner = branch.map((one) => ({ ...one, path: [...issue.path, ...one.path] }));
    if (inner.length > 0) return inner.flatMap((one) => wrongValue(schema, value, one, place));
  }
  const path = issue.path.map((key) => (typeof key === "number" ? key : String(key)));
  const about = schemasAt(schema, path)
    .map(describe)
    .find((text) => text !== undefined);
  const [message, remedy] = say(issue, valueAt(value, path), about);
  return [problemAt(place, [...place.at, ...path], message, remedy)];
}

// Of a union's branches the one that came furthest is the one that was meant.
function bestBranch(branches: readonly (readonly z.core.$ZodIssue[])[]): readonly z.core.$ZodIssue[] {
  const depth = (branch: readonly z.core.$ZodIssue[]): number =>
    Math.max(0, ...branch.map((issue) => issue.path.length));
  return [...branches].sort((a, b) => depth(b) - depth(a) || a.length - b.length)[0] ?? [];
}

function valueAt(value: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (now, key) =>
      typeof now === "object" && now !== null ? (now as Record<string | number, unknown>)[key] : undefined,
    value,
  );
}

function say(
  issue: z.core.$ZodIssue,
  value: unknown,
  about: string | undefined,
): [message: string, remedy: string] {
  const meaning = about ? ` (${about.replace(/\.$/, "")})` : "";
  switch (issue.code) {
    case "invalid_type":
      return value === undefined
        ? ["is missing", `write ${article[issue.expected] ?? issue.expected}${meaning}`]
        : [`is ${nameOf(value)}`, `write ${article[issue.expected] ?? issue.expected}${meaning}`];
    case "invalid_value":
      return [
        value === undefined ? "is missing" : "is not one of the allowed values",
        `write one of: ${issue.values.map(String).join(", ")}`,
      ];
    case "too_small":
      return ["is too small or too short", `write at least ${issue.minimum}${meaning}`];
    case "too_big":
      return ["is too large or too long", `write at most ${issue.maximum}${meaning}`];
    case "invalid_key":
      return splitMessage(issue.issues[0]?.message ?? "is no key that may stand here", meaning);
    default:
      return splitMessage(issue.message, meaning);
  }
}

// Messages of our own schemas say both: `is no duration: write a number and …`.
function splitMessage(text: string, meaning: string): [string, string] {
  const colon = text.indexOf(": ");
  if (colon < 0) return [`is wrong: ${text}`, `correct it${meaning}`];
  return [text.slice(0, colon), text.slice(colon + 2)];
}

const article: Readonly<Record<string, string>> = {
  string: "a text, in quotes if it looks like a number",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  array: "a list",
  object: "keys with values",
  record: "keys with values",
};

function nameOf(value: unknown): string {
  if (value === null) return "empty";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "a group of keys";
  return typeof value === "string" ? "a text" : typeof value === "boolean" ? "true or false" : "a number";
}

/** The closest of the known words, if it is close enough to be a slip. */
function nearest(word: string, known: readonly string[]): string | undefined {
  const ranked = known
    .map((one) => ({ one, far: distance(word.toLowerCase(), one.toLowerCase()) }))
    .sort((a, b) => a.far - b.far);
  const best = ranked[0];
  return best && best.far <= Math.max(1, Math.floor(best.one.length / 3)) ? best.one : undefined;
}

/** Levenshtein; words are short, longer ones are cut. */
function distance(a: string, b: string): number {
  const [s, t] = [a.slice(0, 40), b.slice(0, 40)];
  let row = Array.from({ length: t.length + 1 }, (_, i) => i);
  for (let i = 1; i <= s.length; i++) {
    const next = [i];
    for (let j = 1; j <= t.length; j++) {
      const swap = (row[j - 1] ?? 0) + (s[i - 1] === t[j - 1] ? 0 : 1);
      next.push(Math.min((next[j - 1] ?? 0) + 1, (row[j] ?? 0) + 1, swap));
    }
    row = next;
  }
  return row[t.length] ?? 0;
}
