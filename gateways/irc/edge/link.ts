// One connection logged in to a network: registration, pacing, barriers, keep-alive. It speaks and hears; what is said is
// other files' matter.
import type { Clock } from "#bus-schemas/service/service.ts";
import type { Network } from "../config.ts";
import {
  type Barriers,
  batchLines,
  close,
  closeLabelled,
  type Failure,
  noBarriers,
  step as stepBarriers,
  unsettled,
  wrote,
} from "../session/barrier.ts";
import { type Pacing, paid, unpaid, waitMs } from "../session/pacing.ts";
import { begin, type Login, type Registration, step as stepRegistration } from "../session/registration.ts";
import { decode } from "../wire/encoding.ts";
import { foldName, type Isupport } from "../wire/isupport.ts";
import { type Message, message, param } from "../wire/message.ts";
import { parse } from "../wire/parse.ts";
import { print } from "../wire/print.ts";
import { parseSource } from "../wire/source.ts";
import { type Connection, openConnection, type Server } from "./connection.ts";

export const linkLimits = {
  /** From the first byte to the end of the greeting. */
  registerMs: 30_000,
  /** Written lines that may wait for their barrier; more wait unwritten. */
  unsettledJobs: 200,
  /** A barrier that is not answered in this time means that the link is dead. */
  barrierMs: 15_000,
  /** Silence after which the server is asked whether it is there, and the time it has to answer. */
  silenceMs: 60_000,
  /** Notices that wait for pacing; above it new ones are dropped, and counted. */
  waitingNotices: 100,
  /** A QUIT's time. */
  quitMs: 2_000,
} as const;

/** What became of the lines of one message. */
export type Sent =
  /** `msgid`: what the server calls the first line, where it echoes with labels and ids (IRCv3 message-ids). */
  | { readonly end: "taken"; readonly msgid?: string | undefined }
  | { readonly end: "failed"; readonly failure: Failure }
  /** Written, at least in part, and never confirmed. */
  | { readonly end: "unknown" }
  /** Nothing was written. */
  | { readonly end: "unwritten" };

interface Job {
  readonly lines: readonly Message[];
  readonly target: string;
  readonly settle: (sent: Sent) => void;
  readonly signal: AbortSignal;
  written: number;
  failure: Failure | undefined;
  msgid: string | undefined;
}

export interface LinkHandlers {
  ready(): void;
  /** Every line after the greeting that is not the link's own business; `number` counts the lines of this connection. */
  line(line: Message, number: number): void;
  /** Our nick was changed; `forced` if not by our wish. */
  nick(nick: string): void;
  /** The connection is gone, or never came. */
  closed(why: string, retry: boolean): void;
  /** A notice was dropped because too many were waiting. */
  dropped(): void;
}

export class Link {
  readonly #clock: Clock;
  readonly #network: Network;
  readonly #login: Login;
  readonly #handlers: LinkHandlers;
  readonly #connection: Connection;
  #registration: Registration;
  #barriers: Barriers = noBarriers;
  readonly #jobs = new Map<number, Job>();
  readonly #queue: number[] = [];
  readonly #notices: Message[] = [];
  #pacing: Pacing = unpaid;
  #pumping = false;
  /** A timer waits for pacing. */
  #resting = false;
  #paused = false;
  #counter = 0;
  #lines = 0;
  #heardAt: number;
  /** Since when something waits for its barrier. */
  #waitingSince: number | undefined;
  #closed = false;
  #failure: { text: string; retry: boolean } | undefined;
  #mask: string | undefined;
  readonly #timers = new Set<() => void>();

