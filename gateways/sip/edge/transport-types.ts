// Where messages come from and go to.
import type { SipMessage } from "../wire/message.ts";
import type { Parsed } from "../wire/parse.ts";

export type TransportName = "udp" | "tcp";

/** Where a message came from. */
export interface Source {
  readonly transport: TransportName;
  readonly address: string;
  readonly port: number;
  /** Names the socket and the peer: a later request can go the same way back (RFC 5626). */
  readonly flow: string;
}

/** Where a request is to go; by `flow` if that still stands. */
export interface Target {
  readonly transport: TransportName;
  readonly address: string;
  readonly port: number;
  readonly flow?: string | undefined;
}

export type Receive = (parsed: Parsed | { kind: "message"; message: SipMessage }, source: Source) => void;

/** The peer cannot be reached this way: connection refused, closed, or its queue full. */
export class TransportFailure extends Error {
  override readonly name = "TransportFailure";
}
