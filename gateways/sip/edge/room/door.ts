// INVITE, both ways: into a room, again inside a call, and out of a room to somebody who is asked in (RFC 4579 §5.1-5.3, RFC 3261 §13-14).
import type { Address } from "#bus-schemas/address.ts";
import { token } from "#bus-schemas/subject.ts";
import {
  answeredDialog,
  askedDialog,
  dialogKey,
  received,
  recordRoutes,
  requestIn,
} from "../../session/dialog.ts";
import type { Answer } from "../../session/respond.ts";
import { agreedTimer, answerTimer, askTimer } from "../../session/session-timer.ts";
import { answerOf, offerOf, type Picked, pickMedia } from "../../translate/room/media.ts";
import type { SipRequest } from "../../wire/message.ts";
import { field } from "../../wire/print.ts";
import type { Sdp } from "../../wire/sdp/sdp.ts";
import { isSip, parseUri } from "../../wire/uri.ts";
import type { MsrpSession } from "../msrp/port.ts";
import type { Serving } from "../serving.ts";
import type { Source, Target } from "../transport-types.ts";
import { Call, type CallOptions } from "./call.ts";
import { familyOf } from "./contact.ts";
import { type CallDraft, type Dialled, dial } from "./dial.ts";
import type { Hosted } from "./hosted.ts";
import { focusFields, isAnswer, notAcceptable, nowhere, Offers, offerIn, sdpType } from "./offers.ts";
import type { RoomParts } from "./parts.ts";
import { word } from "./way.ts";

export interface DoorParts extends RoomParts {
  /** The room, followed; rejects when it cannot be. */
  readonly hosted: (room: Address) => Promise<Hosted>;
  readonly began: (call: Call) => void;
  readonly ended: (call: Call) => void;
}

export class Door {
  readonly #parts: DoorParts;
  readonly #offers: Offers;

  constructor(parts: DoorParts) {
    this.#parts = parts;
    this.#offers = new Offers(parts);
  }

