// INVITE, both ways: into a room, again inside a call, and out of a room to somebody who is asked in (RFC 4579 §5.1-5.3, RFC 3261 §13-14).
import type { Address, Party } from "#bus-schemas/address.ts";
import { token } from "#bus-schemas/subject.ts";
import {
  answeredDialog,
  askedDialog,
  type Dialog,
  dialogKey,
  received,
  recordRoutes,
  requestIn,
} from "../../session/dialog.ts";
import type { Answer } from "../../session/respond.ts";
import { agreedTimer, answerTimer, askTimer } from "../../session/session-timer.ts";
import { uriText } from "../../translate/address.ts";
import {
  answerOf,
  type OwnMedia,
  offerOf,
  type Picked,
  pickMedia,
  setupFor,
} from "../../translate/room/media.ts";
import { roomUri } from "../../translate/room/names.ts";
import { parseMediaType } from "../../wire/media-type.ts";
import type { Field, SipRequest, SipResponse } from "../../wire/message.ts";
import { field } from "../../wire/print.ts";
import { parseSdp, type Sdp } from "../../wire/sdp/sdp.ts";
import { isSip, parseUri } from "../../wire/uri.ts";
import type { MsrpSession } from "../msrp/port.ts";
import type { InviteHandlers, Inviting, Serving } from "../serving.ts";
import type { Source, Target } from "../transport-types.ts";
import { Call, type CallOptions } from "./call.ts";
import { familyOf, focusContact } from "./contact.ts";
import type { Hosted } from "./hosted.ts";
import { namesOf, type RoomParts } from "./parts.ts";
import { word } from "./way.ts";

export const focusAllow = "INVITE, ACK, BYE, CANCEL, OPTIONS, SUBSCRIBE, REFER, MESSAGE";
const sdpType = field("content-type", "application/sdp");

/** Fields of every answer and request of a focus inside a call. */
export const focusFields = (contact: Field): Field[] => [
  contact,
  field("allow", focusAllow),
  field("supported", "timer, norefersub"),
  field("allow-events", "conference"),
];

export interface DoorParts extends RoomParts {
  /** The room, followed; rejects when it cannot be. */
  readonly hosted: (room: Address) => Promise<Hosted>;
  readonly began: (call: Call) => void;
  readonly ended: (call: Call) => void;
}

/** What a body offers: nothing, a description, or something that we do not read. */
type Offer = Sdp | "none" | Answer;

function offerIn(message: SipRequest | SipResponse): Offer {
  if (message.body.length === 0) return "none";
  const type = parseMediaType(message.first("content-type") ?? "")?.type;
  if (type !== "application/sdp") return { status: 415, fields: [field("accept", "application/sdp")] };
  const sdp = parseSdp(message.body);
  return sdp.ok ? sdp.value : { status: 400, phrase: sdp.error };
}

const isAnswer = (offer: Offer): offer is Answer => typeof offer === "object" && "status" in offer;
const notAcceptable = (why: string): Answer => ({
  status: 488,
  fields: [field("warning", `399 parley "${why}"`)],
});

export class Door {
  readonly #parts: DoorParts;

  constructor(parts: DoorParts) {
    this.#parts = parts;
  }

