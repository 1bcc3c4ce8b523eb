// The named limits of the edge, and what happens at each.
export const edgeLimits = {
  /** Server transactions alive at once (500 bytes each and what they answered): above it new requests are answered 500. */
  serverTransactions: 400_000,
  /** Our own requests under way at once: above it hand-overs wait in the courier, as `again` would make it worse. */
  clientTransactions: 50_000,
  /** Answers held or refused that are kept for whoever asks again: above it the oldest is forgotten, and asked again is answered 202. */
  answers: 100_000,
  /** TCP connections open at once: above it new ones are closed at once. */
  connections: 10_000,
  /** Bytes waiting to be read by a TCP peer: above it the connection is closed, and what waited fails. */
  unsentBytes: 1_048_576,
  /** Sources whose rate is remembered: above it the longest silent is forgotten. */
  sources: 50_000,
  /** How long a TCP connection may hold an unfinished message, milliseconds. */
  unfinishedMs: 30_000,
  /** How long a connection may take to be set up, milliseconds. */
  connectMs: 4_000,
  /** A UDP request longer than this must not go (RFC 3428 §8, RFC 3261 §18.1.1). */
  datagramBytes: 1_300,
  /** Requests of one TCP connection that may wait for their answers: above it, it is not read further. */
  unansweredPerConnection: 1_000,
} as const;
