// What a browser is told about rooms: videoroom-event of sylkRTC-2 with its own words, and additions; fields side by side.

/** Somebody in the room, by nick. `participant_id` stays the same when he takes another nick, and says nothing about his address. */
export interface RoomPerson {
  readonly participant_id: string;
  readonly nick: string;
  /** His real address, for those who may see it. */
  readonly uri?: string;
  readonly role: "observer" | "speaker" | "moderator";
  readonly affiliation: "owner" | "admin" | "member" | "none" | "outcast";
  /** What the address is worth: `verified`, `server`, `none`. */
  readonly assurance: string;
  /** Protocols by which he is here; those who were mirrored from elsewhere have none. */
  readonly carriers: readonly string[];
  readonly leg?: string;
  readonly show?: string;
  readonly status?: string;
}

/** Who did something, as he was named at that moment; nothing for the house itself. */
export interface RoomActor {
  readonly participant_id?: string;
  readonly nick?: string;
  readonly uri?: string;
}

export interface RoomSettings {
  readonly title?: string;
  readonly description?: string;
  readonly persistent: boolean;
  readonly listed: boolean;
  readonly members_only: boolean;
  readonly moderated: boolean;
  readonly open_addresses: boolean;
  readonly subject_by: string;
  readonly invites_by: string;
  readonly private_messages: string;
  readonly needs_password: boolean;
  readonly max_participants: number;
  readonly history: number;
  readonly language?: string;
}

/** Why a session ended, or somebody left. */
interface Ending {
  readonly code?: number;
  readonly cause?: string;
  readonly reason?: string;
}

/** Something said, live or from the history. */
export interface RoomSaid {
  /** The room's own count: rises by one with everything that happens. */
  readonly number: number;
  readonly event_id: string;
  readonly type: "normal" | "status";
  readonly content_type: "text/plain";
  readonly content: string;
  readonly sender: RoomActor & { readonly display_name?: string };
  readonly timestamp: string;
  /** The id that the sender's own client gave it. */
  readonly message_id?: string;
  /** Said by this account. */
  readonly own?: true;
  /** For one participant only. */
  readonly to?: { readonly participant_id: string; readonly nick: string };
  /** The event that this one replaces. */
  readonly corrects?: string;
  readonly reply_to?: { readonly event_id: string; readonly nick?: string; readonly excerpt?: string };
  readonly kind?: "notice";
  readonly leg?: string;
  readonly thread?: string;
  readonly language?: string;
}

export interface RoomSubject {
  readonly number: number;
  readonly event_id: string;
  readonly text: string;
  readonly by: RoomActor;
  readonly timestamp: string;
}

export interface RoomRetracted {
  readonly number: number;
  readonly event_id: string;
  /** What is taken back, by event id. */
  readonly retracts: string;
  readonly by: RoomActor;
  readonly moderated: boolean;
  readonly reason?: string;
  readonly timestamp: string;
}

export interface RoomReacted {
  readonly number: number;
  readonly event_id: string;
  readonly reacts_to: string;
  readonly by: RoomActor;
  /** All that this person's reaction is now; empty for none any more. */
  readonly emoji: readonly string[];
  readonly timestamp: string;
}

/** One entry of a history. */
export type RoomEntry =
  | ({ readonly entry: "message" } & RoomSaid)
  | ({ readonly entry: "subject" } & RoomSubject)
  | ({ readonly entry: "retracted" } & RoomRetracted)
  | ({ readonly entry: "reacted" } & RoomReacted);

