// A raw MSRP endpoint for plays and tests (RFC 4975, RFC 7701 §7): listens and connects, sends chunks on demand, puts chunks together.
import { randomBytes } from "node:crypto";
import { createServer, connect as netConnect, type Server, type Socket } from "node:net";
import { createServer as createTlsServer, connect as tlsConnect } from "node:tls";
import { Ear } from "./actor.ts";
import { cutMsrp, type MsrpPacket, printMsrp } from "./msrp-wire.ts";

export interface MsrpClientOptions {
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** With a certificate it speaks TLS, and its URI is msrps. */
  readonly tls?: { readonly key: string | Buffer; readonly cert: string | Buffer };
  /** What a request is answered (`413 Too big`); undefined leaves it unanswered. Default: 200 to all. Failure-Report is heeded. */
  readonly answer?: (request: MsrpPacket) => string | undefined;
}

/** One whole message. */
export interface MsrpHeard {
  readonly messageId: string;
  readonly contentType: string;
  readonly body: Buffer;
  readonly fromPath: string;
  readonly toPath: string;
  /** How many chunks it came in. */
  readonly chunks: number;
  readonly successReport: boolean;
  readonly at: number;
}

export interface MsrpReported {
  readonly messageId: string;
  /** `000 200 OK`. */
  readonly status: string;
  readonly range: string;
  readonly at: number;
}

export interface MsrpSaid {
  readonly messageId: string;
  /** Statuses of the answers to its chunks, in the order of their coming; short where none came. */
  readonly statuses: readonly number[];
  readonly comment: string;
}

export interface MsrpSay {
  readonly contentType?: string;
  readonly body: string | Buffer;
  readonly messageId?: string;
  /** Bytes of one chunk; default: one for all. */
  readonly chunk?: number;
  /** Order in which the chunks go, by number; default as they come. */
  readonly order?: readonly number[];
  readonly successReport?: boolean;
  readonly failureReport?: "yes" | "no" | "partial";
  /** How long to wait for answers; default 5 s. With failureReport `no` nothing is waited for. */
  readonly withinMs?: number;
}

interface Partial {
  readonly pieces: { start: number; body: Buffer }[];
  total: number | undefined;
}

const random = (): string => randomBytes(8).toString("hex");

/** Opens the endpoint: it listens on a free port, and its `path` is good for a=path at once. */
export async function openMsrpClient(options: MsrpClientOptions = {}): Promise<MsrpClient> {
  const { host = "127.0.0.1", tls } = options;
  const server = tls === undefined ? createServer() : createTlsServer(tls);
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  return new MsrpClient(server, host, options);
}

export class MsrpClient {
  /** Its own URI. */
  readonly path: string;
  readonly messages = new Ear<MsrpHeard>("MSRP messages");
  readonly reports = new Ear<MsrpReported>("MSRP reports");
  /** All requests as they came, chunks too. */
  readonly requests = new Ear<MsrpPacket>("MSRP requests");
  readonly responses = new Ear<MsrpPacket>("MSRP responses");
  readonly #server: Server;
  readonly #options: MsrpClientOptions;
  readonly #partials = new Map<string, Partial>();
  readonly #sockets = new Set<Socket>();
  #socket: Socket | undefined;
  #peer = "";
  #ended = false;

  constructor(server: Server, host: string, options: MsrpClientOptions) {
    this.#server = server;
    this.#options = options;
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const scheme = options.tls === undefined ? "msrp" : "msrps";
    this.path = `${scheme}://${host.includes(":") ? `[${host}]` : host}:${port}/${random()}${random()};tcp`;
    server.on(options.tls === undefined ? "connection" : "secureConnection", (socket: Socket) =>
      this.#take(socket),
    );
  }

  /** How many connections stand. */
  get connections(): number {
    return this.#sockets.size;
  }

