// A web client on `ws` that speaks the sylkRTC-2 vocabulary over WebSocket, keeps what was not accepted, and comes back after a break.
import { randomUUID } from "node:crypto";
import { WebSocket } from "ws";
import { type Actor, Ear, type Heard, type Report, retry, type Sent, within } from "./actor.ts";

type Json = Record<string, unknown>;

export interface WebClientOptions {
  /** Where gateways listen, on loopback; the next one is tried when one does not answer. */
  readonly ports: readonly number[];
  readonly address: string;
  readonly password: string;
  /** How it ends the gateway's custody: with `account-ack`, as published clients do with a disposition, or not at all. */
  readonly acknowledge?: "ack" | "disposition" | "never";
  /** Which reports it asks for; default: delivered. */
  readonly receipts?: readonly ("handed" | "delivered" | "displayed")[];
  /** Comes back by itself and sends again what was not accepted; default true. */
  readonly returns?: boolean;
  /** How long `say` waits for accepted or an error, over all breaks; default 30 s. */
  readonly patienceMs?: number;
}

interface Outgoing {
  readonly frame: Json;
  readonly settle: (answer: Pick<Sent, "answer" | "code">) => void;
  /** Written into the present connection. */
  written: boolean;
}

const textOf = (value: unknown): string => (typeof value === "string" ? value : "");
const kinds: Readonly<Record<string, Report["kind"]>> = {
  processed: "handed",
  delivered: "delivered",
  displayed: "displayed",
};

export class WebClient implements Actor {
  readonly address: string;
  readonly #options: WebClientOptions;
  readonly #messages: Ear<Heard>;
  readonly #reports: Ear<Report>;
  readonly #outgoing = new Map<string, Outgoing>();
  readonly #answers = new Map<string, (answer: Json) => void>();
  readonly #seen = new Set<string>();
  #socket: WebSocket | undefined;
  #bound = false;
  #ending = false;
  #returning = false;
  #turn = 0;
  #count = 0;
  #again = 0;
  #lastId: string | undefined;
  /** Connections made so far. */
  connections = 0;

  constructor(options: WebClientOptions) {
    this.#options = options;
    this.address = options.address;
    this.#messages = new Ear<Heard>(`${this.address} hears`);
    this.#reports = new Ear<Report>(`${this.address} is told`);
  }

  get messages(): readonly Heard[] {
    return this.#messages.all;
  }
  get reports(): readonly Report[] {
    return this.#reports.all;
  }
  get again(): number {
    return this.#again;
  }
  heard(match: (message: Heard) => boolean, withinMs: number): Promise<Heard> {
    return this.#messages.next(match, withinMs);
  }
  told(match: (report: Report) => boolean, withinMs: number): Promise<Report> {
    return this.#reports.next(match, withinMs);
  }

  /** Connects and logs in; rejects with the gateway's own error when it refuses the account. */
  async open(): Promise<this> {
    await this.#connect();
    return this;
  }

