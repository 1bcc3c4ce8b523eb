// Kamailio 5.6 as an MSRP relay (RFC 4976) over TCP on loopback. It grants every AUTH a path of its own without a password, and
// answers each SEND itself before it passes it on.
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { type Child, startChild } from "./child.ts";

const modules = "/usr/lib/x86_64-linux-gnu/kamailio/modules";

/** Whether Kamailio and its MSRP module are installed. */
export const hasKamailioMsrp = (): boolean =>
  existsSync("/usr/sbin/kamailio") && existsSync(`${modules}/msrp.so`);

const config = (port: number): string =>
  [
    "debug=1",
    "log_stderror=yes",
    "children=1",
    "tcp_children=4",
    "auto_aliases=no",
    "dns=no",
    "rev_dns=no",
    `listen=tcp:127.0.0.1:${port}`,
    "tcp_connection_lifetime=3605",
    "tcp_accept_no_cl=yes",
    "tcp_rd_buf_size=65535",
    `mpath="${modules}/"`,
    ...["tm", "sl", "pv", "textops", "htable", "cfgutils", "msrp"].map((name) => `loadmodule "${name}.so"`),
    'modparam("htable", "htable", "msrp=>size=8;autoexpire=600;")',
    'request_route { sl_send_reply("405", "MSRP only"); }',
    "event_route[msrp:frame-in] {",
    '  msrp_reply_flags("1");',
    '  if ($msrp(method) == "AUTH") {',
    '    $var(id) = "s" + $pp + "x" + $RANDOM + "x" + $RANDOM;',
    "    $sht(msrp=>$var(id)::addr) = $msrp(srcaddr);",
    "    $sht(msrp=>$var(id)::sock) = $msrp(srcsock);",
    `    msrp_reply("200", "OK", "Use-Path: msrp://127.0.0.1:${port}/$var(id);tcp\\r\\nExpires: 600\\r\\n");`,
    "    exit;",
    "  }",
    '  if ($msrp(method) == "SEND" || $msrp(method) == "REPORT") {',
    "    if ($msrp(nexthops) < 2 && $sht(msrp=>$msrp(sessid)::addr) == $null) {",
    '      msrp_reply("481", "No such session"); exit;',
    "    }",
    '    if ($msrp(method) == "SEND") { msrp_reply("200", "OK"); }',
    // From its owner a path leads on to the next hop; from anybody else, to its owner.
    "    if ($msrp(nexthops) < 2 && $sht(msrp=>$msrp(sessid)::addr) != $msrp(srcaddr)) {",
    '      msrp_relay_flags("1");',
    '      msrp_set_dst("$sht(msrp=>$msrp(sessid)::addr)", "$sht(msrp=>$msrp(sessid)::sock)");',
    "    }",
    "    msrp_relay();",
    "  }",
    "}",
    "",
  ].join("\n");

// Its pid file comes before its socket.
const answers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => socket.destroy());
    socket.once("error", () => resolve(false));
    socket.once("close", (failed) => resolve(!failed));
  });

/** Starts it with a folder of its own; ready when its processes stand. */
export function startMsrpRelay(dir: string, port: number): Promise<Child> {
  mkdirSync(dir, { recursive: true });
  const file = join(dir, "kamailio.cfg");
  writeFileSync(file, config(port), { mode: 0o600 });
  return startChild({
    name: "kamailio-msrp",
    command: "/usr/sbin/kamailio",
    args: ["-f", file, "-DD", "-E", "-m", "64", "-M", "8", "-Y", dir, "-P", join(dir, "kamailio.pid")],
    dir,
    ready: () => answers(port),
  });
}