/** What happened, without the session for which it is told. */
export type RoomHappening =
  | { readonly event: "session-state"; readonly state: "progress" }
  | {
      readonly event: "session-state";
      readonly state: "accepted";
      readonly audio: false;
      readonly video: false;
      readonly uri: string;
      readonly settings: RoomSettings;
      readonly self: RoomPerson;
      readonly total: number;
      readonly subject?: RoomSubject;
      /** This device was expected back, and nobody was told of its absence. */
      readonly resumed: boolean;
      /** The history that follows is all that was said after this number, as the join asked; else it is the newest. */
      readonly since?: number;
      readonly created?: boolean;
    }
  /** The whole picture up to `number` has been told; all that follows happens now. */
  | { readonly event: "session-state"; readonly state: "established"; readonly number: number }
  | ({ readonly event: "session-state"; readonly state: "terminated"; readonly alternate?: string } & Ending)
  | {
      readonly event: "roster";
      readonly participants: readonly RoomPerson[];
      readonly first: boolean;
      readonly last: boolean;
    }
  | {
      readonly event: "history";
      readonly entries: readonly RoomEntry[];
      /** More is there beyond the end at which this page was read. */
      readonly more: boolean;
      /** The request that asked for it. */
      readonly request?: string;
    }
  | {
      readonly event: "participant-joined";
      readonly number: number;
      readonly participant: RoomPerson;
    }
  | ({
      readonly event: "participant-left";
      readonly number: number;
      readonly participant_id: string;
      readonly nick: string;
      readonly by?: RoomActor;
    } & Ending)
  | {
      readonly event: "participant-changed";
      readonly number: number;
      readonly what: "nick" | "status" | "role" | "affiliation" | "identity";
      readonly participant: RoomPerson;
      /** The nick before; the id before. */
      readonly from?: string;
      readonly was?: string;
      readonly by?: RoomActor;
      readonly reason?: string;
    }
  /** Many at once: a channel that came or went. */
  | {
      readonly event: "participants-changed";
      readonly number: number;
      readonly joined: readonly RoomPerson[];
      readonly left: readonly {
        readonly participant_id: string;
        readonly nick: string;
        readonly cause: string;
      }[];
      readonly text?: string;
    }
  | {
      readonly event: "affiliation";
      readonly number: number;
      readonly uri: string;
      readonly affiliation: string;
      readonly by?: RoomActor;
      readonly reason?: string;
    }
  | {
      readonly event: "affiliations";
      readonly request: string;
      readonly entries: readonly {
        readonly uri: string;
        readonly affiliation: string;
        readonly reason?: string;
      }[];
    }
  /** What becomes of what is said and done here, by each way in which people are in the room. */
  | {
      readonly event: "capabilities";
      readonly request: string;
      readonly ways: readonly {
        readonly name: string;
        readonly carrier: string;
        readonly leg?: string;
        readonly mode?: string;
        readonly mirror?: string;
        readonly participants: number;
        readonly fates: Readonly<Record<string, { readonly is: string; readonly how?: string | undefined }>>;
        readonly facts?: Readonly<Record<string, string | number | boolean>>;
      }[];
      readonly lines: readonly string[];
    }
  | {
      readonly event: "configure";
      readonly number: number;
      readonly originator: RoomActor;
      readonly settings: RoomSettings;
    }
  | ({ readonly event: "message" } & RoomSaid)
  | ({ readonly event: "subject" } & RoomSubject)
  | ({ readonly event: "retracted" } & RoomRetracted)
  | ({ readonly event: "reacted" } & RoomReacted)
  | {
      readonly event: "invited";
      readonly number: number;
      readonly uri: string;
      readonly by: RoomActor;
    }
  | {
      readonly event: "declined";
      readonly number: number;
      readonly uri: string;
      readonly reason?: string;
    }
  | {
      readonly event: "composing-indication";
      readonly state: "active" | "idle";
      readonly refresh: number;
      readonly content_type: "text/plain";
      readonly sender: RoomActor;
      readonly private?: true;
    }
  /** What became of a message after its request had been answered without a number. */
  | {
      readonly event: "message-delivery";
      readonly message_id: string;
      readonly delivered: boolean;
      readonly code: number;
      readonly reason: string;
      readonly cause?: string;
      readonly event_id?: string;
      readonly number?: number;
      readonly timestamp?: string;
    };

export type RoomFrame = {
  readonly sylkrtc: "videoroom-event";
  readonly session: string;
} & RoomHappening;

/** A line of the list of rooms. */
export interface RoomLine {
  readonly uri: string;
  readonly title?: string;
  readonly subject?: string;
  readonly participants: number;
}

/** `account-event` of kind `room-list`: the answer to videoroom-list. */
export interface RoomListFrame {
  readonly sylkrtc: "account-event";
  readonly account: string;
  readonly event: "room-list";
  readonly request: string;
  readonly rooms: readonly RoomLine[];
  readonly more: boolean;
}

/** Additions to the `ack` of a room's request: what the room made of it. */
export interface RoomAck {
  readonly number?: number;
  readonly event_id?: string;
  readonly timestamp?: string;
}
