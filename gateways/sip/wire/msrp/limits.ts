// The named limits of what is read from MSRP peers (RFC 4975 §14.5 leaves them to us). What happens at each is said beside it.

export const msrpLimits = {
  /** One line of a head, bytes (a path through some twenty relays): above it the connection is closed, for its frame is lost. */
  lineBytes: 8_192,
  /** All lines of a head: above it the connection is closed. */
  headBytes: 16_384,
  /** Header fields of one head: above it the connection is closed. */
  fields: 64,
  /** URIs in one path: more is malformed. */
  pathUris: 20,
  /** Body of a request that is not SEND, bytes (RFC 4975 §7.1): above it 413. */
  otherBodyBytes: 10_240,
  /** The most that a session's maxSize may be, bytes. */
  messageBytes: 16_777_216,
  /** Separate stretches of one unfinished message, when its chunks come out of order: above it 413. */
  stretches: 1_024,
  /** Messages of one session that are unfinished at once: above it 413. */
  unfinishedMessages: 32,
  /** Bytes of all unfinished messages of one session, as a multiple of its maxSize: above it 413. */
  unfinishedShare: 2,
  /** Message-IDs of whole messages that a session remembers: above it the oldest is forgotten. */
  knownIds: 64,
  /** Bytes of a chunk beyond what was refused: above it the connection is closed. */
  excessBytes: 1_048_576,
  /** A nickname, bytes (RFC 7701 §7.1): above it 424. */
  nicknameBytes: 1_023,
} as const;
