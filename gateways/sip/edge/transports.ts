// All sockets of the gateway: listens, sends, finds flows again (RFC 3261 §18, RFC 3581, RFC 5626).
import { randomBytes } from "node:crypto";
import { createServer, connect as netConnect, type Server, type Socket } from "node:net";
import type { Clock, Log, Metrics } from "#bus-schemas/service/service.ts";
import type { Wheel } from "#bus-schemas/service/wheel.ts";
import { Connection } from "./connection.ts";
import { edgeLimits } from "./limits.ts";
import { openRates, type Rates } from "./rates.ts";
import { type Receive, type Source, type Target, TransportFailure } from "./transport-types.ts";
import { UdpListener } from "./udp.ts";

export interface Listen {
  readonly transport: "udp" | "tcp";
  readonly address: string;
  readonly port: number;
}

export interface TransportsParts {
  readonly clock: Clock;
  readonly wheel: Wheel;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly sourceRate: number;
  readonly idleMs: number;
  readonly receive: Receive;
  /** A TCP connection is gone. */
  readonly lost: (flow: string) => void;
}

export class Transports {
  readonly #parts: TransportsParts;
  readonly #rates: Rates;
  readonly #udp: UdpListener[] = [];
  readonly #servers: Server[] = [];
  readonly #connections = new Map<string, Connection>();
  /** Connections that we opened, by `address port`, while they stand or are set up. */
  readonly #outgoing = new Map<string, Promise<Connection>>();
  /** New at every start, so that a flow of a past life is not mistaken for one of this. */
  readonly #life = randomBytes(6).toString("hex");
  readonly #limited;
  #count = 0;

  constructor(parts: TransportsParts) {
    this.#parts = parts;
    this.#rates = openRates(parts.clock, parts.sourceRate, edgeLimits.sources);
    this.#limited = parts.metrics.counter(
      "sip_rate_limited_messages",
      "SIP messages dropped unread because their source sent too many",
    );
    parts.metrics.gauge("sip_connections_count", "TCP connections that stand", () => this.#connections.size);
  }

  /** Opens the listeners in order; the answer says what port each has got. Rejects at the first that cannot be had. */
  async open(listens: readonly Listen[]): Promise<Listen[]> {
    const opened: Listen[] = [];
    for (const listen of listens) {
      if (listen.transport === "tcp") opened.push(await this.#listenTcp(listen));
      else {
        const name = `${listen.address}:${this.#udp.length}`;
        const udp = await UdpListener.open(name, listen, this.#admit, this.#parts.receive, this.#troubled);
        this.#udp.push(udp);
        opened.push({ ...listen, port: udp.port });
      }
    }
    return opened;
  }

  readonly #admit = (address: string): boolean => {
    const admitted = this.#rates.take(address);
    if (!admitted) this.#limited.add(1);
    return admitted;
  };

  readonly #troubled = (error: Error): void => {
    this.#parts.log.error({ error }, "a SIP listener is in trouble");
  };

