// A private Prosody on loopback for the tests of this gateway, with our module on its component hosts.
import { execFile } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { type Child, privateFolder, startChild } from "#test/servers/child.ts";
import { freePorts } from "#test/servers/free-port.ts";

export interface ProsodyOptions {
  /** Local accounts of xmpp.example; the password is `pw-<name>`. */
  readonly users?: readonly string[];
  /** Components, each with its own options in Lua beside the secret. */
  readonly components: Readonly<Record<string, string>>;
  /** False leaves mod_parley_ack out. */
  readonly module?: boolean;
  /** More lines for the global section. */
  readonly global?: string;
}

export interface Prosody {
  readonly child: Child;
  readonly componentPort: number;
  readonly clientPort: number;
  readonly secret: string;
  /** Says a command to its admin shell; resolves with what it answers. */
  shell(command: string): Promise<string>;
  /** Starts it again on the same ports and data after it has ended. */
  again(): Promise<Prosody>;
}

const modules = fileURLToPath(new URL("../../../deploy/prosody", import.meta.url));
export const host = "xmpp.example";

/** Starts Prosody and resolves when both its ports answer. */
export async function startProsody(options: ProsodyOptions): Promise<Prosody> {
  const [componentPort = 0, clientPort = 0] = await freePorts(2);
  const folder = privateFolder("prosody");
  const secret = "component-secret";
  const accounts = join(folder, "data", "xmpp%2eexample", "accounts");
  mkdirSync(accounts, { recursive: true });
  for (const user of options.users ?? [])
    writeFileSync(join(accounts, `${user}.dat`), `return { ["password"] = "pw-${user}" };\n`);
  const config = join(folder, "prosody.cfg.lua");
  writeFileSync(config, configText(options, folder, componentPort, clientPort, secret), { mode: 0o600 });
  const shell = async (command: string): Promise<string> => {
    const { stdout } = await promisify(execFile)("prosodyctl", [
      "--root",
      "--config",
      config,
      "shell",
      command,
    ]);
    return stdout;
  };
  const start = async (): Promise<Prosody> => {
    const child = await startChild({
      name: "prosody",
      command: "prosody",
      args: ["--root", "--config", config, "-F"],
      dir: folder,
      ready: async () => (await answers(componentPort)) && (await answers(clientPort)),
    });
    return { child, componentPort, clientPort, secret, again: start, shell };
  };
  return start();
}

function configText(
  options: ProsodyOptions,
  folder: string,
  componentPort: number,
  clientPort: number,
  secret: string,
): string {
  const components = Object.entries(options.components).map(
    ([domain, lines]) => `Component "${domain}"
  component_secret = "${secret}"
  ${options.module === false ? "" : 'modules_enabled = { "parley_ack" }'}
  ${lines}
`,
  );
  return `run_as_root = true
daemonize = false
pidfile = "${folder}/prosody.pid"
data_path = "${folder}/data"
plugin_paths = { "${modules}" }
interfaces = { "127.0.0.1" }
local_interfaces = { "127.0.0.1" }
component_interfaces = { "127.0.0.1" }
c2s_ports = { ${clientPort} }
component_ports = { ${componentPort} }
s2s_ports = {}
c2s_direct_tls_ports = {}
s2s_direct_tls_ports = {}
http_ports = {}
https_ports = {}
modules_enabled = { "disco", "roster", "saslauth", "ping", "presence", "message", "iq", "offline", "admin_shell" }
modules_disabled = { "s2s", "tls", "smacks", "limits" }
authentication = "internal_plain"
storage = "internal"
c2s_require_encryption = false
allow_unencrypted_plain_auth = true
component_conflict_resolve = "kick_old"
limits = {}
log = { { levels = { min = "info" }, to = "console" } }
${options.global ?? ""}
VirtualHost "${host}"
${components.join("\n")}`;
}

const answers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
