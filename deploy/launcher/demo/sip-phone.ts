// A raw SIP phone over UDP for plays: REGISTER with digest, MESSAGE, IMDN and CPIM read; RFC 3261, RFC 3428, RFC 5438.
import { createHash, randomBytes } from "node:crypto";
import { createSocket, type Socket } from "node:dgram";
import type { AddressInfo } from "node:net";
import { type Actor, Ear, type Heard, type Match, type Sent } from "./actor.ts";
import { MsrpLine } from "./msrp-line.ts";

export interface PhoneOptions {
  readonly address: string;
  readonly password: string;
  /** The gateway's UDP port on 127.0.0.1. */
  readonly port: number;
  /** The status with which an incoming MESSAGE is answered; default 200, undefined for silence. */
  readonly answer?: (text: string, from: string) => number | undefined;
}

interface SipMessage {
  readonly start: string;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

/** RFC 3261 §17.1.2.2: T1, T2 and 64*T1, in milliseconds. */
const timers = { t1: 500, t2: 4000, f: 32_000 } as const;
const token = (): string => randomBytes(8).toString("hex");
const md5 = (text: string): string => createHash("md5").update(text).digest("hex");
const shortNames: Readonly<Record<string, string>> = {
  v: "via",
  f: "from",
  t: "to",
  i: "call-id",
  m: "contact",
  c: "content-type",
  l: "content-length",
};

export class SipPhone implements Actor {
  readonly address: string;
  /** Packets of a MESSAGE that had been answered before: retransmissions, and the same one sent again after a crash. */
  repeated = 0;
  readonly #options: PhoneOptions;
  readonly #socket: Socket;
  readonly #ear = new Ear();
  readonly #waiting = new Map<string, (response: SipMessage) => void>();
  readonly #answered = new Map<string, string>();
  #refresh: NodeJS.Timeout | undefined;
  #cseq = 0;
  #call:
    | {
        readonly line: MsrpLine;
        readonly room: string;
        readonly response: SipMessage;
        readonly callId: string;
      }
    | undefined;
  readonly #registrationId = token();

  private constructor(options: PhoneOptions, socket: Socket) {
    this.address = options.address;
    this.#options = options;
    this.#socket = socket;
    socket.on("message", (packet) => this.#read(packet.toString("utf8")));
  }

  /** Binds and registers; rejects when the registrar says no. */
  static async open(options: PhoneOptions): Promise<SipPhone> {
    const socket = createSocket("udp4");
    await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
    const phone = new SipPhone(options, socket);
    try {
      await phone.register();
    } catch (error) {
      socket.close();
      throw error;
    }
    return phone;
  }

  get ear(): readonly Heard[] {
    return this.#ear.all;
  }

  get #port(): number {
    return (this.#socket.address() as AddressInfo).port;
  }

  get #contact(): string {
    return `<sip:${this.address.split("@")[0]}@127.0.0.1:${this.#port}>`;
  }

  /** Registers for `seconds`, and again at half of it. */
  async register(seconds = 600): Promise<void> {
    const domain = this.address.slice(this.address.lastIndexOf("@") + 1);
    const response = await this.#ask("REGISTER", `sip:${domain}`, this.address, this.#registrationId, [
      `Contact: ${this.#contact}`,
      `Expires: ${seconds}`,
    ]);
    if (statusOf(response) !== 200) throw new Error(`${this.address} is not registered: ${response.start}`);
    clearTimeout(this.#refresh);
    if (seconds === 0) return;
    // A refresh that fails shows in the play: the phone hears nothing more.
    this.#refresh = setTimeout(() => void this.register(seconds).catch(() => undefined), seconds * 500);
    this.#refresh.unref();
  }

