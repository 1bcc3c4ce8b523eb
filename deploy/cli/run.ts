// parley run: one service in this process.
import { type LogLevel, logLevels } from "#bus-schemas/service/log.ts";
import { runService } from "#bus-schemas/service/run.ts";
import { loadMain, serviceFolders } from "./services.ts";
import { configPath, readArgs, UsageError } from "./usage.ts";

const isLevel = (text: string): text is LogLevel => (logLevels as readonly string[]).includes(text);

/** Runs until it is told to stop; ends the process itself, with the exit codes of runService. */
export async function run(args: readonly string[]): Promise<number> {
  const { values, positionals } = readArgs({
    args: [...args],
    options: { config: { type: "string" }, instance: { type: "string" }, "log-level": { type: "string" } },
    allowPositionals: true,
    strict: true,
  });
  const [name, ...more] = positionals;
  if (name === undefined || !Object.hasOwn(serviceFolders, name) || more.length > 0)
    throw new UsageError(`run takes one of: ${Object.keys(serviceFolders).join(", ")}`);
  const level = values["log-level"];
  if (level !== undefined && !isLevel(level))
    throw new UsageError(`--log-level is one of: ${logLevels.join(", ")}`);
  return runService(name, await loadMain(name), {
    config: configPath(values.config),
    ...(values.instance === undefined ? {} : { instance: values.instance }),
    ...(level === undefined ? {} : { logLevel: level }),
  });
}
