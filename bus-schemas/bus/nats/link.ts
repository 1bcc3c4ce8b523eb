// The connection to nats-server (2.9.10 and newer): comes back for ever, says truly when it stands, and asks JetStream's API.
import { setTimeout as sleep } from "node:timers/promises";
import {
  AuthorizationError,
  connect,
  createInbox,
  type Msg,
  type NatsConnection,
} from "@nats-io/transport-node";
import { BusTimeout } from "../port.ts";

export interface LinkOptions {
  /** `nats://host:port`, all of one cluster. */
  readonly servers: readonly string[];
  readonly token?: string;
  /** What the server shows for this connection. */
  readonly name: string;
  /** How long the first connection may take before `openLink` gives up; default 30 s. Later ones are tried for ever. */
  readonly firstConnectMs?: number;
  readonly log: LinkLog;
}

export interface LinkLog {
  info(facts: object, message: string): void;
  warn(facts: object, message: string): void;
  error(facts: object, message: string): void;
}

/** JetStream's own refusal: `code` like HTTP's, `errCode` from the server's list. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly code: number;
  readonly errCode: number;
  constructor(subject: string, error: { code?: number; err_code?: number; description?: string }) {
    super(`${subject}: ${error.description ?? "refused"} (${error.err_code ?? 0})`);
    this.code = error.code ?? 0;
    this.errCode = error.err_code ?? 0;
  }
}

export interface Link {
  readonly connection: NatsConnection;
  /** Unique to this connection; nobody else receives below it. */
  readonly inbox: string;
  readonly connected: boolean;
  readonly closed: boolean;
  /** Called at every change, in the order of registration. */
  onConnection(listener: (connected: boolean) => void): () => void;
  /**
   * One request to JetStream's API below `$JS.API.`; repeated through time-outs, reconnects and elections until `timeoutMs`
   * (default 30 s) is over, so only for requests that may be repeated. Errors: ApiError, BusTimeout.
   */
  api<T>(what: string, request?: object, timeoutMs?: number): Promise<T>;
  close(): Promise<void>;
}

const oldestServer = [2, 9, 10] as const;
// An answer to an API request takes a millisecond; an election of a cluster takes 4-9 s.
const apiAttemptMs = 2_000;
const apiPauseMs = 100;
const apiTimeoutMs = 30_000;
const noPeers = 10005;
// A host that vanished without a word is noticed after three of them.
const pingMs = 5_000;
const redialMs = 100;

/** Connects, waiting at first at most `firstConnectMs`; checks the server's version. */
export async function openLink(options: LinkOptions): Promise<Link> {
  const connection = await dial(options);
  const version = connection.info?.version ?? "0.0.0";
  if (!newEnough(version)) {
    await connection.close();
    throw new Error(`nats-server ${version} is too old: ${oldestServer.join(".")} or newer is needed`);
  }
  return new NatsLink(connection, options.log);
}

async function dial(options: LinkOptions): Promise<NatsConnection> {
  const deadline = performance.now() + (options.firstConnectMs ?? 30_000);
  for (;;) {
    try {
      return await connect({
        servers: [...options.servers],
        name: options.name,
        ...(options.token === undefined ? {} : { token: options.token }),
        maxReconnectAttempts: -1,
        reconnectTimeWait: redialMs,
        reconnectJitter: redialMs,
        reconnectDelayHandler: () => redialMs + Math.random() * redialMs,
        ignoreAuthErrorAbort: true,
        pingInterval: pingMs,
        maxPingOut: 2,
        timeout: 5_000,
        noAsyncTraces: true,
      });
    } catch (cause) {
      const where = options.servers.join(", ");
      if (cause instanceof AuthorizationError)
        throw new Error(`the bus at ${where} refuses our token`, { cause });
      if (performance.now() > deadline) throw new Error(`no bus at ${where}`, { cause });
      options.log.warn({ servers: options.servers }, "bus not there yet");
      await sleep(250);
    }
  }
}

function newEnough(version: string): boolean {
  const parts = version.split(/[.-]/).map(Number);
  for (const [index, least] of oldestServer.entries()) {
    const part = parts[index] ?? 0;
    if (part !== least) return part > least;
  }
  return true;
}

