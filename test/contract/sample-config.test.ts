// deploy/parley.sample.yaml: printed from the schemas, valid as it stands, and its defaults are the defaults.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { checkConfig } from "#bus-schemas/service/check.ts";
import { readConfig, readSection } from "#bus-schemas/service/config.ts";
import { printProblem } from "#bus-schemas/service/config-problem.ts";
import { keysOf, describe as meaning, schemasAt } from "#bus-schemas/service/config-schema.ts";
import { printSample, sampleFile, sections } from "./print-sample-config.ts";

const folder = mkdtempSync(join(tmpdir(), "parley-sample-"));
afterAll(() => rmSync(folder, { recursive: true }));
const write = (text: string, name: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};
const lines = async (path: string): Promise<string[]> =>
  (await checkConfig(path, sections, { bind: false })).map(printProblem);

/** Everything that the file says, defaults included. */
function values(path: string): Record<string, unknown> {
  const reading = readConfig(path, {});
  const read = Object.entries(sections).map(([name, schema]) => [
    name,
    readSection(reading, name, schema).value,
  ]);
  return { house: reading.house, ...Object.fromEntries(read) };
}

test("is fresh; if not: node test/contract/print-sample-config.ts", () => {
  expect(readFileSync(sampleFile, "utf8")).toBe(printSample());
});

test("is right as it stands, and with every default written out says the same", async () => {
  const plain = write(printSample(), "plain.yaml");
  const written = write(printSample().replace(/#- (\S+: .*)$/gm, "$1"), "written.yaml");
  expect(readFileSync(written, "utf8")).not.toMatch(/#- \S+: /);
  expect(await lines(plain)).toEqual([]);
  expect(await lines(written)).toEqual([]);
  expect(values(written)).toEqual(values(plain));
});

describe.each(Object.entries(sections))("section %s", (_name, schema) => {
  test("has a meaning for each key", () => {
    const silent = (keysOf(schema) ?? []).filter((key) =>
      schemasAt(schema, [key]).every((one) => !meaning(one)),
    );
    // A group may speak through its keys.
    const groups = silent.filter((key) => schemasAt(schema, [key]).every((one) => keysOf(one) === undefined));
    expect(groups).toEqual([]);
  });
});