  /** Somebody wants to come in. */
  async invite(request: SipRequest, source: Source, serving: Serving, room: Address): Promise<void> {
    const refused = await this.#invite(request, source, serving, room).catch((error: unknown): Answer => {
      this.#parts.log.warn({ error: String(error) }, "an INVITE cannot be served");
      return { status: 500, fields: [field("retry-after", "5")] };
    });
    if (refused !== undefined) serving.answer(refused);
  }

  async #invite(
    request: SipRequest,
    source: Source,
    serving: Serving,
    room: Address,
  ): Promise<Answer | undefined> {
    const { identities, config, stopping } = this.#parts;
    if (stopping()) return { status: 500, phrase: "Going down", fields: [field("retry-after", "5")] };
    const identity = identities.ofSender(request, source);
    if (identity.kind === "answer") return identity.answer;
    const offer = offerIn(request);
    if (isAnswer(offer)) return offer;
    const picked = offer === "none" ? undefined : pickMedia(offer, this.#offers.secure);
    if (picked?.ok === false) return notAcceptable(picked.error);
    const timer = answerTimer(request, config.rooms.sessionExpires / 1000);
    if (timer.is === "too-brief") return { status: 422, fields: timer.fields };
    const tag = word();
    const dialog = answeredDialog(request, tag);
    if (!dialog.ok) return { status: 400, phrase: dialog.error };
    const hosted = await this.#parts.hosted(room);
    const id = token(dialogKey(dialog.value.callId, tag, dialog.value.remoteTag));
    const call = this.#call({
      hosted,
      party: { ...identity.party, device: id },
      endpoint: `sip:${id}`,
      seen: 0,
      dialog: dialog.value,
      hint: source,
      secure: picked?.value.media.secure ?? false,
      timer: timer.timer,
      password: passwordIn(request.uri),
    });
    this.#parts.began(call);
    call.serving = serving;
    let session: MsrpSession;
    try {
      session = call.seat.open(call.secure, familyOf(source.address));
    } catch (error) {
      call.input({ kind: "cancel" });
      throw error;
    }
    call.peerPath = picked?.value.media.path.join(" ");
    if (picked === undefined) call.offered = session;
    this.#offers.meet(session, picked?.value);
    call.answer = () => ({
      status: 200,
      tag,
      fields: [
        ...recordRoutes(request),
        ...focusFields(this.#offers.contact(room, source)),
        ...timer.fields,
        sdpType,
      ],
      body:
        offer === "none" || picked === undefined
          ? offerOf(this.#offers.own(session, call), call.secure)
          : answerOf(offer, picked.value, this.#offers.own(session, call)),
    });
    serving.onCancel = () => call.input({ kind: "cancel" });
    serving.onUnacknowledged = () => call.input({ kind: "no-ack" });
    await call.join();
    return undefined;
  }

  #call(given: CallDraft): Call {
    const call: Call = new Call(this.#parts, {
      since: this.#parts.clock.now(),
      session: String(this.#parts.clock.now()),
      version: 1,
      ...given,
      forget: (gone) => this.#parts.ended(gone),
      reInvite: (which) => this.#renewBy(which),
    });
    return call;
  }

  /** The ACK of a 2xx; with an answer, if the 2xx had an offer. */
  acknowledged(call: Call, request: SipRequest): void {
    call.serving?.acknowledged();
    call.serving = undefined;
    const offer = call.offered;
    call.offered = undefined;
    if (offer !== undefined) this.#offers.answered(call, offer, offerIn(request));
    call.input({ kind: "ack" });
  }

  /** A re-INVITE of the peer: a refresh, or a new session. */
  again(call: Call, request: SipRequest, source: Source, serving: Serving): void {
    let answer: Answer;
    try {
      answer = this.#again(call, request, source);
    } catch (error) {
      this.#parts.log.warn({ error: String(error) }, "a re-INVITE cannot be served");
      answer = { status: 500, fields: [field("retry-after", "5")] };
    }
    if (!serving.answer(answer)) return;
    serving.onUnacknowledged = () => call.input({ kind: "no-ack" });
    if (answer.status < 300) call.serving = serving;
  }

  #again(call: Call, request: SipRequest, source: Source): Answer {
    const after = received(call.dialog, request);
    if (after === false) return { status: 500, fields: [field("retry-after", "1")] };
    if (call.asking) return { status: 491 };
    const offer = offerIn(request);
    if (isAnswer(offer)) return offer;
    const picked = offer === "none" ? undefined : pickMedia(offer, this.#offers.secure);
    if (picked?.ok === false) return notAcceptable(picked.error);
    const timer = answerTimer(request, this.#parts.config.rooms.sessionExpires / 1000);
    if (timer.is === "too-brief") return { status: 422, fields: timer.fields };
    call.dialog = after;
    call.hint = source;
    call.timer = timer.timer;
    const body = this.#renew(call, offer, picked?.value);
    call.store();
    call.refreshed();
    const { room } = call.hosted;
    return {
      status: 200,
      fields: [
        ...recordRoutes(request),
        ...focusFields(this.#offers.contact(room, source)),
        ...timer.fields,
        sdpType,
      ],
      body,
    };
  }

  // The same path again is a refresh; another one is another session.
  #renew(call: Call, offer: Sdp | "none", picked: Picked | undefined): Buffer {
    const standing = call.standing;
    const path = picked?.media.path.join(" ");
    const same = standing !== undefined && (path === undefined || path === call.peerPath);
    const session = same ? standing : call.seat.open(picked?.media.secure ?? call.secure, call.family);
    if (!same) call.version += 1;
    const own = this.#offers.own(session, call);
    if (!same) {
      call.renewed(path);
      this.#offers.meet(session, picked);
    }
    if (offer === "none" || picked === undefined) {
      if (!same) call.offered = session;
      return offerOf(own, call.secure);
    }
    return answerOf(offer, picked, own);
  }

  #renewBy(call: Call): void {
    this.#reInvite(call).catch((error: unknown) => {
      this.#parts.log.warn({ error: String(error) }, "a re-INVITE cannot be sent");
      call.asking = false;
      call.input({ kind: "not-renewed", status: 500 });
    });
  }

  /** Asks the peer for a new session, or only refreshes the one that stands. */
  async #reInvite(call: Call): Promise<void> {
    const { ways, config, wheel } = this.#parts;
    if (call.asking) return;
    const standing = call.standing;
    const session = standing ?? call.seat.open(call.secure, call.family);
    if (standing === undefined) call.version += 1;
    const within = requestIn(call.dialog, "INVITE");
    call.dialog = within.dialog;
    call.asking = true;
    const hint = call.hint;
    const fields = [
      ...focusFields(this.#offers.contact(call.hosted.room, hint ?? nowhere)),
      ...askTimer(config.rooms.sessionExpires / 1000).filter(({ key }) => key !== "supported"),
      sdpType,
    ];
    const failed = (status: number): void => {
      call.asking = false;
      if (standing === undefined) session.close();
      if (status === 491) wheel.after(glareMs(this.#parts.chance()), () => this.#renewBy(call));
      else call.input({ kind: "not-renewed", status });
    };
    const inviting = await ways.invite(
      within,
      hint,
      fields,
      offerOf(this.#offers.own(session, call), call.secure),
      (request, target) => ({
        accepted: (response) => {
          const dialog = askedDialog(request, response);
          const peer = dialog.ok ? dialog.value.target : call.dialog.target;
          void ways.acknowledge({ ...call.dialog, target: peer }, within.dialog.localCseq, target);
          if (!call.asking) return;
          call.asking = false;
          call.dialog = { ...call.dialog, target: peer };
          call.timer = agreedTimer(response, config.rooms.sessionExpires / 1000);
          call.store();
          call.refreshed();
          if (standing !== undefined) return;
          if (this.#offers.answered(call, session, offerIn(response))) call.renewed(call.peerPath);
          else failed(488);
        },
        refused: (end) => failed(typeof end === "string" ? 408 : end.status),
      }),
    );
    if (inviting === undefined) failed(408);
  }

  /** Calls somebody at one place of his: see dial.ts. */
  dial(hosted: Hosted, to: Dialled, progress: (status: number) => void): ReturnType<typeof dial> {
    const began = (call: Call): void => this.#parts.began(call);
    const parts = {
      parts: this.#parts,
      offers: this.#offers,
      make: (draft: CallDraft) => this.#call(draft),
      began,
    };
    return dial(parts, hosted, to, progress);
  }

  /** A call that another process held: its peer is asked for a new session. */
  adopt(
    given: Pick<
      CallOptions,
      | "hosted"
      | "party"
      | "endpoint"
      | "since"
      | "seen"
      | "dialog"
      | "session"
      | "version"
      | "secure"
      | "timer"
    >,
    hint: Target | undefined,
  ): void {
    const call = this.#call({ ...given, hint, orphaned: true });
    this.#parts.began(call);
    call.store();
    call.refreshed();
    call.input({ kind: "timer", name: "again" });
  }
}

/** RFC 3261 §14.1: who owns the Call-ID waits longer; we never do, but for those whom we asked in. */
const glareMs = (chance: number): number => Math.round(chance * 200) * 10;

/** A room's secret may be given as the URI's password: `sip:room:1234@host`. */
function passwordIn(uri: string): string | undefined {
  const parsed = parseUri(uri);
  if (!parsed.ok || !isSip(parsed.value)) return undefined;
  const { password } = parsed.value;
  try {
    return password === undefined ? undefined : decodeURIComponent(password);
  } catch {
    return password; // A broken escape is taken as it stands.
  }
}
