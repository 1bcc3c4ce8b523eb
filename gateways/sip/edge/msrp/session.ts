// One MSRP session: binds to a connection, takes whole messages in and sends them out in their order (RFC 4975 §5.4, §7).
import type { WheelTimer } from "#bus-schemas/service/wheel.ts";
import { Coverage } from "../../session/msrp/coverage.ts";
import { Inbox } from "../../session/msrp/inbox.ts";
import {
  type FailureReport,
  type Flag,
  parseByteRange,
  parseNickname,
  type RequestHead,
  reportStatus,
} from "../../wire/msrp/head.ts";
import { printEnd, printNickname, printReportFields, printRequest } from "../../wire/msrp/print.ts";
import { samePath } from "../../wire/msrp/uri.ts";
import type { Carried, MsrpConnection } from "./connection.ts";
import { msrpEdgeLimits } from "./limits.ts";
import { fieldsAt, Outgoing, tidBeside } from "./outgoing.ts";
import {
  type CloseReason,
  type MsrpEnd,
  MsrpFailure,
  type MsrpOutgoing,
  type MsrpParts,
  type MsrpSession,
  type SessionHandlers,
  type SessionOptions,
} from "./port.ts";
import { ReceivedMessage } from "./received.ts";

type Tls = { readonly fingerprints: readonly string[] };

export interface SessionParts extends Pick<MsrpParts, "clock" | "wheel"> {
  /** Our own URI, and the relays before it as a=path lists them. */
  readonly uri: string;
  readonly secure: boolean;
  readonly relayPath: readonly string[];
  /** The relay's connection, where there is one. */
  readonly relayed: MsrpConnection | undefined;
  readonly connect: (uri: string, fingerprints: readonly string[]) => Promise<MsrpConnection>;
  readonly newMessageId: () => string;
  readonly count: (what: "received" | "sent" | "refused" | "unasked-report", status?: number) => void;
  readonly gone: (session: Session, reason: CloseReason) => void;
}

export class Session implements MsrpSession, Carried {
  readonly #parts: SessionParts;
  readonly #options: SessionOptions;
  readonly #handlers: SessionHandlers;
  readonly #inbox: Inbox;
  #state: MsrpSession["state"] = "waiting";
  #connection: MsrpConnection | undefined;
  #ownConnection = false;
  #timer: WheelTimer | undefined;
  #forgetting: WheelTimer | undefined;
  /** The peer's path as it was signalled, and From-Path as it comes; To-Path of what we send. */
  #remote: string | undefined;
  #from: string | undefined;
  #paths = "";
  #throughRelays = false;
  #fingerprints: readonly string[] = [];
  #head: RequestHead | undefined;
  #unanswered = 0;
  readonly #queue: Outgoing[] = [];
  readonly #unsettled = new Set<Outgoing>();
  #buffered = 0;
  #chunk: { readonly tid: string; readonly outgoing: Outgoing } | undefined;
  #sentIds: string[] | undefined;
  #coverage: Map<string, Coverage> | undefined;

  constructor(options: SessionOptions, handlers: SessionHandlers, parts: SessionParts) {
    this.#options = options;
    this.#handlers = handlers;
    this.#parts = parts;
    this.#inbox = new Inbox(options);
    this.#timer = parts.wheel.after(options.bindMs ?? msrpEdgeLimits.bindMs, () => this.#end("not-bound"));
  }

