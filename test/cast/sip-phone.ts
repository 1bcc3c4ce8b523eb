// A SIP phone on bare sockets (RFC 3261, RFC 3428): registers with digest, says by MESSAGE, answers what it hears, reports if asked.
import { randomBytes } from "node:crypto";
import { type Actor, Ear, type Heard, type Report, retry, type Sent, within } from "./actor.ts";
import { readCpim, readImdn, writeCpim, writeImdn } from "./sip-cpim.ts";
import { type Challenge, credentials, offerIn } from "./sip-digest.ts";
import { addressIn, headerOf, readSip, type SipText, sipUri, statusOf, writeSip } from "./sip-message.ts";
import { openWire, type Wire } from "./sip-wire.ts";

/** How the phone answers one MESSAGE; `silent` answers nothing, as a phone that hangs. */
export type PhoneAnswer = number | "silent" | { readonly status: number; readonly afterMs: number };

export interface SipPhoneOptions {
  /** Ports of gateways on loopback; the first is its own, the next is tried when that does not answer. */
  readonly ports: readonly number[];
  readonly transport: "udp" | "tcp";
  readonly address: string;
  readonly password: string;
  /** How it answers; default 200 at once. */
  readonly answer?: (text: string) => PhoneAnswer;
  /** Reads and writes CPIM, and asks for these notifications. */
  readonly cpim?: readonly ("positive-delivery" | "negative-delivery" | "display" | "processing")[];
  /** Sends the notifications that it is asked for: delivered, and displayed too if so. */
  readonly reports?: "none" | "delivered" | "displayed";
  /** Seconds for which it registers; refreshed at half. Default 600. */
  readonly expires?: number;
  /** What it claims to be in From; default its own address. */
  readonly claims?: string;
  /** How long a request may go unanswered at one port; default Timer F, 32 s; with several ports 4 s. */
  readonly patienceMs?: number;
}

/** RFC 3261 §17.1.2.2. */
const t1Ms = 500;
const t2Ms = 4000;
const timerFMs = 64 * t1Ms;
/** RFC 3428 §8: more than this goes over a transport with congestion control. */
const mostUdpBytes = 1300;
/** Answers remembered, so that what comes again is answered again. */
const mostRemembered = 50_000;

const chance = (bytes = 8): string => randomBytes(bytes).toString("hex");

/** What stays the same over the attempts of one request. */
interface Attempts {
  readonly callId: string;
  readonly tag: string;
  readonly from: string;
  readonly to: string;
  readonly nextCseq: () => number;
}

type Headers = readonly (readonly [string, string])[];

const notifications: Readonly<Record<string, Report["kind"]>> = {
  processed: "handed",
  delivered: "delivered",
  displayed: "displayed",
  error: "uncertain",
};

export class SipPhone implements Actor {
  readonly address: string;
  /** How it answers from now on. */
  answer: (text: string) => PhoneAnswer;
  readonly #options: SipPhoneOptions;
  readonly #messages: Ear<Heard>;
  readonly #reports: Ear<Report>;
  readonly #requests: Ear<SipText>;
  /** Branch -> who waits for its responses. */
  readonly #waiting = new Map<string, (response: SipText) => void>();
  /** Call-ID and CSeq -> our answer, or nothing yet. */
  readonly #answered = new Map<string, Buffer | undefined>();
  /** Call-IDs that were shown. */
  readonly #shown = new Set<string>();
  readonly #challenges = new Map<number, Challenge>();
  #wire: Wire | undefined;
  #turn = 0;
  #cseq = 0;
  #again = 0;
  #ending = false;
  #returning = false;
  #registered = false;
  #refresh: NodeJS.Timeout | undefined;
  readonly #registration = { callId: `${chance()}@phone`, tag: chance(4), cseq: 0 };

  constructor(options: SipPhoneOptions) {
    this.#options = options;
    this.address = options.address;
    this.answer = options.answer ?? (() => 200);
    this.#messages = new Ear<Heard>(`${this.address} hears`);
    this.#reports = new Ear<Report>(`${this.address} is told`);
    this.#requests = new Ear<SipText>(`${this.address} is asked`);
  }

