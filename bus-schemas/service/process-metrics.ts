// What every process shows of itself: memory, processor time, and how long its event loop makes others wait.
import { monitorEventLoopDelay } from "node:perf_hooks";
import type { OpenLog } from "./log.ts";
import type { Metrics } from "./service.ts";

/** Declares the metrics of the process itself; the returned function stops the measuring. */
export function declareProcessMetrics(metrics: Metrics, log: OpenLog): () => void {
  const delay = monitorEventLoopDelay({ resolution: 20 });
  delay.enable();
  metrics.gauge("process_resident_bytes", "Memory that the system has given to the process", () =>
    process.memoryUsage.rss(),
  );
  metrics.gauge("process_heap_bytes", "JavaScript heap in use", () => process.memoryUsage().heapUsed);
  metrics.gauge("process_cpu_seconds", "Processor time used since the start", () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  });
  metrics.gauge(
    "process_loop_delay_seconds",
    "99th percentile of the delay of the event loop since the last scrape",
    () => {
      const seconds = delay.count === 0 ? 0 : delay.percentile(99) / 1e9;
      delay.reset();
      return seconds;
    },
  );
  metrics.gauge("process_log_dropped_lines", "Log lines that nobody read in time, dropped", () =>
    log.dropped(),
  );
  return () => delay.disable();
}