  constructor(clock: Clock, network: Network, server: Server, login: Login, handlers: LinkHandlers) {
    this.#clock = clock;
    this.#network = network;
    this.#login = login;
    this.#handlers = handlers;
    this.#heardAt = clock.monotonic();
    const [registration, first] = begin(login);
    this.#registration = registration;
    this.#connection = openConnection(server, {
      open: () => {
        for (const output of first) if (output.do === "send") this.#write(output.message);
        this.#after(linkLimits.registerMs, () => {
          if (this.#registration.phase !== "done") this.#connection.destroy("no log-in in time");
        });
      },
      line: (bytes) => this.#onLine(bytes),
      closed: (why) => this.#onClosed(why),
    });
  }

  get nick(): string {
    return this.#registration.nick;
  }

  get caps(): ReadonlySet<string> {
    return this.#registration.caps;
  }

  /** When the server last said anything, on the monotonic clock. */
  get heardAt(): number {
    return this.#heardAt;
  }

  /** What the server says of itself. */
  get isupport(): Isupport {
    return this.#registration.isupport;
  }

  fold(nick: string): string {
    return foldName(nick, this.#registration.isupport.caseMapping);
  }

  /** Our `nick!user@host` as others see it; before it is known the longest it may be (RFC 2812 §1.2, host of 63). */
  get mask(): string {
    return this.#mask ?? `${this.nick}!${"u".repeat(11)}@${"h".repeat(63)}`;
  }

  /** Says something, and resolves when the server has taken it, refused it, or is gone. Never rejects. */
  submit(lines: readonly Message[], target: string, signal: AbortSignal): Promise<Sent> {
    if (this.#closed) return Promise.resolve({ end: "unwritten" });
    return new Promise((settle) => {
      const number = ++this.#counter;
      this.#jobs.set(number, {
        lines,
        target,
        settle,
        signal,
        written: 0,
        failure: undefined,
        msgid: undefined,
      });
      this.#queue.push(number);
      signal.addEventListener("abort", () => this.#withdraw(number), { once: true });
      this.#pumpSoon();
    });
  }

  /** Says something of which nobody needs to know whether it came: answers, notices. Waits for pacing. */
  say(line: Message): void {
    if (this.#closed) return;
    if (this.#notices.length >= linkLimits.waitingNotices) return this.#handlers.dropped();
    this.#notices.push(line);
    this.#pumpSoon();
  }

  pause(): void {
    this.#paused = true;
    this.#connection.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#waitingSince &&= this.#clock.monotonic();
    this.#heardAt = this.#clock.monotonic();
    this.#connection.resume();
  }

  /** Leaves the network. What was not written stays unwritten. */
  quit(reason: string): void {
    if (this.#closed) return;
    for (const notice of this.#notices.splice(0)) this.#write(notice);
    this.#write(message("QUIT", [reason]));
    this.#connection.end(linkLimits.quitMs);
  }

  #after(ms: number, call: () => void): void {
    const cancel = this.#clock.after(ms, () => {
      this.#timers.delete(cancel);
      if (!this.#closed) call();
    });
    this.#timers.add(cancel);
  }

  #write(line: Message): boolean {
    const printed = print(line);
    if (printed.ok) this.#connection.write(printed.value);
    return printed.ok;
  }

  #onLine(bytes: Uint8Array): void {
    this.#heardAt = this.#clock.monotonic();
    this.#lines++;
    const parsed = parse(decode(bytes, this.#network.encoding));
    if (!parsed.ok) return;
    const line = parsed.value;
    const [registration, outputs] = stepRegistration(this.#registration, this.#login, line);
    this.#registration = registration;
    for (const output of outputs) {
      if (output.do === "send") this.#write(output.message);
      else if (output.do === "ready") this.#onReady();
      else this.#fail(output.text, output.retry);
    }
    if (registration.phase === "done") this.#onSettledLine(line);
  }

  #fail(text: string, retry: boolean): void {
    this.#failure ??= { text, retry };
    this.#connection.end(linkLimits.quitMs);
  }

  #onReady(): void {
    this.#mask = this.#registration.mask;
    this.#write(message("USERHOST", [this.nick]));
    this.#watch();
    this.#handlers.ready();
  }

  #onSettledLine(line: Message): void {
    this.#learn(line);
    this.#noteId(line);
    const [barriers, verdicts] = stepBarriers(this.#barriers, line, (nick) => this.fold(nick));
    this.#barriers = barriers;
    for (const { job, failure } of verdicts) this.#judge(job, failure);
    if (verdicts.length > 0) {
      this.#waitingSince = unsettled(barriers).length > 0 ? this.#clock.monotonic() : undefined;
      this.#pumpSoon();
    }
    if (line.command !== "PING" && line.command !== "PONG") this.#handlers.line(line, this.#lines);
  }

  /** What lines tell of ourselves: our nick, our mask. */
  #learn(line: Message): void {
    const from = parseSource(line.source ?? "");
    const own = this.fold(from.nick) === this.fold(this.nick);
    if (line.command === "NICK" && own) {
      this.#registration = { ...this.#registration, nick: param(line, 0) };
      if (this.#mask !== undefined) this.#mask = this.#mask.replace(/^[^!]*/, this.nick);
      this.#handlers.nick(this.nick);
    } else if (line.command === "302") {
      const [, user] = /^[^=]*=[+-](\S+@\S+)/.exec(param(line, 1)) ?? [];
      if (user !== undefined) this.#mask = `${this.nick}!${user}`;
    } else if (line.command === "396" && this.#mask !== undefined) {
      const shown = param(line, 1);
      this.#mask = shown.includes("@") ? `${this.nick}!${shown}` : this.#mask.replace(/@.*$/, `@${shown}`);
    } else if (own && from.host !== "") this.#mask = line.source;
    if (line.command === "CHGHOST" && own) this.#mask = `${this.nick}!${param(line, 0)}@${param(line, 1)}`;
  }

  #noteId(line: Message): void {
    const job = this.#jobs.get(Number.parseInt(line.tags.get("label") ?? "", 10));
    if (job !== undefined) job.msgid ??= line.tags.get("msgid");
  }

  #judge(number: number, failure: Failure | undefined): void {
    const job = this.#jobs.get(number);
    if (job === undefined) return;
    job.failure ??= failure;
    if (job.written < job.lines.length || unsettled(this.#barriers).includes(number)) return;
    this.#settle(
      number,
      job.failure === undefined
        ? { end: "taken", msgid: job.msgid }
        : { end: "failed", failure: job.failure },
    );
  }

  #settle(number: number, sent: Sent): void {
    const job = this.#jobs.get(number);
    this.#jobs.delete(number);
    job?.settle(sent);
  }

  /** The courier's time for this message is over, or its slot is gone: write no more of it. */
  #withdraw(number: number): void {
    const job = this.#jobs.get(number);
    if (job === undefined) return;
    const at = this.#queue.indexOf(number);
    if (at >= 0) this.#queue.splice(at, 1);
    this.#settle(number, { end: job.written === 0 ? "unwritten" : "unknown" });
  }

  #pumpSoon(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    // All that is submitted in this turn shares a barrier.
    setImmediate(() => {
      this.#pumping = false;
      if (!this.#closed && this.#registration.phase === "done") this.#pump();
    });
  }

  get #rule() {
    const { pacing } = this.#network;
    return pacing === "off" ? undefined : { ...pacing, lineMs: pacing.line };
  }

  #pump(): void {
    const labels =
      this.#registration.caps.has("labeled-response") && this.#registration.caps.has("message-tags");
    let blockedMs = 0;
    while (this.#queue.length > 0 || this.#notices.length > 0) {
      const now = this.#clock.monotonic();
      blockedMs = waitMs(this.#pacing, this.#rule, now);
      if (blockedMs > 0) break;
      const notice = this.#notices.shift();
      if (notice !== undefined) {
        this.#write(notice);
        this.#pacing = paid(this.#pacing, this.#rule, now, 1);
      } else if (this.#jobs.size - this.#queue.length >= linkLimits.unsettledJobs) break;
      else this.#writeNext(labels, now);
      if (this.#barriers.openLines >= batchLines) this.#closeBatch(labels);
    }
    // A message that pacing holds in its middle gets its barrier behind its last line: a PING costs as much as a line.
    const head = this.#jobs.get(this.#queue[0] ?? -1);
    if (blockedMs === 0 || head === undefined || head.written === 0) this.#closeBatch(labels);
    if (blockedMs > 0 && !this.#resting) {
      this.#resting = true;
      this.#after(blockedMs, () => {
        this.#resting = false;
        this.#pumpSoon();
      });
    }
  }

  #writeNext(labels: boolean, now: number): void {
    const number = this.#queue[0];
    const job = number === undefined ? undefined : this.#jobs.get(number);
    const line = job?.lines[job.written];
    if (number === undefined || job === undefined || line === undefined) {
      this.#queue.shift();
      return;
    }
    const label = labels ? `${number}.${job.written}` : undefined;
    const sent = label === undefined ? line : { ...line, tags: new Map([...line.tags, ["label", label]]) };
    if (!this.#write(sent)) {
      this.#queue.shift();
      this.#settle(number, {
        end: "failed",
        failure: { code: "417", text: "the line could not be written" },
      });
      return;
    }
    this.#barriers = wrote(this.#barriers, number, this.fold(job.target), label);
    this.#pacing = paid(this.#pacing, this.#rule, now, 1);
    this.#waitingSince ??= now;
    job.written++;
    if (job.written === job.lines.length) this.#queue.shift();
  }

  #closeBatch(labels: boolean): void {
    if (labels) {
      this.#barriers = closeLabelled(this.#barriers);
      return;
    }
    const [barriers, ping] = close(this.#barriers, `parley-${++this.#counter}`);
    this.#barriers = barriers;
    if (ping === undefined) return;
    this.#write(ping);
    const rule = this.#rule;
    if (rule !== undefined)
      this.#pacing = paid(this.#pacing, rule, this.#clock.monotonic(), rule.barrierCost);
  }

  /** Every few seconds: is the server still there, and does it answer its barriers? */
  #watch(): void {
    this.#after(5_000, () => {
      const now = this.#clock.monotonic();
      const silent = now - this.#heardAt;
      if (this.#paused) return this.#watch();
      if (this.#waitingSince !== undefined && now - this.#waitingSince > linkLimits.barrierMs)
        return this.#connection.destroy("the server does not answer");
      if (silent > 2 * linkLimits.silenceMs) return this.#connection.destroy("the server is silent");
      if (silent > linkLimits.silenceMs) this.#write(message("PING", ["parley-alive"]));
      this.#watch();
    });
  }

  #onClosed(why: string): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const cancel of this.#timers) cancel();
    this.#timers.clear();
    this.#queue.length = 0;
    for (const [number, job] of [...this.#jobs])
      this.#settle(number, { end: job.written === 0 ? "unwritten" : "unknown" });
    this.#handlers.closed(this.#failure?.text ?? why, this.#failure?.retry ?? true);
  }
}
