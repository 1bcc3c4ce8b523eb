// What conferences elsewhere need of this process.
import type { Bus } from "#bus-schemas/bus/port.ts";
import type { Courier } from "#bus-schemas/delivery/courier.ts";
import type { Answer } from "../../session/respond.ts";
import type { SipRequest } from "../../wire/message.ts";
import type { RoomParts } from "../room/parts.ts";
import type { Source } from "../transport-types.ts";

/** Who is asked inside a dialog of ours. */
export interface InDialog {
  request(request: SipRequest, source: Source): Answer;
  /** A re-INVITE, where the dialog is a call. */
  reInvite?(request: SipRequest, source: Source): Answer;
}

export interface LegParts
  extends Pick<
    RoomParts,
    | "config"
    | "directory"
    | "clock"
    | "wheel"
    | "log"
    | "metrics"
    | "rooms"
    | "ways"
    | "msrp"
    | "contactHost"
    | "stopping"
  > {
  readonly bus: Bus;
  /** Whose requests inside a dialog are, by Call-ID and our tag: a NOTIFY may come before we know the peer's (RFC 6665 §4.1.2.4). */
  readonly dialogs: Map<string, InDialog>;
  readonly courier: Pick<Courier, "accept" | "report">;
}

/** A conference that somebody else hosts, and which is a room here only as the way into it. */
export interface LegPlace {
  readonly room: { readonly local: string; readonly domain: string };
  /** `sip/room@focus.other.example`: its name in events. */
  readonly leg: string;
  /** Its URI. */
  readonly uri: string;
}
