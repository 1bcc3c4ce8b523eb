// A raw IRC client (RFC 1459, RFC 2812): registers, talks to people by their nick or through the service nick.
import { createConnection, type Socket } from "node:net";
import { StringDecoder } from "node:string_decoder";
import { setTimeout as sleep } from "node:timers/promises";
import { type Actor, Ear, type Heard, type Match, type Sent } from "./actor.ts";

export interface IrcOptions {
  readonly nick: string;
  /** The domain under which the others know this network. */
  readonly domain: string;
  readonly port: number;
  readonly host?: string;
  /** The gateway's service nick; default Parley. */
  readonly service?: string;
  readonly join?: readonly string[];
}

const registeredWithinMs = 20_000;
/** The gateway logs in to the network after it says that it has started. */
const serviceWithinMs = 15_000;
const askEveryMs = 50;
/** What a server answers about a line that goes nowhere (RFC 2812 §5.2). */
const failures = new Set([
  "401",
  "402",
  "403",
  "404",
  "406",
  "407",
  "411",
  "412",
  "477",
  "482",
  "531",
  "716",
]);

export class IrcClient implements Actor {
  readonly #options: IrcOptions;
  readonly #socket: Socket;
  readonly #ear = new Ear();
  readonly #decoder = new StringDecoder("utf8");
  readonly #pongs = new Map<string, () => void>();
  #rest = "";
  #channel = "";
  #count = 0;
  #welcome: () => void = () => undefined;
  #present = "";

  private constructor(options: IrcOptions, socket: Socket) {
    this.#options = options;
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on("data", (bytes) => this.#data(this.#decoder.write(bytes)));
    socket.on("error", (error) =>
      this.#ear.hear({ kind: "report", from: "server", text: error.message, outcome: "closed" }),
    );
  }

  /** Connects, registers, joins; waits for the service nick, without which nobody can be written to. */
  static async open(options: IrcOptions): Promise<IrcClient> {
    const socket = createConnection({ host: options.host ?? "127.0.0.1", port: options.port });
    const client = new IrcClient(options, socket);
    await new Promise<void>((resolve, reject) => {
      const late = setTimeout(
        () => reject(new Error(`${options.nick}: the IRC server does not welcome`)),
        registeredWithinMs,
      );
      client.#welcome = () => {
        clearTimeout(late);
        resolve();
      };
      socket.once("error", (error) => {
        clearTimeout(late);
        reject(error);
      });
      client.write(`NICK ${options.nick}`);
      client.write(`USER ${options.nick} 0 * :${options.nick}`);
    });
    for (const channel of options.join ?? []) client.write(`JOIN ${channel}`);
    await client.#serviceThere();
    return client;
  }

  get #service(): string {
    return this.#options.service ?? "Parley";
  }

  async #serviceThere(): Promise<void> {
    const deadline = performance.now() + serviceWithinMs;
    for (;;) {
      this.write(`ISON ${this.#service}`);
      await this.flushed();
      if (this.#present.trim().toLowerCase() === this.#service.toLowerCase()) return;
      if (performance.now() > deadline) throw new Error(`${this.#service} is not on IRC`);
      await sleep(askEveryMs);
    }
  }

  get address(): string {
    return `${this.#options.nick}@${this.#options.domain}`;
  }

  get ear(): readonly Heard[] {
    return this.#ear.all;
  }

  /** One line as it is. */
  write(line: string): void {
    this.#socket.write(`${line}\r\n`);
  }

  /** To a nick or channel directly; to an address through the service nick. Taken when the server has read it (PING barrier). */
  async say(to: string, text: string): Promise<Sent> {
    const line = to.includes("@") ? `PRIVMSG ${this.#service} :to ${to} ${text}` : `PRIVMSG ${to} :${text}`;
    const before = this.#ear.all.length;
    this.write(line);
    await this.flushed();
    const failed = this.#ear.all
      .slice(before)
      .find((heard) => heard.kind === "report" && heard.outcome !== "notice");
    this.#count += 1;
    const id = String(this.#count);
    return failed ? { id, answer: "refused", detail: failed.text } : { id, answer: "taken" };
  }

  async enter(channel: string): Promise<void> {
    this.write(`JOIN ${channel}`);
    await this.flushed();
    this.#channel = channel;
  }

  async speak(text: string): Promise<void> {
    this.write(`PRIVMSG ${this.#channel} :${text}`);
    await this.flushed();
  }

  /** Resolves when the server has worked through everything written so far. */
  flushed(): Promise<void> {
    this.#count += 1;
    const name = `cast-${this.#count}`;
    return new Promise((resolve) => {
      this.#pongs.set(name, resolve);
      this.write(`PING :${name}`);
    });
  }

  heard(match: Match, timeoutMs: number): Promise<Heard> {
    return this.#ear.heard(this.address, match, timeoutMs);
  }

  async close(): Promise<void> {
    if (this.#socket.destroyed) return;
    const closed = new Promise<void>((resolve) => this.#socket.once("close", () => resolve()));
    const late = setTimeout(() => this.#socket.destroy(), 1000);
    this.#socket.end("QUIT\r\n");
    await closed;
    clearTimeout(late);
  }

  #data(text: string): void {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) this.#line(line.replace(/\r$/, ""));
  }

  #line(line: string): void {
    const match = /^(?:@(\S*) )?(?::(\S*) )?(\S+) ?(.*)$/.exec(line);
    const [, , prefix = "", command = "", rest = ""] = match ?? [];
    const colon = rest.startsWith(":") ? 0 : rest.indexOf(" :");
    const last = colon < 0 ? (rest.split(" ").at(-1) ?? "") : rest.slice(rest.indexOf(":", colon) + 1);
    const from = prefix.split("!")[0] ?? "";
    if (command === "PING") this.write(`PONG :${last}`);
    else if (command === "PONG") this.#pong(last);
    else if (command === "001") this.#welcome();
    // RPL_ISON
    else if (command === "303") this.#present = last;
    else if (command === "PRIVMSG")
      this.#ear.hear({ kind: rest.startsWith("#") ? "room" : "message", from, text: last });
    else if (command === "NOTICE" && prefix.includes("!"))
      this.#ear.hear({ kind: "report", from, text: last, outcome: "notice" });
    else if (failures.has(command))
      this.#ear.hear({ kind: "report", from, text: `${command} ${rest}`, outcome: "failed" });
  }

  #pong(name: string): void {
    this.#pongs.get(name)?.();
    this.#pongs.delete(name);
  }
}
