// What a browser is told: sylkRTC-2 answers and events, one JSON object per frame, fields side by side.
import type { RoomAck, RoomFrame, RoomListFrame } from "./room-event.ts";

/** The states of a message in sylkRTC-2; `processed` is used here for "handed over to the next hop". */
export type DispositionState =
  | "pending"
  | "accepted"
  | "processed"
  | "delivered"
  | "displayed"
  | "failed"
  | "received";

export interface Identity {
  readonly uri: string;
  readonly display_name?: string;
}

/** `account-event` of kind `message`. The fields after `content` are additions of this gateway. */
export interface MessageFrame {
  readonly sylkrtc: "account-event";
  readonly account: string;
  readonly event: "message";
  readonly sender: Identity;
  readonly timestamp: string;
  /** What the receiver is asked to report; published clients answer `positive-delivery` by themselves. */
  readonly disposition_notification: readonly ("positive-delivery" | "display")[];
  readonly message_id: string;
  readonly content_type: "text/plain";
  readonly content: string;
  readonly direction: "incoming";
  /** How far the sender is proved: `verified`, `server`, `none`. */
  readonly assurance: string;
  readonly kind: string;
  readonly subject?: string;
  readonly thread?: string;
  readonly language?: string;
  readonly correction_of?: string;
  /** The text invites into this room. */
  readonly invitation?: {
    readonly room: string;
    readonly originator: { readonly uri?: string; readonly nick?: string };
    readonly reason?: string;
    readonly password?: string;
  };
}

/** `account-event` of kind `disposition-notification`: what became of a message that this account sent. */
export interface DispositionFrame {
  readonly sylkrtc: "account-event";
  readonly account: string;
  readonly event: "disposition-notification";
  readonly message_id: string;
  readonly message_timestamp: string;
  readonly state: DispositionState;
  readonly code: number;
  readonly reason: string;
  /** Own addition: the canonical reason, for programs. */
  readonly cause?: string;
}

/** One entry of a synchronisation. */
export interface SyncedMessage {
  readonly contact: string;
  readonly timestamp: string;
  readonly disposition: readonly string[];
  readonly message_id: string;
  readonly content_type: string;
  readonly content: string;
  readonly direction: "incoming" | "outgoing";
  readonly state: DispositionState;
  /** Own additions: why it failed; that the account has read it; that more is to be asked for. */
  readonly reason?: string;
  readonly read?: boolean;
}

export type SyncChange =
  | {
      readonly type: "message";
      readonly action: "add";
      readonly content: {
        readonly uri: string;
        readonly message_id: string;
        readonly content: string;
        readonly content_type: string;
        readonly timestamp: string;
      };
    }
  | {
      readonly type: "message";
      readonly action: "remove";
      readonly content: { readonly contact: string; readonly message_id: string };
    }
  | { readonly type: "conversation"; readonly action: "read"; readonly content: { readonly contact: string } }
  | {
      readonly type: "conversation";
      readonly action: "remove";
      readonly content: { readonly contact: string; readonly timestamp: string };
    };

export type AccountFrame =
  | MessageFrame
  | DispositionFrame
  | {
      readonly sylkrtc: "account-event";
      readonly account: string;
      readonly event: "registration-state";
      readonly state: "registering" | "registered" | "failed";
      readonly reason?: string;
    }
  | {
      readonly sylkrtc: "account-event";
      readonly account: string;
      readonly event: "sync-conversations";
      readonly messages: readonly SyncedMessage[];
      /** Own addition: more follow after the last one. */
      readonly more: boolean;
    }
  | ({ readonly sylkrtc: "account-event"; readonly account: string; readonly event: "sync" } & SyncChange)
  | RoomListFrame;

export type OutFrame =
  | { readonly sylkrtc: "ready-event" }
  | ({ readonly sylkrtc: "ack"; readonly transaction: string } & RoomAck)
  /** `transaction` is empty when the request had none that could be read. */
  | {
      readonly sylkrtc: "error";
      readonly transaction: string;
      readonly error: string;
      readonly code?: number;
      /** The canonical reason, for programs. */
      readonly cause?: string;
    }
  | { readonly sylkrtc: "lookup-public-key-event"; readonly uri: string; readonly public_key?: string }
  | AccountFrame
  | RoomFrame;

/** One frame as text. */
export const printFrame = (frame: OutFrame): string => JSON.stringify(frame);