  say(to: string, content: string, extra: Json = {}): Promise<Sent> {
    const id = textOf(extra.message_id) || randomUUID();
    const at = performance.now();
    const frame = {
      sylkrtc: "account-message",
      account: this.address,
      uri: to,
      message_id: id,
      content,
      content_type: "text/plain",
      timestamp: new Date().toISOString(),
      receipts: this.#options.receipts ?? ["delivered"],
      ...extra,
    };
    return new Promise((resolve) => {
      const settle = (answer: Pick<Sent, "answer" | "code">): void => {
        clearTimeout(late);
        this.#outgoing.delete(id);
        resolve({ id, at, ...answer });
      };
      const late = setTimeout(() => settle({ answer: "none" }), this.#options.patienceMs ?? 30_000);
      const outgoing = { frame, settle, written: false };
      this.#outgoing.set(id, outgoing);
      if (this.#bound) this.#write(id, outgoing);
    });
  }

  /** Sends a request of the vocabulary and resolves with its ack or error; undefined if there is none in time. */
  async ask(request: Json, withinMs = 5000): Promise<Json | undefined> {
    this.#count += 1;
    const transaction = `t${this.#count}`;
    const answer = new Promise<Json>((resolve) => this.#answers.set(transaction, resolve));
    this.#send({ ...request, transaction });
    return await within(answer, withinMs);
  }

  /** A report about a message that was heard. */
  report(message: Heard, state: "delivered" | "displayed" | "failed"): Promise<Json | undefined> {
    return this.ask({
      sylkrtc: "account-disposition-notification",
      account: this.address,
      uri: message.from,
      message_id: message.id,
      state,
      timestamp: new Date().toISOString(),
    });
  }

  /** Writes a frame as it is. */
  raw(frame: string | Uint8Array): void {
    this.#socket?.send(frame);
  }

  break(): void {
    this.#socket?.terminate();
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
    if (socket === undefined || socket.readyState === WebSocket.CLOSED) return;
    const closed = new Promise<boolean>((resolve) => socket.once("close", () => resolve(true)));
    socket.resume();
    socket.close();
    if ((await within(closed, 2000)) === undefined) socket.terminate();
  }

  async #connect(): Promise<void> {
    const { ports } = this.#options;
    const port = ports[this.#turn % ports.length];
    this.#turn += 1;
    const url = `ws://127.0.0.1:${port}/webrtcgateway/ws`;
    const socket = new WebSocket(url, ["sylkRTC-2"], { handshakeTimeout: 3000 });
    await new Promise<void>((resolve, reject) => {
      socket.once("open", resolve);
      socket.on("error", reject);
    });
    this.#socket = socket;
    this.connections += 1;
    socket.on("message", (data) => this.#onFrame(JSON.parse(String(data)) as Json));
    socket.once("close", () => this.#onClose(socket));
    await this.#logIn(socket);
  }

  async #logIn(socket: WebSocket): Promise<void> {
    const { address, password } = this.#options;
    const credentials = { account: address, password, password_type: "plain", user_agent: "cast" };
    const added = await this.ask({ sylkrtc: "account-add", ...credentials });
    if (added?.sylkrtc !== "ack") {
      socket.terminate();
      throw new Error(`web: ${textOf(added?.error) || "no answer to account-add"}`);
    }
    await this.ask({ sylkrtc: "account-register", account: address });
    if (this.#lastId !== undefined)
      await this.ask({ sylkrtc: "account-sync-conversations", account: address, message_id: this.#lastId });
    if (socket.readyState !== WebSocket.OPEN) throw new Error("web: the connection broke during the log-in");
    this.#bound = true;
    for (const [id, outgoing] of this.#outgoing) if (!outgoing.written) this.#write(id, outgoing);
  }

  #onClose(socket: WebSocket): void {
    if (socket !== this.#socket) return;
    const stood = this.#bound;
    this.#bound = false;
    this.#answers.clear();
    for (const outgoing of this.#outgoing.values()) outgoing.written = false;
    if (!stood || this.#ending || this.#returning || this.#options.returns === false) return;
    this.#returning = true;
    void retry(
      () => this.#connect(),
      () => this.#ending,
    ).finally(() => {
      this.#returning = false;
    });
  }

  #write(id: string, outgoing: Outgoing): void {
    outgoing.written = true;
    this.#count += 1;
    const transaction = `t${this.#count}`;
    this.#answers.set(transaction, (answer) => {
      if (answer.sylkrtc === "ack") outgoing.settle({ answer: "accepted", code: "202" });
      // "Try again later" refuses nothing: the browser keeps the message.
      else if (answer.code === 503) setTimeout(() => this.#writeAgain(id, outgoing), 200);
      else outgoing.settle({ answer: "refused", code: String(answer.code ?? answer.error) });
    });
    this.#send({ ...outgoing.frame, transaction });
  }

  #writeAgain(id: string, outgoing: Outgoing): void {
    if (this.#bound && this.#outgoing.get(id) === outgoing) this.#write(id, outgoing);
  }

  #send(frame: Json): void {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(frame));
  }

  #onFrame(frame: Json): void {
    if (frame.sylkrtc === "ack" || frame.sylkrtc === "error") {
      const transaction = textOf(frame.transaction);
      const answer = this.#answers.get(transaction);
      this.#answers.delete(transaction);
      answer?.(frame);
    } else if (frame.event === "message") this.#onMessage(frame);
    else if (frame.event === "disposition-notification") this.#onReport(frame);
    else if (frame.event === "sync-conversations") this.#onSync(frame);
  }

  #onMessage(frame: Json): void {
    const id = textOf(frame.message_id);
    const sender = frame.sender as { uri?: string; display_name?: string } | undefined;
    const from = textOf(sender?.uri);
    const more = {
      kind: textOf(frame.kind),
      assurance: textOf(frame.assurance),
      subject: textOf(frame.subject),
      display: textOf(sender?.display_name),
      asked: JSON.stringify(frame.disposition_notification ?? []),
    };
    this.#show({ from, text: textOf(frame.content), id, at: performance.now(), more });
    this.#acknowledge(id, from);
  }

  #show(message: Heard & { readonly id: string }): void {
    if (this.#seen.has(message.id)) {
      this.#again += 1;
      return;
    }
    this.#seen.add(message.id);
    this.#lastId = message.id;
    this.#messages.add(message);
  }

  #acknowledge(id: string, uri: string): void {
    const how = this.#options.acknowledge ?? "ack";
    if (how === "never") return;
    const common = { account: this.address, message_id: id };
    const disposition = { uri, state: "delivered", timestamp: new Date().toISOString() };
    if (how === "ack") void this.ask({ sylkrtc: "account-ack", ...common });
    else void this.ask({ sylkrtc: "account-disposition-notification", ...common, ...disposition });
  }

  // What came while it was away, as the history tells it.
  #onSync(frame: Json): void {
    for (const entry of (frame.messages ?? []) as Json[]) {
      const id = textOf(entry.message_id);
      if (entry.direction !== "incoming" || this.#seen.has(id)) continue;
      const [from, text] = [textOf(entry.contact), textOf(entry.content)];
      this.#show({ from, text, id, at: performance.now(), more: { by: "sync" } });
    }
  }

  #onReport(frame: Json): void {
    const state = textOf(frame.state);
    if (state === "accepted" || state === "pending") return;
    const failed = frame.cause === "uncertain" ? "uncertain" : "failed";
    const [id, text, code] = [textOf(frame.message_id), textOf(frame.reason), String(frame.code)];
    this.#reports.add({ kind: kinds[state] ?? failed, id, code, text, from: "", at: performance.now() });
  }
}

/** A client that is logged in. */
export const openWebClient = (options: WebClientOptions): Promise<WebClient> => new WebClient(options).open();
