// MSRP as the dialogs of this gateway see it: sessions over TCP and TLS, whole messages in and out (RFC 4975, 4976, 6135, 7701).
import type { Clock, Log, Metrics } from "#bus-schemas/service/service.ts";
import type { Wheel } from "#bus-schemas/service/wheel.ts";
import type { FailureReport } from "../../wire/msrp/head.ts";

/** Where to listen. `host` is written into our URIs; default: the address. Port 0 takes a free one. */
export interface MsrpListen {
  readonly scheme: "msrp" | "msrps";
  readonly address: string;
  readonly port: number;
  readonly host?: string;
}

export interface MsrpConfig {
  readonly listen: readonly MsrpListen[];
  /** PEM; wanted when one of the listeners is msrps, and shown by us when we connect. */
  readonly tls?: { readonly key: string | Buffer; readonly cert: string | Buffer };
}

export interface MsrpParts {
  readonly clock: Clock;
  readonly wheel: Wheel;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** The stack: `openMsrp(parts, config)` in open.ts makes it. */
export interface Msrp {
  /** What is listened on, with the ports that were got, in the order of the configuration. */
  readonly listening: readonly MsrpListen[];
  /** SHA-256 of our certificate as `a=fingerprint` writes it: `sha-256 AB:CD:…` (RFC 8122 §5); undefined without TLS. */
  readonly fingerprint: string | undefined;
  /**
   * A session with a new local path, waiting. Passive (RFC 6135 §4.2): give it the peer's path by `accept` when it is known;
   * the peer connects and binds it by its first request. Active: call `connect`. Throws when nothing listens on that scheme
   * and family, or when `relay` is gone.
   */
  expect(options: SessionOptions, handlers: SessionHandlers): MsrpSession;
  /** Asks a relay for a path through it (RFC 4976 §5.1); rejects with MsrpFailure. Renewed by itself until closed. */
  relay(options: RelayOptions): Promise<MsrpRelay>;
  /** Ends all sessions (`shutdown`), what is written still goes out, and closes all sockets. */
  close(): Promise<void>;
}

export interface SessionOptions {
  /** Which listener's URI it gets; default: the first that is configured. */
  readonly scheme?: "msrp" | "msrps";
  /** Of which family that listener is; default: whatever comes first. */
  readonly family?: 4 | 6;
  readonly relay?: MsrpRelay;
  /** What is taken (a=accept-types): `message/cpim`, `text/*`, `*`. Other types are answered 415 before their body is read. */
  readonly acceptTypes: readonly string[];
  /** Bytes of one whole message (a=max-size); more is answered 413. At most msrpLimits.messageBytes. */
  readonly maxSize: number;
  /** How long it waits to be bound, milliseconds; default 32,000. Then it is closed as `not-bound`. */
  readonly bindMs?: number;
}

export interface SessionHandlers {
  /** A whole message. Must be answered, now or later (`message.answer`), within 25 s: then it is answered 200 and a later word is a REPORT. */
  message(message: MsrpMessage): void;
  /** RFC 7701 §7.2. Without it NICKNAME is answered 501. */
  nickname?(request: NicknameRequest): void;
  /** A REPORT about a message that we sent: success, or failure after its promise was settled. Forged ones never come here. */
  report?(report: MsrpReport): void;
  /** The connection is there and carries this session. */
  bound?(): void;
  /** Once, at the end, whoever ended it. Nothing comes after it. */
  closed(reason: CloseReason): void;
}

/** `closed`: by us; `lost`: the connection ended; the rest says what it says, and is counted by this word. */
export type CloseReason =
  | "closed"
  | "lost"
  | "not-bound"
  | "unreachable"
  | "refused"
  | "slow-reader"
  | "malformed"
  | "limit"
  | "silent"
  | "shutdown";

export interface MsrpSession {
  /** Our URIs as a=path lists them, leftmost first; through a relay the relays come first. */
  readonly localPath: readonly string[];
  readonly state: "waiting" | "connecting" | "bound" | "closed";
  /**
   * Passive side: whom we expect. From-Path of what comes must end in the last URI of this path, and a certificate be one of
   * `fingerprints` where there are any. May come after the peer has connected; nothing is sent before.
   */
  accept(remotePath: readonly string[], tls?: { readonly fingerprints: readonly string[] }): void;
  /**
   * Active side: connects to the leftmost URI (re-using a connection to the same host, port and scheme that we opened), sends
   * a SEND without a body at once to bind, and resolves when that is answered 200. Rejects with MsrpFailure. `fingerprints`
   * (a=fingerprint values, `sha-256 AB:…`): the certificate must have one of them; without any, TLS is not checked by name
   * here, for the peer is who our signalling says.
   */
  connect(remotePath: readonly string[], tls?: { readonly fingerprints: readonly string[] }): Promise<void>;
  /**
   * Sends one message, in chunks where it is long; messages to one session go in the order of `send`, and others pass
   * between the chunks of a long one. Never rejects. Before the session is bound it waits. The same object sent to many sessions is printed
   * once: its bytes are shared.
   */
  send(message: MsrpOutgoing): Promise<MsrpEnd>;
  /** Sends NICKNAME (RFC 7701 §7.1); never rejects. */
  nickname(nickname: string): Promise<MsrpEnd>;
  /** Bytes of this session that are not yet in the system's hands. */
  readonly buffered: number;
  /** True above 80 % of what may wait (msrpLimits.unsentBytes): leave out what can be left out (RFC 7701 §11). */
  readonly congested: boolean;
  /** Ends it: what waits unsent fails with status 0, messages half received are dropped. The connection closes with its last session. */
  close(): void;
}

/** One message to be sent; the same object may go to many sessions. */
export interface MsrpOutgoing {
  readonly contentType: string;
  /** A stream is read as the peer takes it, and goes to one session only; an error in it aborts the message (`#`). */
  readonly body: Uint8Array | AsyncIterable<Uint8Array>;
  /** 4 to 32 of letters, digits and `.-+%=`, the first a letter or digit. */
  readonly messageId: string;
  /** Default false. The report comes to `handlers.report`. */
  readonly successReport?: boolean;
  /** Default `yes`. */
  readonly failureReport?: FailureReport;
}

/** How a request ended. */
export interface MsrpEnd {
  /**
   * The answer, 200 for well; 408: none within 30 s of the last byte; 0: never sent whole, or the connection ended before the
   * answer (then it may have arrived). With failureReport `no` or `partial` 200 says only that it was written.
   */
  readonly status: number;
  /** Whether bytes of it were written: `false` with status 0 is certainly not received. */
  readonly written: boolean;
  /** True when a REPORT said it, not the answer (relays, RFC 4976 §4.4). */
  readonly byReport?: boolean;
  readonly comment?: string;
}

/** A message that came whole. */
export interface MsrpMessage {
  readonly messageId: string;
  /** As it was written, parameters included. */
  readonly contentType: string;
  /** Valid for as long as it is kept; nobody writes into it. */
  readonly body: Buffer;
  readonly successReport: boolean;
  readonly failureReport: FailureReport;
  /** Came before on this session's predecessor or again: the peer may repeat a Message-ID (RFC 4975 §5.4). True when this session has had it. */
  readonly repeated: boolean;
  /**
   * Answers the last chunk as Failure-Report asks (`no`: not at all; `partial`: only errors), and with status 200 sends the
   * success REPORT if one was asked for. A second call, or one after 25 s, sends a failure REPORT instead, if those are wanted.
   */
  answer(status: number, comment?: string): void;
}

export interface NicknameRequest {
  /** 0 to 1023 bytes; empty takes the nickname away. */
  readonly nickname: string;
  /** 200, 403, 425 …; once. */
  answer(status: number, comment?: string): void;
}

export interface MsrpReport {
  readonly messageId: string;
  readonly status: number;
  readonly comment: string | undefined;
  /** True when success has now been reported for every byte. */
  readonly complete: boolean;
}

export interface RelayOptions {
  /** `msrps://relay.example:2855;tcp`. */
  readonly uri: string;
  readonly username: string;
  readonly password: string;
  readonly fingerprints?: readonly string[];
}

export interface MsrpRelay {
  /** The relays, nearest to the peers first: what stands before our own URI in a=path. */
  readonly path: readonly string[];
  readonly expiresMs: number;
  /** Called when it is lost; its sessions are closed as `lost`. */
  onLost(call: () => void): void;
  close(): void;
}

/** Why there is no connection. */
export class MsrpFailure extends Error {
  override readonly name = "MsrpFailure";
  /** The answer to the first request, or 0 when there was none. */
  readonly status: number;

  constructor(message: string, status = 0, options?: ErrorOptions) {
    super(message, options);
    this.status = status;
  }
}
