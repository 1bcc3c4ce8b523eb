// Kamailio 5.6 as a gateway between SIP and XMPP, for comparison: stateful, 202 as soon as a message is in its queue for the
// XMPP server, UDP on loopback, no registrar and no digest. Its people are `user*domain` on the other side.
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Child, startChild } from "./child.ts";
import { mendXmppModule } from "./kamailio-module.ts";

const modules = "/usr/lib/x86_64-linux-gnu/kamailio/modules";

/** Whether Kamailio and its XMPP module are installed. */
export const hasKamailio = (): boolean =>
  existsSync("/usr/sbin/kamailio") && existsSync(`${modules}/xmpp.so`);

export interface KamailioSettings {
  /** A folder of its own. */
  readonly dir: string;
  /** Its port for SIP (UDP). */
  readonly port: number;
  /** The domain to which SIP people write: `sip:bob*xmpp.example@<gatewayDomain>`. */
  readonly gatewayDomain: string;
  /** The component's name at the XMPP server: XMPP people write to `alice*sip.example@<component>`. */
  readonly component: string;
  readonly componentPort: number;
  readonly secret: string;
  /** Where all its SIP requests go (UDP on loopback). */
  readonly phonesPort: number;
}

/** The text of kamailio.cfg. */
function kamailioConfig(settings: KamailioSettings): string {
  const set = (name: string, value: string | number): string =>
    `modparam("xmpp", "${name}", ${typeof value === "number" ? value : `"${value}"`})`;
  return [
    "debug=1",
    "log_stderror=yes",
    "children=2",
    "auto_aliases=no",
    "dns=no",
    "rev_dns=no",
    "disable_tcp=yes",
    `alias="${settings.gatewayDomain}"`,
    `listen=udp:127.0.0.1:${settings.port}`,
    `mpath="${settings.dir}/:${modules}/"`,
    ...["tm", "sl", "pv", "textops", "xmpp"].map((name) => `loadmodule "${name}.so"`),
    set("backend", "component"),
    set("domain_separator", "*"),
    set("gateway_domain", settings.gatewayDomain),
    set("xmpp_domain", settings.component),
    set("xmpp_host", "127.0.0.1"),
    set("xmpp_port", settings.componentPort),
    set("xmpp_password", settings.secret),
    set("outbound_proxy", `sip:127.0.0.1:${settings.phonesPort}`),
    "request_route {",
    `  if (!is_method("MESSAGE")) { sl_send_reply("405", "Messages only"); exit; }`,
    `  if (!t_newtran()) { exit; }`,
    `  if (xmpp_send_message()) { t_reply("202", "Accepted"); } else { t_reply("404", "Not Found"); }`,
    "}",
    "",
  ].join("\n");
}

/** Starts it; ready when its processes stand. Whether the XMPP server knows it is for the caller to see. */
export function startKamailio(settings: KamailioSettings): Promise<Child> {
  const { dir } = settings;
  mkdirSync(dir, { recursive: true });
  mendXmppModule(`${modules}/xmpp.so`, dir);
  const file = join(dir, "kamailio.cfg");
  writeFileSync(file, kamailioConfig(settings), { mode: 0o600 });
  // Finished transactions stay in shared memory for five seconds: 1 GiB holds those of every rate that it can carry.
  const memory = ["-m", "1024", "-M", "16"];
  const place = ["-Y", dir, "-P", join(dir, "kamailio.pid")];
  return startChild({
    name: "kamailio",
    command: "/usr/sbin/kamailio",
    args: ["-f", file, "-DD", "-E", ...memory, ...place],
    dir,
    ready: () => existsSync(join(dir, "kamailio.pid")),
  });
}
