// The published parser tests of ircdocs: splitting, joining, sources.
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { parse as parseYaml } from "yaml";
import type { Message } from "./message.ts";
import { parse } from "./parse.ts";
import { print } from "./print.ts";
import { parseSource } from "./source.ts";

const folder =
  process.env.PARLEY_VECTORS ?? fileURLToPath(new URL("../../../../shared/vectors", import.meta.url));
const there = existsSync(`${folder}/irc/parser-tests`);
if (!there) console.warn(`SKIPPED ALOUD: no vectors at ${folder}/irc/parser-tests (set PARLEY_VECTORS)`);

interface Atoms {
  tags?: Record<string, string>;
  source?: string;
  verb?: string;
  params?: string[];
  nick?: string;
  user?: string;
  host?: string;
}
interface Case {
  desc?: string;
  input?: string;
  source?: string;
  atoms: Atoms;
  matches?: string[];
}

const cases = (name: string): Case[] =>
  there ? parseYaml(readFileSync(`${folder}/irc/parser-tests/${name}.yaml`, "utf8")).tests : [];

describe.skipIf(!there)("ircdocs parser-tests", () => {
  test("are all there", () => {
    expect([cases("msg-split").length, cases("msg-join").length, cases("userhost-split").length]).toEqual([
      35, 18, 7,
    ]);
  });

  test.each(cases("msg-split"))("splits $input", ({ input = "", atoms }) => {
    const parsed = parse(input);
    if (!parsed.ok) throw new Error(parsed.error);
    expect({ ...parsed.value, tags: Object.fromEntries(parsed.value.tags) }).toEqual({
      tags: atoms.tags ?? {},
      source: atoms.source,
      command: atoms.verb?.toUpperCase(),
      params: atoms.params ?? [],
    });
  });

  test.each(cases("msg-join"))("joins: $desc", ({ atoms, matches }) => {
    const message: Message = {
      tags: new Map(Object.entries(atoms.tags ?? {})),
      source: atoms.source,
      command: atoms.verb ?? "",
      params: atoms.params ?? [],
    };
    const printed = print(message);
    if (!printed.ok) throw new Error(printed.error);
    expect(matches).toContain(printed.value);
  });

  test.each(cases("userhost-split"))("takes $source apart", ({ source = "", atoms }) => {
    expect(parseSource(source)).toEqual({ nick: "", user: "", host: "", ...atoms });
  });
});
