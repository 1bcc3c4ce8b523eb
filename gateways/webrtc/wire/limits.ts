// The limits of what a browser may send in one frame; in its fields. The frame itself is limited by configuration. sylkRTC-2, JSON over WebSocket.

export const limits = {
  /** Characters of an address: two parts of 1023 and the sign between them; above it the request is an error. */
  addressLength: 2047,
  /** Characters of an id that a client makes; what goes into a far id must stay parsable (ids.ts). */
  idLength: 255,
  /** Characters of an id that this gateway made: event, carrier and the sender's own id of at most 1023 characters (ids.ts). */
  farIdLength: 4200,
  /** Characters of any other short text: names, user agents, content types. */
  textLength: 1023,
  /** Messages that one synchronisation brings at most; more are asked for in a second one. */
  syncMessages: 5000,
  /** What one page of a room's history brings at most; more are asked for with `before` or `after`. */
  roomHistory: 200,
  /** Characters said in one frame of a history, about; the rest follows in further ones. */
  historyCharacters: 100_000,
  /** Participants in one frame of a roster; a larger room's comes in several. */
  rosterPage: 250,
  /** Addresses invited, and rooms listed, by one request. */
  invitations: 50,
  rooms: 500,
  /** Different emoji of one person on one message. */
  reactions: 16,
} as const;
