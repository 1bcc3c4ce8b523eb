// The MSRP stack: listens over TCP and TLS at once, connects, and knows all sessions (RFC 4975 §5.4, §14; RFC 6135).
import { randomBytes, X509Certificate } from "node:crypto";
import { createServer, isIPv6, connect as netConnect, type Server, type Socket } from "node:net";
import { createServer as createTlsServer, type TLSSocket, connect as tlsConnect } from "node:tls";
import type { Counter } from "#bus-schemas/service/service.ts";
import { msrpLimits } from "../../wire/msrp/limits.ts";
import { type MsrpUri, parseMsrpUri, printMsrpUri } from "../../wire/msrp/uri.ts";
import { MsrpConnection } from "./connection.ts";
import { msrpEdgeLimits } from "./limits.ts";
import {
  type Msrp,
  type MsrpConfig,
  MsrpFailure,
  type MsrpListen,
  type MsrpParts,
  type MsrpRelay,
  type MsrpSession,
  type RelayOptions,
  type SessionHandlers,
  type SessionOptions,
} from "./port.ts";
import { openRelay, Relay } from "./relay.ts";
import { Session, type SessionParts } from "./session.ts";

/** Opens the listeners in order. Rejects at the first that cannot be had, or when TLS is wanted without a certificate. */
export async function openMsrp(parts: MsrpParts, config: MsrpConfig): Promise<Msrp> {
  const stack = new Stack(parts, config);
  try {
    for (const listen of config.listen) await stack.listen(listen);
  } catch (error) {
    await stack.close();
    throw error;
  }
  return stack;
}

class Stack implements Msrp {
  readonly listening: MsrpListen[] = [];
  readonly fingerprint: string | undefined;
  readonly #parts: MsrpParts;
  readonly #config: MsrpConfig;
  readonly #servers: Server[] = [];
  readonly #connections = new Set<MsrpConnection>();
  /** Connections that we opened, by scheme, host, port and wanted certificates, while they stand or are set up. */
  readonly #outgoing = new Map<string, Promise<MsrpConnection>>();
  readonly #sessions = new Map<string, Session>();
  readonly #counters;
  #handshakes = 0;

  constructor(parts: MsrpParts, config: MsrpConfig) {
    this.#parts = parts;
    this.#config = config;
    if (config.tls !== undefined)
      this.fingerprint = `sha-256 ${new X509Certificate(config.tls.cert).fingerprint256}`;
    const { metrics } = parts;
    metrics.gauge("sip_msrp_connections_count", "MSRP connections that stand", () => this.#connections.size);
    metrics.gauge("sip_msrp_sessions_count", "MSRP sessions, bound or waiting", () => this.#sessions.size);
    this.#counters = {
      received: metrics.counter("sip_msrp_received_messages", "whole messages that came over MSRP"),
      sent: metrics.counter("sip_msrp_sent_messages", "messages written to MSRP sessions"),
      refused: metrics.counter("sip_msrp_refused_requests", "MSRP requests that were refused, by status"),
      "unasked-report": metrics.counter(
        "sip_msrp_unasked_reports",
        "REPORTs about nothing that we sent, dropped",
      ),
      sessions: metrics.counter("sip_msrp_ended_sessions", "MSRP sessions that ended, by reason"),
      connections: metrics.counter("sip_msrp_ended_connections", "MSRP connections that ended, by reason"),
      turnedAway: metrics.counter(
        "sip_msrp_turned_away_connections",
        "connections closed because there are too many",
      ),
    } satisfies Record<string, Counter>;
  }

  async listen(listen: MsrpListen): Promise<void> {
    const options = { noDelay: true };
    const server =
      listen.scheme === "msrp"
        ? createServer(options, (socket) => this.#accept(socket))
        : this.#tlsServer((socket) => this.#acceptTls(socket));
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen({ host: listen.address, port: listen.port, ipv6Only: true, exclusive: true }, () => {
        server.off("error", reject);
        resolve();
      });
    });
    server.on("error", (error) => this.#parts.log.error({ error }, "an MSRP listener is in trouble"));
    this.#servers.push(server);
    const bound = server.address();
    const port = typeof bound === "object" && bound !== null ? bound.port : listen.port;
    this.listening.push({ ...listen, port });
  }

  #tlsServer(accept: (socket: TLSSocket) => void): Server {
    const { tls } = this.#config;
    if (tls === undefined) throw new Error("an msrps listener needs a certificate");
    // Certificates of peers are mostly their own; what counts is the fingerprint in their signalling (RFC 4975 §14.4).
    const options = { ...tls, requestCert: true, rejectUnauthorized: false, minVersion: "TLSv1.2" } as const;
    const server = createTlsServer({ ...options, handshakeTimeout: msrpEdgeLimits.connectMs }, accept);
    server.on("connection", (socket: Socket) => this.#countHandshake(socket));
    server.on("tlsClientError", (_error, socket) => socket.destroy());
    return server;
  }

  #countHandshake(socket: Socket): void {
    if (this.#full()) return this.#turnAway(socket);
    this.#handshakes += 1;
    socket.once("close", () => {
      this.#handshakes -= 1;
    });
  }

  #full(): boolean {
    return Math.max(this.#connections.size, this.#handshakes) >= msrpEdgeLimits.connections;
  }

  #turnAway(socket: Socket): void {
    this.#counters.turnedAway.add(1);
    socket.destroy();
  }

