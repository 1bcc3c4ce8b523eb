// parley.yaml as text: YAML 1.2 with the line of every key, so that a problem can be pointed at.
import { readFileSync } from "node:fs";
import { type Document, isMap, isPair, isSeq, LineCounter, type Node, parseDocument } from "yaml";
import type { Path } from "./config-path.ts";
import type { Problem } from "./problem.ts";

/** Bytes of a configuration; a larger file is some other file. */
export const configBytes = 16 * 1024 * 1024;

export interface ConfigFile {
  readonly path: string;
  readonly text: string;
  readonly raw: Readonly<Record<string, unknown>>;
  /** The line of a key or list entry, from 1; of what is not there, the line of the nearest thing around it. */
  lineOf(path: Path): number;
}

/** Reads the file. Problems: unreadable, too large, no YAML, not a list of sections. */
export function readConfigFile(path: string): { file: ConfigFile; problems: Problem[] } {
  let text = "";
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    const message = code === "ENOENT" ? "there is no such file" : `cannot be read (${code})`;
    const remedy = "name the right file with --config or PARLEY_CONFIG, and see that this user may read it";
    return {
      file: parseConfigFile(path, "").file,
      problems: [{ file: path, line: 1, path: "", message, remedy }],
    };
  }
  return parseConfigFile(path, text);
}

/** The same for a text that is already here. */
export function parseConfigFile(path: string, text: string): { file: ConfigFile; problems: Problem[] } {
  const lines = new LineCounter();
  const problem = (line: number, message: string, remedy: string): Problem => ({
    file: path,
    line,
    path: "",
    message,
    remedy,
  });
  const empty: ConfigFile = { path, text, raw: {}, lineOf: () => 1 };
  if (Buffer.byteLength(text) > configBytes) {
    return { file: empty, problems: [problem(1, "is larger than 16 MiB", "name the right file")] };
  }
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true });
  const errors = document.errors.map((error) =>
    problem(
      lines.linePos(error.pos[0]).line,
      `is no YAML: ${error.message}`,
      "look for indentation, a missing quote or colon, or a key written twice",
    ),
  );
  if (errors.length > 0) return { file: empty, problems: errors };
  const raw = toPlain(document);
  if (raw === null) {
    return { file: empty, problems: [problem(1, "is empty", "begin with a section, like `domains:`")] };
  }
  if (typeof raw !== "object" || Array.isArray(raw)) {
    return {
      file: empty,
      problems: [problem(1, "is not a list of sections", "begin with a section, like `domains:`")],
    };
  }
  const lineOf = (at: Path): number => lineIn(document, lines, at);
  return { file: { path, text, raw: { ...raw }, lineOf }, problems: [] };
}

function toPlain(document: Document): unknown {
  try {
    return document.toJS({ maxAliasCount: 100 });
  } catch {
    // Aliases that multiply without end: treated as no configuration at all.
    return "too many aliases";
  }
}

function lineIn(document: Document, lines: LineCounter, path: Path): number {
  let node: unknown = document.contents;
  let offset = isNode(node) ? start(node) : 0;
  for (const step of path) {
    const found = child(node, step);
    if (found === undefined) break;
    offset = found.offset;
    node = found.node;
  }
  return lines.linePos(offset).line;
}

const isNode = (value: unknown): value is Node =>
  typeof value === "object" && value !== null && "range" in value;
const start = (node: unknown): number => (isNode(node) ? (node.range?.[0] ?? 0) : 0);

function child(node: unknown, step: string | number): { node: unknown; offset: number } | undefined {
  if (isMap(node)) {
    const pair = node.items.find((item) => isPair(item) && keyText(item.key) === String(step));
    return pair && { node: pair.value, offset: start(pair.key) };
  }
  const item = isSeq(node) ? node.items[Number(step)] : undefined;
  return item === undefined ? undefined : { node: item, offset: start(item) };
}

const keyText = (key: unknown): string =>
  typeof key === "object" && key !== null && "value" in key ? String(key.value) : String(key);