  async say(to: string, text: string): Promise<Sent> {
    const id = token();
    const response = await this.#ask(
      "MESSAGE",
      `sip:${to}`,
      to,
      id,
      ["Content-Type: text/plain; charset=utf-8"],
      text,
    );
    const status = statusOf(response);
    return { id, answer: status < 300 ? "taken" : "refused", detail: response.start.replace("SIP/2.0 ", "") };
  }

  /** Calls the room (RFC 4579 §5.1) with a chat session over MSRP. */
  async enter(room: string): Promise<void> {
    const line = new MsrpLine(({ from, text }) => this.#ear.hear({ kind: "room", from, text }));
    const callId = token();
    const more = [`Contact: ${this.#contact}`, "Content-Type: application/sdp"];
    const response = await this.#ask("INVITE", `sip:${room}`, room, callId, more, line.offer);
    if (statusOf(response) !== 200)
      throw new Error(`${this.address} is not let into ${room}: ${response.start}`);
    await line.open(response.body);
    this.#call = { line, room, response, callId };
  }

  async speak(text: string): Promise<void> {
    if (this.#call === undefined) throw new Error(`${this.address} is in no room`);
    await this.#call.line.say(this.address, this.#call.room, text);
  }

  heard(match: Match, timeoutMs: number): Promise<Heard> {
    return this.#ear.heard(this.address, match, timeoutMs);
  }

  async close(): Promise<void> {
    clearTimeout(this.#refresh);
    this.#hangUp();
    await this.register(0).catch(() => undefined);
    await new Promise<void>((resolve) => this.#socket.close(() => resolve()));
  }

  /** Ends the call without waiting for an answer: the room notices the closed session, too. */
  #hangUp(): void {
    if (this.#call === undefined) return;
    const { line, response, callId } = this.#call;
    line.close();
    this.#send(this.#inside("BYE", response, callId));
  }

  /** A request inside the dialog that this 200 made: ACK or BYE (RFC 3261 §12.2.1.1). */
  #inside(method: "ACK" | "BYE", response: SipMessage, callId: string): string {
    const header = (name: string): string => response.headers.get(name) ?? "";
    const number = Number(header("cseq").split(" ")[0]) + (method === "BYE" ? 1 : 0);
    const target = /<([^>]+)>/.exec(header("contact"))?.[1] ?? "";
    return [
      `${method} ${target} SIP/2.0`,
      `Via: SIP/2.0/UDP 127.0.0.1:${this.#port};branch=z9hG4bK${token()};rport`,
      "Max-Forwards: 70",
      `From: ${header("from")}`,
      `To: ${header("to")}`,
      `Call-ID: ${callId}`,
      `CSeq: ${number} ${method}`,
      "Content-Length: 0",
      "",
      "",
    ].join("\r\n");
  }

  /** One request with its digest retry (RFC 3261 §22.2). */
  async #ask(
    method: string,
    uri: string,
    to: string,
    callId: string,
    more: readonly string[],
    body = "",
  ): Promise<SipMessage> {
    const fromTag = token();
    const first = await this.#transact(method, uri, to, callId, fromTag, more, body);
    const status = statusOf(first);
    if (status !== 401 && status !== 407) return first;
    const challenge = first.headers.get(status === 401 ? "www-authenticate" : "proxy-authenticate") ?? "";
    const header = status === 401 ? "Authorization" : "Proxy-Authorization";
    const credentials = this.#digest(challenge, method, uri);
    return await this.#transact(
      method,
      uri,
      to,
      callId,
      fromTag,
      [...more, `${header}: ${credentials}`],
      body,
    );
  }

  #digest(challenge: string, method: string, uri: string): string {
    const part = (name: string): string =>
      new RegExp(`\\b${name}="?([^",]*)"?`, "i").exec(challenge)?.[1] ?? "";
    const user = this.address.split("@")[0] ?? "";
    const [realm, nonce, cnonce] = [part("realm"), part("nonce"), token()];
    const ha1 = md5(`${user}:${realm}:${this.#options.password}`);
    const response = md5(`${ha1}:${nonce}:00000001:${cnonce}:auth:${md5(`${method}:${uri}`)}`);
    return (
      `Digest username="${user}", realm="${realm}", nonce="${nonce}", uri="${uri}", algorithm=MD5, ` +
      `qop=auth, nc=00000001, cnonce="${cnonce}", response="${response}"`
    );
  }

  #transact(
    method: string,
    uri: string,
    to: string,
    callId: string,
    fromTag: string,
    more: readonly string[],
    body: string,
  ): Promise<SipMessage> {
    const branch = `z9hG4bK${token()}`;
    this.#cseq += 1;
    const packet = [
      `${method} ${uri} SIP/2.0`,
      `Via: SIP/2.0/UDP 127.0.0.1:${this.#port};branch=${branch};rport`,
      "Max-Forwards: 70",
      `From: <sip:${this.address}>;tag=${fromTag}`,
      `To: <sip:${to}>`,
      `Call-ID: ${callId}`,
      `CSeq: ${this.#cseq} ${method}`,
      ...more,
      `Content-Length: ${Buffer.byteLength(body)}`,
      "",
      body,
    ].join("\r\n");
    return new Promise((resolve, reject) => {
      let pause: number = timers.t1;
      let again: NodeJS.Timeout;
      const send = (): void => {
        this.#send(packet);
        again = setTimeout(send, pause);
        pause = Math.min(pause * 2, timers.t2);
      };
      const late = setTimeout(() => {
        clearTimeout(again);
        this.#waiting.delete(branch);
        reject(new Error(`${this.address}: no answer to ${method}`));
      }, timers.f);
      this.#waiting.set(branch, (response) => {
        const status = statusOf(response);
        clearTimeout(again);
        // Provisional: retransmissions slow down to T2 (RFC 3261 §17.1.2.2).
        if (status < 200) {
          again = setTimeout(send, timers.t2);
          return;
        }
        clearTimeout(late);
        this.#waiting.delete(branch);
        if (method === "INVITE") this.#acknowledge(response, packet, callId);
        resolve(response);
      });
      send();
    });
  }

  /** ACK: of a 2xx inside the new dialog, of a refusal inside the transaction (RFC 3261 §13.2.2.4, §17.1.1.3). */
  #acknowledge(response: SipMessage, invite: string, callId: string): void {
    if (statusOf(response) < 300) return this.#send(this.#inside("ACK", response, callId));
    const lines = invite.slice(0, invite.indexOf("\r\n\r\n")).split("\r\n");
    const kept = lines.filter((line) => /^(?:Via|Max-Forwards|From|Call-ID):/.test(line));
    const first = (lines[0] ?? "").replace(/^INVITE/, "ACK");
    const number = response.headers.get("cseq")?.split(" ")[0] ?? "1";
    const rest = [
      `To: ${response.headers.get("to") ?? ""}`,
      `CSeq: ${number} ACK`,
      "Content-Length: 0",
      "",
      "",
    ];
    this.#send([first, ...kept, ...rest].join("\r\n"));
  }

  #send(packet: string): void {
    this.#socket.send(packet, this.#options.port, "127.0.0.1");
  }

  #read(packet: string): void {
    const message = parse(packet);
    if (message === undefined) return;
    const branch = /branch=([^;,\s]+)/.exec(message.headers.get("via") ?? "")?.[1] ?? "";
    if (message.start.startsWith("SIP/2.0 ")) this.#waiting.get(branch)?.(message);
    else this.#serve(message);
  }

  #serve(request: SipMessage): void {
    const method = request.start.split(" ")[0] ?? "";
    const header = (name: string): string => request.headers.get(name) ?? "";
    const key = `${header("call-id")} ${header("cseq")} ${header("from")}`;
    const before = this.#answered.get(key);
    if (before !== undefined) {
      this.repeated += 1;
      this.#send(before);
      return;
    }
    const from = /sips?:([^>;\s]+)/i.exec(header("from"))?.[1] ?? header("from");
    const body = method === "MESSAGE" ? open(header("content-type"), request.body) : undefined;
    const status =
      method === "OPTIONS" || !body ? (method === "OPTIONS" ? 200 : 405) : this.#statusFor(body.text, from);
    if (status === undefined) return;
    const response = [
      `SIP/2.0 ${status} ${status < 300 ? "OK" : "No"}`,
      `Via: ${header("via")}`,
      `From: ${header("from")}`,
      `To: ${header("to")};tag=${token()}`,
      `Call-ID: ${header("call-id")}`,
      `CSeq: ${header("cseq")}`,
      "Content-Length: 0",
      "",
      "",
    ].join("\r\n");
    this.#answered.set(key, response);
    this.#send(response);
    if (body && status < 300) this.#ear.hear({ ...body, from: decodeURIComponent(from) });
  }

  #statusFor(text: string, from: string): number | undefined {
    return this.#options.answer ? this.#options.answer(text, from) : 200;
  }
}

