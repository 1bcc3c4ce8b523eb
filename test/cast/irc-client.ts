// An IRC client on a bare socket (RFC 1459, RFC 2812): one connection, one nick. It writes first to people by the service nick, and to
// their own nicks once it has heard them.
import { createConnection, type Socket } from "node:net";
import { type Actor, Ear, type Heard, type Report, retry, type Sent } from "./actor.ts";

export interface IrcClientOptions {
  readonly port: number;
  readonly nick: string;
  /** The domain by which the rest of the world knows this network. */
  readonly domain: string;
  /** The gateway's service nick; default Parley. */
  readonly service?: string;
  /** Comes back by itself after a break; default true. */
  readonly returns?: boolean;
  /** Always writes by the service nick, even to people whose nick is known. */
  readonly alwaysByService?: boolean;
}

export interface Line {
  readonly source: string;
  readonly command: string;
  readonly params: readonly string[];
}

/** Splits one line without its CR LF: prefix, command, middles, trailing. Tags are cut off. */
export function readLine(line: string): Line {
  let rest = line.startsWith("@") ? line.slice(line.indexOf(" ") + 1).trimStart() : line;
  let source = "";
  if (rest.startsWith(":")) {
    const end = rest.indexOf(" ");
    source = rest.slice(1, end < 0 ? undefined : end);
    rest = end < 0 ? "" : rest.slice(end + 1).trimStart();
  }
  const colon = rest.startsWith(":") ? 0 : rest.indexOf(" :");
  const words = (colon < 0 ? rest : rest.slice(0, colon)).split(" ").filter((word) => word !== "");
  const trailing = colon < 0 ? [] : [rest.slice(colon + (colon === 0 ? 1 : 2))];
  return { source, command: words[0] ?? "", params: [...words.slice(1), ...trailing] };
}

/** RFC 2812 §2.3: 512 octets with CR LF. */
const lineBytes = 510;

export class IrcClient implements Actor {
  readonly #options: IrcClientOptions;
  readonly #messages: Ear<Heard>;
  readonly #reports: Ear<Report>;
  readonly #lines: Ear<Line>;
  /** Bare addresses -> nicks, as WHOIS and the service told. */
  readonly nicks = new Map<string, string>();
  readonly #asked = new Set<string>();
  #socket: Socket | undefined;
  #rest: Buffer = Buffer.alloc(0);
  #ready = false;
  #ending = false;
  #count = 0;
  readonly #listeners = new Set<(line: Line) => boolean>();
  connections = 0;

  constructor(options: IrcClientOptions) {
    this.#options = options;
    this.#messages = new Ear<Heard>(`${this.address} hears`);
    this.#reports = new Ear<Report>(`${this.address} is told`);
    this.#lines = new Ear<Line>(`${this.address} reads`);
  }

  get address(): string {
    return `${this.#options.nick}@${this.#options.domain}`;
  }
  get messages(): readonly Heard[] {
    return this.#messages.all;
  }
  get reports(): readonly Report[] {
    return this.#reports.all;
  }
  /** IRC has no ids: nothing can be recognised. */
  get again(): number {
    return 0;
  }
  heard(match: (message: Heard) => boolean, withinMs: number): Promise<Heard> {
    return this.#messages.next(match, withinMs);
  }
  told(match: (report: Report) => boolean, withinMs: number): Promise<Report> {
    return this.#reports.next(match, withinMs);
  }
  /** The first line that fits, of all so far or to come, but for PRIVMSG and NOTICE. */
  line(match: (line: Line) => boolean, withinMs: number): Promise<Line> {
    return this.#lines.next(match, withinMs);
  }

  /** Hears every line first; true: it is dealt with and shown to nobody else. */
  listen(listener: (line: Line) => boolean): void {
    this.#listeners.add(listener);
  }

  /** Whether such a numeric about that nick has come. */
  seen(command: string, nick: string): boolean {
    return this.#lines.all.some((line) => line.command === command && line.params[1] === nick);
  }

  async open(): Promise<this> {
    await this.#connect();
    return this;
  }

