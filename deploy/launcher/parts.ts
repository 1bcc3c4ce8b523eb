// The parts of the private house: how each is started, and how one sees that it is well.
import { existsSync } from "node:fs";
import { createConnection } from "node:net";
import { join } from "node:path";
import { natsConfig } from "./configs/nats-config.ts";
import { ngircdConfig } from "./configs/ngircd-config.ts";
import { components, domains, people } from "./configs/parley-config.ts";
import { prosodyAccount, prosodyConfig } from "./configs/prosody-config.ts";
import type { House, ServiceName } from "./house.ts";
import type { Part } from "./supervisor.ts";

const isRoot = (): boolean => process.getuid?.() === 0;

/** The bus. */
export function natsPart(house: House): Part {
  return {
    name: "nats",
    prepare() {
      const { bus: port, monitor } = house.book.ports;
      const store = join(house.folders.store, "nats");
      const file = house.write("nats.conf", natsConfig({ port, monitor, store, token: house.secrets.bus }));
      return { command: "nats-server", args: ["-c", file], kind: "server" };
    },
    ready: async (output) => output.includes("Server is ready") && (await isWell(house.book.ports.monitor)),
    newPorts: () => house.book.again("bus", "monitor"),
    remedy: "see whether the disk is full or the store damaged; moving .parley/store away begins a new one.",
  };
}

async function isWell(port: number): Promise<boolean> {
  return (await ask(`http://127.0.0.1:${port}/healthz`)) !== undefined;
}

/** The XMPP server with one account and our domains as components. */
export function prosodyPart(house: House): Part {
  const { ports } = house.book;
  const [user = "", domain = ""] = people.xmpp.split("@");
  const modules = join(house.folders.root, "deploy", "prosody");
  return {
    name: "prosody",
    prepare() {
      const account = prosodyAccount(user, domain, house.secrets.passwords.xmpp);
      house.write(join("store", "prosody", account.path), account.text);
      const text = prosodyConfig({
        domain: domains.xmpp,
        c2s: ports.c2s,
        component: ports.component,
        components,
        componentSecret: house.secrets.component,
        data: join(house.folders.store, "prosody"),
        modules: existsSync(join(modules, "mod_parley_ack.lua")) ? modules : undefined,
        root: isRoot(),
      });
      const args = [...(isRoot() ? ["--root"] : []), "--config", house.write("prosody.cfg.lua", text), "-F"];
      return { command: "prosody", args, kind: "server" };
    },
    // Its own word for each port first: whoever took one in the meantime would answer too.
    ready: async (output) =>
      [`'c2s' on [127.0.0.1]:${ports.c2s}`, `'component' on [127.0.0.1]:${ports.component}`].every((word) =>
        output.includes(word),
      ) &&
      (await answers(ports.c2s)) &&
      (await answers(ports.component)),
    newPorts: () => house.book.again("c2s", "component"),
    remedy: "read the log; Prosody 0.12 or newer is needed.",
  };
}

/** The IRC server. */
export function ngircdPart(house: House): Part {
  const { ports } = house.book;
  return {
    name: "ngircd",
    prepare() {
      const text = ngircdConfig({ port: ports.irc, network: "Demo", channels: ["#lobby"] });
      return { command: "ngircd", args: ["-n", "-f", house.write("ngircd.conf", text)], kind: "server" };
    },
    ready: async (output) =>
      output.includes(`listening on [127.0.0.1]:${ports.irc}`) && (await answers(ports.irc)),
    newPorts: () => house.book.again("irc"),
    remedy: "read the log.",
  };
}

/** One gateway or service, as a process of its own. */
export function gatewayPart(house: House, gateway: ServiceName): Part {
  return {
    name: gateway,
    prepare() {
      const script = join(house.folders.root, "deploy", "parley.mjs");
      const args = [script, "run", gateway, "--config", house.config, "--instance", `${gateway}-1`];
      return { command: process.execPath, args, kind: "ours" };
    },
    ready: async (output) => {
      const url = healthUrl(output);
      return url !== undefined && (await ask(`${url}/health`)) !== undefined;
    },
    newPorts: async () => {
      if (gateway === "sip" || gateway === "web") await house.book.again(gateway);
      house.writeConfig();
    },
    remedy: `node deploy/parley.mjs check --config ${house.config} says what is wrong with the configuration.`,
  };
}

/** Where a service that has started answers for its health: in its log line. */
const healthUrl = (output: string): string | undefined =>
  [...output.matchAll(/"health":"(http:[^"]+)"/g)].at(-1)?.[1];

/** The body of a 2xx, else undefined. */
async function ask(url: string): Promise<string | undefined> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(2000) });
    return response.ok ? await response.text() : undefined;
  } catch {
    // Not listening yet: asked again until the deadline.
    return undefined;
  }
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ port, host: "127.0.0.1" });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
