// A SIP client's transactions and dialogs on one UDP port, with TCP on the same one (RFC 3261 §12, §17, §18.1.1): INVITE, SUBSCRIBE,
// REFER and what comes back. By the smallest means, for actors only; no code of the gateway.
import { randomBytes } from "node:crypto";
import { createSocket, type Socket as UdpSocket } from "node:dgram";
import { createServer, type Server, type Socket } from "node:net";
import { Ear } from "./actor.ts";
import { type Challenge, credentials, offerIn } from "./sip-digest.ts";
import { cutStream, headerOf, readSip, type SipText, sipUri, statusOf, writeSip } from "./sip-message.ts";

export const chance = (bytes = 8): string => randomBytes(bytes).toString("hex");
export type Headers = readonly (readonly [string, string])[];

/** A dialog of this client. */
export interface ClientDialog {
  readonly callId: string;
  readonly localTag: string;
  remoteTag: string;
  /** The peer's URI, as To says it. */
  readonly remote: string;
  /** Its Contact. */
  target: string;
  cseq: number;
}

export interface SipClientOptions {
  /** Gateways on loopback; the first is its own, the next is tried when that does not answer. */
  readonly ports: readonly number[];
  readonly address: string;
  readonly password: string;
}

/** What the client is asked: answer by `respond`, once. */
export interface Asked {
  readonly request: SipText;
  readonly method: string;
  /** `tag`: what To gets, if it has none. */
  respond(status: number, headers?: Headers, body?: Buffer, tag?: string): void;
}

const patienceMs = 4_000;
const t1Ms = 500;

export class SipClient {
  readonly options: SipClientOptions;
  /** TCP connections that came. */
  streams = 0;
  /** What From shows. */
  display = "";
  /** Requests that came, each once. */
  readonly asked = new Ear<SipText>("SIP requests");
  /** How it answers requests; what it does not answer is answered 501. */
  handle: (asked: Asked) => void = ({ respond }) => respond(501);
  readonly #waiting = new Map<string, (response: SipText) => void>();
  readonly #answered = new Map<string, Buffer | undefined>();
  /** The nonce that was given, by gateway. */
  readonly #challenges = new Map<number, Challenge>();
  readonly #sockets = new Set<Socket>();
  #udp: UdpSocket | undefined;
  #tcp: Server | undefined;
  #turn = 0;
  #closed = false;

  constructor(options: SipClientOptions) {
    this.options = options;
  }

  get port(): number {
    return this.#udp?.address().port ?? 0;
  }
  get gateway(): number {
    return this.options.ports[this.#turn % this.options.ports.length] ?? 0;
  }
  get contact(): string {
    const uri = sipUri(this.options.address);
    return `<sip:${uri.slice(4, uri.lastIndexOf("@"))}@127.0.0.1:${this.port}>`;
  }

  async open(): Promise<this> {
    for (;;) {
      const udp = createSocket({ type: "udp4", recvBufferSize: 4_000_000 });
      await new Promise<void>((resolve) => udp.bind(0, "127.0.0.1", resolve));
      const tcp = createServer((socket) => this.#stream(socket));
      const got = await new Promise<boolean>((resolve) => {
        tcp.once("error", () => resolve(false));
        tcp.listen(udp.address().port, "127.0.0.1", () => resolve(true));
      });
      if (got) {
        udp.on("message", (bytes, peer) => {
          if (bytes.length > 4) this.#take(bytes, (answer) => this.#send(answer, peer.port));
        });
        [this.#udp, this.#tcp] = [udp, tcp];
        return this;
      }
      await new Promise<void>((resolve) => udp.close(() => resolve()));
    }
  }

  #stream(socket: Socket): void {
    this.streams += 1;
    let rest: Buffer = Buffer.alloc(0);
    this.#sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => this.#sockets.delete(socket));
    socket.on("data", (chunk: Buffer) => {
      const cut = cutStream(Buffer.concat([rest, chunk]));
      rest = cut.rest;
      for (const bytes of cut.whole) this.#take(bytes, (answer) => socket.write(answer));
    });
  }

  #send(bytes: Buffer, port: number): void {
    if (!this.#closed) this.#udp?.send(bytes, port, "127.0.0.1");
  }

  #take(bytes: Buffer, answer: (bytes: Buffer) => void): void {
    const message = readSip(bytes);
    if (message.start.startsWith("SIP/2.0 "))
      return this.#waiting.get(/;branch=([^;,\s]+)/.exec(headerOf(message, "via"))?.[1] ?? "")?.(message);
    const method = message.start.split(" ", 1)[0] ?? "";
    if (method === "ACK") return this.asked.add(message);
    const key = `${headerOf(message, "call-id")} ${headerOf(message, "cseq")}`;
    const before = this.#answered.get(key);
    if (before !== undefined) return answer(before);
    if (this.#answered.has(key)) return;
    this.#answered.set(key, undefined);
    this.asked.add(message);
    this.handle({
      request: message,
      method,
      respond: (status, headers = [], body = Buffer.alloc(0), tag = chance(4)) => {
        const response = responseTo(message, status, headers, body, tag);
        this.#answered.set(key, response);
        answer(response);
      },
    });
  }

  /** A new dialog with this URI; its first request makes it. */
  dialog(remote: string): ClientDialog {
    return {
      callId: `${chance()}@phone`,
      localTag: chance(4),
      remoteTag: "",
      remote,
      target: remote,
      cseq: 0,
    };
  }

  /** One request of a dialog, with digest where it is challenged; the final response, or undefined when nobody answers. */
  async request(
    method: string,
    dialog: ClientDialog,
    headers: Headers,
    body: Buffer = Buffer.alloc(0),
  ): Promise<SipText | undefined> {
    for (let attempt = 0; ; attempt += 1) {
      dialog.cseq += 1;
      const response = await this.#anywhere(
        method,
        dialog,
        [...this.#credentials(method, dialog), ...headers],
        body,
      );
      const offer = response && offerIn(response);
      if (offer === undefined || attempt > 2) return response;
      this.#challenges.set(this.gateway, offer);
    }
  }

  #credentials(method: string, dialog: ClientDialog): Headers {
    const challenge = this.#challenges.get(this.gateway);
    if (challenge === undefined) return [];
    const user = this.options.address.slice(0, this.options.address.lastIndexOf("@"));
    const { password } = this.options;
    return [credentials(challenge, { user, password, method, uri: dialog.target, cnonce: chance() })];
  }

  // The next gateway is tried when one is silent; inside a dialog the peer's Contact says where to.
  async #anywhere(
    method: string,
    dialog: ClientDialog,
    headers: Headers,
    body: Buffer,
  ): Promise<SipText | undefined> {
    for (const _port of this.options.ports) {
      const inside =
        dialog.remoteTag === "" ? undefined : /:(\d+)[;>]?/.exec(dialog.target.split("@")[1] ?? "")?.[1];
      const response = await this.#exchange(method, dialog, headers, body, Number(inside ?? this.gateway));
      if (response !== undefined || inside !== undefined) return response;
      this.#turn += 1;
    }
    return undefined;
  }

