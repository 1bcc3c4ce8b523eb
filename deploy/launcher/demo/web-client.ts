// A web user for plays: the sylkRTC-2 vocabulary over Node's own WebSocket, no library of the gateway's.
import { createHash, randomUUID } from "node:crypto";
import { type Actor, Ear, type Heard, type Match, type Sent } from "./actor.ts";

export interface WebOptions {
  readonly address: string;
  readonly password: string;
  /** ws://127.0.0.1:PORT/webrtcgateway/ws */
  readonly url: string;
  /** The same for every connection of one browser. */
  readonly device?: string;
  /** Which reports are asked for with every message. */
  readonly receipts?: readonly ("handed" | "delivered" | "displayed")[];
}

const answerMs = 45_000;
type Frame = Readonly<Record<string, unknown>>;

export class WebClient implements Actor {
  readonly address: string;
  readonly #options: WebOptions;
  readonly #socket: WebSocket;
  readonly #ear = new Ear();
  readonly #waiting = new Map<string, (frame: Frame) => void>();
  #session = "";
  #established: () => void = () => undefined;

  private constructor(options: WebOptions, socket: WebSocket) {
    this.address = options.address;
    this.#options = options;
    this.#socket = socket;
    socket.addEventListener("message", ({ data }) => this.#frame(JSON.parse(String(data)) as Frame));
    socket.addEventListener("close", () => {
      for (const answer of this.#waiting.values())
        answer({ sylkrtc: "error", error: "the connection closed" });
      this.#waiting.clear();
    });
  }

  /** Connects, logs in, registers. */
  static async open(options: WebOptions): Promise<WebClient> {
    const socket = new WebSocket(options.url, ["sylkRTC-2"]);
    const client = new WebClient(options, socket);
    await new Promise<void>((resolve, reject) => {
      socket.addEventListener("open", () => resolve(), { once: true });
      socket.addEventListener("error", () => reject(new Error(`no WebSocket at ${options.url}`)), {
        once: true,
      });
    });
    const at = options.address.lastIndexOf("@");
    const [user, domain] = [options.address.slice(0, at), options.address.slice(at + 1)];
    await client.#must("account-add", {
      password: createHash("md5").update(`${user}:${domain}:${options.password}`).digest("hex"),
      display_name: user,
      user_agent: "play",
      ...(options.device === undefined ? {} : { device_id: options.device }),
    });
    await client.#must("account-register", {});
    return client;
  }

  get ear(): readonly Heard[] {
    return this.#ear.all;
  }

  async say(to: string, text: string, id: string = randomUUID()): Promise<Sent> {
    const answer = await this.#ask("account-message", {
      uri: to,
      message_id: id,
      content: text,
      content_type: "text/plain",
      timestamp: new Date().toISOString(),
      ...(this.#options.receipts === undefined ? {} : { receipts: this.#options.receipts }),
    });
    if (answer.sylkrtc === "ack") return { id, answer: "taken" };
    return { id, answer: "refused", detail: String(answer.error) };
  }

  async enter(room: string): Promise<void> {
    const nick = this.address.slice(0, this.address.lastIndexOf("@"));
    this.#session = randomUUID();
    const shown = new Promise<void>((resolve) => {
      this.#established = resolve;
    });
    await this.#must("videoroom-join", { session: this.#session, uri: room, nick });
    await shown;
  }

  async speak(text: string): Promise<void> {
    const fields = {
      session: this.#session,
      message_id: randomUUID(),
      content: text,
      content_type: "text/plain",
    };
    await this.#must("videoroom-message", fields);
  }

  heard(match: Match, timeoutMs: number): Promise<Heard> {
    return this.#ear.heard(this.address, match, timeoutMs);
  }

  async close(): Promise<void> {
    if (this.#socket.readyState === WebSocket.CLOSED) return;
    await new Promise<void>((resolve) => {
      this.#socket.addEventListener("close", () => resolve(), { once: true });
      this.#socket.close();
    });
  }

  async #must(request: string, fields: object): Promise<void> {
    const answer = await this.#ask(request, fields);
    if (answer.sylkrtc !== "ack") throw new Error(`${this.address}: ${request}: ${String(answer.error)}`);
  }

  #ask(request: string, fields: object): Promise<Frame> {
    const transaction = randomUUID();
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => {
        this.#waiting.delete(transaction);
        reject(new Error(`${this.address}: no answer to ${request}`));
      }, answerMs);
      this.#waiting.set(transaction, (frame) => {
        clearTimeout(late);
        resolve(frame);
      });
      this.#send({ sylkrtc: request, transaction, account: this.address, ...fields });
    });
  }

  #send(frame: object): void {
    this.#socket.send(JSON.stringify(frame));
  }

  #frame(frame: Frame): void {
    const transaction = String(frame.transaction ?? "");
    const waiting = this.#waiting.get(transaction);
    if (waiting) {
      this.#waiting.delete(transaction);
      waiting(frame);
      return;
    }
    if (frame.sylkrtc === "videoroom-event") this.#room(frame);
    else if (frame.event === "message") this.#message(frame);
    else if (frame.event === "disposition-notification") {
      const [id, outcome, text] = [String(frame.message_id), String(frame.state), String(frame.reason ?? "")];
      this.#ear.hear({ kind: "report", from: "", text, id, outcome });
    }
  }

  #room(frame: Frame): void {
    if (frame.session !== this.#session) return;
    if (frame.event === "session-state" && frame.state === "established") this.#established();
    if (frame.event !== "message") return;
    const sender = frame.sender as { readonly nick?: string } | undefined;
    this.#ear.hear({ kind: "room", from: sender?.nick ?? "", text: String(frame.content) });
  }

  #message(frame: Frame): void {
    const id = String(frame.message_id);
    const sender = frame.sender as { readonly uri?: string } | undefined;
    this.#ear.hear({ kind: "message", from: sender?.uri ?? "", text: String(frame.content), id });
    // Custody ends with this word; a browser that only read bytes has nothing.
    this.#send({ sylkrtc: "account-ack", transaction: randomUUID(), account: this.address, message_id: id });
  }
}
