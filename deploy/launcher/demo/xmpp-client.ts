// A raw XMPP client for plays: RFC 6120 over TCP with SASL PLAIN, RFC 6121 messages, XEP-0184 receipts, XEP-0198 as an option.
import { randomUUID } from "node:crypto";
import { createConnection, type Socket } from "node:net";
import { StringDecoder } from "node:string_decoder";
import { SaxesParser } from "saxes";
import { type Actor, Ear, type Heard, type Match, type Sent } from "./actor.ts";

export interface XmppOptions {
  readonly address: string;
  readonly password: string;
  readonly port: number;
  readonly resource?: string;
  /** Stream management: `resume()` after a cut sends again what the server had not counted. */
  readonly management?: boolean;
  /** Asks for a receipt with every message (XEP-0184 §5.1). */
  readonly receipts?: boolean;
}

interface Element {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: Element[];
  text: string;
}

const answerMs = 20_000;
const sm = "urn:xmpp:sm:3";
const xml = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
const child = (element: Element, name: string): Element | undefined =>
  element.children.find((one) => one.name === name);

export class XmppClient implements Actor {
  readonly address: string;
  readonly #options: XmppOptions;
  readonly #ear = new Ear();
  readonly #awaited: { fits: (element: Element) => boolean; take: (element: Element) => void }[] = [];
  /** Sent under stream management and not yet counted by the server. */
  #unacknowledged: string[] = [];
  #acknowledged = 0;
  #room = "";
  #handled = 0;
  #resumption: string | undefined;
  #socket: Socket | undefined;

  private constructor(options: XmppOptions) {
    this.address = options.address;
    this.#options = options;
  }

  /** Connects, logs in, and is available. */
  static async open(options: XmppOptions): Promise<XmppClient> {
    const client = new XmppClient(options);
    await client.#login();
    const bound = client.#next((element) => element.attributes.id === "bind");
    const resource = options.resource === undefined ? "" : `<resource>${xml(options.resource)}</resource>`;
    client.write(
      `<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>${resource}</bind></iq>`,
    );
    if ((await bound).attributes.type !== "result")
      throw new Error(`${options.address}: no resource is bound`);
    if (options.management) await client.#enable();
    client.write("<presence/>");
    await client.ping();
    return client;
  }

  get ear(): readonly Heard[] {
    return this.#ear.all;
  }

