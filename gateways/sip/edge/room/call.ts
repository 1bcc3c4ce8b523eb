// One participant's call: the INVITE dialog around his MSRP session (RFC 4579 §5, RFC 3261 §12-15, RFC 4028).
import type { Party } from "#bus-schemas/address.ts";
import type { LeaveCause, RoomEvent } from "#bus-schemas/events/room.ts";
import { leaveCauses } from "#bus-schemas/events/room.ts";
import { type RoomAnswer, type RoomDo, roomReasonText } from "#bus-schemas/events/room-command.ts";
import type { Typing } from "#bus-schemas/rooms/port.ts";
import type { RoomView } from "#bus-schemas/rooms/view.ts";
import { type Driver, drive } from "#bus-schemas/service/drive.ts";
import type { WheelTimer } from "#bus-schemas/service/wheel.ts";
import {
  type CallInput,
  type CallOutput,
  type CallState,
  newCall,
  orphanedCall,
  stepCall,
} from "../../session/call.ts";
import { type Dialog, dialogKey, requestIn } from "../../session/dialog.ts";
import type { Answer } from "../../session/respond.ts";
import { dueMs, type SessionTimer } from "../../session/session-timer.ts";
import { farewells, roomErrors } from "../../translate/room/errors.ts";
import { field } from "../../wire/print.ts";
import type { MsrpSession } from "../msrp/port.ts";
import type { Serving } from "../serving.ts";
import type { Target } from "../transport-types.ts";
import { familyOf } from "./contact.ts";
import type { Hosted, Member } from "./hosted.ts";
import { namesOf, type RoomParts } from "./parts.ts";
import { type CallRecord, recordKey } from "./records.ts";
import { type Letters, Seat } from "./seat.ts";

export interface CallOptions {
  readonly hosted: Hosted;
  readonly party: Party;
  readonly endpoint: string;
  readonly since: number;
  readonly seen: number;
  readonly dialog: Dialog;
  /** Where the peer's last request came from. */
  readonly hint: Target | undefined;
  readonly session: string;
  readonly version: number;
  readonly secure: boolean;
  readonly timer: SessionTimer;
  readonly password?: string | undefined;
  /** Another process held it. */
  readonly orphaned?: boolean;
  /** Told once, when nothing of it is needed any more. */
  readonly forget: (call: Call) => void;
  /** Asks for a new MSRP session, or only refreshes. */
  readonly reInvite: (call: Call) => void;
}

/** What is stored of how far he has read is at most so old, milliseconds: so much may come twice after a crash. */
const progressMs = 2_000;

export class Call implements Member {
  readonly endpoint: string;
  readonly party: Party;
  readonly hosted: Hosted;
  readonly seat: Seat;
  readonly secure: boolean;
  /** Of our o= line. */
  readonly session: string;
  key: string | undefined;
  dialog: Dialog;
  hint: Target | undefined;
  version: number;
  timer: SessionTimer;
  /** The INVITE that waits for our 200's ACK. */
  serving: Serving | undefined;
  /** Our 200 has an offer for this session: the ACK has the answer. */
  offered: MsrpSession | undefined;
  /** A re-INVITE of ours is under way. */
  asking = false;
  /** The peer's a=path for the session that stands. */
  peerPath: string | undefined;
  /** What the 200 says, once the room has taken him. */
  answer: (() => Answer) | undefined;
  readonly #parts: RoomParts;
  readonly #options: CallOptions;
  readonly #driver: Driver<CallState, CallInput>;
  #due: WheelTimer | undefined;
  #progress: WheelTimer | undefined;
  #cause: LeaveCause = "left";
  #refusal: Answer | undefined;
  #stored = false;