  /** Resolves when no connection stands; rejects when one still does after `withinMs`. */
  async gone(withinMs: number): Promise<void> {
    const until = performance.now() + withinMs;
    while (this.#sockets.size > 0) {
      if (performance.now() > until) throw new Error(`${this.#sockets.size} MSRP connections still stand`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  /** Passive side: whom it talks to; a=path of the peer, its URIs in their order. */
  expect(remotePath: readonly string[]): void {
    this.#peer = remotePath.join(" ");
  }

  /** Active side: connects to the leftmost URI and binds by a SEND without a body. Resolves with its status. */
  async connect(remotePath: readonly string[], bind = true): Promise<number> {
    this.expect(remotePath);
    const match = /^(msrps?):\/\/(?:[^@/]*@)?(\[[^\]]+\]|[^:/]+):(\d+)/.exec(remotePath[0] ?? "");
    if (match === null) throw new Error(`no MSRP URI: ${remotePath[0]}`);
    const to = { host: (match[2] ?? "").replace(/[[\]]/g, ""), port: Number(match[3]) };
    const secure = match[1] === "msrps";
    const socket = secure
      ? tlsConnect({ ...to, ...this.#options.tls, rejectUnauthorized: false })
      : netConnect(to);
    await new Promise<void>((resolve, reject) => {
      socket.once(secure ? "secureConnect" : "connect", resolve);
      socket.once("error", reject);
    });
    this.#take(socket);
    if (!bind) return 0;
    const said = await this.#exchange("SEND", [
      ["Message-ID", random()],
      ["Byte-Range", "1-0/0"],
    ]);
    return Number(said?.what ?? 0);
  }

  #take(socket: Socket): void {
    let rest: Buffer = Buffer.alloc(0);
    this.#socket = socket;
    this.#sockets.add(socket);
    socket.setNoDelay(true);
    socket.on("error", () => undefined); // What was expected of it is missed where it is waited for.
    socket.on("close", () => this.#sockets.delete(socket));
    socket.on("data", (chunk: Buffer) => {
      const cut = cutMsrp(Buffer.concat([rest, chunk]));
      rest = cut.rest;
      for (const packet of cut.packets) this.#packet(packet, socket);
    });
  }

  #packet(packet: MsrpPacket, socket: Socket): void {
    if (/^\d{3}$/.test(packet.what)) return this.responses.add(packet);
    this.requests.add(packet);
    const { fields } = packet;
    if (packet.what === "REPORT") {
      const [messageId = "", status = "", range = ""] = ["message-id", "status", "byte-range"].map((name) =>
        fields.get(name),
      );
      return this.reports.add({ messageId, status, range, at: performance.now() });
    }
    const answer = this.#options.answer === undefined ? "200 OK" : this.#options.answer(packet);
    const wanted = fields.get("failure-report") ?? "yes";
    const silent = wanted === "no" || (wanted === "partial" && answer?.startsWith("2"));
    if (answer !== undefined && !silent) {
      const from = fields.get("from-path") ?? "";
      const to = packet.what === "SEND" ? (from.split(" ")[0] ?? "") : from;
      socket.write(
        printMsrp(packet.tid, answer, [
          ["To-Path", to],
          ["From-Path", this.path],
        ]),
      );
    }
    if (packet.what === "SEND" && packet.body !== undefined) this.#chunk(packet, packet.body);
  }

  #chunk(packet: MsrpPacket, body: Buffer): void {
    const { fields } = packet;
    const id = fields.get("message-id") ?? "";
    const [start = 1] = (fields.get("byte-range") ?? "1-*/*").split("-").map(Number);
    const partial = this.#partials.get(id) ?? { pieces: [], total: undefined };
    this.#partials.set(id, partial);
    if (packet.flag === "#") return void this.#partials.delete(id);
    partial.pieces.push({ start, body });
    if (packet.flag === "$") partial.total = start + body.length - 1;
    const { total, pieces } = partial;
    if (total === undefined) return;
    const whole = Buffer.alloc(total);
    const have = new Uint8Array(total);
    for (const piece of pieces) {
      piece.body.copy(whole, piece.start - 1);
      have.fill(1, piece.start - 1, piece.start - 1 + piece.body.length);
    }
    if (have.includes(0)) return;
    this.#partials.delete(id);
    this.messages.add({
      messageId: id,
      contentType: fields.get("content-type") ?? "",
      body: whole,
      fromPath: fields.get("from-path") ?? "",
      toPath: fields.get("to-path") ?? "",
      chunks: pieces.length,
      successReport: fields.get("success-report") === "yes",
      at: performance.now(),
    });
  }