  async #exchange(
    method: string,
    dialog: ClientDialog,
    headers: Headers,
    body: Buffer,
    port: number,
  ): Promise<SipText | undefined> {
    const branch = `z9hG4bK${chance()}`;
    const bytes = this.#print(method, dialog, branch, headers, body);
    let timer: NodeJS.Timeout | undefined;
    let provisional = false;
    const send = (pause: number): void => {
      this.#send(bytes, port);
      if (!(provisional && method === "INVITE"))
        timer = setTimeout(() => send(Math.min(pause * 2, 4_000)), pause);
    };
    return await new Promise<SipText | undefined>((resolve) => {
      const finish = (response: SipText | undefined): void => {
        clearTimeout(timer);
        clearTimeout(late);
        this.#waiting.delete(branch);
        resolve(response);
      };
      let late = setTimeout(() => finish(undefined), patienceMs);
      this.#waiting.set(branch, (response) => {
        if (statusOf(response) >= 200) {
          if (method === "INVITE") this.#acknowledgeRefusal(dialog, branch, response, port);
          return finish(response);
        }
        provisional = true;
        clearTimeout(late);
        late = setTimeout(() => finish(undefined), 32_000);
      });
      send(t1Ms);
    });
  }

  #print(method: string, dialog: ClientDialog, branch: string, headers: Headers, body: Buffer): Buffer {
    const { address } = this.options;
    const name = this.display === "" ? "" : `"${this.display.replace(/["\\]/g, "\\$&")}" `;
    const common: Headers = [
      ["Via", `SIP/2.0/UDP 127.0.0.1:${this.port};branch=${branch};rport`],
      ["Max-Forwards", "70"],
      ["From", `${name}<${sipUri(address)}>;tag=${dialog.localTag}`],
      ["To", `<${dialog.remote}>${dialog.remoteTag === "" ? "" : `;tag=${dialog.remoteTag}`}`],
      ["Call-ID", dialog.callId],
      ["CSeq", `${dialog.cseq} ${method}`],
    ];
    return writeSip(`${method} ${dialog.target} SIP/2.0`, [...common, ...headers], body);
  }

  #acknowledgeRefusal(dialog: ClientDialog, branch: string, response: SipText, port: number): void {
    if (statusOf(response) < 300) return;
    const tag = /;tag=([^;,\s]+)/.exec(headerOf(response, "to"))?.[1] ?? "";
    this.#send(this.#print("ACK", { ...dialog, remoteTag: tag }, branch, [], Buffer.alloc(0)), port);
  }

  /** The ACK of a 2xx. */
  acknowledge(dialog: ClientDialog, headers: Headers = [], body: Buffer = Buffer.alloc(0)): void {
    const port = Number(/:(\d+)[;>]?/.exec(dialog.target.split("@")[1] ?? "")?.[1] ?? this.gateway);
    this.#send(this.#print("ACK", dialog, `z9hG4bK${chance()}`, headers, body), port);
  }

  /** What a 2xx says of the dialog that it makes. */
  established(dialog: ClientDialog, response: SipText): void {
    dialog.remoteTag = /;tag=([^;,\s]+)/.exec(headerOf(response, "to"))?.[1] ?? dialog.remoteTag;
    dialog.target = uriIn(headerOf(response, "contact")) ?? dialog.target;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#tcp?.close(() => resolve()));
    await new Promise<void>((resolve) => this.#udp?.close(() => resolve()));
  }
}

/** The URI between angle brackets. */
export const uriIn = (value: string): string | undefined => /<([^>]*)>/.exec(value)?.[1];

function responseTo(request: SipText, status: number, headers: Headers, body: Buffer, tag: string): Buffer {
  const copied = new Set(["via", "from", "to", "call-id", "cseq", "record-route"]);
  const kept = request.headers
    .filter(([name]) => copied.has(name))
    .map(([name, value]): [string, string] => [
      name,
      name === "to" && !value.includes(";tag=") ? `${value};tag=${tag}` : value,
    ]);
  return writeSip(`SIP/2.0 ${status} ${status < 300 ? "OK" : "No"}`, [...kept, ...headers], body);
}