  get messages(): readonly Heard[] {
    return this.#messages.all;
  }
  get reports(): readonly Report[] {
    return this.#reports.all;
  }
  /** All requests that came, answered or not, each once. */
  get requests(): readonly SipText[] {
    return this.#requests.all;
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
  request(match: (request: SipText) => boolean, withinMs: number): Promise<SipText> {
    return this.#requests.next(match, withinMs);
  }

  /** Opens its socket and registers; rejects with the status when that is refused. */
  async open(): Promise<this> {
    await this.plug();
    await this.register();
    return this;
  }

  /** Only the socket, for a phone that does not register. */
  async plug(): Promise<this> {
    this.#wire = await openWire(this.#options.transport, this.#port, {
      message: (bytes, answer) => this.#onBytes(bytes, answer),
      lost: () => this.#lost(),
    });
    return this;
  }

  /** Registers, or with 0 seconds takes its registration back. Throws when that is refused. */
  async register(expires = this.#options.expires ?? 600): Promise<void> {
    const { callId, tag } = this.#registration;
    const domain = this.address.slice(this.address.lastIndexOf("@") + 1);
    const accept =
      this.#options.cpim === undefined ? "text/plain" : "text/plain, message/cpim, message/imdn+xml";
    const headers: Headers = [
      ["Contact", `<${this.#contact}>;expires=${expires}`],
      ["Accept", accept],
    ];
    const nextCseq = (): number => {
      this.#registration.cseq += 1;
      return this.#registration.cseq;
    };
    const attempts = { callId, tag, nextCseq, from: this.address, to: this.address };
    const response = await this.#request("REGISTER", `sip:${domain}`, attempts, headers, Buffer.alloc(0));
    const status = response === undefined ? 0 : statusOf(response);
    if (status !== 200) throw new Error(`SIP: REGISTER of ${this.address} answered ${status || "by nobody"}`);
    clearTimeout(this.#refresh);
    this.#registered = expires > 0;
    if (!this.#registered) return;
    this.#refresh = setTimeout(() => this.register(expires).catch(() => this.#lost()), expires * 500);
    this.#refresh.unref();
  }

  async say(
    to: string,
    text: string,
    more: { readonly id?: string; readonly type?: string } = {},
  ): Promise<Sent> {
    const { cpim: asks } = this.#options;
    const id = more.id ?? `${chance()}@phone`;
    const content = Buffer.from(text, "utf8");
    const contentType = more.type ?? "text/plain;charset=UTF-8";
    if (asks === undefined) return await this.#message(to, id, contentType, content);
    const from = sipUri(this.#options.claims ?? this.address);
    const wrapped = writeCpim({ from, to: sipUri(to), id, asks, contentType, content });
    return await this.#message(to, id, "message/cpim", wrapped);
  }

  /** Sends a notification about a message that it heard (RFC 5438 §7). */
  report(message: Heard, status: "delivered" | "displayed" | "failed"): Promise<Sent> {
    const from = sipUri(this.address);
    const id = `${chance()}@phone`;
    const content = writeImdn(message.id ?? "", status, from);
    const contentType = "message/imdn+xml";
    const wrapped = writeCpim({ from, to: sipUri(message.from), id, asks: [], contentType, content });
    return this.#message(message.from, id, "message/cpim", wrapped);
  }

  /** One MESSAGE with this body. */
  async #message(to: string, id: string, type: string, body: Buffer): Promise<Sent> {
    const at = performance.now();
    const nextCseq = (): number => {
      this.#cseq += 1;
      return this.#cseq;
    };
    const attempts = { callId: id, tag: chance(4), nextCseq, from: this.#options.claims ?? this.address, to };
    const response = await this.#request("MESSAGE", sipUri(to), attempts, [["Content-Type", type]], body);
    if (response === undefined) return { id, at, answer: "none" };
    const status = statusOf(response);
    return { id, at, answer: status < 300 ? "accepted" : "refused", code: String(status) };
  }

  /** Writes bytes as they are, to its gateway. */
  raw(bytes: Buffer): void {
    this.#wire?.write(bytes, this.#port);
  }

  break(): void {
    this.#wire?.break();
  }
  pause(): void {
    this.#wire?.pause();
  }
  resume(): void {
    this.#wire?.resume();
  }

  /** Takes the registration back and closes. `stay`: it only closes, as a phone whose battery is empty. */
  async close(stay = false): Promise<void> {
    if (this.#ending) return;
    clearTimeout(this.#refresh);
    if (this.#registered && !stay)
      await within(
        this.register(0).catch(() => undefined),
        1500,
      );
    this.#ending = true;
    await this.#wire?.close();
  }

  get #port(): number {
    return this.#options.ports[this.#turn % this.#options.ports.length] ?? 0;
  }

  get #contact(): string {
    const uri = sipUri(this.address);
    const user = uri.slice(4, uri.lastIndexOf("@"));
    return `sip:${user}@127.0.0.1:${this.#wire?.localPort}${this.#options.transport === "tcp" ? ";transport=tcp" : ""}`;
  }

  #lost(): void {
    if (this.#ending || this.#returning) return;
    this.#returning = true;
    const attempt = async (): Promise<void> => {
      try {
        if (this.#wire?.broken === true) await this.plug();
        if (this.#registered) await this.register();
      } catch (error) {
        this.#turn += 1;
        throw error;
      }
    };
    void retry(attempt, () => this.#ending).finally(() => {
      this.#returning = false;
    });
  }

  /** One request with its challenges (RFC 3261 §22.2): the final response, or undefined when nobody answered. */
  async #request(
    method: string,
    uri: string,
    attempts: Attempts,
    headers: Headers,
    body: Buffer,
  ): Promise<SipText | undefined> {
    const user = this.address.slice(0, this.address.lastIndexOf("@"));
    for (let attempt = 0; ; attempt += 1) {
      const challenge = this.#challenges.get(this.#port);
      const known: Headers =
        challenge === undefined
          ? []
          : [
              credentials(challenge, {
                user,
                password: this.#options.password,
                method,
                uri,
                cnonce: chance(),
              }),
            ];
      const common: Headers = [
        ["Max-Forwards", "70"],
        ["From", `<${sipUri(attempts.from)}>;tag=${attempts.tag}`],
        ["To", `<${sipUri(attempts.to)}>`],
        ["Call-ID", attempts.callId],
        ["CSeq", `${attempts.nextCseq()} ${method}`],
      ];
      const response = await this.#transaction(
        `${method} ${uri} SIP/2.0`,
        [...common, ...known, ...headers],
        body,
      );
      const offer = response && offerIn(response);
      if (offer === undefined) return response;
      this.#challenges.set(this.#port, offer);
      // Asked again although the nonce was fresh: the password is wrong.
      if (attempt > 2 || (attempt > 0 && offer.params.stale?.toLowerCase() !== "true")) return response;
    }
  }

  /** Timers E and F, then the next port: the final response, or undefined. */
  async #transaction(start: string, headers: Headers, body: Buffer): Promise<SipText | undefined> {
    const { ports, patienceMs, transport } = this.#options;
    const method = start.split(" ", 1)[0] ?? "";
    const patience = patienceMs ?? (ports.length > 1 ? 4000 : timerFMs);
    for (const _port of ports) {
      const branch = `z9hG4bK${chance()}`;
      const via = `SIP/2.0/${transport.toUpperCase()} 127.0.0.1:${this.#wire?.localPort};branch=${branch};rport`;
      const bytes = writeSip(start, [["Via", via], ...headers], body);
      if (transport === "udp" && bytes.length > mostUdpBytes)
        throw new Error(`SIP: ${bytes.length} bytes may not go over UDP`);
      const final = await this.#exchange(method, branch, bytes, patience);
      if (final !== undefined || this.#ending) return final;
      this.#turn += 1;
    }
    return undefined;
  }

  async #exchange(
    method: string,
    branch: string,
    bytes: Buffer,
    patienceMs: number,
  ): Promise<SipText | undefined> {
    const reliable = this.#options.transport === "tcp";
    const port = this.#port;
    let timer: NodeJS.Timeout | undefined;
    let provisional = false;
    let way = this.#wire;
    const send = (pause: number): void => {
      this.#wire?.write(bytes, port);
      const next = provisional ? t2Ms : Math.min(t2Ms, pause * 2);
      if (!reliable) timer = setTimeout(() => send(next), pause);
    };
    // A new connection is a new chance: the gateway knows the same request again. But a registration names its connection.
    const watch = (): void => {
      if (method === "REGISTER" && (way !== this.#wire || this.#wire?.broken === true)) return giveUp();
      if (way !== this.#wire) send(t1Ms);
      way = this.#wire;
      timer = setTimeout(watch, t1Ms / 5);
    };
    let giveUp = (): void => undefined;
    const final = new Promise<SipText | undefined>((resolve) => {
      giveUp = () => resolve(undefined);
      this.#waiting.set(branch, (response) => {
        if (statusOf(response) < 200) provisional = true;
        else resolve(response);
      });
    });
    send(t1Ms);
    if (reliable) watch();
    return await within(final, patienceMs).finally(() => {
      clearTimeout(timer);
      this.#waiting.delete(branch);
    });
  }

  #onBytes(bytes: Buffer, answer: (bytes: Buffer) => void): void {
    const message = readSip(bytes);
    if (!message.start.startsWith("SIP/2.0 ")) return this.#onRequest(message, answer);
    const branch = /;branch=([^;,\s]+)/.exec(headerOf(message, "via"))?.[1] ?? "";
    this.#waiting.get(branch)?.(message);
  }

  #onRequest(request: SipText, answer: (bytes: Buffer) => void): void {
    const method = request.start.split(" ", 1)[0] ?? "";
    const key = `${headerOf(request, "call-id")} ${headerOf(request, "cseq")}`;
    if (this.#answered.has(key)) {
      this.#again += 1;
      const before = this.#answered.get(key);
      if (before !== undefined) answer(before);
      return;
    }
    this.#requests.add(request);
    const choice = method === "MESSAGE" ? this.answer(textOf(request)) : method === "OPTIONS" ? 200 : 501;
    if (choice === "silent") return;
    this.#answered.set(key, undefined);
    const oldest = this.#answered.size > mostRemembered ? this.#answered.keys().next().value : undefined;
    if (oldest !== undefined) this.#answered.delete(oldest);
    const { status, afterMs } = typeof choice === "number" ? { status: choice, afterMs: 0 } : choice;
    const respond = (): void => {
      const response = responseTo(request, status);
      this.#answered.set(key, response);
      answer(response);
      if (method === "MESSAGE" && status < 300) this.#take(request);
    };
    if (afterMs === 0) respond();
    else setTimeout(() => !this.#ending && respond(), afterMs);
  }

  #take(request: SipText): void {
    const callId = headerOf(request, "call-id");
    if (this.#shown.has(callId)) {
      this.#again += 1;
      return;
    }
    this.#shown.add(callId);
    const at = performance.now();
    const outer = typeOf(headerOf(request, "content-type"));
    const sender = addressIn(headerOf(request, "from"));
    const wrapped = outer === "message/cpim" ? readCpim(request.body) : undefined;
    const body = wrapped?.body ?? request.body;
    const from = wrapped === undefined ? sender : addressIn(wrapped.headers.get("From") ?? "");
    if ((wrapped === undefined ? outer : typeOf(wrapped.contentType)) === "message/imdn+xml") {
      const { id, status } = readImdn(body);
      return this.#reports.add({
        kind: notifications[status] ?? "failed",
        id,
        code: status,
        text: status,
        from,
        at,
      });
    }
    const text = body.toString("utf8");
    if (text.startsWith("Not delivered: ")) {
      const kind = text.startsWith("Not delivered: may not have arrived") ? "uncertain" : "failed";
      return this.#reports.add({ kind, id: undefined, code: undefined, text, from, at });
    }
    const id = wrapped?.headers.get("imdn.Message-ID");
    const asked = wrapped?.headers.get("imdn.Disposition-Notification") ?? "";
    const more = { sender, callId, asked, subject: headerOf(request, "subject"), type: outer };
    const heard = { from, text, id: id ?? callId, at, more };
    this.#messages.add(heard);
    if (id !== undefined) this.#reportOn(heard, asked);
  }

  #reportOn(heard: Heard, asked: string): void {
    const { reports = "none" } = this.#options;
    if (reports !== "none" && asked.includes("positive-delivery")) void this.report(heard, "delivered");
    if (reports === "displayed" && asked.includes("display")) void this.report(heard, "displayed");
  }
}

const typeOf = (contentType: string): string => (contentType.split(";", 1)[0] ?? "").trim().toLowerCase();

/** The text of a MESSAGE, wrapped or not. */
function textOf(request: SipText): string {
  const wrapped = typeOf(headerOf(request, "content-type")) === "message/cpim";
  return (wrapped ? readCpim(request.body).body : request.body).toString("utf8");
}

const copied: ReadonlySet<string> = new Set(["via", "from", "to", "call-id", "cseq"]);

function responseTo(request: SipText, status: number): Buffer {
  const tagged = ([name, value]: readonly [string, string]): [string, string] => [
    name,
    name === "to" && !value.includes(";tag=") ? `${value};tag=${chance(4)}` : value,
  ];
  const headers = request.headers.filter(([name]) => copied.has(name)).map(tagged);
  return writeSip(`SIP/2.0 ${status} ${status < 300 ? "OK" : "No"}`, headers, Buffer.alloc(0));
}

/** A phone that is registered. */
export const openSipPhone = (options: SipPhoneOptions): Promise<SipPhone> => new SipPhone(options).open();
