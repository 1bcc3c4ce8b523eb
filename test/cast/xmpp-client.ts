// An XMPP client on a bare socket (RFC 6120, RFC 6121): PLAIN, bind, presence; XEP-0198 with resumption, XEP-0184, XEP-0333.
import { randomUUID } from "node:crypto";
import { createConnection, type Socket } from "node:net";
import { type Actor, Ear, type Heard, type Report, retry, type Sent, within } from "./actor.ts";
import { addressOf, jidLocal, jidOf } from "./xmpp-jid.ts";
import { childOf, escapeXml, type Node, StreamReader } from "./xmpp-stream.ts";

export interface XmppClientOptions {
  readonly port: number;
  /** `local@domain`; its domain is the stream's. */
  readonly address: string;
  readonly password: string;
  readonly resource?: string;
  /** XEP-0198 with resumption: what was not acknowledged is sent again. Default true. */
  readonly sm?: boolean;
  /** Answers requests for receipts. Default true. */
  readonly receipts?: boolean;
  /** Asks for receipts and markers of what it says. */
  readonly asks?: boolean;
  /** Comes back by itself after a break; default true. */
  readonly returns?: boolean;
  /** How long `say` waits for the server's acknowledgement, over all breaks; default 30 s. */
  readonly patienceMs?: number;
}

interface Outgoing {
  readonly xml: string;
  readonly settle: ((answer: Sent["answer"]) => void) | undefined;
}

const sm = "urn:xmpp:sm:3";
const receiptsNs = "urn:xmpp:receipts";
const markersNs = "urn:xmpp:chat-markers:0";

export class XmppClient implements Actor {
  readonly address: string;
  readonly #options: XmppClientOptions;
  readonly #messages: Ear<Heard>;
  readonly #reports: Ear<Report>;
  readonly #nodes: Ear<Node>;
  readonly #seen = new Set<string>();
  #socket: Socket | undefined;
  #handle: (node: Node) => void = () => undefined;
  #session: { readonly id: string; received: number } | undefined;
  /** Sent and not acknowledged, oldest first; `#acked` is the number of the last one before them. */
  #unacked: Outgoing[] = [];
  #acked = 0;
  /** Waiting for a connection. */
  #backlog: Outgoing[] = [];
  #ready = false;
  #ending = false;
  #again = 0;
  readonly #listeners = new Set<(node: Node) => boolean>();
  readonly #greetings = new Set<() => string>();
  connections = 0;
  resumptions = 0;