  get #secure(): boolean {
    return this.#parts.msrp.listening.some(({ scheme }) => scheme === "msrps");
  }

  #own(session: MsrpSession, call: { session: string; version: number }): OwnMedia {
    const { config, msrp } = this.#parts;
    return {
      path: session.localPath,
      fingerprint: msrp.fingerprint,
      maxSize: config.msrp.maxSize,
      session: call.session,
      version: call.version,
    };
  }

  #contact(room: Address, target: Target): Field {
    const { transport, address } = target;
    return focusContact(room, this.#parts.contactHost(transport, familyOf(address)), transport);
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
    const picked = offer === "none" ? undefined : pickMedia(offer, this.#secure);
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
    const session = call.seat.open(call.secure, familyOf(source.address));
    call.peerPath = picked?.value.media.path.join(" ");
    if (picked === undefined) call.offered = session;
    this.#meet(session, picked?.value);
    call.answer = () => ({
      status: 200,
      tag,
      fields: [
        ...recordRoutes(request),
        ...focusFields(this.#contact(room, source)),
        ...timer.fields,
        sdpType,
      ],
      body:
        offer === "none" || picked === undefined
          ? offerOf(this.#own(session, call), call.secure)
          : answerOf(offer, picked.value, this.#own(session, call)),
    });
    serving.onCancel = () => call.input({ kind: "cancel" });
    serving.onUnacknowledged = () => call.input({ kind: "no-ack" });
    await call.join();
    return undefined;
  }

  #call(
    given: Omit<CallOptions, "since" | "session" | "version" | "forget" | "reInvite"> & Partial<CallOptions>,
  ): Call {
    const call: Call = new Call(this.#parts, {
      since: this.#parts.clock.now(),
      session: String(this.#parts.clock.now()),
      version: 1,
      ...given,
      forget: (gone) => this.#parts.ended(gone),
      reInvite: (which) => void this.#reInvite(which),
    });
    return call;
  }

  // The peer connects, or says that we should. That it cannot be reached shows in the session's end.
  #meet(session: MsrpSession, picked: Picked | undefined): void {
    if (picked === undefined) return;
    const { media } = picked;
    if (setupFor(media) === "passive") session.accept(media.path);
    else this.#connect(session, media.path, media.fingerprints);
  }

  #connect(session: MsrpSession, path: readonly string[], fingerprints: readonly string[]): void {
    const tls = fingerprints.length === 0 ? [] : [{ fingerprints }];
    session.connect(path, ...tls).catch((error: unknown) => {
      this.#parts.log.debug({ error: String(error) }, "no MSRP connection to a peer");
      session.close();
    });
  }

  /** The ACK of a 2xx; with an answer, if the 2xx had an offer. */
  acknowledged(call: Call, request: SipRequest): void {
    call.serving?.acknowledged();
    call.serving = undefined;
    const offer = call.offered;
    call.offered = undefined;
    if (offer !== undefined) this.#answered(call, offer, offerIn(request));
    call.input({ kind: "ack" });
  }

  // The answer to an offer of ours: who connects is said by its setup.
  #answered(call: Call, session: MsrpSession, answer: Offer): boolean {
    const picked = answer === "none" || isAnswer(answer) ? undefined : pickMedia(answer, this.#secure);
    if (!picked?.ok) {
      session.close();
      return false;
    }
    const { path, fingerprints, setup } = picked.value.media;
    call.peerPath = path.join(" ");
    // Who answers `passive`, or nothing as before RFC 6135, waits for the one who has offered.
    if (setup === "active") session.accept(path);
    else this.#connect(session, path, fingerprints);
    return true;
  }

  /** A re-INVITE of the peer: a refresh, or a new session. */
  async again(call: Call, request: SipRequest, source: Source, serving: Serving): Promise<void> {
    const answer = this.#again(call, request, source);
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
    const picked = offer === "none" ? undefined : pickMedia(offer, this.#secure);
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
        ...focusFields(this.#contact(room, source)),
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
    const own = this.#own(session, call);
    if (!same) {
      call.renewed(path);
      this.#meet(session, picked);
    }
    if (offer === "none" || picked === undefined) {
      if (!same) call.offered = session;
      return offerOf(own, call.secure);
    }
    return answerOf(offer, picked, own);
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
      ...focusFields(this.#contact(call.hosted.room, hint ?? nowhere)),
      ...askTimer(config.rooms.sessionExpires / 1000).filter(({ key }) => key !== "supported"),
      sdpType,
    ];
    const failed = (status: number): void => {
      call.asking = false;
      if (standing === undefined) session.close();
      if (status === 491) wheel.after(glareMs(this.#parts.chance()), () => void this.#reInvite(call));
      else call.input({ kind: "not-renewed", status });
    };
    const inviting = await ways.invite(
      within,
      hint,
      fields,
      offerOf(this.#own(session, call), call.secure),
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
          if (this.#answered(call, session, offerIn(response))) call.renewed(call.peerPath);
          else failed(488);
        },
        refused: (end) => failed(typeof end === "string" ? 408 : end.status),
      }),
    );
    if (inviting === undefined) failed(408);
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

  /**
   * Asks somebody in, at one place of his (RFC 4579 §5.5). Resolves with the final status: 200 when he has answered and enters.
   * `progress` is told provisional ones. The returned function gives up.
   */
  dial(
    hosted: Hosted,
    to: Dialled,
    progress: (status: number) => void,
  ): { ended: Promise<number>; cancel: () => void } {
    const [callId, tag] = [`${word()}@parley`, word()];
    const { room } = hosted;
    const names = namesOf(this.#parts, room);
    const dialog: Dialog = {
      ...{ callId, localTag: tag, remoteTag: "", localCseq: 0, routes: to.routes, target: to.contact },
      local: `<${roomUri(names)}>`,
      remote: `<${uriText(names.faceOn(to.party), names) ?? to.contact}>`,
    };
    const id = token(dialogKey(callId, tag, ""));
    const seconds = this.#parts.config.rooms.sessionExpires / 1000;
    const call = this.#call({
      hosted,
      party: { ...to.party, device: id },
      endpoint: `sip:${id}`,
      seen: 0,
      dialog,
      hint: to.hint,
      secure: false,
      timer: { seconds, refresher: "us" },
    });
    const session = call.seat.open(false, call.family);
    const within = requestIn(dialog, "INVITE");
    const fields = [
      ...focusFields(this.#contact(room, to.hint ?? nowhere)),
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
          void this.#parts.ways.acknowledge(made.value, 1, target);
          if (call.dialog.remoteTag !== "" && call.dialog.remoteTag === made.value.remoteTag) return;
          // Another phone of his, or one that answers after we gave up: it is let go at once (RFC 3261 §13.2.2.4).
          if (call.dialog.remoteTag !== "" || call.ended || given) {
            void this.#parts.ways.request("BYE", requestIn(made.value, "BYE"), target, []);
            return failed(487);
          }
          call.dialog = made.value;
          call.hint = target;
          call.timer = agreedTimer(response, seconds);
          this.#parts.began(call);
          call.input({ kind: "accepted" });
          if (!this.#answered(call, session, offerIn(response))) {
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
      this.#parts.ways
        .invite(within, to.hint, fields, offerOf(this.#own(session, call), false), handlers)
        .then(
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

const nowhere: Target = { transport: "udp", address: "", port: 5060 };

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
