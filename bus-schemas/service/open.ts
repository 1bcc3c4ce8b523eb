// Builds the Service of service.ts from its parts, in the order in which they need each other, and takes it down again.
import { hostname } from "node:os";
import type { Bucket, Bus } from "../bus/port.ts";
import type { Courier, CourierOptions, Gateway } from "../delivery/courier.ts";
import type { Directory } from "../directory.ts";
import { openClock } from "./clock.ts";
import type { ListenAddress } from "./config-values.ts";
import { type Health, type HealthServer, openHealth, serveHealth } from "./health.ts";
import type { OpenLog } from "./log.ts";
import { type OpenMetrics, openMetrics } from "./metrics.ts";
import { declareProcessMetrics } from "./process-metrics.ts";
import type { Service } from "./service.ts";
import { openStops, stopDeadlineMs } from "./shutdown.ts";
import { aboutKey, answerStatus, readStatus, type Status } from "./status.ts";
import { openTracer } from "./telemetry.ts";
import { answerTrace, openTrail } from "./trail.ts";

/** Of the whole ending, how much the couriers may take to finish what is under way. */
const courierDeadlineMs = 6_000;
/** How long the last spans may take. */
const tracerDeadlineMs = 500;

/** What a service stands on: configuration and bus. ground.ts brings the real one, tests bring their own. */
export interface Ground {
  readonly section: Service["section"];
  readonly onSection: Service["onSection"];
  readonly directory: Directory;
  /** Where /health and /metrics are. */
  readonly healthListen: ListenAddress;
  readonly telemetry: { readonly otlp?: string | undefined; readonly ratio?: number | undefined };
  readonly connect: (who: { instance: string; log: OpenLog; signal: AbortSignal }) => Promise<Bus>;
  readonly openCourier: (service: Service, options: CourierOptions, gateway: Gateway) => Promise<Courier>;
  /** Starts following changes of parley.yaml; the returned function stops it. */
  readonly follow: (log: OpenLog) => () => Promise<void> | void;
}

export interface Identity {
  readonly name: string;
  readonly instance: string;
  readonly version: string;
}

export interface OpenService {
  readonly service: Service;
  readonly health: Health;
  /** `http://127.0.0.1:<port>`. */
  readonly healthUrl: string;
  /**
   * Ends it: the signal (stop accepting, tell peers), then the couriers drain while sockets still stand, then everything
   * registered with onStop, last first, then health, telemetry and bus. Resolves with what failed or was late; never rejects.
   */
  close(deadlineMs?: number): Promise<string[]>;
}

