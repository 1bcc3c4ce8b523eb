// The peers of the room bench: Prosody's own MUC, and biboumi's channels; the same drivers, Prosody configured as Parley's is.
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { domains, password } from "#test/plays/house.ts";
import { startBiboumi } from "#test/servers/biboumi.ts";
import { type Child, privateFolder, startChild, until } from "#test/servers/child.ts";
import { freePorts } from "#test/servers/free-port.ts";
import { ngircdConfig } from "../../../deploy/launcher/configs/ngircd-config.ts";
import { prosodyAccount, prosodyConfig } from "../../../deploy/launcher/configs/prosody-config.ts";
import { type RoomDriver, type RoomProtocol, startRoomDriver } from "./driver.ts";
import type { RoomStage } from "./stage.ts";

const secret = "secret";
const component = "gw.example";
const ownRooms = "conference.example";
const channel = "#bench";

/** Prosody's own rooms: people of one server in a room of its component `muc`. */
export function openProsodyRoom(people: number): Promise<RoomStage> {
  return withParts("Prosody muc", async (parts) => {
    const [c2s = 0, componentPort = 0] = await freePorts(2);
    await parts.add(
      "prosody",
      startProsody(people, c2s, componentPort, [`Component "${ownRooms}" "muc"`, "  muc_tombstones = false"]),
    );
    await parts.play("xmpp", people, [domains.xmpp, `${c2s}`, `bench@${ownRooms}`, "unlock=yes"]);
  });
}

/** biboumi between Prosody and ngIRCd: `irc` people in the channel, `xmpp` people in the MUC that stands for it. */
export function openBiboumiRoom(people: number, ircPeople: number): Promise<RoomStage> {
  return withParts("biboumi", async (parts) => {
    const [c2s = 0, componentPort = 0, ircPort = 0] = await freePorts(3);
    const prosody = await parts.add("prosody", startProsody(people, c2s, componentPort, []));
    await parts.add("ngircd", startNgircd(ircPort));
    const owners = Array.from({ length: people }, (_, index) => `user${index}@${domains.xmpp}`);
    const dir = privateFolder("biboumi");
    const known = (): boolean => prosody.output().includes("successfully authenticated");
    const settings = { dir, component, componentPort, secret, ircPort, people: owners };
    await parts.add("biboumi", startBiboumi(settings, known));
    await until("biboumi is known to Prosody", known);
    await parts.play("irc", ircPeople, [`${ircPort}`, channel]);
    await parts.play("xmpp", people, [domains.xmpp, `${c2s}`, `${channel}%127.0.0.1@${component}`]);
  });
}

function startProsody(
  people: number,
  c2s: number,
  componentPort: number,
  more: readonly string[],
): Promise<Child> {
  const dir = privateFolder("prosody");
  const data = join(dir, "prosody");
  const write = (path: string, text: string): string => {
    const file = join(dir, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text, { mode: 0o600 });
    return file;
  };
  for (let index = 0; index < people; index += 1) {
    const account = prosodyAccount(`user${index}`, domains.xmpp, password(`user${index}`));
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
  const file = write("prosody.cfg.lua", [config, ...more, ""].join("\n"));
  const args = [...(root ? ["--root"] : []), "--config", file, "-F"];
  const ready = (output: string): boolean => output.includes("Activated service 'component'");
  return startChild({ name: "prosody", command: "prosody", args, dir, ready });
}

function startNgircd(port: number): Promise<Child> {
  const dir = privateFolder("ngircd");
  const file = join(dir, "ngircd.conf");
  writeFileSync(file, ngircdConfig({ port, network: "Bench", channels: [] }), { mode: 0o600 });
  const ready = (output: string): boolean => output.includes("Now listening");
  return startChild({ name: "ngircd", command: "ngircd", args: ["-n", "-f", file], dir, ready });
}

interface Parts {
  add(name: string, starting: Promise<Child>): Promise<Child>;
  play(protocol: RoomProtocol, people: number, where: readonly string[]): Promise<void>;
}

/** Puts a peer together; ends all that was started when that fails. */
async function withParts(system: string, build: (parts: Parts) => Promise<void>): Promise<RoomStage> {
  const children = new Map<string, Child>();
  const drivers = new Map<RoomProtocol, RoomDriver>();
  const close = async (): Promise<void> => {
    for (const driver of drivers.values()) driver.stop();
    for (const child of [...children.values()].reverse()) await child.stop();
  };
  try {
    await build({
      async add(name, starting) {
        const child = await starting;
        children.set(name, child);
        return child;
      },
      async play(protocol, people, where) {
        drivers.set(protocol, await startRoomDriver(protocol, people, where));
      },
    });
  } catch (error) {
    await close();
    throw error;
  }
  const pids = (): Record<string, number> =>
    Object.fromEntries([...children].map(([name, child]) => [name, child.pid]));
  return { system, pids, drivers, echoes: (protocol) => protocol === "xmpp", close };
}