  /** Taken when the server has counted it, or with no stream management when it answers a ping behind it. */
  async say(to: string, text: string, id: string = randomUUID()): Promise<Sent> {
    const asked = this.#options.receipts ? "<request xmlns='urn:xmpp:receipts'/>" : "";
    const stanza = `<message type='chat' to='${xml(to)}' id='${xml(id)}'><body>${xml(text)}</body>${asked}</message>`;
    if (this.#options.management) {
      this.#unacknowledged.push(stanza);
      const counted = this.#acknowledged + this.#unacknowledged.length;
      const acknowledged = this.#next(
        (element) => element.name === "a" && Number(element.attributes.h) >= counted,
      );
      this.write(`${stanza}<r xmlns='${sm}'/>`);
      await acknowledged;
    } else {
      this.write(stanza);
      await this.ping();
    }
    const failed = this.#ear.all.find(
      (heard) => heard.kind === "report" && heard.outcome === "failed" && heard.id === id,
    );
    return failed ? { id, answer: "refused", detail: failed.text } : { id, answer: "taken" };
  }

  async enter(room: string): Promise<void> {
    const nick = this.address.slice(0, this.address.lastIndexOf("@"));
    const me = `${room}/${nick}`;
    // The room shows everybody else first, and oneself last (XEP-0045 §7.2.2).
    const shown = this.#next(({ name, attributes }) => name === "presence" && attributes.from === me);
    this.write(`<presence to='${xml(me)}'><x xmlns='http://jabber.org/protocol/muc'/></presence>`);
    const { attributes, children } = await shown;
    if (attributes.type === "error") {
      const why = children.find((one) => one.name === "error")?.children[0]?.name ?? "error";
      throw new Error(`${this.address} is not let into ${room}: ${why}`);
    }
    this.#room = room;
  }

  async speak(text: string): Promise<void> {
    const to = xml(this.#room);
    this.write(
      `<message type='groupchat' to='${to}' id='${randomUUID()}'><body>${xml(text)}</body></message>`,
    );
    await this.ping();
  }

  heard(match: Match, timeoutMs: number): Promise<Heard> {
    return this.#ear.heard(this.address, match, timeoutMs);
  }

  /** Resolves when the server has worked through what was written before. */
  async ping(): Promise<void> {
    const id = randomUUID();
    const domain = this.address.slice(this.address.lastIndexOf("@") + 1);
    const answer = this.#next((element) => element.name === "iq" && element.attributes.id === id);
    const stanza = `<iq type='get' id='${id}' to='${domain}'><ping xmlns='urn:xmpp:ping'/></iq>`;
    if (this.#options.management) this.#unacknowledged.push(stanza);
    this.write(stanza);
    await answer;
  }

  /** Cuts the connection without a word, as a lost network does. */
  cut(): void {
    this.#socket?.destroy();
  }

  /** Connects again and resumes (XEP-0198 §5); what the server had not counted is sent again. False: the session is gone. */
  async resume(): Promise<boolean> {
    if (this.#resumption === undefined) throw new Error("stream management is not on");
    await this.#login();
    const answer = this.#next((element) => element.name === "resumed" || element.name === "failed");
    this.write(`<resume xmlns='${sm}' h='${this.#handled}' previd='${xml(this.#resumption)}'/>`);
    const resumed = await answer;
    if (resumed.name !== "resumed") return false;
    this.#count(Number(resumed.attributes.h));
    for (const stanza of this.#unacknowledged) this.write(stanza);
    this.write(`<r xmlns='${sm}'/>`);
    return true;
  }

  async close(): Promise<void> {
    const socket = this.#socket;
    if (!socket || socket.destroyed) return;
    const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
    const late = setTimeout(() => socket.destroy(), 1000);
    socket.end("</stream:stream>");
    await closed;
    clearTimeout(late);
  }

  /** Bytes as they are. */
  write(text: string): void {
    this.#socket?.write(text);
  }

  async #login(): Promise<void> {
    const socket = createConnection({ host: "127.0.0.1", port: this.#options.port });
    socket.setNoDelay(true);
    this.#socket = socket;
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", resolve).once("error", reject);
    });
    socket.on("error", () => socket.destroy());
    await this.#openStream();
    const user = this.address.slice(0, this.address.lastIndexOf("@"));
    const plain = Buffer.from(`\0${user}\0${this.#options.password}`).toString("base64");
    const answer = this.#next((element) => element.name === "success" || element.name === "failure");
    this.write(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${plain}</auth>`);
    if ((await answer).name !== "success") throw new Error(`${this.address} is not let in`);
    await this.#openStream();
  }

  async #enable(): Promise<void> {
    const enabled = this.#next((element) => element.name === "enabled");
    this.write(`<enable xmlns='${sm}' resume='true'/>`);
    this.#resumption = (await enabled).attributes.id;
    this.#handled = 0;
    // The initial presence is the first stanza that the server counts.
    this.#unacknowledged = ["<presence/>"];
  }

  #openStream(): Promise<Element> {
    const features = this.#next((element) => element.name === "stream:features");
    this.#listen();
    const domain = this.address.slice(this.address.lastIndexOf("@") + 1);
    this.write(
      `<?xml version='1.0'?><stream:stream to='${domain}' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>`,
    );
    return features;
  }

  /** A new parser for a new stream; what the old one held is gone with it. */
  #listen(): void {
    const socket = this.#socket;
    const parser = new SaxesParser({});
    const decoder = new StringDecoder("utf8");
    const open: Element[] = [];
    parser.on("opentag", ({ name, attributes }) => {
      const element: Element = { name, attributes: { ...attributes }, children: [], text: "" };
      if (open.length > 1) open.at(-1)?.children.push(element);
      open.push(element);
    });
    parser.on("text", (text) => {
      const element = open.at(-1);
      if (element) element.text += text;
    });
    parser.on("closetag", () => {
      const element = open.pop();
      if (open.length === 1 && element) this.#element(element);
    });
    parser.on("error", () => socket?.destroy());
    socket?.removeAllListeners("data");
    socket?.on("data", (bytes) => void parser.write(decoder.write(bytes)));
  }

  #next(fits: (element: Element) => boolean): Promise<Element> {
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => {
        this.#awaited.splice(this.#awaited.indexOf(waiting), 1);
        reject(new Error(`${this.address}: the XMPP server does not answer`));
      }, answerMs);
      const waiting = {
        fits,
        take: (element: Element) => {
          clearTimeout(late);
          resolve(element);
        },
      };
      this.#awaited.push(waiting);
    });
  }

  #count(h: number): void {
    this.#unacknowledged.splice(0, h - this.#acknowledged);
    this.#acknowledged = h;
  }

  #element(element: Element): void {
    if (element.name === "a") this.#count(Number(element.attributes.h));
    if (element.name === "r") this.write(`<a xmlns='${sm}' h='${this.#handled}'/>`);
    if (["message", "presence", "iq"].includes(element.name)) this.#handled += 1;
    if (element.name === "message") this.#message(element);
    if (element.name === "presence" && element.attributes.type === "subscribe")
      this.write(`<presence type='subscribed' to='${xml(element.attributes.from ?? "")}'/>`);
    for (const waiting of [...this.#awaited])
      if (waiting.fits(element)) {
        this.#awaited.splice(this.#awaited.indexOf(waiting), 1);
        waiting.take(element);
      }
  }

  #message(element: Element): void {
    const from = element.attributes.from ?? "";
    const id = element.attributes.id;
    const received = child(element, "received");
    const body = child(element, "body");
    if (element.attributes.type === "error") {
      const error = child(element, "error");
      const text = `${error?.children.map((one) => one.text || one.name).join(": ") ?? "error"}`;
      this.#ear.hear({ kind: "report", from, text, outcome: "failed", ...(id === undefined ? {} : { id }) });
    } else if (received) {
      const about = received.attributes.id ?? "";
      this.#ear.hear({ kind: "report", from, text: "", outcome: "delivered", id: about });
    } else if (body && element.attributes.type === "groupchat") {
      // What was said before he came is history (XEP-0203).
      if (!child(element, "delay"))
        this.#ear.hear({ kind: "room", from: from.slice(from.indexOf("/") + 1), text: body.text });
    } else if (body) {
      this.#ear.hear({ kind: "message", from, text: body.text, ...(id === undefined ? {} : { id }) });
      if (child(element, "request") && id !== undefined) this.#receipt(from, id);
    }
  }

  #receipt(to: string, id: string): void {
    const received = `<received xmlns='urn:xmpp:receipts' id='${xml(id)}'/>`;
    const stanza = `<message to='${xml(to)}' id='${randomUUID()}'>${received}</message>`;
    if (this.#options.management) this.#unacknowledged.push(stanza);
    this.write(stanza);
  }
}
