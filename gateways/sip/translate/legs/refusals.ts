// What a focus elsewhere answers, as reasons: to one who wants in, and to what is said (RFC 7702 §6, RFC 7701 §11, RFC 4975 §10). Total.
import { type RoomReason, roomReasonText } from "#bus-schemas/events/room-command.ts";
import type { Reason } from "#bus-schemas/reason.ts";

const entries: Readonly<Record<number, RoomReason>> = {
  401: "password",
  403: "forbidden",
  404: "no-such-room",
  406: "not-supported",
  407: "password",
  408: "unreachable",
  410: "gone",
  415: "not-supported",
  420: "not-supported",
  480: "unreachable",
  484: "no-such-room",
  486: "full",
  488: "not-supported",
  503: "unreachable",
  600: "full",
  603: "forbidden",
  604: "no-such-room",
  606: "not-supported",
};

/** Why a focus that gives this final response does not let him in. */
export const entryReason = (status: number): RoomReason =>
  entries[status] ?? (status >= 500 && status < 600 ? "unreachable" : "forbidden");

/** In words, with the number for who looks for the fault. */
export const entryText = (status: number): string => `${roomReasonText[entryReason(status)]} (${status})`;

const sayings: Readonly<Record<number, Reason>> = {
  400: "not-supported",
  403: "forbidden",
  404: "unknown-user",
  408: "uncertain",
  413: "too-large",
  415: "not-supported",
  423: "policy",
  424: "policy",
  425: "policy",
  428: "not-supported",
  481: "unreachable",
  501: "not-supported",
  506: "unreachable",
};

/** Why a focus that answers this does not pass on what was said. */
export const sayingReason = (status: number): Reason => sayings[status] ?? "forbidden";
