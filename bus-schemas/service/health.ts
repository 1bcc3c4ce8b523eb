// Health and metrics over HTTP: /health (200 or 503, JSON by parts) and /metrics (Prometheus text). Loopback unless configured.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { type AddressInfo, isIPv6 } from "node:net";
import type { ListenAddress } from "./config-values.ts";
import type { Clock } from "./service.ts";

/** How a part of the process fares, and since when. */
interface Part {
  readonly well: boolean;
  readonly why?: string;
  readonly since: number;
}

interface Report {
  readonly service: string;
  readonly instance: string;
  readonly well: boolean;
  readonly stopping: boolean;
  readonly parts: Readonly<Record<string, Part>>;
}

/** The parts of one process and how they fare. */
export interface Health {
  set(part: string, well: boolean, why?: string): void;
  /** From now on not well: load balancers and people see that it goes. */
  stopping(): void;
  report(): Report;
}

/** Opens the record of parts. Well = no part is unwell and the process is not stopping. */
export function openHealth(who: { service: string; instance: string }, clock: Clock): Health {
  const parts = new Map<string, Part>();
  let stopping = false;
  return {
    set: (part, well, why) => {
      const before = parts.get(part);
      const since = before?.well === well ? before.since : clock.now();
      parts.set(part, why === undefined ? { well, since } : { well, why, since });
    },
    stopping: () => {
      stopping = true;
    },
    report: () => ({
      ...who,
      well: !stopping && [...parts.values()].every((part) => part.well),
      stopping,
      parts: Object.fromEntries(parts),
    }),
  };
}

export interface HealthServer {
  /** `http://127.0.0.1:40123`, with the real port. */
  readonly url: string;
  close(): Promise<void>;
}

/** Connections at a time; a scraper and an operator need a handful. More are refused. */
const mostConnections = 32;

/** Serves health and metrics at `listen`; port 0 takes a free one. Rejects if it cannot listen there. */
export async function serveHealth(
  { host, port }: ListenAddress,
  health: Health,
  metrics: () => Promise<string>,
): Promise<HealthServer> {
  const server = createServer((request, response) => void answer(request, response, health, metrics));
  server.maxConnections = mostConnections;
  server.requestTimeout = 5_000;
  await listening(server, host, port);
  const bound = server.address() as AddressInfo;
  return {
    url: `http://${isIPv6(bound.address) ? `[${bound.address}]` : bound.address}:${bound.port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function listening(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause) =>
      reject(new Error(`cannot listen for health on ${host}:${port}`, { cause })),
    );
    server.listen(port, host, () => resolve());
  });
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  health: Health,
  metrics: () => Promise<string>,
): Promise<void> {
  const path = (request.url ?? "").split("?", 1)[0];
  const send = (status: number, type: string, body: string): void => {
    response.writeHead(status, { "content-type": type, "cache-control": "no-store" }).end(body);
  };
  if (request.method !== "GET" && request.method !== "HEAD") return send(405, "text/plain", "GET only\n");
  if (path === "/health") {
    const report = health.report();
    return send(report.well ? 200 : 503, "application/json", `${JSON.stringify(report, undefined, 2)}\n`);
  }
  if (path !== "/metrics") return send(404, "text/plain", "/health and /metrics are here\n");
  try {
    send(200, "text/plain; version=0.0.4; charset=utf-8", await metrics());
  } catch (error) {
    send(500, "text/plain", `${String(error)}\n`);
  }
}