  constructor(options: XmppClientOptions) {
    this.#options = options;
    this.address = options.address;
    this.#messages = new Ear<Heard>(`${this.address} hears`);
    this.#reports = new Ear<Report>(`${this.address} is told`);
    this.#nodes = new Ear<Node>(`${this.address} reads`);
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
  /** The first stanza that fits, of all so far or to come. */
  stanza(match: (node: Node) => boolean, withinMs: number): Promise<Node> {
    return this.#nodes.next(match, withinMs);
  }

  /** Hears every stanza first; true: it is dealt with and shown to nobody else. */
  listen(listener: (node: Node) => boolean): void {
    this.#listeners.add(listener);
  }

  /** What is sent at the beginning of each new session, after the first presence and before what was left unsaid: stanzas as XML. */
  greet(greeting: () => string): void {
    this.#greetings.add(greeting);
  }

  async open(): Promise<this> {
    await this.#connect();
    return this;
  }

  /** `inside`: further children; `attrs`: further attributes, as XML. */
  say(
    to: string,
    text: string,
    more: { readonly id?: string; readonly inside?: string; readonly attrs?: string } = {},
  ): Promise<Sent> {
    const id = more.id ?? randomUUID();
    const asks = `<request xmlns='${receiptsNs}'/><markable xmlns='${markersNs}'/>`;
    const xml =
      `<message to='${escapeXml(jidOf(to))}' id='${escapeXml(id)}' type='chat' ${more.attrs ?? ""}>` +
      `<body>${escapeXml(text)}</body>${this.#options.asks === true ? asks : ""}${more.inside ?? ""}</message>`;
    return this.sendStanza(xml, id);
  }

  /** Any stanza as it is; resolves as `say` does. */
  sendStanza(xml: string, id: string): Promise<Sent> {
    const at = performance.now();
    if (this.#options.sm === false) {
      this.#put({ xml, settle: undefined });
      return Promise.resolve({ id, at, answer: "none" });
    }
    return new Promise((resolve) => {
      const settle = (answer: Sent["answer"]): void => {
        clearTimeout(late);
        resolve({ id, at, answer });
      };
      const late = setTimeout(() => settle("none"), this.#options.patienceMs ?? 30_000);
      this.#put({ xml, settle });
    });
  }

  /** A receipt or marker for a message that it heard. */
  report(message: Heard, state: "received" | "displayed"): Promise<Sent> {
    const xmlns = state === "received" ? receiptsNs : markersNs;
    const id = randomUUID();
    const child = `<${state} xmlns='${xmlns}' id='${escapeXml(message.id ?? "")}'/>`;
    const to = escapeXml(message.more.jid ?? "");
    return this.sendStanza(`<message to='${to}' id='${id}' type='chat'>${child}</message>`, id);
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
    const closed = new Promise<boolean>((resolve) => socket.once("close", () => resolve(true)));
    socket.resume();
    const last = this.#ready ? this.#ack() : "";
    socket.write(`${last}<presence type='unavailable'/></stream:stream>`);
    if ((await within(closed, 1500)) === undefined) socket.destroy();
  }

  get #domain(): string {
    return this.address.slice(this.address.lastIndexOf("@") + 1);
  }

  #put(one: Outgoing): void {
    if (!this.#ready) {
      this.#backlog.push(one);
      return;
    }
    if (this.#session !== undefined) this.#unacked.push(one);
    this.#socket?.write(this.#session === undefined ? one.xml : `${one.xml}<r xmlns='${sm}'/>`);
  }

  #connect(): Promise<void> {
    return new Promise((resolve, reject) => {
      const socket = createConnection(this.#options.port, "127.0.0.1");
      this.#socket = socket;
      socket.setNoDelay(true);
      const decoder = new TextDecoder();
      let reader = this.#newReader(socket);
      const restart = (): void => {
        reader = this.#newReader(socket);
        socket.write(
          `<?xml version='1.0'?><stream:stream to='${this.#domain}' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>`,
        );
      };
      this.#handle = (node) => this.#negotiate(node, socket, restart, resolve, reject);
      socket.once("connect", restart);
      socket.on("data", (chunk: Buffer) => {
        try {
          reader.write(decoder.decode(chunk, { stream: true }));
        } catch (error) {
          socket.destroy(error instanceof Error ? error : new Error(String(error)));
        }
      });
      socket.on("error", reject);
      socket.once("close", () => {
        reject(new Error("XMPP: the stream ended before it was ready"));
        this.#onClose(socket);
      });
    });
  }

  #newReader(socket: Socket): StreamReader {
    return new StreamReader(
      (node) => this.#handle(node),
      () => socket.end(),
    );
  }

