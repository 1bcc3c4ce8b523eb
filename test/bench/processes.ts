// CPU time and memory of processes, from /proc (Linux).
import { readFileSync } from "node:fs";

/** Clock ticks per second that /proc counts in; 100 on every Linux that Debian builds. */
const ticksPerSecond = 100;

export interface Usage {
  readonly cpuMs: number;
  /** Memory of its own, and its share of what it has in common with others (PSS). */
  readonly memoryMiB: number;
}

/** What a process and its descendants have used so far. Throws when the process is gone. */
export function usage(pid: number): Usage {
  let sum = { cpuMs: cpuMs(pid), memoryMiB: memoryMiB(pid) };
  for (const child of children(pid)) {
    const more = ofChild(child);
    sum = { cpuMs: sum.cpuMs + more.cpuMs, memoryMiB: sum.memoryMiB + more.memoryMiB };
  }
  return sum;
}

const children = (pid: number): number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean).map(Number);

// A child may end while it is looked at; then its parent has its time.
function ofChild(pid: number): Usage {
  try {
    return usage(pid);
  } catch {
    return { cpuMs: 0, memoryMiB: 0 };
  }
}

function cpuMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return ((Number(fields[11]) + Number(fields[12])) * 1000) / ticksPerSecond;
}

function memoryMiB(pid: number): number {
  const share = /^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))?.[1];
  return Number(share ?? 0) / 1024;
}

/** Middle of several figures. */
export const median = (figures: readonly number[]): number =>
  [...figures].sort((a, b) => a - b)[Math.floor(figures.length / 2)] ?? Number.NaN;

/** The value that `share` (0 to 1) of all figures do not exceed. */
export function percentile(figures: readonly number[], share: number): number {
  const sorted = [...figures].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
