// The log: JSON lines on standard output. Messages are constant, facts are fields; secrets and bodies are cut out.
import pino from "pino";
import type { Log } from "./service.ts";

export const logLevels = ["trace", "debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof logLevels)[number];

/** Bytes that may wait for a reader of our output that is slow; beyond them lines are dropped and counted, work goes on. */
const waitingLogBytes = 4 * 1024 * 1024;

// Whatever a caller lets slip in by one of these names does not get out. Two levels deep, as facts are flat records.
const secretNames = [
  "password",
  "secret",
  "token",
  "ha1",
  "authorization",
  "credentials",
  "cookie",
  "body",
  "text",
  "excerpt",
];

/** What a log writes to: standard output, or a test's memory. */
export interface LogSink {
  write(line: string): void;
}

export interface OpenLog extends Log {
  /** Lines that were dropped because nobody read them. */
  dropped(): number;
  /** Writes what waits; for the moment before the process ends. */
  flush(): void;
}

/**
 * Opens the log of one process. `facts` (service, instance) are on every line; the constant message is `msg`. Time is `time`, milliseconds since 1970;
 * `level` is a word. Level trace is the wire trace: an edge masks bodies there unless they are asked for.
 */
export function openLog(options: { level: LogLevel; facts: object; sink?: LogSink }): OpenLog {
  const stdout = options.sink
    ? undefined
    : pino.destination({ fd: 1, sync: false, maxLength: waitingLogBytes });
  let dropped = 0;
  stdout?.on("drop", () => {
    dropped += 1;
  });
  // A reader that went away (a closed terminal, a broken pipe) must not end a gateway: its lines count as dropped.
  stdout?.on("error", () => {
    dropped += 1;
  });
  const root = pino(
    {
      level: options.level,
      base: { ...options.facts },
      messageKey: "msg",
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: secretNames.flatMap((name) => [name, `*.${name}`]), censor: "[cut]" },
      serializers: { error: plainError, err: plainError, cause: plainError },
    },
    options.sink ?? stdout ?? pino.destination(1),
  );
  return Object.assign(wrap(root), {
    dropped: () => dropped,
    flush: () => {
      try {
        stdout?.flushSync();
      } catch {
        // Nobody reads any more, or nothing was open yet: there is no one left to tell.
        dropped += 1;
      }
    },
  });
}

function wrap(logger: pino.Logger): Log {
  return {
    trace: (facts, message) => logger.trace(facts, message),
    debug: (facts, message) => logger.debug(facts, message),
    info: (facts, message) => logger.info(facts, message),
    warn: (facts, message) => logger.warn(facts, message),
    error: (facts, message) => logger.error(facts, message),
    child: (facts) => wrap(logger.child(facts)),
  };
}

// How far back causes are followed, so that a circle of causes ends.
const deepestCause = 5;

/** An error as facts: name, message, stack, code, and its causes in the same way. Other values as their text. */
export function plainError(thrown: unknown, depth = 0): unknown {
  if (!(thrown instanceof Error)) return typeof thrown === "object" ? String(thrown) : thrown;
  const code = "code" in thrown && typeof thrown.code === "string" ? { code: thrown.code } : {};
  const cause =
    thrown.cause !== undefined && depth < deepestCause ? { cause: plainError(thrown.cause, depth + 1) } : {};
  return { name: thrown.name, message: thrown.message, ...code, stack: thrown.stack, ...cause };
}
