// One connection: cuts what comes, finds whom it is for, answers, and shares its way out among its sessions (RFC 4975 §5.4, §7).
import { randomBytes } from "node:crypto";
import type { Socket } from "node:net";
import type { Clock } from "#bus-schemas/service/service.ts";
import type { Wheel, WheelTimer } from "#bus-schemas/service/wheel.ts";
import { MsrpFramer } from "../../wire/msrp/frame.ts";
import { type Flag, failureReport, type Head, type RequestHead } from "../../wire/msrp/head.ts";
import { msrpLimits } from "../../wire/msrp/limits.ts";
import { printResponse } from "../../wire/msrp/print.ts";
import { sessionOf } from "../../wire/msrp/uri.ts";
import { msrpEdgeLimits } from "./limits.ts";
import { Outbox } from "./outbox.ts";
import type { CloseReason } from "./port.ts";

/** What a connection sees of a session. */
export interface Carried {
  readonly maxSize: number;
  /** Whether a request may be its own, from there: 0, or what it is answered. Binds it where it is not bound yet. */
  admit(head: RequestHead, connection: MsrpConnection): number;
  /** A SEND: its head, its body, its end. The session answers it. */
  begin(head: RequestHead): void;
  data(bytes: Buffer): void;
  end(flag: Flag): void;
  /** Another request, whole. The session answers it. */
  request(head: RequestHead): void;
  /** Writes the next piece of what waits; true when more does. */
  write(): boolean;
  lost(reason: CloseReason): void;
}

export interface ConnectionParts {
  readonly clock: Clock;
  readonly wheel: Wheel;
  readonly find: (sessionId: string) => Carried | undefined;
  readonly refused: (status: number) => void;
  readonly gone: (connection: MsrpConnection, reason: CloseReason) => void;
}

/** Called with the answer to a request; 408 when none came in time, 0 when the connection ended. */
export type Answered = (status: number, comment: string | undefined, head: Head | undefined) => void;

interface Transaction {
  readonly answered: Answered;
  readonly until: number;
}

export class MsrpConnection {
  readonly socket: Socket;
  /** Whether it is TLS. */
  readonly secure: boolean;
  /** The peer's certificate, SHA-256 as a=fingerprint writes it; undefined without one. */
  readonly fingerprint: string | undefined;
  readonly #parts: ConnectionParts;
  readonly #framer: MsrpFramer;
  readonly #outbox: Outbox;
  readonly #sessions = new Set<Carried>();
  /** Sessions that have something to write, in their turn. */
  readonly #ready = new Set<Carried>();
  readonly #transactions = new Map<string, Transaction>();
  readonly #tidPrefix = `${randomBytes(8).toString("hex")}.`;
  #tidCount = 0;
  /** The chunk that stands open on the wire. */
  #standing: { readonly owner: Carried; readonly interrupt: () => void } | undefined;
  #open = true;
  #unanswered = 0;
  #heardAt = 0;
  #unbound: WheelTimer | undefined;
  #stalled: WheelTimer | undefined;
  #sweep: WheelTimer | undefined;
  // The request that is being read.
  #head: RequestHead | undefined;
  #carried: Carried | undefined;
  #refusal = 0;
  #bytes = 0;

