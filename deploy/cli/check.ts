// parley check: whether the configuration is right, and what to write instead where it is not.
import type { z } from "zod";
import { checkConfig } from "#bus-schemas/service/check.ts";
import { printProblem } from "#bus-schemas/service/config-problem.ts";
import { loadSchema, serviceFolders } from "./services.ts";
import { plain } from "./table.ts";
import { configPath, readArgs, UsageError } from "./usage.ts";

/** Exit code 0 if all is well, 2 with one line for each problem on standard error. */
export async function check(args: readonly string[]): Promise<number> {
  const options = { config: { type: "string" }, running: { type: "boolean" } } as const;
  const { values, positionals } = readArgs({
    args: [...args],
    options,
    allowPositionals: true,
    strict: true,
  });
  const [file, ...more] = positionals;
  if (more.length > 0) throw new UsageError("check takes one file");
  const path = file ?? configPath(values.config);
  const sections: Record<string, z.ZodType> = {};
  for (const name of Object.keys(serviceFolders)) {
    const schema = await loadSchema(name);
    if (schema) sections[name] = schema;
  }
  const problems = await checkConfig(path, sections, { env: process.env, bind: !values.running });
  for (const problem of problems) process.stderr.write(`${plain(printProblem(problem))}\n`);
  if (problems.length === 0) process.stdout.write(`${path}: all is well\n`);
  return problems.length === 0 ? 0 : 2;
}
