// The launcher's end of the guardian: tells it which processes there are, so that none outlives a killed launcher.
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

export type Kind = "server" | "ours";

export interface Guard {
  readonly pid: number;
  born(pid: number, kind: Kind, name: string): void;
  gone(pid: number): void;
  /** Lets the guardian go; all children must have ended. */
  close(): Promise<void>;
}

/** Starts the guardian. `lock`: the file that it removes if it has to do the launcher's last duty. */
export async function openGuard(lock: string): Promise<Guard> {
  const script = fileURLToPath(new URL("guardian.mjs", import.meta.url));
  const child = spawn(process.execPath, [script, lock], {
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
  });
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const pid = await new Promise<number>((resolve, reject) => {
    child.once("error", (cause) => reject(new Error("the guardian does not start", { cause })));
    child.once("spawn", () => resolve(child.pid ?? 0));
  });
  // A guardian that was killed cannot be told anything; the launcher itself still ends its children in order.
  child.stdin.on("error", () => undefined);
  return {
    pid,
    born: (born, kind, name) => void child.stdin.write(`+${born} ${kind} ${name}\n`),
    gone: (gone) => void child.stdin.write(`-${gone}\n`),
    close: async () => {
      child.stdin.end();
      await ended;
    },
  };
}
