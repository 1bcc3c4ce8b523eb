// Starts a foreign server as a child, and sees to it that it ends: by its pid, with its parent, under a deadline.
import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface Child {
  readonly name: string;
  readonly pid: number;
  /** The file that holds its standard output and error. */
  readonly log: string;
  readonly running: boolean;
  readonly exited: Promise<Exit>;
  /** What it has written so far. */
  output(): string;
  /** Sends a signal, if it still runs. */
  signal(signal: NodeJS.Signals): void;
  /** SIGTERM (or `signal`), then SIGKILL after `graceMs`; resolves when it has ended. */
  stop(options?: { signal?: NodeJS.Signals; graceMs?: number }): Promise<Exit>;
  /** SIGKILL; resolves when it has ended. */
  kill(): Promise<Exit>;
}

export interface ChildOptions {
  /** For the log file and error texts. */
  readonly name: string;
  readonly command: string;
  readonly args?: readonly string[];
  /** Folder for the log; default: a private one that is removed when this process ends. */
  readonly dir?: string;
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** True when it can be used. Asked every 5 ms and up, with what it has written so far. Default: at once. */
  readonly ready?: (output: string) => boolean | Promise<boolean>;
  /** How long it may take until ready; default 10 s. */
  readonly withinMs?: number;
}

const running = new Set<number>();
let house: string | undefined;

process.on("exit", () => {
  for (const pid of running) tryKill(pid, "SIGKILL");
  if (house !== undefined) rmSync(house, { recursive: true, force: true });
});

/** A private folder (0700) under the system's, removed when this process ends, however it ends. */
export function privateFolder(name: string): string {
  house ??= openHouse();
  return mkdtempSync(join(house, `${name}-`));
}

/** One folder for all of this process, so that one watcher can remove it after a death without exit handlers. */
function openHouse(): string {
  const folder = mkdtempSync(join(tmpdir(), "parley-"));
  chmodSync(folder, 0o700);
  // The servers in it are killed at the same moment: it waits until they write no more.
  watch('read -r word; sleep 0.3; rm -rf -- "$1"', folder);
  return folder;
}

/**
 * Asks `probe` until it answers with something (not false, not undefined), every 5 ms at first, every 50 ms later.
 * Throws `what` after `withinMs`; a probe that throws ends the waiting with its error.
 */
export async function until<T>(
  what: string,
  probe: () => T | Promise<T>,
  withinMs = 10_000,
): Promise<Exclude<T, false | undefined>> {
  const deadline = performance.now() + withinMs;
  for (let pause = 5; ; pause = Math.min(50, pause * 1.5)) {
    const answer = await probe();
    if (answer !== false && answer !== undefined) return answer as Exclude<T, false | undefined>;
    if (performance.now() > deadline) throw new Error(`not within ${withinMs} ms: ${what}`);
    await sleep(pause);
  }
}

/** Starts a server and resolves when it is ready. If it ends or is late, rejects with the end of its log. */
export async function startChild(options: ChildOptions): Promise<Child> {
  const log = join(options.dir ?? privateFolder(options.name), `${options.name}.log`);
  const output = openSync(log, "a", 0o600);
  const process_ = spawn(options.command, options.args ?? [], {
    stdio: ["ignore", output, output],
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.env === undefined ? {} : { env: options.env }),
  });
  closeSync(output);
  const pid = await new Promise<number>((resolve, reject) => {
    process_.once("error", (cause) => reject(new Error(`${options.command} does not start`, { cause })));
    process_.once("spawn", () => resolve(process_.pid ?? 0));
  });
  const child = supervise(options.name, process_, pid, log);
  try {
    await until(
      `${options.name} is ready`,
      async () => {
        if (!child.running) throw new Error(`${options.name} has ended`);
        return (await options.ready?.(child.output())) ?? true;
      },
      options.withinMs,
    );
  } catch (cause) {
    await child.kill();
    throw new Error(`${String(cause)}; the end of its log:\n${child.output().slice(-2_000)}`, { cause });
  }
  return child;
}

function supervise(name: string, process_: ChildProcess, pid: number, log: string): Child {
  // A server that a test forgot must not hold the test's process: it ends with it.
  process_.unref();
  const exit = new Promise<Exit>((resolve) => {
    process_.once("exit", (code, signal) => resolve({ code, signal }));
  });
  const letGo = watchParent(pid);
  running.add(pid);
  const exited = exit.then((end) => {
    running.delete(pid);
    letGo();
    return end;
  });
  const child: Child = {
    name,
    pid,
    log,
    exited,
    get running() {
      return running.has(pid);
    },
    output: () => readFileSync(log, "utf8"),
    signal(signal) {
      if (running.has(pid)) tryKill(pid, signal);
    },
    async stop({ signal = "SIGTERM", graceMs = 5_000 } = {}) {
      process_.ref();
      child.signal(signal);
      const late = setTimeout(() => child.signal("SIGKILL"), graceMs);
      return exited.finally(() => clearTimeout(late));
    },
    kill() {
      process_.ref();
      child.signal("SIGKILL");
      return exited;
    },
  };
  return child;
}

/** A parent that is killed runs no exit handler, so a watcher kills the one pid it was given. */
function watchParent(pid: number): () => void {
  return watch('read -r word || kill -KILL "$1"', String(pid));
}

/**
 * A shell that waits on a pipe from this process: when the pipe closes without a word, this process is gone. The returned
 * function says the word.
 */
function watch(script: string, argument: string): () => void {
  const watcher = spawn("/bin/sh", ["-c", script, "parley-watcher", argument], {
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
  });
  watcher.on("error", (cause) => process.emitWarning(`no watcher for ${argument}: ${String(cause)}`));
  watcher.stdin.on("error", () => undefined);
  watcher.unref();
  // The pipe is a socket of ours: it must not keep this process alive either.
  (watcher.stdin as unknown as { unref?: () => void }).unref?.();
  return () => {
    watcher.stdin.end("ended\n");
  };
}

function tryKill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    // Already gone, which is what was wanted.
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
