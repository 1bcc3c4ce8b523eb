// The named limits of the MSRP edge, and what happens at each. Those of the protocol's own shapes are in wire/msrp/limits.ts.
export const msrpEdgeLimits = {
  /** Connections at once: above it new ones are closed at once, and `connect` fails. */
  connections: 10_000,
  /** Sessions at once: above it `expect` throws. */
  sessions: 20_000,
  /** Sessions on one connection: above it a session is not bound there (506). */
  sessionsPerConnection: 1_000,
  /** Bytes of one session that wait to be written: above it the session is closed as `slow-reader`. */
  unsentBytes: 1_048_576,
  /** Bytes given to a socket that it has not passed on: above it everything waits in its session. */
  socketBytes: 65_536,
  /** Bytes of answers and reports that a socket has not passed on: above it the connection is closed as `slow-reader`. */
  answerBytes: 1_048_576,
  /** Bodies up to this go in one piece, copied (two writes of a system call cost more than the copy); longer ones are shared. */
  copiedBytes: 16_384,
  /** What of a long body is written before others are let in (RFC 4975 §7.1: interruptible). */
  pieceBytes: 16_384,
  /** What of a body is one chunk where relays are on the way: some hold a whole chunk before they pass it on, and no long one. */
  relayedBytes: 8_192,
  /** Received messages of one connection that wait for their answer: above it, it is not read further. */
  unanswered: 256,
  /** How long a sender waits for an answer (RFC 4975 §7.2), milliseconds. */
  answerMs: 30_000,
  /** How long our own owner may take to answer a message, milliseconds: then it is answered 200. */
  ownAnswerMs: 25_000,
  /** How long a connection may stand that carries no session (RFC 4976 §9 has the same for relays), milliseconds. */
  unboundMs: 30_000,
  /** How long a session waits to be bound, milliseconds. */
  bindMs: 32_000,
  /** How long a connection may take to be set up, milliseconds. */
  connectMs: 10_000,
  /** How long a begun message may stand without a byte, milliseconds: then the connection is closed as `silent`. */
  stalledMs: 60_000,
  /** How long an unfinished message waits for its other chunks, milliseconds (RFC 7701 §6.3 speaks of minutes). */
  assemblyMs: 540_000,
  /** Messages of one session whose success is still to be reported: above it the oldest is not followed. */
  awaitedReports: 256,
  /** Message-IDs sent last, for which a failure REPORT is believed. */
  sentIds: 64,
  /** How long a connection that is being closed may take to send what waits, milliseconds. */
  lingerMs: 2_000,
} as const;
