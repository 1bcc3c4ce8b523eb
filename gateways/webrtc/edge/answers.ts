// The answers to requests about rooms: an ack with what the room made of it, or an error with its code and cause. sylkRTC-2.
import type { RoomReason } from "#bus-schemas/events/room-command.ts";
import { roomFailure } from "../translate/errors.ts";
import type { Request } from "../wire/request.ts";
import type { RoomAck } from "../wire/room-event.ts";
import type { Connection } from "./connection.ts";

export interface Failure {
  readonly code: number;
  readonly reason: string;
  readonly cause: string;
}

export interface Answers {
  ack(request: Request, rest?: RoomAck): void;
  refuse(request: Request, why: Failure): void;
  /** `text`: the room's own words, if it had any. */
  refuseRoom(request: Request, reason: RoomReason, text?: string): void;
}

/** The answers of one connection. */
export function openAnswers(connection: Connection): Answers {
  const refuse = ({ transaction }: Request, { code, reason, cause }: Failure): void =>
    void connection.send({ sylkrtc: "error", transaction, error: reason, code, cause });
  return {
    ack: ({ transaction }, rest = {}) => void connection.send({ sylkrtc: "ack", transaction, ...rest }),
    refuse,
    refuseRoom: (request, reason, text) => refuse(request, roomFailure(reason, text)),
  };
}
