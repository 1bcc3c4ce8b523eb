// The named limits of what is read from SIP peers, and what happens at each (RFC 3261 §18.3 leaves them to us).

/** Above a limit a request is answered 400 or 513 and a response dropped; a stream is closed, for its frame is lost. */
export const limits = {
  /** Start line and header fields, bytes: as much as one UDP datagram. */
  headBytes: 65_535,
  /** Header fields in one message. */
  fields: 400,
  /** One header field, unfolded, in characters. */
  fieldLength: 16_384,
  /** The body, bytes: four times the text that a message may have (CPIM and escaping around it). */
  bodyBytes: 262_144,
  /** Parameters on one value. */
  params: 64,
  /** Values in one comma list. */
  values: 200,
} as const;