/** Opens a service on its ground. If one part fails, those already open are closed and the error is thrown. */
export async function openService(identity: Identity, ground: Ground, log: OpenLog): Promise<OpenService> {
  const clock = openClock();
  const ending = new AbortController();
  const stops = openStops(clock, log);
  const who = { instance: identity.instance, service: identity.name };
  const health = openHealth(who, clock);
  // Nobody is to be sent here before main has opened its ports; who runs main says when.
  health.set("start", false, "starting");
  const couriers = new Map<string, Courier>();
  const close = async (deadlineMs = stopDeadlineMs): Promise<string[]> => {
    const began = clock.monotonic();
    health.stopping();
    if (!ending.signal.aborted) ending.abort(new Error("the process is to end"));
    const badCouriers = await closeCouriers(couriers, Math.min(courierDeadlineMs, deadlineMs), log);
    return [...badCouriers, ...(await stops.run(Math.max(0, deadlineMs - (clock.monotonic() - began))))];
  };
  try {
    const [metrics, tracer, bus] = await Promise.all([
      openMetrics({ service: identity.name, instance: identity.instance }),
      openTracer({ ...ground.telemetry, service: identity.name, instance: identity.instance }),
      ground.connect({ instance: identity.instance, log, signal: ending.signal }),
    ]);
    stops.add("bus", () => bus.close());
    stops.add("telemetry", () => tracer.close(tracerDeadlineMs));
    stops.add("metrics", () => metrics.close());
    const trail = openTrail(clock);
    const service: Service = {
      name: identity.name,
      instance: identity.instance,
      bus,
      clock,
      log,
      metrics,
      trail,
      tracer,
      directory: ground.directory,
      section: ground.section,
      onSection: ground.onSection,
      courier: async (options, gateway) => {
        const courier = await ground.openCourier(service, options, gateway);
        couriers.set(options.carrier, courier);
        return courier;
      },
      onStop: (what, stop) => stops.add(what, stop),
      health: (part, well, why) => health.set(part, well, why),
      signal: ending.signal,
    };
    stops.add("process metrics", declareProcessMetrics(metrics, log));
    stops.add("configuration", ground.follow(log));
    const readTrail = answerTrace(bus, who, trail);
    stops.add("trail", () => readTrail.stop());
    const server = await openHealthServer(ground, health, metrics, bus);
    stops.add("health", () => server.close());
    await announce(identity, bus, health, server.url, couriers, { started: clock.now(), stops });
    return { service, health, healthUrl: server.url, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function closeCouriers(
  couriers: Map<string, Courier>,
  deadlineMs: number,
  log: OpenLog,
): Promise<string[]> {
  const ends = await Promise.allSettled(
    [...couriers].map(async ([carrier, courier]) => {
      let timer: NodeJS.Timeout | undefined;
      // A little more than the courier was given: it is to say itself what it could not finish.
      const late = new Promise<never>((_, reject) => {
        timer = setTimeout(
          () => reject(new Error(`courier ${carrier} did not close in time`)),
          deadlineMs + 500,
        );
      });
      await Promise.race([courier.close(deadlineMs), late]).finally(() => clearTimeout(timer));
    }),
  );
  const bad = ends.filter((end) => end.status === "rejected");
  for (const end of bad) log.error({ error: end.reason }, "courier could not be closed in order");
  couriers.clear();
  return bad.map(() => "courier");
}

async function openHealthServer(
  ground: Ground,
  health: Health,
  metrics: OpenMetrics,
  bus: Bus,
): Promise<HealthServer> {
  const busHealth = (connected: boolean): void =>
    connected ? health.set("bus", true) : health.set("bus", false, "no connection to the bus");
  busHealth(bus.connected);
  bus.onConnection(busHealth);
  return serveHealth(ground.healthListen, health, () => metrics.text());
}

/** Tells the house that it is there: an entry in the bucket `instances`, and an answer to `parley status`. */
async function announce(
  identity: Identity,
  bus: Bus,
  health: Health,
  healthUrl: string,
  couriers: ReadonlyMap<string, Courier>,
  { started, stops }: { started: number; stops: { add(what: string, stop: () => Promise<void>): void } },
): Promise<void> {
  const status = (): Status => {
    const { well, stopping, parts } = health.report();
    const { instance, version } = identity;
    const place = {
      host: hostname(),
      pid: process.pid,
      started,
      carriers: [...couriers.keys()],
      health: healthUrl,
    };
    return { instance, service: identity.name, version, ...place, well, stopping, parts };
  };
  const bucket = await bus.bucket("instances");
  await forgetDead(bucket);
  await bucket.put(aboutKey(identity.instance), Buffer.from(JSON.stringify(status())));
  stops.add("announcement", () => bucket.remove(aboutKey(identity.instance)));
  const reader = answerStatus(bus, status);
  stops.add("status", () => reader.stop());
}

/** A killed process whose name holds its process id never comes back under it: the next one on this machine tidies up. */
async function forgetDead(bucket: Bucket): Promise<void> {
  for (const { key, value } of await bucket.list(aboutKey("*"))) {
    const status = readStatus(value);
    if (!status || status.host !== hostname() || !status.instance.endsWith(`-${status.pid}`)) continue;
    if (!runs(status.pid)) await bucket.remove(key);
  }
}

function runs(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it is another user's, and runs.
    return !(error instanceof Error && "code" in error && error.code === "ESRCH");
  }
}