  constructor(parts: RoomParts, options: CallOptions) {
    this.#parts = parts;
    this.#options = options;
    const { hosted, party, endpoint, dialog, hint, version, timer } = options;
    this.endpoint = endpoint;
    this.party = party;
    this.hosted = hosted;
    this.dialog = dialog;
    this.hint = hint;
    this.version = version;
    this.timer = timer;
    this.secure = options.secure;
    this.session = options.session;
    this.seat = new Seat(parts, {
      names: namesOf(parts, hosted.room),
      party,
      endpoint,
      seen: options.seen,
      view: () => hosted.view,
      bound: () => this.input({ kind: "bound" }),
      lost: () => this.input({ kind: "lost" }),
      progress: () => this.#moved(),
    });
    this.#driver = drive<CallState, CallInput, CallOutput>({
      state: options.orphaned ? orphanedCall : newCall,
      step: stepCall,
      perform: (output) => this.#perform(output),
      wheel: parts.wheel,
      failed: (error) => {
        parts.log.error({ error }, "a call failed");
        this.#forget();
      },
    });
    hosted.members.set(endpoint, this);
  }

  get id(): string {
    return dialogKey(this.dialog.callId, this.dialog.localTag, this.dialog.remoteTag);
  }
  get ended(): boolean {
    return this.#driver.state.sip === "ended";
  }
  get family(): 4 | 6 {
    return familyOf(this.hint?.address ?? "");
  }
  input(input: CallInput): void {
    this.#driver.input(input);
  }

  /** The MSRP session, unless it is broken. */
  get standing(): MsrpSession | undefined {
    return this.seat.standing;
  }

  /** Another session has taken the place of the one before: the room gives him what he has missed. */
  renewed(peerPath: string | undefined): void {
    this.peerPath = peerPath;
    this.input({ kind: "renewed" });
    void this.join();
  }

  /** Asks the room to take him in, or back. The machine is told when the room's log says so, or when it refuses. */
  async join(): Promise<void> {
    const { clock, courier, log } = this.#parts;
    const { since, password } = this.#options;
    const { device, local, domain } = this.party;
    const endpoint = {
      id: this.endpoint,
      carrier: "sip",
      instance: courier.process,
      address: { local, domain, ...(device !== undefined && { device }) },
      state: "connected" as const,
      since: since === 0 ? clock.now() : since,
      contact: this.dialog.target.slice(0, 2048),
    };
    const answer = await this.#command({
      kind: "join",
      endpoint,
      mangle: true,
      ...(password !== undefined && { password }),
    });
    if (answer.ok) return;
    log.info({ reason: answer.reason }, "a room does not take somebody in");
    const { sip } = roomErrors[answer.reason];
    const phrase = phraseOf(answer.text ?? roomReasonText[answer.reason]);
    this.refuse({ status: sip, phrase });
  }

  /** The INVITE is answered so, and all is over. */
  refuse(answer: Answer): void {
    this.#refusal = answer;
    this.input({ kind: "refused", status: answer.status });
    // One who is in already and does not come in again has lost his place.
    if (!this.ended) this.expelled("lost");
  }

  entered(view: RoomView): void {
    this.input({ kind: "entered" });
    if (this.ended) return;
    this.seat.enter(view);
    // Where he begins to read is known from now on: whoever goes on with this call must not take him for a newcomer.
    this.store();
  }

  expelled(cause: string): void {
    this.#cause = leaveCauses.find((each) => each === cause) ?? "left";
    this.input({ kind: "expelled" });
  }

  tell(event: RoomEvent, view: RoomView, letters: Letters): void {
    if (!this.ended) this.seat.tell(event, view, letters);
  }

  typing(typing: Typing, view: RoomView): void {
    if (!this.ended) this.seat.typing(typing, view);
  }

  /** The session timer begins anew: something has refreshed the dialog (RFC 4028 §10). */
  refreshed(): void {
    this.#due?.cancel();
    if (this.ended) return;
    this.#due = this.#parts.wheel.after(dueMs(this.timer), () => {
      if (this.timer.refresher === "peer") this.input({ kind: "expired" });
      else {
        this.#options.reInvite(this);
        this.refreshed();
      }
    });
  }

  /** Its record is as it is now. */
  store(): void {
    if (this.ended) return;
    this.#stored = true;
    const { dialog, party, endpoint, secure, session, timer, version } = this;
    const record: CallRecord = {
      kind: "call",
      owner: this.#parts.courier.process,
      dialog: { ...dialog, routes: [...dialog.routes] },
      room: this.hosted.room,
      from: party,
      endpoint,
      since: this.#options.since,
      seen: this.seat.seen,
      session,
      version,
      secure,
      timer,
    };
    this.#parts.records.put(recordKey(this.id), record).catch((error: unknown) => {
      this.#parts.log.warn(
        { error: String(error) },
        "a call is not stored: it would not outlive this process",
      );
    });
  }

  #moved(): void {
    if (this.#progress !== undefined || !this.#stored) return;
    this.#progress = this.#parts.wheel.after(progressMs, () => {
      this.#progress = undefined;
      this.store();
    });
  }

  #perform(output: Exclude<CallOutput, { do: "start-timer" | "stop-timer" }>): void {
    switch (output.do) {
      case "answer":
        return this.#answer();
      case "refuse":
        this.serving?.answer(this.#refusal ?? { status: output.status });
        return;
      case "leave":
        this.#tellRoom({ kind: "leave", endpoint: this.endpoint });
        return;
      case "disconnected":
        this.#tellRoom({ kind: "disconnected", endpoint: this.endpoint });
        return;
      case "re-invite":
        return this.#options.reInvite(this);
      case "bye":
        return this.#bye();
      case "close-msrp":
        return this.seat.close();
      case "forget":
        return this.#forget();
    }
  }

  #answer(): void {
    const answer = this.answer?.();
    if (answer === undefined || !this.serving?.answer(answer)) return this.input({ kind: "bye" });
    this.refreshed();
  }

  #bye(): void {
    const { cause, text } = farewells[this.#cause];
    const within = requestIn(this.dialog, "BYE");
    this.dialog = within.dialog;
    const reason = field("reason", `SIP;cause=${cause};text="${text}"`);
    void this.#parts.ways.request("BYE", within, this.hint, [reason]);
  }

  #tellRoom(what: RoomDo): void {
    void this.#command(what).then((answer) => {
      if (!answer.ok && answer.reason !== "not-joined")
        this.#parts.log.warn({ reason: answer.reason, what: what.kind }, "a room did not take notice");
    });
  }

  #command(what: RoomDo): Promise<RoomAnswer> {
    const draft = { room: this.hosted.room, from: this.party, do: what };
    return this.#parts.rooms.command(draft).catch((error: unknown) => {
      this.#parts.log.warn({ error: String(error) }, "a room cannot be asked");
      return { ok: false, reason: "unreachable" };
    });
  }

  #forget(): void {
    this.#due?.cancel();
    this.#progress?.cancel();
    this.hosted.members.delete(this.endpoint);
    if (this.#stored)
      this.#parts.records.remove(recordKey(this.id)).catch((error: unknown) => {
        this.#parts.log.warn({ error: String(error) }, "a call that is over stays stored");
      });
    this.#options.forget(this);
  }

  /** The process ends: another one goes on with it. */
  suspend(): void {
    this.store();
    this.#driver.stop();
    this.#due?.cancel();
    this.#progress?.cancel();
    this.seat.close();
  }
}

/** A refusal's words as a reason phrase. */
const phraseOf = (text: string): string => text.replace(/[\x00-\x1f\x7f]+/g, " ").slice(0, 100);