  constructor(
    socket: Socket,
    tls: { readonly secure: boolean; readonly fingerprint: string | undefined },
    parts: ConnectionParts,
  ) {
    this.socket = socket;
    this.secure = tls.secure;
    this.fingerprint = tls.fingerprint;
    this.#parts = parts;
    this.#framer = new MsrpFramer(this);
    this.#outbox = new Outbox(socket, () => this.#pump());
    socket.setNoDelay(true);
    socket.setKeepAlive(true, 60_000);
    socket.on("data", (chunk) => this.#read(chunk));
    socket.on("drain", () => this.#pump());
    socket.on("error", () => socket.destroy()); // The cause shows in `close`.
    socket.on("end", () => this.close("lost"));
    socket.on("close", () => this.close("lost"));
    this.#watchUnbound();
  }

  get open(): boolean {
    return this.#open;
  }

  /** Sessions that it carries. */
  get load(): number {
    return this.#sessions.size;
  }

  attach(session: Carried): void {
    this.#sessions.add(session);
    this.#unbound?.cancel();
    this.#unbound = undefined;
  }

  /** `linger`: what the sessions' peers may still do is waited for; otherwise the last one closes it. */
  detach(session: Carried, linger: boolean): void {
    this.#sessions.delete(session);
    this.#ready.delete(session);
    if (this.#carried === session) {
      this.#carried = undefined;
      this.#refusal = 481;
    }
    if (this.#sessions.size > 0 || !this.#open) return;
    if (linger) this.#watchUnbound();
    else this.close("closed");
  }

  /** Closes it if it carries nothing. */
  closeUnused(): void {
    if (this.#sessions.size === 0) this.close("closed");
  }

  #watchUnbound(): void {
    this.#unbound = this.#parts.wheel.after(msrpEdgeLimits.unboundMs, () => this.close("not-bound"));
  }

  /** Ends it and all its sessions; what is written still goes out, unless the peer does not read or the frame is lost. */
  close(reason: CloseReason): void {
    if (!this.#open) return;
    this.#open = false;
    for (const timer of [this.#unbound, this.#stalled, this.#sweep]) timer?.cancel();
    if (reason === "closed" || reason === "shutdown" || reason === "not-bound") this.#linger();
    else this.socket.destroy();
    for (const session of [...this.#sessions]) session.lost(reason);
    this.#sessions.clear();
    this.#ready.clear();
    for (const { answered } of this.#transactions.values()) answered(0, undefined, undefined);
    this.#transactions.clear();
    this.#parts.gone(this, reason);
  }

  #linger(): void {
    this.#outbox.flush();
    this.socket.end();
    const late = this.#parts.wheel.after(msrpEdgeLimits.lingerMs, () => this.socket.destroy());
    this.socket.once("close", () => late.cancel());
  }

  // What comes in.

  #read(chunk: Buffer): void {
    if (!this.#open) return;
    const fault = this.#framer.push(chunk);
    if (fault !== undefined) return this.close("malformed");
    if (!this.#framer.unfinished || !this.#open) return;
    this.#heardAt = this.#parts.clock.monotonic();
    this.#stalled ??= this.#parts.wheel.after(msrpEdgeLimits.stalledMs, () => this.#lookStalled());
  }

  #lookStalled(): void {
    this.#stalled = undefined;
    if (!this.#framer.unfinished || this.socket.isPaused()) return;
    const left = this.#heardAt + msrpEdgeLimits.stalledMs - this.#parts.clock.monotonic();
    if (left <= 0) this.close("silent");
    else this.#stalled = this.#parts.wheel.after(left, () => this.#lookStalled());
  }

  /** Of the framer. */
  head(head: Head): void {
    this.#head = undefined;
    if (!this.#open) return;
    if (head.kind === "response") return this.#answered(head.tid, head.status, head.comment, head);
    this.#head = head;
    this.#bytes = 0;
    this.#carried = this.#parts.find(sessionOf(head.toPath) ?? "");
    this.#refusal = this.#judge(head);
    if (this.#refusal === 0 && head.method === "SEND") this.#carried?.begin(head);
  }

  #judge(head: RequestHead): number {
    // A REPORT is never answered, so that nothing about it is (RFC 4975 §7.1.4).
    if (head.method === "AUTH") return 403;
    if (this.#carried === undefined) return head.fault === undefined ? 481 : 400;
    const status = this.#carried.admit(head, this);
    if (status !== 0) return status;
    return ["SEND", "REPORT", "NICKNAME"].includes(head.method) ? 0 : 501;
  }

  /** Of the framer. */
  data(bytes: Buffer): void {
    const head = this.#head;
    if (head === undefined || !this.#open) return;
    this.#bytes += bytes.length;
    const most = head.method === "SEND" ? (this.#carried?.maxSize ?? 0) : msrpLimits.otherBodyBytes;
    if (this.#bytes > most + msrpLimits.excessBytes) return this.close("limit");
    if (this.#refusal !== 0) return;
    if (head.method === "SEND") this.#carried?.data(bytes);
    else if (this.#bytes > msrpLimits.otherBodyBytes) this.#refusal = 413;
  }

  /** Of the framer. */
  end(flag: Flag): void {
    const [head, session] = [this.#head, this.#carried];
    this.#head = undefined;
    this.#carried = undefined;
    if (head === undefined || !this.#open) return;
    if (this.#refusal !== 0) return this.#refuse(head, this.#refusal);
    if (head.method === "SEND") session?.end(flag);
    else if (head.fault !== undefined) this.#refuse(head, 400);
    else session?.request(head);
  }

  #refuse(head: RequestHead, status: number): void {
    this.#parts.refused(status);
    if (head.method === "REPORT") return;
    if (head.method === "SEND" && failureReport(head) === "no") return;
    const space = head.toPath.indexOf(" ");
    this.respond(head, status, undefined, space < 0 ? head.toPath : head.toPath.slice(0, space));
  }

  // What goes out.

  /** Answers a request. A SEND is answered to the last hop only, anything else the whole way (RFC 4975 §7.2). */
  respond(head: RequestHead, status: number, comment: string | undefined, ownUri: string): void {
    const space = head.method === "SEND" ? head.fromPath.indexOf(" ") : -1;
    const to = space < 0 ? head.fromPath : head.fromPath.slice(0, space);
    this.say(printResponse(head.tid, status, comment, to, ownUri));
  }

  /** Writes an answer, a report or a request without a body at once, between the pieces of a long message. */
  say(text: string): void {
    if (!this.#open) return;
    this.#standing?.interrupt();
    if (this.#outbox.unsent > msrpEdgeLimits.answerBytes) this.close("slow-reader");
    else this.#outbox.put(text);
  }

  put(text: string): void {
    this.#outbox.put(text);
  }

  putBytes(bytes: Buffer): void {
    this.#outbox.putBytes(bytes);
  }

  /** A chunk of `owner` stands open on the wire; `interrupt` ends it with `+` when others must pass, and says so by `over`. */
  leaveOpen(owner: Carried, interrupt: () => void): void {
    this.#standing = { owner, interrupt };
  }

  /** No chunk stands open any more. */
  over(): void {
    this.#standing = undefined;
  }

  /** The session has something to write: it gets its turn, now if nobody else waits. */
  want(session: Carried): void {
    this.#ready.add(session);
    if (this.#ready.size === 1) this.#pump();
  }

  #pump(): void {
    while (this.#open && this.#outbox.unsent < msrpEdgeLimits.socketBytes) {
      const [session] = this.#ready;
      if (session === undefined) return;
      if (this.#standing !== undefined && this.#standing.owner !== session) this.#standing.interrupt();
      const more = session.write();
      if (more && this.#ready.size === 1) continue;
      // Behind the others, unless it was closed while it wrote.
      if (this.#ready.delete(session) && more) this.#ready.add(session);
    }
  }

  /** An id for a request that is to be followed: at least 64 bits of chance (RFC 4975 §7.1), unique on this connection. */
  nextTid(): string {
    this.#tidCount += 1;
    return this.#tidPrefix + this.#tidCount.toString(36);
  }

  /** Waits for the answer to a request that has just been written. */
  follow(tid: string, answered: Answered): void {
    if (!this.#open) return answered(0, undefined, undefined);
    const until = this.#parts.clock.monotonic() + msrpEdgeLimits.answerMs;
    this.#transactions.set(tid, { answered, until });
    this.#sweep ??= this.#parts.wheel.after(msrpEdgeLimits.answerMs, () => this.#sweepLate());
  }

  #answered(tid: string, status: number, comment: string | undefined, head: Head): void {
    const transaction = this.#transactions.get(tid);
    // Without one the answer came too late, or nobody asked.
    if (transaction === undefined) return;
    this.#transactions.delete(tid);
    transaction.answered(status, comment, head);
  }

  // They all wait equally long, so that the oldest stand first.
  #sweepLate(): void {
    this.#sweep = undefined;
    const now = this.#parts.clock.monotonic();
    for (const [tid, { until, answered }] of this.#transactions) {
      if (until > now) {
        this.#sweep = this.#parts.wheel.after(until - now, () => this.#sweepLate());
        return;
      }
      this.#transactions.delete(tid);
      answered(408, "No answer", undefined);
    }
  }

  /** A received message waits for its owner's answer; while too many do nothing more is read. */
  await(change: number): void {
    this.#unanswered += change;
    if (this.#unanswered > msrpEdgeLimits.unanswered) this.socket.pause();
    else if (this.socket.isPaused() && this.#unanswered <= msrpEdgeLimits.unanswered / 2)
      this.socket.resume();
  }
}