  /** To one of our people by the service nick, or by his own nick once it is known; to anything without `@` as to a nick. */
  async say(to: string, text: string): Promise<Sent> {
    if (/[\r\n\0]/.test(text)) throw new Error("IRC: a line cannot hold CR, LF or NUL");
    const nick = to.includes("@") ? this.#nickOf(to) : to;
    const { service = "Parley" } = this.#options;
    const line = nick === undefined ? `PRIVMSG ${service} :to ${to} ${text}` : `PRIVMSG ${nick} :${text}`;
    if (Buffer.byteLength(line) > lineBytes) throw new Error("IRC: the line is too long");
    this.#count += 1;
    const at = performance.now();
    this.raw(line);
    return { id: String(this.#count), at, answer: "none" };
  }

  /** Writes one line as it is; false when there is no connection. */
  raw(line: string): boolean {
    return this.#ready && this.#socket?.write(`${line}\r\n`) !== undefined;
  }

  break(): void {
    this.#socket?.destroy();
  }
  pause(): void {
    this.#socket?.pause();
  }
  resume(): void {
    this.#socket?.resume();
  }

  async close(): Promise<void> {
    this.#ending = true;
    const socket = this.#socket;
    if (socket === undefined || socket.destroyed) return;
    const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
    const late = setTimeout(() => socket.destroy(), 1000);
    socket.resume();
    socket.end("QUIT :bye\r\n");
    await closed;
    clearTimeout(late);
  }

  #nickOf(to: string): string | undefined {
    if (to.endsWith(`@${this.#options.domain}`)) return to.slice(0, to.lastIndexOf("@"));
    return this.#options.alwaysByService ? undefined : this.nicks.get(to.toLowerCase());
  }

  #connect(): Promise<void> {
    const { port, nick } = this.#options;
    return new Promise((resolve, reject) => {
      const socket = createConnection(port, "127.0.0.1");
      this.#socket = socket;
      this.#rest = Buffer.alloc(0);
      socket.setNoDelay(true);
      socket.once("connect", () => {
        socket.write(`NICK ${nick}\r\nUSER ${nick.slice(0, 9)} 0 * :An outsider\r\n`);
      });
      socket.on("data", (chunk: Buffer) => this.#onData(chunk, resolve));
      socket.on("error", reject);
      socket.once("close", () => {
        reject(new Error("IRC: the connection ended before it was registered"));
        this.#onClose(socket);
      });
    });
  }

  #onClose(socket: Socket): void {
    if (socket !== this.#socket) return;
    const stood = this.#ready;
    this.#ready = false;
    if (!stood || this.#ending || this.#options.returns === false) return;
    void retry(
      () => this.#connect(),
      () => this.#ending,
    );
  }

  #onData(chunk: Buffer, ready: () => void): void {
    let data: Buffer = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    for (let end = data.indexOf(10); end >= 0; end = data.indexOf(10)) {
      this.#onLine(readLine(data.subarray(0, end).toString("utf8").replace(/\r$/, "")), ready);
      data = data.subarray(end + 1);
    }
    this.#rest = data;
  }

  #onLine(line: Line, ready: () => void): void {
    const { command, params } = line;
    if ([...this.#listeners].some((listener) => listener(line))) return;
    if (command === "PRIVMSG" || command === "NOTICE") return this.#onText(line);
    this.#lines.add(line);
    switch (command) {
      case "PING":
        this.#socket?.write(`PONG :${params.at(-1) ?? ""}\r\n`);
        return;
      case "001":
        this.#ready = true;
        this.connections += 1;
        return ready();
      case "433":
        // The nick is held by our own ghost: a moment later again.
        if (!this.#ready) setTimeout(() => this.#socket?.write(`NICK ${this.#options.nick}\r\n`), 100);
        return;
      case "401":
      case "404":
      case "412":
      case "417":
        return this.#report("failed", command, params.at(-1) ?? "", params[1] ?? "");
      case "311":
        return this.#onWhois(params);
      default:
        return;
    }
  }

  // The gateway shows the person's address as the real name of his nick.
  #onWhois(params: readonly string[]): void {
    const address = /\S+@\S+/.exec(params.at(-1) ?? "")?.[0];
    const nick = params[1];
    if (address !== undefined && nick !== undefined) this.nicks.set(address.toLowerCase(), nick);
  }

  #report(kind: Report["kind"], code: string | undefined, text: string, from: string): void {
    this.#reports.add({ kind, id: undefined, code, text, from, at: performance.now() });
  }

  #onText({ source, command, params }: Line): void {
    const [nick = "", host] = source.split("!");
    const [target = "", text = ""] = params;
    if (host === undefined || target.toLowerCase() !== this.#options.nick.toLowerCase()) return;
    if (command === "NOTICE" && /^Not (delivered|sent to )/.test(text))
      return this.#report("failed", undefined, text, nick);
    if (command === "NOTICE" && text.startsWith("Perhaps not delivered"))
      return this.#report("uncertain", undefined, text, nick);
    if (!this.#asked.has(nick) && nick !== (this.#options.service ?? "Parley")) {
      this.#asked.add(nick);
      this.raw(`WHOIS ${nick}`);
    }
    this.#messages.add({ from: nick, text, id: undefined, at: performance.now(), more: { command } });
  }
}

/** A client that is registered. */
export const openIrcClient = (options: IrcClientOptions): Promise<IrcClient> => new IrcClient(options).open();