  async #listenTcp(listen: Listen): Promise<Listen> {
    const server = createServer({ noDelay: true }, (socket) => this.#accept(socket));
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen({ host: listen.address, port: listen.port, ipv6Only: true, exclusive: true }, () => {
        server.off("error", reject);
        resolve();
      });
    });
    server.on("error", this.#troubled);
    this.#servers.push(server);
    const bound = server.address();
    return { ...listen, port: typeof bound === "object" && bound !== null ? bound.port : listen.port };
  }

  #accept(socket: Socket): void {
    const { remoteAddress: address, remotePort: port } = socket;
    if (address === undefined || port === undefined || this.#connections.size >= edgeLimits.connections)
      socket.destroy();
    else this.#adopt(socket, { address, port });
  }

  #adopt(socket: Socket, peer: { address: string; port: number }): Connection {
    this.#count += 1;
    const flow = `tcp ${this.#life} ${this.#count}`;
    const { receive, wheel, idleMs, lost } = this.#parts;
    const connection = new Connection(socket, peer, {
      flow,
      receive,
      admit: this.#admit,
      idleMs,
      after: (delayMs, call) => wheel.after(delayMs, call),
      gone: () => {
        this.#connections.delete(flow);
        lost(flow);
      },
    });
    this.#connections.set(flow, connection);
    return connection;
  }

  /** Whether this flow stands here. UDP flows always do while their listener does. */
  hasFlow(flow: string): boolean {
    const udp = this.#udpOf(flow);
    return udp !== undefined || this.#connections.get(flow)?.open === true;
  }

  #udpOf(flow: string | undefined): UdpListener | undefined {
    const name = flow?.startsWith("udp ") ? flow.split(" ")[1] : undefined;
    return name === undefined ? undefined : this.#udp.find((udp) => udp.name === name);
  }

  /** Sends a response the way the request came. A TCP response whose connection is gone is lost: the peer asks again. */
  reply(bytes: Buffer, source: Source): void {
    if (source.transport === "tcp") this.#connections.get(source.flow)?.write(bytes);
    else this.#udpOf(source.flow)?.send(bytes, source).catch(this.#unsent);
  }

  readonly #unsent = (error: unknown): void => {
    this.#parts.log.debug({ error: String(error) }, "response not sent");
  };

  /**
   * Sends a request: by its flow if that stands, else by a socket of the right kind. Resolves over TCP with the flow that it
   * went by; rejects with TransportFailure.
   */
  async send(bytes: Buffer, target: Target): Promise<string | undefined> {
    if (target.transport === "tcp") {
      const flow = target.flow === undefined ? undefined : this.#connections.get(target.flow);
      const connection = flow?.open ? flow : await this.#connect(target);
      await connection.send(bytes);
      return connection.source.flow;
    }
    const family = target.address.includes(":") ? 6 : 4;
    const udp = this.#udpOf(target.flow) ?? this.#udp.find((each) => each.family === family);
    if (udp === undefined) throw new TransportFailure(`no UDP listener for IPv${family}`);
    await udp.send(bytes, target);
    return undefined;
  }

  /** The port that our Via names for requests to this target; undefined when we listen nowhere of that kind. */
  viaPort(target: Target): number | undefined {
    const family = target.address.includes(":") ? 6 : 4;
    return (this.#udpOf(target.flow) ?? this.#udp.find((udp) => udp.family === family) ?? this.#udp[0])?.port;
  }

  // One connection to a peer serves all requests to it (RFC 3261 §18: connections should be re-used).
  #connect(target: Target): Promise<Connection> {
    const key = `${target.address} ${target.port}`;
    const standing = this.#outgoing.get(key);
    if (standing !== undefined)
      return standing.then((connection) => (connection.open ? connection : this.#reconnect(key, target)));
    return this.#reconnect(key, target);
  }

  #reconnect(key: string, target: Target): Promise<Connection> {
    const opening = new Promise<Connection>((resolve, reject) => {
      const socket = netConnect({ host: target.address, port: target.port });
      const late = this.#parts.wheel.after(edgeLimits.connectMs, () => socket.destroy());
      const failed = (error?: Error): void => {
        late.cancel();
        if (this.#outgoing.get(key) === opening) this.#outgoing.delete(key);
        reject(new TransportFailure("cannot connect", { cause: error }));
      };
      socket.once("error", failed);
      socket.once("close", () => failed());
      socket.once("connect", () => {
        late.cancel();
        const connection = this.#adopt(socket, target);
        socket.once("close", () => {
          if (this.#outgoing.get(key) === opening) this.#outgoing.delete(key);
        });
        resolve(connection);
      });
    });
    this.#outgoing.set(key, opening);
    return opening;
  }

  /** Stops taking new connections and closes all sockets; what is written already still goes out. */
  async close(): Promise<void> {
    const servers = this.#servers.map(
      (server) => new Promise<void>((resolve) => server.close(() => resolve())),
    );
    for (const connection of this.#connections.values()) connection.end();
    await Promise.all([...this.#udp.map((udp) => udp.close()), ...servers]);
  }
}
