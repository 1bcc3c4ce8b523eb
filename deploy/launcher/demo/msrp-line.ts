// A raw MSRP session to a chat room (RFC 4975, RFC 7701): connects, binds, says and hears whole messages in CPIM (RFC 3862).
import { randomBytes } from "node:crypto";
import { createConnection, type Socket } from "node:net";

const token = (): string => randomBytes(8).toString("hex");
const answerMs = 15_000;

/** What was said in the room, and by whom. */
export interface Line {
  readonly from: string;
  readonly text: string;
}

export class MsrpLine {
  readonly path: string;
  readonly #hear: (line: Line) => void;
  readonly #answers = new Map<string, (status: number) => void>();
  #far = "";
  #socket: Socket | undefined;
  #rest = Buffer.alloc(0);

  constructor(hear: (line: Line) => void) {
    // The active side opens the connection, so nobody ever comes to this port (RFC 6135 §4.2).
    this.path = `msrp://127.0.0.1:9/${token()};tcp`;
    this.#hear = hear;
  }

  /** What is offered (RFC 4975 §8, RFC 7701 §8). */
  get offer(): string {
    return [
      "v=0",
      "o=- 1 1 IN IP4 127.0.0.1",
      "s=-",
      "c=IN IP4 127.0.0.1",
      "t=0 0",
      "m=message 9 TCP/MSRP *",
      `a=path:${this.path}`,
      "a=accept-types:message/cpim",
      "a=accept-wrapped-types:text/plain",
      "a=setup:active",
      "a=chatroom:nickname private-messages",
      "",
    ].join("\r\n");
  }

  /** Connects to what was answered, and says who it is with an empty SEND. */
  async open(answer: string): Promise<void> {
    this.#far = /^a=path:(\S+)/m.exec(answer)?.[1] ?? "";
    const [, host = "", port = ""] = /^msrp:\/\/([^:/]+):(\d+)\//.exec(this.#far) ?? [];
    const socket = createConnection({ host, port: Number(port) });
    this.#socket = socket;
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", resolve).once("error", reject);
    });
    socket.on("error", () => socket.destroy());
    socket.on("data", (bytes) => this.#read(bytes));
    await this.#send("");
  }

  /** Says it to the room; resolves when the room has taken it. */
  async say(from: string, room: string, text: string): Promise<void> {
    const head = `From: <sip:${from}>\r\nTo: <sip:${room}>\r\nDateTime: ${new Date().toISOString()}`;
    const cpim = `${head}\r\n\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n${text}`;
    const status = await this.#send(`Content-Type: message/cpim\r\n\r\n${cpim}\r\n`);
    if (status !== 200) throw new Error(`the room answered ${status}`);
  }

  close(): void {
    this.#socket?.destroy();
  }

  #send(content: string): Promise<number> {
    const id = token();
    const size =
      Buffer.byteLength(content) === 0
        ? 0
        : Buffer.byteLength(content.slice(content.indexOf("\r\n\r\n") + 4)) - 2;
    this.#socket?.write(
      `MSRP ${id} SEND\r\nTo-Path: ${this.#far}\r\nFrom-Path: ${this.path}\r\nMessage-ID: ${token()}\r\n` +
        `Byte-Range: 1-${size}/${size}\r\n${content}-------${id}$\r\n`,
    );
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error("no answer to SEND")), answerMs);
      this.#answers.set(id, (status) => {
        clearTimeout(late);
        this.#answers.delete(id);
        resolve(status);
      });
    });
  }

  #read(bytes: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, bytes]);
    for (;;) {
      const first = /^MSRP (\S+) (\S+)[^\r\n]*\r\n/.exec(this.#rest.toString("latin1"));
      const id = first?.[1];
      if (id === undefined) return;
      const at = this.#rest.indexOf(`\r\n-------${id}`);
      if (at < 0 || this.#rest.length < at + id.length + 12) return;
      const message = this.#rest.subarray(0, at).toString("utf8");
      this.#rest = this.#rest.subarray(at + id.length + 12);
      this.#message(id, first?.[2] ?? "", message);
    }
  }

  #message(id: string, method: string, message: string): void {
    const status = Number(method);
    if (status > 0) return this.#answers.get(id)?.(status);
    if (method !== "SEND") return;
    const to = /^From-Path: (\S+)/m.exec(message)?.[1] ?? this.#far;
    this.#socket?.write(
      `MSRP ${id} 200 OK\r\nTo-Path: ${to}\r\nFrom-Path: ${this.path}\r\n-------${id}$\r\n`,
    );
    const [, cpim = "", , ...body] = message.split("\r\n\r\n");
    const from = /^From: (?:"?([^"<]*?)"? ?)?<?/m.exec(cpim)?.[1] ?? "";
    if (body.length > 0) this.#hear({ from, text: body.join("\r\n\r\n") });
  }
}