  #accept(socket: Socket): void {
    if (this.#full()) this.#turnAway(socket);
    else this.#adopt(socket, { secure: false, fingerprint: undefined });
  }

  #acceptTls(socket: TLSSocket): void {
    this.#adopt(socket, { secure: true, fingerprint: peerFingerprint(socket) });
  }

  #adopt(socket: Socket, tls: { secure: boolean; fingerprint: string | undefined }): MsrpConnection {
    const connection = new MsrpConnection(socket, tls, {
      clock: this.#parts.clock,
      wheel: this.#parts.wheel,
      find: (id) => this.#sessions.get(id),
      refused: (status) => this.#counters.refused.add(1, { status: String(status) }),
      gone: (one, reason) => {
        this.#connections.delete(one);
        this.#counters.connections.add(1, { reason });
      },
    });
    this.#connections.add(connection);
    return connection;
  }

  expect(options: SessionOptions, handlers: SessionHandlers): MsrpSession {
    if (this.#sessions.size >= msrpEdgeLimits.sessions) throw new MsrpFailure("too many sessions");
    const listen = this.listening.find(
      ({ scheme, address }) =>
        (options.scheme === undefined || options.scheme === scheme) &&
        (options.family === undefined || (options.family === 6) === isIPv6(address)),
    );
    const { relay } = options;
    if (listen === undefined) throw new MsrpFailure("nothing listens there");
    if (relay !== undefined && !(relay instanceof Relay && relay.connection.open))
      throw new MsrpFailure("the relay is gone");
    const relayed = relay instanceof Relay ? relay.connection : undefined;
    const id = (relay instanceof Relay ? relay.takeId() : undefined) ?? newSessionId();
    const session = new Session(
      { ...options, maxSize: Math.min(options.maxSize, msrpLimits.messageBytes) },
      handlers,
      {
        ...this.#sessionParts(),
        uri: printMsrpUri(localUri(listen, id)),
        secure: listen.scheme === "msrps",
        relayPath: relay?.path ?? [],
        relayed,
        gone: (one, reason) => {
          this.#sessions.delete(id);
          this.#counters.sessions.add(1, { reason });
          if (relay instanceof Relay) relay.without(one);
        },
      },
    );
    this.#sessions.set(id, session);
    if (relay instanceof Relay) relay.with(session);
    return session;
  }

  #sessionParts(): Pick<SessionParts, "clock" | "wheel" | "connect" | "newMessageId" | "count"> {
    return {
      clock: this.#parts.clock,
      wheel: this.#parts.wheel,
      connect: (uri, fingerprints) => this.#connect(uri, fingerprints),
      newMessageId: () => randomBytes(12).toString("hex"),
      count: (what, status) =>
        this.#counters[what].add(1, status === undefined ? undefined : { status: String(status) }),
    };
  }

  async relay(options: RelayOptions): Promise<MsrpRelay> {
    const [listen] = this.listening;
    if (listen === undefined) throw new MsrpFailure("nothing listens");
    const uri = parseMsrpUri(options.uri);
    if (!uri.ok) throw new MsrpFailure(uri.error);
    // A connection of its own: some relays have one path per connection.
    const id = newSessionId();
    const connection = await this.#reconnect(`relay ${id}`, uri.value, options.fingerprints ?? []);
    const own = { id, uri: printMsrpUri(localUri(listen, id)) };
    return await openRelay(connection, own, options, this.#parts.wheel);
  }

  // One connection to a peer serves all sessions with it (RFC 4975 §5.4).
  #connect(text: string, fingerprints: readonly string[]): Promise<MsrpConnection> {
    const uri = parseMsrpUri(text);
    if (!uri.ok) return Promise.reject(new MsrpFailure(uri.error));
    if (uri.value.transport !== "tcp")
      return Promise.reject(new MsrpFailure(`no transport ${uri.value.transport}`));
    const { scheme, host, port } = uri.value;
    const key = [scheme, host, port, ...fingerprints].join(" ");
    const standing = this.#outgoing.get(key);
    if (standing === undefined) return this.#reconnect(key, uri.value, fingerprints);
    return standing.then((connection) =>
      connection.open && connection.load < msrpEdgeLimits.sessionsPerConnection
        ? connection
        : this.#reconnect(key, uri.value, fingerprints),
    );
  }

  #reconnect(key: string, uri: MsrpUri, fingerprints: readonly string[]): Promise<MsrpConnection> {
    if (this.#full()) return Promise.reject(new MsrpFailure("too many connections"));
    const opening = new Promise<MsrpConnection>((resolve, reject) => {
      const secure = uri.scheme === "msrps";
      const to = { host: uri.host, port: uri.port ?? defaultPort };
      const { tls } = this.#config;
      const socket = secure ? tlsConnect({ ...to, ...tls, rejectUnauthorized: false }) : netConnect(to);
      const late = this.#parts.wheel.after(msrpEdgeLimits.connectMs, () => socket.destroy());
      const forget = (): void => {
        late.cancel();
        if (this.#outgoing.get(key) === opening) this.#outgoing.delete(key);
      };
      const failed = (cause?: unknown): void => {
        forget();
        socket.destroy();
        reject(cause instanceof MsrpFailure ? cause : new MsrpFailure("cannot connect", 0, { cause }));
      };
      socket.once("error", failed);
      socket.once("close", failed);
      socket.once(secure ? "secureConnect" : "connect", () => {
        late.cancel();
        const fingerprint = secure ? peerFingerprint(socket as TLSSocket) : undefined;
        if (secure && fingerprints.length > 0 && !fingerprints.some((one) => same(one, fingerprint)))
          return failed(new MsrpFailure("another certificate than was signalled"));
        socket.once("close", forget);
        resolve(this.#adopt(socket, { secure, fingerprint }));
      });
    });
    this.#outgoing.set(key, opening);
    return opening;
  }

  async close(): Promise<void> {
    const servers = this.#servers.map(
      (server) => new Promise<void>((resolve) => server.close(() => resolve())),
    );
    for (const connection of [...this.#connections]) connection.close("shutdown");
    for (const session of [...this.#sessions.values()]) session.lost("shutdown");
    await Promise.all(servers);
  }
}

// 128 bits of chance: whoever knows the id may speak (RFC 4975 §14.1).
const newSessionId = (): string => randomBytes(16).toString("hex");

/** Where relays and peers without a port in their URI are (RFC 4975 §15.4). */
const defaultPort = 2855;

const same = (one: string, other: string | undefined): boolean => one.toLowerCase() === other?.toLowerCase();

function peerFingerprint(socket: TLSSocket): string | undefined {
  const certificate = socket.getPeerX509Certificate();
  return certificate === undefined ? undefined : `sha-256 ${certificate.fingerprint256}`;
}

const localUri = (listen: MsrpListen, session: string): MsrpUri => ({
  scheme: listen.scheme,
  user: undefined,
  host: listen.host ?? listen.address,
  port: listen.port,
  session,
  transport: "tcp",
  params: "",
});