  get localPath(): readonly string[] {
    return [...this.#parts.relayPath, this.#parts.uri];
  }

  get state(): MsrpSession["state"] {
    return this.#state;
  }

  get maxSize(): number {
    return this.#options.maxSize;
  }

  get buffered(): number {
    return this.#buffered;
  }

  get congested(): boolean {
    return this.#buffered > msrpEdgeLimits.unsentBytes * 0.8;
  }

  // Binding.

  accept(remotePath: readonly string[], tls?: Tls): void {
    if (this.#state === "closed") return;
    this.#know(remotePath, tls);
    if (this.#parts.relayed !== undefined && this.#connection === undefined)
      this.#carry(this.#parts.relayed, false);
    if (this.#from !== undefined && !this.#fits(this.#from)) this.#end("refused");
    else if (this.#connection !== undefined && !this.#trusts(this.#connection)) this.#end("refused");
    else if (this.#state === "bound") this.#connection?.want(this);
  }

  #know(remotePath: readonly string[], tls: Tls | undefined): void {
    this.#fingerprints = tls?.fingerprints ?? [];
    this.#remote = remotePath.join(" ");
    // Our relays come first on the way out: what a=path lists from outside is passed from inside (RFC 4976 §5.1).
    const to = [...[...this.#parts.relayPath].reverse(), ...remotePath].join(" ");
    this.#throughRelays = to.includes(" ");
    this.#paths = `To-Path: ${to}\r\nFrom-Path: ${this.#parts.uri}\r\n`;
  }

  async connect(remotePath: readonly string[], tls?: Tls): Promise<void> {
    if (this.#state !== "waiting") throw new MsrpFailure(`a session that is ${this.#state} cannot connect`);
    this.#state = "connecting";
    this.#know(remotePath, tls);
    const leftmost = remotePath[0] ?? "";
    let connection: MsrpConnection;
    try {
      connection = this.#parts.relayed ?? (await this.#parts.connect(leftmost, this.#fingerprints));
    } catch (cause) {
      this.#end("unreachable");
      throw cause instanceof MsrpFailure ? cause : new MsrpFailure("cannot connect", 0, { cause });
    }
    if (this.#isClosed()) {
      connection.closeUnused();
      throw new MsrpFailure("closed while it connected");
    }
    this.#carry(connection, this.#parts.relayed === undefined);
    const end = await this.#bindBySend(connection);
    if (end.status === 200 && !this.#isClosed()) return this.#becomeBound();
    this.#end(end.status === 0 ? "lost" : "refused");
    throw new MsrpFailure(`binding was answered ${end.status}`, end.status);
  }

  // Types narrow over an await; states do not.
  #isClosed(): boolean {
    return this.#state === "closed";
  }

  #bindBySend(connection: MsrpConnection): Promise<MsrpEnd> {
    const fields = `Message-ID: ${this.#parts.newMessageId()}\r\nByte-Range: 1-0/0\r\n`;
    return this.#ask(connection, "SEND", fields);
  }

  #ask(connection: MsrpConnection, method: string, fields: string): Promise<MsrpEnd> {
    return new Promise((resolve) => {
      const tid = connection.nextTid();
      connection.say(`MSRP ${tid} ${method}\r\n${this.#paths}${fields}${printEnd(tid, "$")}`);
      connection.follow(tid, (status, comment) =>
        resolve({ status, written: true, ...(comment === undefined ? {} : { comment }) }),
      );
    });
  }

  #carry(connection: MsrpConnection, own: boolean): void {
    this.#connection = connection;
    this.#ownConnection = own;
    connection.attach(this);
  }

  #becomeBound(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#state = "bound";
    this.#handlers.bound?.();
    if (this.#queue.length > 0 && this.#remote !== undefined) this.#connection?.want(this);
  }

  /** Of its connection. */
  admit(head: RequestHead, connection: MsrpConnection): number {
    if (this.#state === "closed") return 481;
    if (head.toPath !== this.#parts.uri && !samePath(head.toPath, this.#parts.uri)) return 481;
    if (this.#connection !== undefined && this.#connection !== connection) return 506;
    if (head.fromPath !== this.#from && this.#remote !== undefined && !this.#fits(head.fromPath)) return 481;
    if (this.#connection === undefined) {
      if (this.#state === "connecting") return 506;
      if (head.method !== "SEND") return 481;
      if (this.#parts.secure !== connection.secure || !this.#trusts(connection)) return 403;
      if (connection.load >= msrpEdgeLimits.sessionsPerConnection) return 506;
      this.#carry(connection, false);
    }
    if (this.#from !== undefined && this.#remote === undefined && this.#from !== head.fromPath) return 481;
    this.#from = head.fromPath;
    if (this.#state === "waiting") this.#becomeBound();
    return 0;
  }

  // Relays may be passed that nobody signalled; the peer itself must be the one who was.
  #fits(fromPath: string): boolean {
    const remote = this.#remote ?? "";
    return samePath(lastUri(fromPath), lastUri(remote));
  }

  #trusts(connection: MsrpConnection): boolean {
    if (this.#fingerprints.length === 0 || this.#parts.relayed === connection) return true;
    const own = connection.fingerprint?.toLowerCase();
    return this.#fingerprints.some((one) => one.toLowerCase() === own);
  }

  // What comes in.

  begin(head: RequestHead): void {
    this.#head = head;
    this.#inbox.begin(head, this.#parts.clock.monotonic());
  }

  data(bytes: Buffer): void {
    this.#inbox.data(bytes);
  }

  end(flag: Flag): void {
    const head = this.#head;
    this.#head = undefined;
    const end = this.#inbox.end(flag);
    if (head === undefined) return;
    if (end.do === "answer") {
      if (end.status >= 300) this.#parts.count("refused", end.status);
      if (end.wanted === "yes" || (end.wanted === "partial" && end.status >= 300))
        this.#connection?.respond(head, end.status, end.comment, this.#parts.uri);
      if (this.#inbox.waiting) this.#forgetLater(head.fromPath);
      return;
    }
    this.#parts.count("received");
    const { messageId, body } = end.message;
    const range = { start: 1, end: body.length, total: body.length };
    let timer: WheelTimer | undefined;
    this.#unanswered += 1;
    this.#connection?.await(1);
    const message = new ReceivedMessage(end.message, {
      respond: (status, comment) => this.#connection?.respond(head, status, comment, this.#parts.uri),
      report: (status, comment) => this.#report(head.fromPath, messageId, range, status, comment),
      over: () => {
        timer?.cancel();
        if (this.#unanswered === 0) return; // Its connection has forgotten it with the session.
        this.#unanswered -= 1;
        this.#connection?.await(-1);
      },
    });
    this.#handlers.message(message);
    if (!message.answered) timer = this.#parts.wheel.after(msrpEdgeLimits.ownAnswerMs, () => message.late());
  }

  #report(
    to: string,
    messageId: string,
    range: { start: number; end: number | undefined; total: number | undefined },
    status: number,
    comment: string | undefined,
  ): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    const tid = connection.nextTid();
    const fields = printReportFields(messageId, range, status, comment);
    connection.say(printRequest(tid, "REPORT", to, this.#parts.uri) + fields + printEnd(tid, "$"));
  }

  // Chunks that never come: their sender is told, where he wants to hear it, and the memory is free again.
  #forgetLater(peer: string): void {
    this.#forgetting ??= this.#parts.wheel.after(msrpEdgeLimits.assemblyMs, () => {
      this.#forgetting = undefined;
      const before = this.#parts.clock.monotonic() - msrpEdgeLimits.assemblyMs;
      for (const { messageId, wanted } of this.#inbox.forget(before)) {
        const range = { start: 1, end: undefined, total: undefined };
        if (wanted !== "no") this.#report(peer, messageId, range, 408, "Chunks are missing");
      }
      if (this.#inbox.waiting) this.#forgetLater(peer);
    });
  }

  request(head: RequestHead): void {
    if (head.method === "REPORT") this.#reported(head);
    else this.#nicknamed(head);
  }

  #nicknamed(head: RequestHead): void {
    const respond = (status: number, comment?: string): void =>
      this.#connection?.respond(head, status, comment, this.#parts.uri);
    const text = head.fields.get("use-nickname");
    if (this.#handlers.nickname === undefined) return respond(501);
    if (text === undefined) return respond(400, "No Use-Nickname");
    const nickname = parseNickname(text);
    if (nickname === undefined) return respond(424, "Malformed nickname");
    let open = true;
    this.#handlers.nickname({
      nickname,
      answer: (status, comment) => {
        if (open) respond(status, comment);
        open = false;
      },
    });
  }

  #reported(head: RequestHead): void {
    const messageId = head.fields.get("message-id") ?? "";
    const range = parseByteRange(head.fields.get("byte-range") ?? "");
    const status = reportStatus(head.fields.get("status") ?? "");
    const coverage = this.#coverage?.get(messageId);
    const known = coverage !== undefined || (this.#sentIds?.includes(messageId) ?? false);
    if (
      !known ||
      status === undefined ||
      (status.status < 300 && (coverage === undefined || range === undefined))
    )
      return this.#parts.count("unasked-report");
    if (status.status < 300) {
      const complete = range !== undefined && (coverage?.add(range) ?? false);
      if (complete) this.#coverage?.delete(messageId);
      this.#handlers.report?.({ messageId, ...status, complete });
      return;
    }
    this.#coverage?.delete(messageId);
    for (const outgoing of this.#unsettled)
      if (outgoing.message.messageId === messageId)
        return this.#fail(outgoing, status.status, status.comment, true);
    this.#handlers.report?.({ messageId, ...status, complete: false });
  }

  // What goes out.

  send(message: MsrpOutgoing): Promise<MsrpEnd> {
    return new Promise((resolve) => {
      if (this.#state === "closed") return resolve({ status: 0, written: false });
      const outgoing = new Outgoing(message, resolve);
      this.#queue.push(outgoing);
      this.#unsettled.add(outgoing);
      this.#buffered += outgoing.waiting;
      if (outgoing.stream === undefined) this.#remember(outgoing);
      if (this.#buffered > msrpEdgeLimits.unsentBytes && this.#queue.length > 1) this.#end("slow-reader");
      else if (this.#state === "bound" && this.#remote !== undefined) this.#connection?.want(this);
    });
  }

  // What reports about it are believed.
  #remember({ message, size = 0 }: Outgoing): void {
    if (message.failureReport !== "no") {
      this.#sentIds ??= [];
      this.#sentIds.push(message.messageId);
      if (this.#sentIds.length > msrpEdgeLimits.sentIds) this.#sentIds.shift();
    }
    if (message.successReport !== true) return;
    this.#coverage ??= new Map();
    this.#coverage.set(message.messageId, new Coverage(size));
    if (this.#coverage.size <= msrpEdgeLimits.awaitedReports) return;
    const [oldest] = this.#coverage.keys();
    if (oldest !== undefined) this.#coverage.delete(oldest);
  }

  nickname(nickname: string): Promise<MsrpEnd> {
    const connection = this.#connection;
    if (connection === undefined || this.#state !== "bound" || this.#remote === undefined)
      return Promise.resolve({ status: 0, written: false });
    return this.#ask(connection, "NICKNAME", printNickname(nickname));
  }

  get #pieceBytes(): number {
    return this.#throughRelays ? msrpEdgeLimits.relayedBytes : msrpEdgeLimits.pieceBytes;
  }

  /** Of its connection: the next piece. */
  write(): boolean {
    const [outgoing, connection] = [this.#queue[0], this.#connection];
    if (outgoing === undefined || connection === undefined) return false;
    const { printed } = outgoing;
    if (printed === undefined) return this.#writeStream(outgoing, connection);
    if (printed.whole !== undefined && printed.body.length <= this.#pieceBytes) {
      const tid = printed.safe ? connection.nextTid() : tidBeside(printed.body);
      connection.put(`MSRP ${tid} SEND\r\n${this.#paths}${printed.whole}\r\n-------${tid}$\r\n`);
      this.#buffered -= printed.body.length;
      outgoing.offset = printed.body.length;
      outgoing.begun = true;
      this.#follow(outgoing, tid, connection);
      return this.#written(outgoing);
    }
    const chunk = this.#openChunk(outgoing, connection);
    const piece = printed.body.subarray(outgoing.offset, outgoing.offset + this.#pieceBytes);
    connection.putBytes(piece);
    this.#buffered -= piece.length;
    outgoing.offset += piece.length;
    if (outgoing.offset < printed.body.length) {
      if (this.#throughRelays) this.#closeChunk(chunk, connection, "+");
      return true;
    }
    this.#closeChunk(chunk, connection, "$");
    return this.#written(outgoing);
  }

  // A stream is asked for more only when what it gave is written.
  #writeStream(outgoing: Outgoing, connection: MsrpConnection): boolean {
    const { stream } = outgoing;
    if (stream === undefined) return false;
    const piece = stream.take(this.#pieceBytes);
    if (piece !== undefined) {
      const chunk = this.#openChunk(outgoing, connection);
      connection.putBytes(piece);
      outgoing.offset += piece.length;
      if (this.#throughRelays) this.#closeChunk(chunk, connection, "+");
      return true;
    }
    if (stream.state === "pulling") return false;
    if (stream.state === "more") {
      stream.pull(() => this.#connection?.want(this));
      return false;
    }
    const chunk = this.#openChunk(outgoing, connection);
    if (stream.state === "failed") {
      this.#closeChunk(chunk, connection, "#");
      this.#fail(outgoing, 0, "The stream failed", false);
      return this.#queue.length > 0;
    }
    outgoing.size = outgoing.offset;
    this.#remember(outgoing);
    this.#closeChunk(chunk, connection, "$");
    return this.#written(outgoing);
  }

  #openChunk(outgoing: Outgoing, connection: MsrpConnection): { tid: string; outgoing: Outgoing } {
    if (this.#chunk !== undefined) return this.#chunk;
    const { printed, message } = outgoing;
    const tid = printed?.safe ? connection.nextTid() : tidBeside(printed?.body ?? Buffer.alloc(0));
    const chunk = { tid, outgoing };
    this.#chunk = chunk;
    outgoing.begun = true;
    connection.put(`MSRP ${tid} SEND\r\n${this.#paths}${fieldsAt(message, outgoing.offset, outgoing.size)}`);
    connection.leaveOpen(this, () => this.#closeChunk(chunk, connection, "+"));
    return chunk;
  }

  #closeChunk(chunk: { tid: string; outgoing: Outgoing }, connection: MsrpConnection, flag: Flag): void {
    if (this.#chunk !== chunk) return;
    this.#chunk = undefined;
    connection.over();
    connection.put(`\r\n${printEnd(chunk.tid, flag)}`);
    if (flag !== "#") this.#follow(chunk.outgoing, chunk.tid, connection);
  }

  #follow(outgoing: Outgoing, tid: string, connection: MsrpConnection): void {
    const wanted: FailureReport = outgoing.message.failureReport ?? "yes";
    if (wanted === "no") return;
    outgoing.outstanding += 1;
    connection.follow(tid, (status, comment) => this.#answered(outgoing, wanted, status, comment));
  }

  #written(outgoing: Outgoing): boolean {
    outgoing.over = true;
    this.#queue.shift();
    this.#parts.count("sent");
    // Nobody answers these when all is well.
    if (outgoing.message.failureReport === "no" || outgoing.message.failureReport === "partial")
      this.#settle(outgoing, { status: 200, written: true });
    return this.#queue.length > 0;
  }

  #answered(outgoing: Outgoing, wanted: FailureReport, status: number, comment: string | undefined): void {
    outgoing.outstanding -= 1;
    // Silence is the good answer to `partial`.
    if (wanted === "partial" && (status === 408 || status === 0)) return;
    if (status >= 200 && status < 300) {
      if (outgoing.over && outgoing.outstanding === 0) this.#settle(outgoing, { status: 200, written: true });
    } else if (!outgoing.settled) this.#fail(outgoing, status, comment, false);
    else if (wanted === "partial" && this.#state === "bound")
      this.#handlers.report?.({ messageId: outgoing.message.messageId, status, comment, complete: false });
  }

  #settle(outgoing: Outgoing, end: MsrpEnd): void {
    this.#unsettled.delete(outgoing);
    outgoing.settle(end);
  }

  // The peer does not want the rest (RFC 4975 §7.3.2): what is left of it is not sent.
  #fail(outgoing: Outgoing, status: number, comment: string | undefined, byReport: boolean): void {
    const at = this.#queue.indexOf(outgoing);
    if (at >= 0) {
      this.#queue.splice(at, 1);
      this.#buffered -= outgoing.waiting;
      const chunk = this.#chunk;
      if (chunk?.outgoing === outgoing && this.#connection !== undefined)
        this.#closeChunk(chunk, this.#connection, "#");
    }
    this.#coverage?.delete(outgoing.message.messageId);
    this.#settle(outgoing, {
      status,
      written: outgoing.begun,
      ...(byReport ? { byReport } : {}),
      ...(comment === undefined ? {} : { comment }),
    });
  }

  // The end.

  close(): void {
    this.#end("closed");
  }

  /** Of its connection. */
  lost(reason: CloseReason): void {
    this.#end(reason);
  }

  #end(reason: CloseReason): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#timer?.cancel();
    this.#forgetting?.cancel();
    const connection = this.#connection;
    if (this.#chunk !== undefined && connection !== undefined) this.#closeChunk(this.#chunk, connection, "#");
    if (this.#unanswered > 0) connection?.await(-this.#unanswered);
    this.#unanswered = 0;
    this.#connection = undefined;
    for (const outgoing of this.#unsettled) outgoing.settle({ status: 0, written: outgoing.begun });
    this.#unsettled.clear();
    this.#queue.length = 0;
    this.#buffered = 0;
    connection?.detach(this, !this.#ownConnection);
    this.#parts.gone(this, reason);
    this.#handlers.closed(reason);
  }
}

const lastUri = (path: string): string => path.slice(path.lastIndexOf(" ") + 1);
