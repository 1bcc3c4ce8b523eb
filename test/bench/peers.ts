// Other gateways on the same stage, with the same drivers: Kamailio between SIP and XMPP, biboumi between XMPP and IRC. Their
// Prosody is configured as Parley's is, without Parley's module.
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { domains, type GatewayName, password } from "#test/plays/house.ts";
import { startBiboumi } from "#test/servers/biboumi.ts";
import { type Child, privateFolder, startChild, until } from "#test/servers/child.ts";
import { freePorts } from "#test/servers/free-port.ts";
import { startKamailio } from "#test/servers/kamailio.ts";
import { ngircdConfig } from "../../deploy/launcher/configs/ngircd-config.ts";
import { prosodyAccount, prosodyConfig } from "../../deploy/launcher/configs/prosody-config.ts";
import { type LoadDriver, startLoad } from "./drivers.ts";
import type { Stage } from "./stage.ts";

const secret = "secret";
const component = "gw.example";
/** The domain that stands for XMPP towards SIP people. */
const sipSide = "gw-sip.example";

const localNames = (people: number, local: string): string[] =>
  Array.from({ length: people }, (_, index) => `${local}${index}`);

/** Kamailio with Prosody: `sip` and `xmpp`. */
export async function openKamailio(people: number): Promise<Stage> {
  const dir = privateFolder("kamailio");
  const [c2s = 0, componentPort = 0, port = 0, phonesPort = 0] = await freePorts(4);
  const parts = new Parts("Kamailio");
  return parts.open(async () => {
    const prosody = await parts.add("prosody", startProsody(dir, people, c2s, componentPort));
    const ports = { port, componentPort, phonesPort };
    await parts.add(
      "kamailio",
      startKamailio({ dir: join(dir, "kamailio"), gatewayDomain: sipSide, component, secret, ...ports }),
    );
    await until("Kamailio is known to Prosody", () => known(prosody));
    await parts.play("sip", people, [domains.sip, `${port}`, `bind=${phonesPort}`, "register=no"]);
    await parts.play("xmpp", people, [domains.xmpp, `${c2s}`]);
    parts.say("sip", "xmpp", (local) => `${local}*${domains.xmpp}@${sipSide}`, localNames(people, "user"));
    parts.say("xmpp", "sip", (local) => `${local}*${domains.sip}@${component}`, localNames(people, "user"));
  });
}

/** biboumi with Prosody and ngIRCd: `xmpp` and `irc`; one to one, everybody in one silent channel so that he is on the network. */
export async function openBiboumi(people: number): Promise<Stage> {
  const dir = privateFolder("biboumi");
  const [c2s = 0, componentPort = 0, ircPort = 0] = await freePorts(3);
  const parts = new Parts("biboumi");
  return parts.open(async () => {
    const prosody = await parts.add("prosody", startProsody(dir, people, c2s, componentPort));
    await parts.add("ngircd", startNgircd(dir, ircPort));
    const owners = localNames(people, "user").map((local) => `${local}@${domains.xmpp}`);
    const settings = { dir: join(dir, "biboumi"), component, componentPort, secret, ircPort, people: owners };
    await parts.add(
      "biboumi",
      startBiboumi(settings, () => known(prosody)),
    );
    await parts.play("irc", people, [`${ircPort}`, "confirm=no"]);
    await parts.play("xmpp", people, [domains.xmpp, `${c2s}`, `join=#bench%127.0.0.1@${component}`]);
    parts.say("xmpp", "irc", (local) => `${local}%127.0.0.1@${component}`, localNames(people, "carol"));
    parts.say("irc", "xmpp", (local) => local, localNames(people, "user"));
  });
}

const known = (prosody: Child): boolean => prosody.output().includes("successfully authenticated");

function startProsody(dir: string, people: number, c2s: number, componentPort: number): Promise<Child> {
  const data = join(dir, "prosody");
  const write = (path: string, text: string): string => {
    const file = join(dir, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text, { mode: 0o600 });
    return file;
  };
  for (const local of localNames(people, "user")) {
    const account = prosodyAccount(local, domains.xmpp, password(local));
    write(`prosody/${account.path}`, account.text);
  }
  const root = process.getuid?.() === 0;
  const config = prosodyConfig({
    domain: domains.xmpp,
    c2s,
    component: componentPort,
    components: [component],
    componentSecret: secret,
    data,
    root,
  });
  const file = write("prosody.cfg.lua", config);
  const args = [...(root ? ["--root"] : []), "--config", file, "-F"];
  const ready = (output: string): boolean => output.includes("Activated service 'component'");
  return startChild({ name: "prosody", command: "prosody", args, dir, ready });
}

function startNgircd(dir: string, port: number): Promise<Child> {
  const file = join(dir, "ngircd.conf");
  writeFileSync(file, ngircdConfig({ port, network: "Bench", channels: [] }), { mode: 0o600 });
  const ready = (output: string): boolean => output.includes("Now listening");
  return startChild({ name: "ngircd", command: "ngircd", args: ["-n", "-f", file], dir, ready });
}

/** Processes and drivers of a peer while it is put together; ends all of them when that fails. */
class Parts {
  readonly #system: string;
  readonly #children = new Map<string, Child>();
  readonly #drivers = new Map<GatewayName, LoadDriver>();
  readonly #names = new Map<string, readonly string[]>();

  constructor(system: string) {
    this.#system = system;
  }

  async open(build: () => Promise<void>): Promise<Stage> {
    try {
      await build();
    } catch (error) {
      await this.#close();
      throw error;
    }
    return {
      system: this.#system,
      pids: () => Object.fromEntries([...this.#children].map(([name, child]) => [name, child.pid])),
      drivers: this.#drivers,
      names: (from, to) => this.#names.get(`${from} ${to}`) ?? [],
      close: () => this.#close(),
    };
  }

  async add(name: string, starting: Promise<Child>): Promise<Child> {
    const child = await starting;
    this.#children.set(name, child);
    return child;
  }

  async play(gateway: GatewayName, people: number, where: readonly string[]): Promise<void> {
    this.#drivers.set(gateway, await startLoad(gateway, people, where));
  }

  say(from: GatewayName, to: GatewayName, name: (local: string) => string, locals: readonly string[]): void {
    this.#names.set(`${from} ${to}`, locals.map(name));
  }

  async #close(): Promise<void> {
    for (const driver of this.#drivers.values()) driver.stop();
    // In order, not by SIGKILL: Kamailio's parent has to end its children.
    for (const child of [...this.#children.values()].reverse()) await child.stop();
  }
}
