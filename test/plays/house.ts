// A whole house for plays: nats-server, Prosody with mod_parley_ack, ngIRCd and any number of instances of every gateway, each
// a process of its own on a loopback port that it keeps when it is killed and started again.
import { cpSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { stringify } from "yaml";
import { connectNats } from "#bus-schemas/bus/nats.ts";
import type { Bus } from "#bus-schemas/bus/port.ts";
import { type Audit, audit } from "#bus-schemas/delivery/audit.ts";
import { jidLocal } from "#test/cast/xmpp-jid.ts";
import { type Child, privateFolder, startChild, until } from "#test/servers/child.ts";
import { freePorts } from "#test/servers/free-port.ts";
import { type NatsServer, startNats } from "#test/servers/nats.ts";
import { ownNode, repository } from "#test/support/own-node.ts";
import { ngircdConfig } from "../../deploy/launcher/configs/ngircd-config.ts";
import { prosodyAccount, prosodyConfig } from "../../deploy/launcher/configs/prosody-config.ts";

export type GatewayName = "sip" | "xmpp" | "irc" | "web";
/** A process of Parley: a gateway, or the service of hosted rooms. */
export type ServiceName = GatewayName | "conference";
export const gatewayNames: readonly GatewayName[] = ["sip", "xmpp", "irc", "web"];
export const carriers = ["sip", "xmpp", "irc-demo", "web"] as const;

/** The domain on which people of this gateway live. */
export const domains: Record<GatewayName, string> = {
  sip: "sip.example",
  xmpp: "xmpp.example",
  irc: "irc.example",
  web: "web.example",
};

/** The domain of hosted rooms, in a house that has a `conference` section. */
export const roomDomain = "rooms.example";

/** A domain whose people have several homes; on XMPP those of the other homes wear its face. */
export interface SharedDomain {
  readonly homes: readonly string[];
  readonly deliver: string;
  /** Local parts of those who have accounts on SIP and the web. */
  readonly people: readonly string[];
  /** Of those who have accounts at the XMPP server. */
  readonly onXmpp: readonly string[];
}

/** The domain as which people of a shared domain who are not on XMPP appear there. */
export const faceOf = (domain: string): string => `at.${domain}`;

export interface HouseOptions {
  /** Instances of each gateway; default 1. */
  readonly instances?: number;
  /** Local parts of the people who have accounts: on SIP, the web and XMPP. Their password is `pw-<local>`. */
  readonly people: readonly string[];
  readonly shared?: Readonly<Record<string, SharedDomain>>;
  /** Sections that differ from what plays usually need, merged into parley.yaml. */
  readonly sip?: object;
  readonly irc?: object;
  readonly web?: object;
  readonly pacing?: boolean;
  /** The `conference` section: hosted rooms at rooms.example are there, with as many instances as the gateways have. */
  readonly conference?: object;
  /** A MUC service that somebody else hosts, on the same XMPP server: its rooms are entered over XMPP. */
  readonly elsewhere?: string;
  /** Which gateways run; default all of them. */
  readonly gateways?: readonly GatewayName[];
  /** True: the bus keeps everything in memory only, for benches. */
  readonly volatile?: boolean;
  /** Options of Node for every gateway's process, such as `--cpu-prof`. */
  readonly nodeOptions?: readonly string[];
}

interface Ports {
  readonly c2s: number;
  readonly component: number;
  readonly irc: number;
  readonly sip: readonly number[];
  readonly web: readonly number[];
  readonly health: Readonly<Record<ServiceName, readonly number[]>>;
}

/** One process of the house, by name: `nats`, `prosody`, `ngircd`, `sip-1` … */
interface Part {
  child: Child | undefined;
  readonly start: () => Promise<Child>;
}

export const password = (local: string): string => `pw-${local}`;

/** Brings a house up; everything is well when it resolves. */
export async function openHouse(options: HouseOptions): Promise<House> {
  const house = new House(options, privateFolder("house"));
  try {
    await house.open();
  } catch (error) {
    await house.close();
    throw error;
  }
  return house;
}

export class House {
  readonly dir: string;
  readonly #options: HouseOptions;
  readonly #parts = new Map<string, Part>();
  #ports: Ports | undefined;
  #nats: NatsServer | undefined;
  #bus: Bus | undefined;

  constructor(options: HouseOptions, dir: string) {
    this.#options = options;
    this.dir = dir;
  }

  get instances(): number {
    return this.#options.instances ?? 1;
  }

  get gateways(): readonly GatewayName[] {
    return this.#options.gateways ?? gatewayNames;
  }

  /** All kinds of Parley's own processes that run here. */
  get services(): readonly ServiceName[] {
    return this.#options.conference === undefined ? this.gateways : [...this.gateways, "conference"];
  }

  get ports(): Ports {
    if (this.#ports === undefined) throw new Error("the house is not open");
    return this.#ports;
  }

  get nats(): NatsServer {
    if (this.#nats === undefined) throw new Error("the house is not open");
    return this.#nats;
  }

  /** The house's bus, for audits. */
  get bus(): Bus {
    if (this.#bus === undefined) throw new Error("the house is not open");
    return this.#bus;
  }

  /** Names of all processes that may be killed. */
  get names(): string[] {
    return ["nats", ...this.#parts.keys()];
  }

  async open(): Promise<void> {
    this.#nats = await startNats();
    const { url, token } = this.#nats;
    const storage = this.#options.volatile ? "memory" : "file";
    this.#bus = await connectNats({ servers: [url], token, name: "play", storage });
    this.#ports = await choosePorts(this.instances);
    this.#part("prosody", () => this.#prosody());
    this.#part("ngircd", () => this.#ngircd());
    for (const gateway of this.services)
      for (let index = 0; index < this.instances; index += 1)
        this.#part(`${gateway}-${index + 1}`, () => this.#gateway(gateway, index));
    for (const name of ["prosody", "ngircd"]) await this.start(name);
    await Promise.all(
      [...this.#parts.keys()].filter((name) => /-\d+$/.test(name)).map((name) => this.start(name)),
    );
  }

  /** Starts one that was killed or stopped, and waits until it is well. */
  async start(name: string): Promise<void> {
    if (name === "nats") return this.nats.restart();
    const part = this.#named(name);
    part.child = await part.start();
  }

  /** kill -9. */
  async kill(name: string): Promise<void> {
    if (name === "nats") await this.nats.kill();
    else await this.#named(name).child?.kill();
  }

  /** SIGTERM: it ends in order. */
  async stop(name: string): Promise<void> {
    if (name === "nats") await this.nats.stop();
    else await this.#named(name).child?.stop();
  }

  pid(name: string): number {
    const pid = name === "nats" ? this.nats.pid : this.#named(name).child?.pid;
    if (pid === undefined) throw new Error(`${name} does not run`);
    return pid;
  }

  /** The file that holds what a process has written. */
  log(name: string): string {
    return this.#named(name).child?.log ?? "";
  }

  /** The books of all carriers, once nothing is missing and nothing in flight, except (by default) what waits in mailboxes. */
  async booksClose(withinMs: number, mailboxes: "may wait" | "mailboxes too" = "may wait"): Promise<Audit[]> {
    let last: Audit[] = [];
    const rest = (books: Audit): number => books.inFlight - (mailboxes === "may wait" ? books.mailbox : 0);
    const closed = async (): Promise<Audit[] | false> => {
      last = await Promise.all(this.#carriers.map((carrier) => audit(this.bus, carrier, 300)));
      return last.every((books) => books.difference === 0 && rest(books) === 0) && last;
    };
    return await until("the books close", closed, withinMs).catch((cause: unknown) => {
      throw new Error(`the books do not close: ${JSON.stringify(last)}`, { cause });
    });
  }

  get #carriers(): readonly string[] {
    const of = carriers.filter((carrier) => this.gateways.some((name) => carrier.split("-")[0] === name));
    return this.#options.conference === undefined ? of : [...of, "rooms"];
  }

  async close(): Promise<void> {
    await this.#bus?.close();
    for (const part of [...this.#parts.values()].reverse()) await part.child?.kill();
    await this.#nats?.kill();
    // For whoever looks for a fault: all folders of plays are removed at the end.
    const keep = process.env.PARLEY_KEEP_LOGS;
    if (keep !== undefined)
      cpSync(this.dir, keep, {
        recursive: true,
        filter: (path) => statSync(path).isDirectory() || path.endsWith(".log"),
      });
  }

  #named(name: string): Part {
    const part = this.#parts.get(name);
    if (part === undefined) throw new Error(`no process ${name} in this house`);
    return part;
  }

  #part(name: string, start: () => Promise<Child>): void {
    this.#parts.set(name, { child: undefined, start });
  }

  #write(path: string, text: string): string {
    const file = join(this.dir, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text, { mode: 0o600 });
    return file;
  }

  get #roomDomains(): string[] {
    return this.#options.conference === undefined ? [] : [roomDomain];
  }

  get #shared(): [string, SharedDomain][] {
    return Object.entries(this.#options.shared ?? {});
  }

  #prosody(): Promise<Child> {
    const data = join(this.dir, "prosody");
    const people = this.#options.people.map((local): [string, string] => [local, domains.xmpp]);
    for (const [domain, { onXmpp }] of this.#shared)
      people.push(...onXmpp.map((local): [string, string] => [local, domain]));
    for (const [local, domain] of people) {
      const account = prosodyAccount(jidLocal(local), domain, password(local));
      this.#write(`prosody/${account.path}`, account.text);
    }
    const shared = this.#shared.map(([domain]) => domain);
    const config = prosodyConfig({
      domain: domains.xmpp,
      c2s: this.ports.c2s,
      component: this.ports.component,
      moreDomains: shared,
      components: [
        domains.sip,
        domains.web,
        domains.irc,
        "gw.example",
        ...this.#roomDomains,
        ...shared.map(faceOf),
      ],
      componentSecret: "secret",
      data,
      modules: `${repository}/deploy/prosody`,
      root: process.getuid?.() === 0,
    });
    const { elsewhere } = this.#options;
    const muc =
      elsewhere === undefined ? "" : `\nComponent "${elsewhere}" "muc"\n  modules_enabled = { "muc_mam" }\n`;
    const file = this.#write("prosody.cfg.lua", config + muc);
    const root = process.getuid?.() === 0 ? ["--root"] : [];
    return startChild({
      name: "prosody",
      command: "prosody",
      args: [...root, "--config", file, "-F"],
      dir: this.dir,
      ready: () => answers(this.ports.c2s).then((c2s) => c2s && answers(this.ports.component)),
    });
  }

  #ngircd(): Promise<Child> {
    const config = ngircdConfig({
      port: this.ports.irc,
      network: "Demo",
      channels: [],
      ...(this.#options.pacing && { maxPenaltySeconds: 10 }),
    });
    const args = ["-n", "-f", this.#write("ngircd.conf", config)];
    return startChild({
      name: "ngircd",
      command: "ngircd",
      args,
      dir: this.dir,
      ready: () => answers(this.ports.irc),
      withinMs: 30_000,
    });
  }

  #gateway(gateway: ServiceName, index: number): Promise<Child> {
    const instance = `${gateway}-${index + 1}`;
    const file = this.#write(`${instance}/parley.yaml`, stringify(this.#config(gateway, index)));
    const health = this.ports.health[gateway][index];
    return startChild({
      name: instance,
      command: ownNode,
      args: [
        ...(this.#options.nodeOptions ?? []),
        `${repository}/deploy/parley.mjs`,
        ...["run", gateway, "--config", file, "--instance", instance],
      ],
      dir: this.dir,
      ready: () => well(`http://127.0.0.1:${health}/health`),
      withinMs: 90_000,
    });
  }

  #config(gateway: ServiceName, index: number): object {
    const addresses = this.#options.people.flatMap((local) =>
      [domains.sip, domains.web].map((domain) => [local, domain] as const),
    );
    for (const [domain, { people }] of this.#shared)
      addresses.push(...people.map((local) => [local, domain] as const));
    const accounts = addresses.map(([local, domain]) => ({
      address: `${local}@${domain}`,
      password: password(local),
    }));
    const sipPort = this.ports.sip[index];
    return {
      bus: {
        servers: [this.nats.url],
        token: this.nats.token,
        ...(this.#options.volatile && { volatile: true }),
      },
      gateway: { domain: "gw.example" },
      domains: {
        [domains.sip]: { homes: ["sip"] },
        [domains.web]: { homes: ["web"] },
        [domains.xmpp]: { homes: ["xmpp"] },
        [domains.irc]: { homes: ["irc-demo"] },
        ...Object.fromEntries(this.#roomDomains.map((domain) => [domain, { homes: ["rooms"] }])),
        ...(this.#options.elsewhere && {
          [this.#options.elsewhere]: { homes: ["rooms"], elsewhere: "xmpp" },
        }),
        ...Object.fromEntries(
          this.#shared.map(([domain, { homes, deliver }]) => [
            domain,
            { homes, deliver, faces: { xmpp: faceOf(domain) } },
          ]),
        ),
      },
      accounts,
      health: { listen: `127.0.0.1:${this.ports.health[gateway][index]}` },
      sip: {
        listen: [`udp:127.0.0.1:${sipPort}`, `tcp:127.0.0.1:${sipPort}`],
        instanceName: `sip-${index + 1}.house.example`,
        ...this.#options.sip,
      },
      xmpp: { host: "127.0.0.1", port: this.ports.component, secret: "secret", ack: "require" },
      irc: {
        networks: {
          demo: {
            server: "127.0.0.1",
            port: this.ports.irc,
            domain: domains.irc,
            connectEvery: "5ms",
            flood: "off",
            ...(!this.#options.pacing && { pacing: "off" }),
            ...this.#options.irc,
          },
        },
      },
      ...(this.#options.conference && { conference: this.#options.conference }),
      web: { listen: `127.0.0.1:${this.ports.web[index]}`, ...this.#options.web },
    };
  }
}

async function choosePorts(instances: number): Promise<Ports> {
  const chosen = await freePorts(3 + 7 * instances);
  const take = (count: number): number[] => chosen.splice(0, count);
  const [c2s = 0, component = 0, irc = 0] = take(3);
  const sip = take(instances);
  const web = take(instances);
  const health = {
    sip: take(instances),
    xmpp: take(instances),
    irc: take(instances),
    web: take(instances),
    conference: take(instances),
  };
  return { c2s, component, irc, sip, web, health };
}

async function answers(port: number): Promise<boolean> {
  const { createConnection } = await import("node:net");
  return await new Promise((resolve) => {
    const socket = createConnection(port, "127.0.0.1");
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}

async function well(url: string): Promise<boolean> {
  try {
    return (await fetch(url)).ok;
  } catch {
    return false; // Not listening yet: asked again until the deadline.
  }
}
