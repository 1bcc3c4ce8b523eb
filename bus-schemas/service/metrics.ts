// Metrics by OpenTelemetry, shown as Prometheus text; health.ts serves it. Declared at the head of the edge files that move them.
import type { Metrics } from "./service.ts";

export interface OpenMetrics extends Metrics {
  /** All metrics as Prometheus text, exposition format 0.0.4. */
  text(): Promise<string>;
  close(): Promise<void>;
}

// The last word of a name is its unit, and the unit says which steps of a histogram are of use.
const steps: Readonly<Record<string, readonly number[]>> = {
  seconds: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
  ms: [0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000],
  bytes: [64, 256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576],
};
const otherSteps = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000];

/**
 * Opens the metrics of one process. The SDK is loaded here and not at import: it costs about 0.1 s, which other starting work
 * hides. `service` and `instance` become constant labels. More than 2,000 label sets of one metric fold into one "overflow" set.
 */
export async function openMetrics(options: { service: string; instance: string }): Promise<OpenMetrics> {
  const [{ MeterProvider }, { PrometheusExporter, PrometheusSerializer }, { resourceFromAttributes }] =
    await Promise.all([
      import("@opentelemetry/sdk-metrics"),
      import("@opentelemetry/exporter-prometheus"),
      import("@opentelemetry/resources"),
    ]);
  const reader = new PrometheusExporter({ preventServerStart: true });
  const resource = resourceFromAttributes({ service: options.service, instance: options.instance });
  const provider = new MeterProvider({ resource, readers: [reader] });
  const meter = provider.getMeter("parley");
  const serializer = new PrometheusSerializer(undefined, false, /^(service|instance)$/, true, true);
  return {
    counter: (name, meaning) => {
      const counter = meter.createCounter(checked(name), { description: meaning });
      return { add: (amount, labels) => counter.add(amount, labels) };
    },
    histogram: (name, meaning) => {
      const boundaries = [...(steps[name.slice(name.lastIndexOf("_") + 1)] ?? otherSteps)];
      const advice = { explicitBucketBoundaries: boundaries };
      const histogram = meter.createHistogram(checked(name), { description: meaning, advice });
      return { record: (value, labels) => histogram.record(value, labels) };
    },
    gauge: (name, meaning, read) => {
      meter
        .createObservableGauge(checked(name), { description: meaning })
        .addCallback((result) => result.observe(read()));
    },
    text: async () => {
      const { resourceMetrics, errors } = await reader.collect();
      if (errors.length > 0) throw new AggregateError(errors, "a gauge could not be read");
      return `${serializer.serialize(resourceMetrics)}\n`;
    },
    close: () => provider.shutdown(),
  };
}

/** A name is `<service>_<noun>_<unit>`, else it is our fault and found at the start. */
function checked(name: string): string {
  if (!/^[a-z][a-z0-9]*(_[a-z0-9]+)+$/.test(name)) throw new Error(`not a metric name: ${name}`);
  return name;
}
