// One process of the house: started in a session of its own, its output in a file, known to the guardian.
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, readFileSync, statSync } from "node:fs";
import type { Guard, Kind } from "./guard.ts";

export interface Program {
  readonly command: string;
  readonly args: readonly string[];
  readonly kind: Kind;
  readonly env?: Readonly<Record<string, string>>;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface Running {
  readonly pid: number;
  readonly exited: Promise<Exit>;
  /** Undefined while it runs. */
  exit(): Exit | undefined;
  /** What it has written since this start. */
  output(): string;
  /** SIGTERM, and SIGKILL after `graceMs`. */
  stop(graceMs: number): Promise<Exit>;
}

/** Starts it. Rejects when there is no such program. */
export async function launch(name: string, program: Program, log: string, guard: Guard): Promise<Running> {
  const file = openSync(log, "a", 0o600);
  const from = statSync(log).size;
  const ours = program.kind === "ours";
  const child = spawn(program.command, program.args, {
    // Ours hold a pipe whose end tells them that the launcher is gone.
    stdio: [ours ? "pipe" : "ignore", file, file],
    // The terminal's Ctrl-C is for the launcher alone: it ends the parts in order.
    detached: true,
    env: { ...process.env, ...program.env, ...(ours ? { PARLEY_PARENT_PIPE: "1" } : {}) },
  });
  closeSync(file);
  const pid = await spawned(child, program.command);
  child.stdin?.on("error", () => undefined);
  guard.born(pid, program.kind, name);
  let exit: Exit | undefined;
  const exited = new Promise<Exit>((resolve) => {
    child.once("exit", (code, signal) => {
      exit = { code, signal };
      guard.gone(pid);
      resolve(exit);
    });
  });
  return {
    pid,
    exited,
    exit: () => exit,
    output: () => readFileSync(log).subarray(from).toString("utf8"),
    async stop(graceMs) {
      child.kill("SIGTERM");
      const late = setTimeout(() => child.kill("SIGKILL"), graceMs);
      return exited.finally(() => clearTimeout(late));
    },
  };
}

function spawned(child: ChildProcess, command: string): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once("error", (cause) => reject(new Error(`${command} does not start`, { cause })));
    child.once("spawn", () => resolve(child.pid ?? 0));
  });
}
