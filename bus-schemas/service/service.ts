// What any process of the house is given: configuration, bus, clock, log, telemetry, and one signal that ends it all.
import type { z } from "zod";
import type { Bus } from "../bus/port.ts";
import type { Courier, CourierOptions, Gateway } from "../delivery/courier.ts";
import type { Directory } from "../directory.ts";

/** Time has one door. */
export interface Clock {
  /** Milliseconds since 1970; may jump. For stamps only. */
  now(): number;
  /** Milliseconds since some moment; never jumps. For durations, leases, time-outs. */
  monotonic(): number;
  /** Calls once after `delayMs`; the returned function cancels. */
  after(delayMs: number, call: () => void): () => void;
  /** Resolves after `delayMs`, or rejects when the signal aborts. */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>;
}

/** JSON lines: a constant message, facts as fields. Bodies and secrets never. */
export interface Log {
  trace(facts: object, message: string): void;
  debug(facts: object, message: string): void;
  info(facts: object, message: string): void;
  warn(facts: object, message: string): void;
  error(facts: object, message: string): void;
  child(facts: object): Log;
}

export interface Counter {
  add(amount: number, labels?: Record<string, string>): void;
}
export interface Histogram {
  record(value: number, labels?: Record<string, string>): void;
}
/** Metrics are declared, with their meaning, at the head of the edge file that moves them: `<service>_<noun>_<unit>`. */
export interface Metrics {
  counter(name: string, meaning: string): Counter;
  histogram(name: string, meaning: string): Histogram;
  /** Read when scraped. */
  gauge(name: string, meaning: string, read: () => number): void;
}

/** The trail of a message through this process, for `parley trace`: what, when; kept in a bounded ring. */
export interface Trail {
  note(message: string, step: string, facts?: Record<string, string | number | boolean>): void;
}

/** One piece of a message's way through this process. Its `traceparent` (W3C Trace Context §3.2) rides in the headers of what follows from it. */
export interface Span {
  readonly traceparent: string;
  /** Called once; facts are of the kind that a log may hold. */
  end(facts?: Readonly<Record<string, string | number | boolean>>): void;
}
/** One trace id from the first packet to the last. */
export interface Tracer {
  /** A child of `parent` (the `traceparent` header of what is being handled), or the first span of a new trace. */
  startSpan(name: string, parent?: string): Span;
}

export interface Service {
  /** `sip`, `xmpp` … */
  readonly name: string;
  /** Unique while it runs; a restarted process may have the same one (it takes its own claims over). */
  readonly instance: string;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly trail: Trail;
  readonly tracer: Tracer;
  /** Domains, homes, faces, accounts, people; follows changes of parley.yaml without a restart. */
  readonly directory: Directory;
  /** One section of parley.yaml, validated; a mistake ends the process with file, line and remedy. */
  section<T extends z.ZodType>(name: string, schema: T): z.output<T>;
  /** Called with every new valid content of that section while the process runs; one with mistakes is logged and not in force. */
  onSection<T extends z.ZodType>(name: string, schema: T, changed: (value: z.output<T>) => void): void;
  /** Opens the courier for one carrier. */
  courier(options: CourierOptions, gateway: Gateway): Promise<Courier>;
  /** Called at shutdown in reverse order of registration, under a deadline. */
  onStop(what: string, stop: () => Promise<void> | void): void;
  /** What /health answers: `part` is well or not, and why. */
  health(part: string, well: boolean, why?: string): void;
  /** Aborted when the process is to end. */
  readonly signal: AbortSignal;
}