class NatsLink implements Link {
  readonly connection: NatsConnection;
  readonly inbox = createInbox();
  #stands = true;
  #closed = false;
  readonly #log: LinkLog;
  readonly #listeners = new Set<(connected: boolean) => void>();
  readonly #protocol: Protocol;

  constructor(connection: NatsConnection, log: LinkLog) {
    this.connection = connection;
    this.#log = log;
    this.#protocol = protocolOf(connection);
    gatherWrites(this.#protocol);
    void this.#follow();
  }

  /**
   * Our own flag follows the client's events, which arrive a moment late; the client's own flag falls at once. Only when
   * both stand may anything be written: what is written in between would be sent ahead of what has to be repeated.
   */
  get connected(): boolean {
    return this.#stands && this.#protocol.connected && !this.#closed;
  }

  get closed(): boolean {
    return this.#closed;
  }

  onConnection(listener: (connected: boolean) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async #follow(): Promise<void> {
    for await (const status of this.connection.status()) {
      if (status.type === "disconnect") this.#change(false, status.server);
      else if (status.type === "reconnect") this.#change(true, status.server);
      else if (status.type === "error")
        this.#log.warn({ error: status.error.message }, "bus reports an error");
    }
    this.#change(false, "");
  }

  #change(stands: boolean, server: string): void {
    if (this.#stands === stands) return;
    this.#stands = stands;
    if (!this.#closed) this.#log.warn({ server }, stands ? "bus is back" : "bus is gone");
    for (const listener of this.#listeners) listener(stands);
  }

  async api<T>(what: string, request: object = {}, timeoutMs = apiTimeoutMs): Promise<T> {
    const deadline = performance.now() + timeoutMs;
    const body = JSON.stringify(request);
    for (;;) {
      const left = deadline - performance.now();
      if (this.#closed || left <= 0) throw new BusTimeout(`no answer to ${what} within ${timeoutMs} ms`);
      const answer = await this.#attempt(`$JS.API.${what}`, body, Math.min(apiAttemptMs, left));
      if (answer) {
        const value = answer.json<
          T & { error?: { code?: number; err_code?: number; description?: string } }
        >();
        if (!value.error) return value;
        // 503: no leader, or JetStream is starting. No peers: a cluster of which too few have come up yet.
        if (value.error.code !== 503 && value.error.err_code !== noPeers)
          throw new ApiError(what, value.error);
      }
      await sleep(Math.max(0, Math.min(apiPauseMs, deadline - performance.now())));
    }
  }

  async #attempt(subject: string, body: string, timeout: number): Promise<Msg | undefined> {
    if (!this.connected) return undefined;
    // Whatever goes wrong on the way (time-out, no responders, connection lost) has one answer: once more.
    return this.connection.request(subject, body, { timeout: Math.max(1, timeout) }).catch(() => undefined);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    if (this.connected) await this.connection.flush().catch(() => undefined);
    this.#closed = true;
    await this.connection.close();
  }
}

interface Protocol {
  readonly connected: boolean;
  flushPending: () => void;
}

// The client (3.4.0, pinned) has no public word for "may be written to now"; its status events come too late for that.
function protocolOf(connection: NatsConnection): Protocol {
  const { protocol } = connection as unknown as { protocol?: Protocol };
  if (typeof protocol?.connected !== "boolean" || typeof protocol.flushPending !== "function")
    throw new Error("this version of the NATS client is not known");
  return protocol;
}

/**
 * The client writes once per microtask, so every datagram that a gateway reads cost a system call of its own here. With
 * this, all that one turn of the event loop says leaves in one write. What was not written when a connection is lost is
 * forgotten by the client at its next dial, as before.
 */
function gatherWrites(protocol: Protocol): void {
  const write = protocol.flushPending.bind(protocol);
  let waiting = false;
  protocol.flushPending = () => {
    if (waiting) return;
    waiting = true;
    setImmediate(() => {
      waiting = false;
      write();
    });
  };
}