const statusOf = (response: SipMessage): number => Number(response.start.split(" ")[1] ?? 0);

function parse(packet: string): SipMessage | undefined {
  const end = packet.indexOf("\r\n\r\n");
  if (end < 0) return undefined;
  const [start = "", ...lines] = packet
    .slice(0, end)
    .replaceAll(/\r\n[ \t]+/g, " ")
    .split("\r\n");
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(":");
    const written = line.slice(0, colon).trim().toLowerCase();
    const name = shortNames[written] ?? written;
    const value = line.slice(colon + 1).trim();
    headers.set(name, headers.has(name) ? `${headers.get(name)}, ${value}` : value);
  }
  return { start, headers, body: packet.slice(end + 4) };
}

/** What a body says: plain text, wrapped in CPIM (RFC 3862), or a report (RFC 5438). */
function open(contentType: string, body: string): Pick<Heard, "kind" | "text" | "id" | "outcome"> {
  if (/^message\/cpim/i.test(contentType)) {
    const [head = "", innerHead = "", ...rest] = body.split("\r\n\r\n");
    const inner = open(
      /^content-type:\s*(.*)$/im.exec(innerHead)?.[1] ?? "text/plain",
      rest.join("\r\n\r\n"),
    );
    const id = /Message-ID:\s*(\S+)/i.exec(head)?.[1];
    return inner.id !== undefined || id === undefined ? inner : { ...inner, id };
  }
  if (/^message\/imdn\+xml/i.test(contentType)) {
    const id = /<message-id>([^<]*)</i.exec(body)?.[1] ?? "";
    const outcome = /<status>\s*<([a-z]+)/i.exec(body)?.[1] ?? "unknown";
    return { kind: "report", text: body, id, outcome };
  }
  if (body.startsWith("Not delivered:")) return { kind: "report", text: body, outcome: "failed" };
  return { kind: "message", text: body };
}
