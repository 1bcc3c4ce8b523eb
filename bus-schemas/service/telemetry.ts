// Traces: one trace id per message through every process, in the bus header `traceparent` (W3C Trace Context §3.2), and OpenTelemetry spans where wanted.
import { randomFillSync } from "node:crypto";
import type { Tracer } from "./service.ts";

/** Where spans go, if they go anywhere. */
export interface TelemetryOptions {
  /** The OTLP/HTTP collector, `http://host:4318/v1/traces`. Without it no span is recorded, only trace ids are handed on. */
  readonly otlp?: string | undefined;
  /** Which part of new traces is recorded, 0 to 1; a trace that comes in recorded stays so. */
  readonly ratio?: number | undefined;
  readonly service: string;
  readonly instance: string;
}

export interface OpenTracer extends Tracer {
  /** Sends what waits, at most `timeoutMs`, and stops recording. */
  close(timeoutMs: number): Promise<void>;
}

/** What came in as `traceparent`, taken apart. */
export interface Context {
  readonly traceId: string;
  readonly spanId: string;
  readonly sampled: boolean;
}

const form = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?$/;

/**
 * Reads a traceparent, W3C Trace Context §3.2.2; undefined for one that must be ignored (§3.2.2.3: version ff, ids of
 * zeros, anything else than hex). Later versions are read as far as version 00 goes (§4.1).
 */
export function parseTraceparent(text: string): Context | undefined {
  if (text.length > 512) return undefined;
  const match = form.exec(text);
  const [, version, traceId, spanId, flags] = match ?? [];
  if (!version || !traceId || !spanId || !flags || version === "ff") return undefined;
  if (version === "00" && text.length !== 55) return undefined;
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined;
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1 };
}

const print = (traceId: string, spanId: string, sampled: boolean): string =>
  `00-${traceId}-${spanId}-${sampled ? "01" : "00"}`;

// Random bytes are drawn in blocks: one call for 170 spans instead of one each keeps a span at about a microsecond.
const pool = Buffer.allocUnsafe(4096);
let used = pool.length;

function randomHex(bytes: number): string {
  if (used + bytes > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const hex = pool.toString("hex", used, used + bytes);
  used += bytes;
  return hex;
}

/** A tracer that records nothing and hands the trace id on: the state of a house without a collector. */
export function quietTracer(): OpenTracer {
  return {
    startSpan: (_name, parent) => {
      const context = parent === undefined ? undefined : parseTraceparent(parent);
      // The caller's decision to record is handed on: someone behind us may record (§3.2.2.5).
      const traceparent = print(context?.traceId ?? randomHex(16), randomHex(8), context?.sampled ?? false);
      return { traceparent, end: () => undefined };
    },
    close: () => Promise.resolve(),
  };
}

/**
 * Opens the tracer of one process. The OpenTelemetry SDK is loaded only if there is a collector; spans are exported in
 * batches in the background, and a collector that is away costs spans, never messages.
 */
export async function openTracer(options: TelemetryOptions): Promise<OpenTracer> {
  if (options.otlp === undefined) return quietTracer();
  const { openRecordingTracer } = await import("./telemetry-export.ts");
  return openRecordingTracer({ ...options, otlp: options.otlp });
}
