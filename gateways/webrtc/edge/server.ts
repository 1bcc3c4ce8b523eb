// The server: one port for pages and for WebSocket at /webrtcgateway/ws, subprotocol sylkRTC-2. RFC 6455 §4.2.
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";
import type { WebConfig } from "../config.ts";
import { type Connection, closeCodes } from "./connection.ts";
import type { Pages } from "./pages.ts";

export const socketPath = "/webrtcgateway/ws";
export const subprotocol = "sylkRTC-2";

// A request whose head has not come by then is cut off.
const headersTimeoutMs = 10_000;
// A browser that does not answer the close within this is cut off.
const closeTimeoutMs = 1000;

export interface Server {
  /** Where it listens, with the port that it really has. */
  readonly address: string;
  readonly port: number;
  /** Stops accepting, closes all connections, and resolves when the port is free. */
  close(): Promise<void>;
}

export interface ServerHandlers {
  readonly pages: Pages | undefined;
  open(socket: WebSocket, stream: Duplex, source: string): Connection;
  refused(why: string): void;
}

/** Opens the port. Rejects when it is taken. */
export async function openServer(config: WebConfig, handlers: ServerHandlers): Promise<Server> {
  const perSource = new Map<string, number>();
  const connections = new Set<Connection>();
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: config.limits.frameBytes,
    handleProtocols: () => subprotocol,
    perMessageDeflate: false,
  });
  const http = createServer({ headersTimeout: headersTimeoutMs }, (request, response) => {
    if (handlers.pages === undefined) response.writeHead(404).end();
    else handlers.pages(request, response);
  });

  const refuse = (socket: Duplex, status: string, why: string): void => {
    handlers.refused(why);
    socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
  };

  http.on("upgrade", (request: IncomingMessage, socket: Socket, head: Buffer) => {
    socket.on("error", () => socket.destroy());
    const source = sourceOf(request, config.proxies);
    const fault = faultOf(request, config.origins);
    if (fault !== undefined) return refuse(socket, fault.status, fault.why);
    const count = perSource.get(source) ?? 0;
    if (count >= config.limits.connectionsPerSource)
      return refuse(socket, "429 Too Many Requests", "too many connections");
    perSource.set(source, count + 1);
    socket.once("close", () => {
      const left = (perSource.get(source) ?? 1) - 1;
      if (left === 0) perSource.delete(source);
      else perSource.set(source, left);
    });
    sockets.handleUpgrade(request, socket, head, (opened) => {
      const connection = handlers.open(opened, socket, source);
      connections.add(connection);
      opened.once("close", () => connections.delete(connection));
    });
  });

  await new Promise<void>((resolve, reject) => {
    http.once("error", reject);
    http.listen(config.listen.port, config.listen.host, resolve);
  });
  const { port } = http.address() as AddressInfo;
  const host = config.listen.host.includes(":") ? `[${config.listen.host}]` : config.listen.host;
  return {
    address: `${host}:${port}`,
    port,
    async close() {
      const closed = new Promise<void>((resolve) => http.close(() => resolve()));
      for (const connection of connections) connection.close(closeCodes.goingAway, "the server goes down");
      const late = setTimeout(() => {
        for (const client of sockets.clients) client.terminate();
        http.closeAllConnections();
      }, closeTimeoutMs);
      for (const client of sockets.clients)
        client.once("close", () => sockets.clients.size === 0 && http.closeAllConnections());
      if (sockets.clients.size === 0) http.closeAllConnections();
      await closed;
      clearTimeout(late);
    },
  };
}

function faultOf(
  request: IncomingMessage,
  origins: readonly string[],
): { status: string; why: string } | undefined {
  if ((request.url ?? "").split("?", 1)[0] !== socketPath)
    return { status: "404 Not Found", why: "wrong path" };
  const offered = (request.headers["sec-websocket-protocol"] ?? "").split(",").map((name) => name.trim());
  if (!offered.includes(subprotocol)) return { status: "406 Not Acceptable", why: "subprotocol not offered" };
  const { origin, host } = request.headers;
  // Only browsers send an Origin; it guards people against pages of others, not the server against programs.
  if (origin === undefined || origins.includes("*") || origins.includes(origin)) return undefined;
  if (origins.length === 0 && (origin === `http://${host}` || origin === `https://${host}`)) return undefined;
  return { status: "403 Forbidden", why: "origin not allowed" };
}

function sourceOf(request: IncomingMessage, proxies: readonly string[]): string {
  const peer = request.socket.remoteAddress ?? "unknown";
  if (!proxies.includes(peer)) return peer;
  const forwarded = String(request.headers["x-forwarded-for"] ?? "")
    .split(",")
    .at(-1)
    ?.trim();
  return forwarded === undefined || forwarded === "" ? peer : forwarded;
}
