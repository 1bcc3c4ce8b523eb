// The commands and files of deploy/docker-compose.yaml as plain processes on this machine, without containers: only hosts, ports and
// folders are replaced. One message along each of the twelve directions shows that they belong together.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { parse } from "yaml";
import { type Child, privateFolder, startChild } from "#test/servers/child.ts";
import { freePorts } from "#test/servers/free-port.ts";
import { ownNode, repository } from "#test/support/own-node.ts";
import { prosodyAccount } from "../../deploy/launcher/configs/prosody-config.ts";
import { printMatrix, runMatrix } from "../../deploy/launcher/matrix.ts";

const folder = privateFolder("compose");
const children: Child[] = [];
afterAll(async () => {
  for (const child of children.reverse()) await child.stop();
});

const deploy = (path: string): string => readFileSync(join(repository, "deploy", path), "utf8");
const compose = parse(deploy("docker-compose.yaml"), { merge: true }) as {
  services: Record<string, { command: string[]; volumes?: string[] }>;
};
const passwords = { sip: "sip-word", web: "web-word", xmpp: "xmpp-word" };
const secrets = {
  PARLEY_BUS_TOKEN: "a-token",
  PARLEY_XMPP_SECRET: "a-secret",
  PARLEY_ACCOUNTS: `[{ address: alice@sip.example, password: ${passwords.sip} }, { address: dave@web.example, password: ${passwords.web} }]`,
};

/** The files as they are mounted, with what only a container has replaced; answers the path that /etc/parley/NAME is here. */
function mount(replace: (text: string) => string): (argument: string) => string {
  for (const { volumes = [] } of Object.values(compose.services))
    for (const volume of volumes) {
      const [source = "", target = ""] = volume.split(":");
      if (!source.startsWith(".")) mkdirSync(join(folder, target), { recursive: true, mode: 0o700 });
      else {
        mkdirSync(dirname(join(folder, target)), { recursive: true });
        writeFileSync(join(folder, target), replace(deploy(source)), { mode: 0o600 });
      }
    }
  return (argument) => (argument.startsWith("/etc/parley/") ? join(folder, argument) : argument);
}

async function start(name: string, where: (argument: string) => string, ready: string): Promise<void> {
  const [command = "", ...rest] = compose.services[name]?.command ?? [];
  const asRoot = command === "prosody" && process.getuid?.() === 0 ? ["--root"] : [];
  const child = await startChild({
    name,
    command: command === "node" ? ownNode : command,
    args: [...asRoot, ...rest.map(where)],
    cwd: repository,
    // Instances are named after containers; here all are on one host.
    env: { ...process.env, ...secrets, PARLEY_HEALTH_LISTEN: "127.0.0.1:0" },
    ready: (output) => output.includes(ready),
    withinMs: 30_000,
  });
  children.push(child);
}

test("what the containers run delivers in every direction", async () => {
  const [bus = 0, monitor = 0, c2s = 0, component = 0, irc = 0, sip = 0, web = 0] = await freePorts(7);
  const ports = { 4222: bus, 8222: monitor, 5222: c2s, 5347: component, 6667: irc, 5060: sip, 8080: web };
  const where = mount((text) => {
    const local = text
      .replaceAll("0.0.0.0", "127.0.0.1")
      .replace(/\/\/nats:|(?<=host: )prosody|(?<=server: )ngircd/g, (host) =>
        host === "//nats:" ? "//127.0.0.1:" : "127.0.0.1",
      )
      .replaceAll("/data/", `${folder}/data/`)
      .replaceAll("/opt/parley", repository)
      .replace(/\b(4222|8222|5222|5347|6667|5060|8080)\b/g, (port) =>
        String(ports[Number(port) as keyof typeof ports]),
      );
    return text.includes("VirtualHost") && process.getuid?.() === 0 ? `run_as_root = true\n${local}` : local;
  });
  const account = prosodyAccount("bob", "xmpp.example", passwords.xmpp);
  mkdirSync(dirname(join(folder, "data/prosody", account.path)), { recursive: true });
  writeFileSync(join(folder, "data/prosody", account.path), account.text, { mode: 0o600 });

  await Promise.all([
    start("nats", where, "Server is ready"),
    start("prosody", where, `'c2s' on [127.0.0.1]:${c2s}`),
    start("ngircd", where, `listening on [127.0.0.1]:${irc}`),
  ]);
  const gateways = ["sip", "xmpp", "irc", "web"] as const;
  await Promise.all([...gateways, "conference"].map((name) => start(name, where, "service started")));
  const rows = await runMatrix(
    { book: { ports: { bus, monitor, c2s, component, irc, sip, web } }, secrets: { passwords } },
    gateways,
  );
  expect(printMatrix(rows.messages, "directions arrived")).toContain("12 of 12 directions arrived");
  expect(printMatrix(rows.room, "heard in the room")).toContain("12 of 12 heard in the room");
});