  /** Sends one message and waits for the answers to its chunks. */
  async send(say: MsrpSay): Promise<MsrpSaid> {
    const body = Buffer.from(say.body as string);
    const messageId = say.messageId ?? random();
    const size = say.chunk ?? Math.max(1, body.length);
    const count = Math.max(1, Math.ceil(body.length / size));
    const tids: string[] = [];
    for (const number of say.order ?? Array.from({ length: count }, (_, index) => index)) {
      const [from, to] = [number * size, Math.min(body.length, (number + 1) * size)];
      const tid = random();
      tids.push(tid);
      this.write(
        printMsrp(
          tid,
          "SEND",
          [
            ["To-Path", this.#peer],
            ["From-Path", this.path],
            ["Message-ID", messageId],
            ...(say.successReport === true ? [["Success-Report", "yes"] as const] : []),
            ...(say.failureReport === undefined ? [] : [["Failure-Report", say.failureReport] as const]),
            ["Byte-Range", `${from + 1}-${to}/${body.length}`],
            ["Content-Type", say.contentType ?? "text/plain"],
          ],
          body.subarray(from, to),
          to === body.length ? "$" : "+",
        ),
      );
    }
    if (say.failureReport === "no") return { messageId, statuses: [], comment: "" };
    const answers: MsrpPacket[] = [];
    for (const tid of tids) {
      const answer = await this.#answerTo(tid, say.withinMs ?? 5_000);
      if (answer === undefined) break;
      answers.push(answer);
    }
    return {
      messageId,
      statuses: answers.map(({ what }) => Number(what)),
      comment: answers.at(-1)?.comment ?? "",
    };
  }

  #answerTo(tid: string, withinMs: number): Promise<MsrpPacket | undefined> {
    return this.responses.next((one) => one.tid === tid, withinMs).catch(() => undefined);
  }

  async #exchange(
    method: string,
    fields: readonly (readonly [string, string])[],
    withinMs = 5_000,
  ): Promise<MsrpPacket | undefined> {
    const tid = random();
    this.write(printMsrp(tid, method, [["To-Path", this.#peer], ["From-Path", this.path], ...fields]));
    return await this.#answerTo(tid, withinMs);
  }

  /** Asks for a nickname (RFC 7701 §7.1); resolves with the status, 0 when none came. */
  async nickname(nickname: string): Promise<number> {
    const quoted = `"${nickname.replace(/[\\"]/g, "\\$&")}"`;
    return Number((await this.#exchange("NICKNAME", [["Use-Nickname", quoted]]))?.what ?? 0);
  }

  /** Reports on a message that was heard: `000 200 OK`. */
  report(heard: MsrpHeard, status: string): void {
    const size = heard.body.length;
    this.write(
      printMsrp(random(), "REPORT", [
        ["To-Path", heard.fromPath],
        ["From-Path", this.path],
        ["Message-ID", heard.messageId],
        ["Byte-Range", `1-${size}/${size}`],
        ["Status", status],
      ]),
    );
  }

  /** Any bytes. */
  write(bytes: Buffer | string): void {
    if (this.#socket === undefined || this.#socket.destroyed) throw new Error("not connected");
    this.#socket.write(bytes);
  }

  pause(): void {
    this.#socket?.pause();
  }
  resume(): void {
    this.#socket?.resume();
  }
  /** Breaks the connection without a word. */
  break(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async close(): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    this.break();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}
