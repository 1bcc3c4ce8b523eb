// Starts Debian's nats-server for a test: on loopback, with a token, its store in a private folder; alone or three together.

import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createConnection } from "node:net";
import { join } from "node:path";
import { type Child, privateFolder, startChild, until } from "./child.ts";
import { freePorts } from "./free-port.ts";

export interface NatsOptions {
  /** Folder for config, store and log; default: a private one that is removed when this process ends. */
  readonly dir?: string;
  readonly token?: string;
  /** A port to take; default: any free one. */
  readonly port?: number;
  readonly cluster?: {
    readonly name: string;
    readonly port: number;
    readonly routes: readonly number[];
  };
}

export interface NatsServer {
  readonly url: string;
  readonly token: string;
  readonly pid: number;
  readonly port: number;
  /** SIGTERM; its exit code 1 then is how it ends in order. */
  stop(): Promise<void>;
  /** SIGKILL. */
  kill(): Promise<void>;
  /** Starts again after `stop` or `kill`, on the same port and store. */
  restart(): Promise<void>;
  /** SIGSTOP: it stands still, its connections stay. */
  pause(): void;
  /** SIGCONT. */
  resume(): void;
}

export interface NatsCluster {
  readonly servers: readonly NatsServer[];
  readonly urls: string[];
  readonly token: string;
  stop(): Promise<void>;
}

/** Starts one server and resolves when it takes connections. */
export async function startNats(options: NatsOptions = {}): Promise<NatsServer> {
  const dir = options.dir ?? privateFolder("nats");
  const token = options.token ?? randomBytes(16).toString("hex");
  let port = options.port ?? -1;
  const start = async (): Promise<Child> => {
    const config = join(dir, "nats.conf");
    for (const name of readdirSync(dir)) if (name.endsWith(".ports")) rmSync(join(dir, name));
    writeFileSync(config, configText(dir, port, token, options.cluster), { mode: 0o600 });
    const child = await startChild({
      name: "nats-server",
      command: "nats-server",
      args: ["-c", config],
      dir,
      ready: () => port !== -1 || portsWritten(dir) !== undefined,
    });
    port = port === -1 ? (portsWritten(dir) ?? -1) : port;
    await until("nats-server takes connections", () => answers(port));
    return child;
  };
  let child = await start();
  return {
    url: `nats://127.0.0.1:${port}`,
    token,
    port,
    get pid() {
      return child.pid;
    },
    async stop() {
      // A standing process does not hear SIGTERM.
      child.signal("SIGCONT");
      await child.stop();
    },
    async kill() {
      await child.kill();
    },
    async restart() {
      if (child.running) throw new Error("nats-server still runs");
      child = await start();
    },
    pause: () => child.signal("SIGSTOP"),
    resume: () => child.signal("SIGCONT"),
  };
}

/** Starts `count` servers that form one JetStream cluster; its first election is not waited for. */
export async function startNatsCluster(count = 3): Promise<NatsCluster> {
  const ports = await freePorts(count * 2);
  const routes = ports.slice(0, count);
  const token = randomBytes(16).toString("hex");
  const servers = await Promise.all(
    routes.map((port, index) =>
      startNats({ token, port: ports[count + index] ?? 0, cluster: { name: `n${index + 1}`, port, routes } }),
    ),
  );
  return {
    servers,
    token,
    urls: servers.map((server) => server.url),
    stop: async () => {
      await Promise.all(servers.map((server) => server.stop()));
    },
  };
}

function configText(dir: string, port: number, token: string, cluster: NatsOptions["cluster"]): string {
  const lines = [
    `server_name: ${cluster?.name ?? "n1"}`,
    `listen: "127.0.0.1:${port}"`,
    `ports_file_dir: "${dir}"`,
    `authorization { token: "${token}" }`,
    `jetstream { store_dir: "${join(dir, "store")}", max_mem: 64GB, max_file: 64GB }`,
  ];
  if (cluster) {
    const routes = cluster.routes.map((route) => `"nats://127.0.0.1:${route}"`).join(", ");
    lines.push(`cluster { name: parley, listen: "127.0.0.1:${cluster.port}", routes: [ ${routes} ] }`);
  }
  return `${lines.join("\n")}\n`;
}

function portsWritten(dir: string): number | undefined {
  const file = readdirSync(dir).find((name) => name.endsWith(".ports"));
  if (!file) return undefined;
  const text = readFileSync(join(dir, file), "utf8");
  // It may be caught half written.
  const match = /"nats":\s*\[\s*"nats:\/\/127\.0\.0\.1:(\d+)"/.exec(text);
  return match ? Number(match[1]) : undefined;
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(port, "127.0.0.1");
    socket.once("data", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
    socket.once("end", () => resolve(false));
  });
}
