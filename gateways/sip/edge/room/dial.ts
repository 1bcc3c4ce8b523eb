// A focus that calls somebody: INVITE out of a room (RFC 4579 §5.5, RFC 3261 §13.2).
import type { Party } from "#bus-schemas/address.ts";
import { token } from "#bus-schemas/subject.ts";
import { askedDialog, type Dialog, dialogKey, requestIn } from "../../session/dialog.ts";
import { agreedTimer, askTimer } from "../../session/session-timer.ts";
import { uriText } from "../../translate/address.ts";
import { offerOf } from "../../translate/room/media.ts";
import { roomUri } from "../../translate/room/names.ts";
import type { SipRequest } from "../../wire/message.ts";
import { field } from "../../wire/print.ts";
import type { MsrpSession } from "../msrp/port.ts";
import type { InviteHandlers, Inviting } from "../serving.ts";
import type { Target } from "../transport-types.ts";
import type { Call, CallOptions } from "./call.ts";
import type { Hosted } from "./hosted.ts";
import { focusFields, nowhere, type Offers, offerIn, sdpType } from "./offers.ts";
import { namesOf, type RoomParts } from "./parts.ts";
import { word } from "./way.ts";

/** What a call is made of; the rest is the door's. */
export type CallDraft = Omit<CallOptions, "since" | "session" | "version" | "forget" | "reInvite"> &
  Partial<CallOptions>;

export interface DialParts {
  readonly parts: RoomParts;
  readonly offers: Offers;
  readonly make: (draft: CallDraft) => Call;
  /** Its dialog stands: requests in it are its own from now on. */
  readonly began: (call: Call) => void;
}

/** Whom to ask in, and where. */
export interface Dialled {
  readonly party: Party;
  readonly contact: string;
  readonly routes: readonly string[];
  readonly hint: Target | undefined;
  /** The URI of the one who wishes it. */
  readonly referredBy: string;
}

/**
 * Asks somebody in, at one place of his (RFC 4579 §5.5). Resolves with the final status: 200 when he has answered and enters.
 * `progress` is told provisional ones. The returned function gives up.
 */
export function dial(
  { parts, offers, make, began }: DialParts,
  hosted: Hosted,
  to: Dialled,
  progress: (status: number) => void,
): { ended: Promise<number>; cancel: () => void } {
  const [callId, tag] = [`${word()}@parley`, word()];
  const { room } = hosted;
  const names = namesOf(parts, room);
  const dialog: Dialog = {
    ...{ callId, localTag: tag, remoteTag: "", localCseq: 0, routes: to.routes, target: to.contact },
    local: `<${roomUri(names)}>`,
    remote: `<${uriText(names.faceOn(to.party), names) ?? to.contact}>`,
  };
  const id = token(dialogKey(callId, tag, ""));
  const seconds = parts.config.rooms.sessionExpires / 1000;
  const call = make({
    hosted,
    party: { ...to.party, device: id },
    endpoint: `sip:${id}`,
    seen: 0,
    dialog,
    hint: to.hint,
    secure: false,
    timer: { seconds, refresher: "us" },
  });
  let session: MsrpSession;
  try {
    session = call.seat.open(false, call.family);
  } catch (error) {
    call.input({ kind: "cancel" });
    throw error;
  }
  const within = requestIn(dialog, "INVITE");
  const fields = [
    ...focusFields(offers.contact(room, to.hint ?? nowhere)),
    ...askTimer(seconds).filter(({ key }) => key !== "supported"),
    field("referred-by", `<${to.referredBy}>`),
    sdpType,
  ];
  let inviting: Inviting | undefined;
  let given = false;
  const ended = new Promise<number>((resolve) => {
    const failed = (status: number): void => {
      call.input({ kind: "cancel" });
      resolve(status);
    };
    const handlers = (request: SipRequest, target: Target): InviteHandlers => ({
      provisional: ({ status }) => {
        if (status > 100) progress(status);
      },
      accepted: (response) => {
        const made = askedDialog(request, response);
        if (!made.ok) return failed(500);
        void parts.ways.acknowledge(made.value, 1, target);
        if (call.dialog.remoteTag !== "" && call.dialog.remoteTag === made.value.remoteTag) return;
        // Another phone of his, or one that answers after we gave up: it is let go at once (RFC 3261 §13.2.2.4).
        if (call.dialog.remoteTag !== "" || call.ended || given) {
          void parts.ways.request("BYE", requestIn(made.value, "BYE"), target, []);
          return failed(487);
        }
        call.dialog = made.value;
        call.hint = target;
        call.timer = agreedTimer(response, seconds);
        began(call);
        call.input({ kind: "accepted" });
        if (!offers.answered(call, session, offerIn(response))) {
          call.input({ kind: "expired" });
          return resolve(488);
        }
        call.store();
        call.refreshed();
        void call.join();
        resolve(200);
      },
      refused: (end) => failed(typeof end === "string" ? 408 : end.status),
    });
    parts.ways.invite(within, to.hint, fields, offerOf(offers.own(session, call), false), handlers).then(
      (sent) => {
        inviting = sent;
        if (sent === undefined) failed(480);
        else if (given) sent.cancel();
      },
      () => failed(500),
    );
  });
  const cancel = (): void => {
    given = true;
    inviting?.cancel();
  };
  return { ended, cancel };
}