  #negotiate(
    node: Node,
    socket: Socket,
    restart: () => void,
    ready: () => void,
    failed: (error: Error) => void,
  ): void {
    switch (node.name) {
      case "stream:features":
        return this.#onFeatures(node, socket);
      case "success":
        // Not within this very read: the next features belong to a new stream.
        setImmediate(restart);
        return;
      case "failure":
        failed(new Error(`XMPP: log-in refused: ${node.children[0]?.name}`));
        socket.destroy();
        return;
      case "iq":
        if (this.#options.sm === false) return this.#start(ready, true);
        socket.write(`<enable xmlns='${sm}' resume='true' max='60'/>`);
        return;
      case "enabled":
        return this.#onEnabled(node, ready);
      case "resumed":
        return this.#onResumed(node, ready);
      case "failed":
        if (node.attrs.h !== undefined) this.#onAck(Number(node.attrs.h));
        this.#session = undefined;
        return this.#bind(socket);
      case "stream:error":
        return failed(new Error(`XMPP: stream error ${node.children[0]?.name}`));
      default:
        return this.#onNode(node);
    }
  }

  #onFeatures(node: Node, socket: Socket): void {
    if (childOf(node, "mechanisms") !== undefined) {
      const local = jidLocal(this.address.slice(0, this.address.lastIndexOf("@")));
      const initial = Buffer.from(`\0${local}\0${this.#options.password}`).toString("base64");
      socket.write(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${initial}</auth>`);
    } else if (this.#session !== undefined) {
      const { id, received } = this.#session;
      socket.write(`<resume xmlns='${sm}' previd='${escapeXml(id)}' h='${received}'/>`);
    } else this.#bind(socket);
  }

  #bind(socket: Socket): void {
    const { resource } = this.#options;
    const wanted = resource === undefined ? "" : `<resource>${escapeXml(resource)}</resource>`;
    socket.write(
      `<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>${wanted}</bind></iq>`,
    );
  }

  #onEnabled(node: Node, ready: () => void): void {
    this.#session = { id: node.attrs.id ?? "", received: 0 };
    this.#acked = 0;
    this.#backlog = [...this.#unacked, ...this.#backlog];
    this.#unacked = [];
    this.#start(ready, true);
  }

  #onResumed(node: Node, ready: () => void): void {
    this.resumptions += 1;
    this.#onAck(Number(node.attrs.h));
    for (const one of this.#unacked) this.#socket?.write(one.xml);
    this.#start(ready, false);
  }

  #start(ready: () => void, fresh: boolean): void {
    this.#ready = true;
    this.connections += 1;
    this.#handle = (node) => this.#onNode(node);
    const waiting = this.#backlog;
    this.#backlog = [];
    if (fresh) {
      this.#put({ xml: "<presence/>", settle: undefined });
      const greetings = [...this.#greetings].map((greeting) => greeting()).filter((xml) => xml !== "");
      for (const xml of greetings) this.#put({ xml, settle: undefined });
    }
    for (const one of waiting) this.#put(one);
    if (this.#session !== undefined) this.#socket?.write(`<r xmlns='${sm}'/>`);
    ready();
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

  #ack(): string {
    return this.#session === undefined ? "" : `<a xmlns='${sm}' h='${this.#session.received}'/>`;
  }

  #onAck(h: number): void {
    for (const one of this.#unacked.splice(0, Math.max(0, h - this.#acked))) one.settle?.("accepted");
    this.#acked = h;
  }

  #onNode(node: Node): void {
    if (node.name === "r") this.#socket?.write(this.#ack());
    if (node.name === "a") this.#onAck(Number(node.attrs.h));
    if (node.name === "stream:error") this.#socket?.destroy();
    if (!["message", "presence", "iq"].includes(node.name)) return;
    if (this.#session !== undefined) this.#session.received += 1;
    this.#nodes.add(node);
    if ([...this.#listeners].some((listener) => listener(node))) return;
    if (node.name === "message") this.#onMessage(node);
    if (node.name === "iq" && (node.attrs.type === "get" || node.attrs.type === "set")) this.#onIq(node);
  }

  #onIq(node: Node): void {
    const { from, id = "" } = node.attrs;
    const to = from === undefined ? "" : `to='${escapeXml(from)}'`;
    const ping = childOf(node, "ping", "urn:xmpp:ping") !== undefined;
    const error = `<error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>`;
    const xml = `<iq ${to} id='${escapeXml(id)}' type='${ping ? "result" : "error"}'>${ping ? "" : error}</iq>`;
    this.#put({ xml, settle: undefined });
  }

  #onMessage(node: Node): void {
    const { from: jid = "", id, type = "normal" } = node.attrs;
    const from = addressOf(jid);
    const at = performance.now();
    if (type === "error") return this.#onError(node, from, at);
    for (const [name, xmlns, kind] of [
      ["received", receiptsNs, "delivered"],
      ["displayed", markersNs, "displayed"],
    ] as const) {
      const report = childOf(node, name, xmlns);
      if (report !== undefined)
        this.#reports.add({ kind, id: report.attrs.id, code: name, text: "", from, at });
    }
    const body = childOf(node, "body");
    if (body === undefined) return;
    if (id !== undefined && this.#seen.has(`${from} ${id}`)) {
      this.#again += 1;
      return;
    }
    this.#seen.add(`${from} ${id}`);
    const asked = childOf(node, "request", receiptsNs) !== undefined;
    const more = {
      jid,
      type,
      subject: childOf(node, "subject")?.text ?? "",
      delay: childOf(node, "delay")?.attrs.stamp ?? "",
      asked: asked ? "receipt" : "",
    };
    const heard = { from, text: body.text, id, at, more };
    this.#messages.add(heard);
    if (asked && id !== undefined && this.#options.receipts !== false) void this.report(heard, "received");
  }

  #onError(node: Node, from: string, at: number): void {
    const error = childOf(node, "error");
    const condition = error?.children.find((child) => child.name !== "text")?.name;
    const text = childOf(error, "text")?.text ?? "";
    const kind = condition === "undefined-condition" ? "uncertain" : "failed";
    this.#reports.add({ kind, id: node.attrs.id, code: condition, text, from, at });
  }
}

/** A client that is logged in and present. */
export const openXmppClient = (options: XmppClientOptions): Promise<XmppClient> =>
  new XmppClient(options).open();
