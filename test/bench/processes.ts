// CPU time and memory of processes, from /proc (Linux).
import { readFileSync } from "node:fs";

/** Clock ticks per second that /proc counts in; 100 on every Linux that Debian builds. */
const ticksPerSecond = 100;

export interface Usage {
  readonly cpuMs: number;
  readonly residentMiB: number;
}

/** What a process and the children that it waits for have used so far. */
export function usage(pid: number): Usage {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const cpuMs = ((Number(fields[11]) + Number(fields[12])) * 1000) / ticksPerSecond;
  const resident = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return { cpuMs, residentMiB: Number(resident ?? 0) / 1024 };
}

/** Middle of several figures. */
export const median = (figures: readonly number[]): number =>
  [...figures].sort((a, b) => a - b)[Math.floor(figures.length / 2)] ?? Number.NaN;

/** The value that `share` (0 to 1) of all figures do not exceed. */
export function percentile(figures: readonly number[], share: number): number {
  const sorted = [...figures].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
