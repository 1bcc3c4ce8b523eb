// The lock of a checkout: one launcher at a time. A file made by link(2), which one process wins; it names the holder.
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

export interface Holder {
  readonly pid: number;
  /** When that process began, in the kernel's ticks: a pid alone may be another's by now. Empty where it cannot be read. */
  readonly began: string;
  readonly guardian?: number;
  readonly since: string;
}

export interface Lock {
  /** Notes the guardian's pid: while it still cleans up after us, the checkout is held. */
  guardedBy(pid: number): void;
  release(): void;
}

/** How long a guardian may still be at work for a launcher that was killed. */
const guardianMs = 20_000;

/** Takes the lock, or answers who holds it. A lock whose holder is gone is taken over, after its guardian has ended. */
export async function takeLock(path: string): Promise<{ lock: Lock } | { heldBy: Holder }> {
  const deadline = performance.now() + guardianMs;
  for (;;) {
    const mine = { pid: process.pid, began: began(process.pid), since: new Date().toISOString() };
    if (create(path, mine)) return { lock: lockOf(path, mine) };
    const holder = readHolder(path);
    if (holder === undefined) {
      await sleep(20);
      if (performance.now() > deadline)
        throw new Error(`the lock ${path} is there but not readable; remove it by hand`);
      continue;
    }
    if (lives(holder.pid) && began(holder.pid) === holder.began) return { heldBy: holder };
    if (holder.guardian !== undefined && lives(holder.guardian) && performance.now() < deadline) {
      await sleep(50);
      continue;
    }
    moveAway(path, holder);
  }
}

function lockOf(path: string, mine: Holder): Lock {
  return {
    guardedBy(guardian) {
      const temporary = `${path}.${process.pid}`;
      writeFileSync(temporary, JSON.stringify({ ...mine, guardian }), { mode: 0o600 });
      renameSync(temporary, path);
    },
    release() {
      if (readHolder(path)?.pid === process.pid) rmSync(path, { force: true });
    },
  };
}

function create(path: string, holder: Holder): boolean {
  const temporary = `${path}.${process.pid}`;
  writeFileSync(temporary, JSON.stringify(holder), { mode: 0o600 });
  try {
    linkSync(temporary, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  } finally {
    rmSync(temporary, { force: true });
  }
}

/** Two starters may both see a dead holder: only a lock that still names him is moved away. */
function moveAway(path: string, dead: Holder): void {
  const aside = `${path}.stale.${process.pid}`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw error;
  }
  const moved = readHolder(aside);
  if (moved?.pid !== dead.pid || moved.began !== dead.began) linkSync(aside, path);
  rmSync(aside, { force: true });
}

function readHolder(path: string): Holder | undefined {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as Holder;
  } catch {
    // Absent, or just being replaced: the caller tries again.
    return undefined;
  }
}

function lives(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** Field 22 of /proc/PID/stat (proc(5)); the name in field 2 may hold blanks, so counted from its closing bracket. */
function began(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "";
  } catch {
    // No /proc on this system: the pid alone must do.
    return "";
  }
}
