// For tests only: an IRC client that shares no code with the gateway, and a private ngIRCd.

import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { createConnection, type Socket } from "node:net";
import { join } from "node:path";
import { type Child, privateFolder, startChild } from "#test/servers/child.ts";
import { freePort } from "#test/servers/free-port.ts";

export class ForeignClient {
  readonly lines: string[] = [];
  readonly nick: string;
  #socket: Socket;
  #rest = "";
  #seen = 0;
  #wake: (() => void) | undefined;

  private constructor(nick: string, port: number) {
    this.nick = nick;
    this.#socket = createConnection({ port, host: "127.0.0.1", noDelay: true });
    this.#socket.setEncoding("latin1");
    this.#socket.on("error", () => undefined);
    this.#socket.on("data", (data: string) => {
      const parts = (this.#rest + data).split("\r\n");
      this.#rest = parts.pop() ?? "";
      for (const part of parts) {
        const line = Buffer.from(part, "latin1").toString("utf8");
        if (line.startsWith("PING ")) this.write(`PONG ${line.slice(5)}`);
        else this.lines.push(line);
      }
      this.#wake?.();
    });
  }

  static async login(port: number, nick: string): Promise<ForeignClient> {
    const client = new ForeignClient(nick, port);
    client.write(`NICK ${nick}`);
    client.write(`USER ${nick} 0 * :${nick}`);
    await client.next((line) => / (376|422) /.test(line));
    return client;
  }

  write(line: string): void {
    this.#socket.write(`${line}\r\n`);
  }

  say(to: string, text: string): void {
    this.write(`PRIVMSG ${to} :${text}`);
  }

  /** The next line, not yet given out, that fits; those before it are skipped. */
  async next(fits: (line: string) => boolean, withinMs = 10_000): Promise<string> {
    const until = Date.now() + withinMs;
    for (;;) {
      while (this.#seen < this.lines.length) {
        const line = this.lines[this.#seen++];
        if (line !== undefined && fits(line)) return line;
      }
      const left = until - Date.now();
      if (left <= 0)
        throw new Error(`${this.nick} waited in vain; heard:\n${this.lines.slice(-15).join("\n")}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  /** Asks until this nick is there. */
  async untilOnline(nick: string): Promise<void> {
    for (;;) {
      this.write(`ISON ${nick}`);
      if ((await this.next((line) => / 303 /.test(line))).includes(`:${nick}`)) return;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** All texts that came so far as PRIVMSG from this nick. */
  heard(from: string): string[] {
    return this.lines.flatMap(
      (line) => new RegExp(`^:${from}![^ ]+ PRIVMSG [^ ]+ :(.*)$`).exec(line)?.[1] ?? [],
    );
  }

  close(): void {
    this.#socket.destroy();
  }
}

export interface Ircd {
  readonly port: number;
  readonly child: Child;
  readonly restart: () => Promise<Child>;
}

async function answers(port: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = createConnection(port, "127.0.0.1");
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}

/** Starts ngIRCd with these extra lines in [Limits], and `more` sections at the end. */
export async function startNgircd(
  limits: readonly string[] = [],
  more: readonly string[] = [],
  name = "irc.test.invalid",
): Promise<Ircd> {
  const port = await freePort();
  const dir = privateFolder("ngircd");
  const file = join(dir, "ngircd.conf");
  const config = [
    "[Global]",
    `Name = ${name}`,
    "Info = test",
    "Listen = 127.0.0.1",
    `Ports = ${port}`,
    "MotdPhrase = hello",
    "[Limits]",
    "MaxConnectionsIP = 0",
    "MaxPenaltyTime = 0",
    "MaxNickLength = 30",
    ...limits,
    "[Options]",
    "DNS = no",
    "Ident = no",
    "PAM = no",
    "CloakHost = user.test",
    ...more,
    "",
  ];
  writeFileSync(file, config.join("\n"));
  const start = (): Promise<Child> =>
    startChild({
      name: "ngircd",
      command: "ngircd",
      args: ["-n", "-f", file],
      dir,
      ready: () => answers(port),
      withinMs: 30_000,
    });
  return { port, child: await start(), restart: start };
}

/** Starts ngIRCd with a TLS port beside the plain one; `ca` is the PEM file to trust. */
export async function startTlsNgircd(): Promise<Ircd & { tlsPort: number; ca: string }> {
  const dir = privateFolder("tls");
  const [key, ca] = [join(dir, "key.pem"), join(dir, "cert.pem")];
  const subject = ["-subj", "/CN=irc.test.invalid", "-addext", "subjectAltName=IP:127.0.0.1"];
  execFileSync(
    "openssl",
    ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", key, "-out", ca, ...subject],
    { stdio: "ignore" },
  );
  const tlsPort = await freePort();
  const ircd = await startNgircd([], ["[SSL]", `CertFile = ${ca}`, `KeyFile = ${key}`, `Ports = ${tlsPort}`]);
  return { ...ircd, tlsPort, ca };
}

/** Starts InspIRCd 3 with tags, echo-message and labelled responses. */
export async function startInspircd(): Promise<Ircd> {
  const port = await freePort();
  const dir = privateFolder("inspircd");
  const file = join(dir, "inspircd.conf");
  const modules = [
    "cap",
    "ircv3",
    "ircv3_servertime",
    "ircv3_msgid",
    "ircv3_echomessage",
    "ircv3_ctctags",
    "ircv3_batch",
    "ircv3_labeledresponse",
    "services_account",
  ];
  const config = [
    '<server name="irc.test.invalid" description="test" network="Test">',
    '<admin name="a" nick="a" email="a@test.invalid">',
    `<bind address="127.0.0.1" port="${port}" type="clients">`,
    '<connect name="main" allow="*" timeout="60" pingfreq="2m" hardsendq="10M" softsendq="1M" recvq="1M" threshold="1000000" commandrate="1000000000" fakelag="no" localmax="100" globalmax="100" resolvehostnames="no">',
    `<pid file="${dir}/inspircd.pid">`,
    `<log method="file" type="* -USERINPUT -USEROUTPUT" level="default" target="${dir}/server.log">`,
    ...modules.map((name) => `<module name="${name}">`),
  ];
  writeFileSync(file, `${config.join("\n")}\n`);
  const root = process.getuid?.() === 0 ? ["--runasroot"] : [];
  const start = (): Promise<Child> =>
    startChild({
      name: "inspircd",
      command: "inspircd",
      args: ["--nofork", ...root, "--config", file],
      dir,
      ready: () => answers(port),
      withinMs: 30_000,
    });
  return { port, child: await start(), restart: start };
}
