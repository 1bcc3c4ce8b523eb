// Real spans by OpenTelemetry, for a house with a collector. Loaded only then: the SDK costs start-up time and memory.
import {
  type Context as OtelContext,
  type Tracer as OtelTracer,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
} from "@opentelemetry/api";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { resourceFromAttributes } from "@opentelemetry/resources";
import {
  BasicTracerProvider,
  BatchSpanProcessor,
  ParentBasedSampler,
  type SpanExporter,
  TraceIdRatioBasedSampler,
} from "@opentelemetry/sdk-trace-base";
import type { Span } from "./service.ts";
import { type OpenTracer, parseTraceparent, type TelemetryOptions } from "./telemetry.ts";

/** Spans that may wait for the collector; beyond them spans are dropped, messages never wait. */
const waitingSpans = 8192;

/** A tracer whose spans go to `options.otlp`, or to `exporter` (tests: InMemorySpanExporter). */
export function openRecordingTracer(
  options: TelemetryOptions & { otlp: string },
  exporter: SpanExporter = new OTLPTraceExporter({ url: options.otlp }),
): OpenTracer {
  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes({
      "service.name": `parley-${options.service}`,
      "service.instance.id": options.instance,
    }),
    sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(options.ratio ?? 1) }),
    spanProcessors: [
      new BatchSpanProcessor(exporter, { maxQueueSize: waitingSpans, scheduledDelayMillis: 1000 }),
    ],
  });
  const tracer = provider.getTracer("parley");
  return {
    startSpan: (name, parent) => startSpan(tracer, name, parent),
    close: async (timeoutMs) => {
      // A collector that is away at the end loses the last spans: shutdown has a deadline that belongs to messages.
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, timeoutMs);
      });
      await Promise.race([provider.shutdown().catch(() => undefined), late]);
      clearTimeout(timer);
    },
  };
}

function startSpan(tracer: OtelTracer, name: string, parent: string | undefined): Span {
  const span = tracer.startSpan(name, { kind: SpanKind.INTERNAL }, contextOf(parent));
  const { traceId, spanId, traceFlags } = span.spanContext();
  return {
    traceparent: `00-${traceId}-${spanId}-${(traceFlags & 1) === 1 ? "01" : "00"}`,
    end: (facts) => {
      if (facts) span.setAttributes(facts);
      if (facts?.error !== undefined)
        span.setStatus({ code: SpanStatusCode.ERROR, message: String(facts.error) });
      span.end();
    },
  };
}

function contextOf(parent: string | undefined): OtelContext {
  const context = parent === undefined ? undefined : parseTraceparent(parent);
  if (!context) return ROOT_CONTEXT;
  const { traceId, spanId } = context;
  return trace.setSpanContext(ROOT_CONTEXT, {
    traceId,
    spanId,
    traceFlags: context.sampled ? 1 : 0,
    isRemote: true,
  });
}
