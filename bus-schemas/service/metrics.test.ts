// Metrics: what is counted is what Prometheus reads.
import { describe, expect, test } from "vitest";
import { openMetrics } from "./metrics.ts";

describe("metrics", () => {
  test("counters, histograms and gauges come out as Prometheus text, with service and instance", async () => {
    const metrics = await openMetrics({ service: "sip", instance: "sip-1" });
    const drops = metrics.counter("sip_dropped_packets", "Packets that were dropped, by reason");
    drops.add(2, { reason: "too-large" });
    drops.add(1, { reason: "too-large" });
    metrics.histogram("sip_handover_seconds", "From event to final response").record(0.003);
    let open = 3;
    metrics.gauge("sip_open_connections", "Connections that stand", () => open);
    expect(await metrics.text()).toContain('sip_open_connections{service="sip",instance="sip-1"} 3\n');
    open = 4;
    const text = await metrics.text();
    expect(text).toContain("# HELP sip_dropped_packets_total Packets that were dropped, by reason");
    expect(text).toContain(
      'sip_dropped_packets_total{reason="too-large",service="sip",instance="sip-1"} 3\n',
    );
    expect(text).toContain('le="0.005"} 1\n');
    expect(text).toContain('le="0.0025"} 0\n');
    expect(text).toContain('sip_open_connections{service="sip",instance="sip-1"} 4\n');
    await metrics.close();
  });

  test("a name without the service before it is found when it is declared", async () => {
    const metrics = await openMetrics({ service: "sip", instance: "sip-1" });
    expect(() => metrics.counter("drops", "…")).toThrow(/not a metric name/);
    expect(() => metrics.counter("sip-drops.total", "…")).toThrow(/not a metric name/);
    await metrics.close();
  });
});
