// One of our people at a focus elsewhere: his INVITE dialog and his MSRP session (RFC 4579 §5.1, RFC 7701 §5-7, RFC 7702 §6.1).
import type { Address } from "#bus-schemas/address.ts";
import { type Driver, drive } from "#bus-schemas/service/drive.ts";
import { askedDialog, type Dialog, received, recordRoutes, requestIn } from "../../session/dialog.ts";
import type { Answer } from "../../session/respond.ts";
import {
  newVisit,
  stepVisit,
  type VisitInput,
  type VisitOutput,
  type VisitState,
} from "../../session/visit.ts";
import { answerOf, type OwnMedia, offerOf, pickMedia, setupFor } from "../../translate/room/media.ts";
import type { Field, SipRequest, SipResponse } from "../../wire/message.ts";
import { field } from "../../wire/print.ts";
import type { MessageMedia } from "../../wire/sdp/message-media.ts";
import { parseSdp } from "../../wire/sdp/sdp.ts";
import type { MsrpEnd, MsrpMessage, MsrpOutgoing, MsrpReport, MsrpSession } from "../msrp/port.ts";
import { familyOf } from "../room/contact.ts";
import { word } from "../room/way.ts";
import type { Inviting } from "../serving.ts";
import type { Source, Target } from "../transport-types.ts";
import type { InDialog, LegParts, LegPlace } from "./parts.ts";

/** What a guest at a focus answers to requests of it. */
export const guestAllow = field("allow", "INVITE, ACK, BYE, CANCEL, OPTIONS, NOTIFY");
/** How long a BYE may come after the end of its session, milliseconds; then he calls again. */
const lostMs = 500;
const sdpType = field("content-type", "application/sdp");

export interface VisitOptions {
  readonly place: LegPlace;
  /** The participant's key in our room. */
  readonly key: string;
  readonly address: Address;
  /** His URI on SIP. */
  readonly face: string;
  readonly nick: string;
  readonly on: {
    in(visit: Visit, first: boolean): void;
    /** He is there no more, for now or for good. */
    absent(visit: Visit): void;
    renicked(visit: Visit, nick: string | undefined): void;
    failed(visit: Visit, status: number, later: boolean): void;
    removed(visit: Visit, reason: string | undefined): void;
    message(visit: Visit, message: MsrpMessage): void;
    report(visit: Visit, report: MsrpReport): void;
    /** Its dialog or its nick is another one now, or none. */
    changed(): void;
  };
}

export class Visit implements InDialog {
  readonly key: string;
  readonly address: Address;
  readonly face: string;
  /** Of our Contact: what the focus may show of him. */
  contact: string | undefined;
  /** The dialog, once the focus has accepted. */
  dialog: Dialog | undefined;
  hint: Target | undefined;
  readonly #parts: LegParts;
  readonly #options: VisitOptions;
  readonly #driver: Driver<VisitState, VisitInput>;
  #calling: { readonly callId: string; readonly localTag: string } | undefined;
  /** By which requests of the focus find him. */
  #key: string | undefined;
  #inviting: Inviting | undefined;
  #session: MsrpSession | undefined;
  #media: MessageMedia | undefined;
  #version = 0;
  #removedFor: string | undefined;
  #waiters: (() => void)[] = [];

  constructor(parts: LegParts, options: VisitOptions) {
    this.#parts = parts;
    this.#options = options;
    this.key = options.key;
    this.address = options.address;
    this.face = options.face;
    this.#driver = drive<VisitState, VisitInput, VisitOutput>({
      state: newVisit(options.nick),
      step: stepVisit,
      perform: (output) => this.#perform(output),
      wheel: parts.wheel,
      failed: (error) => parts.log.error({ error: String(error) }, "a visit to a conference failed"),
    });
  }

  get phase(): VisitState["phase"] {
    return this.#driver.state.phase;
  }
  /** The nick that he has there. */
  get nick(): string | undefined {
    return this.#driver.state.nick;
  }
  /** The most that the focus takes in one message, bytes. */
  get maxSize(): number {
    return this.#media?.maxSize ?? Number.POSITIVE_INFINITY;
  }

  input(input: VisitInput): void {
    this.#driver.input(input);
    if (["in", "out", "waiting"].includes(this.phase)) for (const go of this.#waiters.splice(0)) go();
  }

  /** Resolves when it is settled whether he is in, or after `ms`. */
  async settled(ms: number): Promise<void> {
    if (["in", "out", "waiting"].includes(this.phase)) return;
    await Promise.race([
      new Promise<void>((go) => this.#waiters.push(go)),
      new Promise<void>((go) => void this.#parts.wheel.after(ms, go)),
    ]);
  }

  /** Says it in his session; status 0, nothing written, where he has none. */
  async send(message: MsrpOutgoing): Promise<MsrpEnd> {
    const session = this.#session;
    if (session === undefined) return { status: 0, written: false };
    const end = await session.send(message);
    if (end.status === 481 && this.#session === session) this.input({ kind: "lost" });
    return end;
  }

  /** Ends the machine, leaving first. */
  stop(): void {
    this.input({ kind: "leave" });
    this.#driver.stop();
  }

  /** A request of the focus inside the call. */
  request(request: SipRequest, source: Source): Answer {
    const { dialog } = this;
    const after = dialog && received(dialog, request);
    if (after === undefined) return { status: 481 };
    if (after === false) return { status: 500, fields: [field("retry-after", "1")] };
    this.dialog = after;
    this.hint = source;
    switch (request.method) {
      case "BYE":
        this.#removedFor = /text="([^"]{0,200})"/.exec(request.first("reason") ?? "")?.[1];
        this.dialog = undefined;
        this.input({ kind: "bye" });
        return { status: 200 };
      case "OPTIONS":
        return { status: 200, fields: [this.#contact(source), guestAllow] };
      default:
        return { status: 405, fields: [guestAllow] };
    }
  }

  /** A re-INVITE of the focus: a refresh, or another session (RFC 3261 §14.2). */
  reInvite(request: SipRequest, source: Source): Answer {
    const { dialog } = this;
    const after = dialog && received(dialog, request);
    if (after === undefined) return { status: 481 };
    if (after === false) return { status: 500, fields: [field("retry-after", "1")] };
    const fields = [...recordRoutes(request), this.#contact(source), guestAllow, sdpType];
    const sdp = parseSdp(request.body);
    const picked = sdp.ok ? pickMedia(sdp.value, this.#secure) : undefined;
    const standing = this.#session;
    if (!sdp.ok || !picked?.ok || standing === undefined) return { status: 488 };
    this.dialog = after;
    this.hint = source;
    this.#options.on.changed();
    const { media } = picked.value;
    if (media.path.join(" ") === this.#media?.path.join(" ") && standing.state !== "closed")
      return { status: 200, fields, body: answerOf(sdp.value, picked.value, this.#own(standing)) };
    const session = this.#open(familyOf(source.address));
    this.#media = media;
    this.#version += 1;
    if (setupFor(media) === "passive") session.accept(media.path, { fingerprints: media.fingerprints });
    else void this.#connect(session, media).catch(() => session.close());
    return { status: 200, fields, body: answerOf(sdp.value, picked.value, this.#own(session)) };
  }

  #perform(output: Exclude<VisitOutput, { do: "start-timer" | "stop-timer" }>): void {
    const { on } = this.#options;
    switch (output.do) {
      case "invite":
        return void this.#invite().catch((error: unknown) => {
          this.#parts.log.warn({ error: String(error) }, "a conference elsewhere cannot be called");
          this.input({ kind: "refused", status: 500 });
        });
      case "bind":
        return this.#bind();
      case "name":
        return this.#name(output.nick);
      case "bye":
        return this.#bye();
      case "close":
        return this.#close();
      case "in":
        return on.in(this, output.first);
      case "absent":
        return on.absent(this);
      case "renicked":
        return on.renicked(this, output.nick);
      case "failed":
        return on.failed(this, output.status, output.later);
      case "removed":
        return on.removed(this, this.#removedFor);
    }
  }

  async #invite(): Promise<void> {
    const { ways } = this.#parts;
    const { place, face, nick } = this.#options;
    const calling = { callId: `${word()}@parley`, localTag: word() };
    this.#calling = calling;
    this.#key = `${calling.callId} ${calling.localTag}`;
    this.#parts.dialogs.set(this.#key, this);
    const dialog: Dialog = {
      ...{ ...calling, remoteTag: "", localCseq: 0, routes: [], target: place.uri },
      local: `${quoted(nick)} <${face}>`,
      remote: `<${place.uri}>`,
    };
    const within = requestIn(dialog, "INVITE");
    const [target] = await ways.targets(within.nextHop, undefined);
    if (this.#calling !== calling) return; // He has left meanwhile.
    if (target === undefined) return this.input({ kind: "refused", status: 404 });
    const session = this.#open(familyOf(target.address));
    const contact = this.#contact(target);
    this.contact = /<([^>]*)>/.exec(contact.value)?.[1];
    const fields = [contact, guestAllow, field("accept", "application/sdp"), sdpType];
    const inviting = await ways.invite(
      within,
      undefined,
      fields,
      offerOf(this.#own(session), this.#secure, "active"),
      (request, way) => ({
        accepted: (response) => this.#accepted(calling, request, response, way),
        refused: (end) => {
          if (this.#calling === calling)
            this.input({ kind: "refused", status: typeof end === "string" ? 408 : end.status });
        },
      }),
    );
    if (this.#calling !== calling) inviting?.cancel();
    else if (inviting === undefined) this.input({ kind: "refused", status: 404 });
    else this.#inviting = inviting;
  }

  // Each 2xx is acknowledged, also one that comes again; one that nobody waits for any more is ended (RFC 3261 §13.2.2.4).
  #accepted(calling: object, request: SipRequest, response: SipResponse, way: Target): void {
    const { ways } = this.#parts;
    const made = askedDialog(request, response);
    if (!made.ok) return this.input({ kind: "refused", status: 500 });
    void ways.acknowledge(made.value, made.value.localCseq, way);
    if (this.dialog?.callId === made.value.callId && this.dialog.remoteTag === made.value.remoteTag) return;
    if (this.#calling !== calling || this.dialog !== undefined) {
      void ways.request("BYE", requestIn(made.value, "BYE"), way, []);
      return;
    }
    this.dialog = made.value;
    this.hint = way;
    this.#options.on.changed();
    const sdp = parseSdp(response.body);
    const picked = sdp.ok ? pickMedia(sdp.value, this.#secure) : undefined;
    const media = picked?.ok ? picked.value.media : undefined;
    // Without isfocus and without a chat room it is some device, and no conference.
    const isFocus = media?.chatroom !== undefined || /;\s*isfocus/i.test(response.first("contact") ?? "");
    if (media === undefined || !isFocus) {
      this.#bye();
      return this.input({ kind: "refused", status: 488 });
    }
    this.#media = media;
    this.input({ kind: "accepted", names: media.chatroom?.includes("nickname") === true });
  }

  #bind(): void {
    const session = this.#session;
    const media = this.#media;
    if (session === undefined || media === undefined) return this.input({ kind: "unbound" });
    this.#connect(session, media).then(
      () => {
        if (this.#session === session) this.input({ kind: "bound" });
      },
      (error: unknown) => {
        this.#parts.log.info({ error: String(error) }, "no MSRP session with a conference elsewhere");
        if (this.#session === session) this.input({ kind: "unbound" });
      },
    );
  }

  #connect(session: MsrpSession, { path, fingerprints }: MessageMedia): Promise<void> {
    return session.connect(path, ...(fingerprints.length === 0 ? [] : [{ fingerprints }]));
  }

  #name(nick: string): void {
    const session = this.#session;
    if (session === undefined) return this.input({ kind: "named", status: 0 });
    void session.nickname(nick).then(({ status }) => {
      if (this.#session !== session) return;
      this.input({ kind: "named", status });
      this.#options.on.changed();
    });
  }

  #bye(): void {
    const { dialog } = this;
    this.#hungUp();
    this.#inviting?.cancel();
    this.#inviting = undefined;
    this.dialog = undefined;
    this.#options.on.changed();
    if (dialog !== undefined) void this.#parts.ways.request("BYE", requestIn(dialog, "BYE"), this.hint, []);
  }

  #close(): void {
    const session = this.#session;
    this.#session = undefined;
    this.#media = undefined;
    this.#hungUp();
    session?.close();
    this.#options.on.changed();
  }

  #hungUp(): void {
    this.#calling = undefined;
    if (this.#key !== undefined) this.#parts.dialogs.delete(this.#key);
    this.#key = undefined;
  }

  #open(family: 4 | 6): MsrpSession {
    const { msrp, config } = this.#parts;
    const { on } = this.#options;
    const before = this.#session;
    const session = msrp.expect(
      {
        scheme: this.#secure ? "msrps" : "msrp",
        family,
        acceptTypes: ["message/cpim"],
        maxSize: config.msrp.maxSize,
      },
      {
        message: (message) => on.message(this, message),
        report: (report) => on.report(this, report),
        // A focus that sends him away may close the session before its BYE comes.
        closed: () =>
          void this.#parts.wheel.after(lostMs, () => {
            if (this.#session === session) this.input({ kind: "lost" });
          }),
      },
    );
    this.#session = session;
    before?.close();
    return session;
  }

  // Without TLS where we have a choice: the focus says in its answer whether it wants it, and that would be another offer.
  get #secure(): boolean {
    return !this.#parts.msrp.listening.some(({ scheme }) => scheme === "msrp");
  }

  #own(session: MsrpSession): OwnMedia {
    const { msrp, config } = this.#parts;
    return {
      path: session.localPath,
      fingerprint: msrp.fingerprint,
      maxSize: config.msrp.maxSize,
      session: "1",
      version: this.#version,
    };
  }

  #contact({ transport, address }: Pick<Source, "transport" | "address">): Field {
    return guestContact(this.face, this.#parts.contactHost(transport, familyOf(address)), transport);
  }
}

/** The Contact of one of ours: his name there, this process behind it. */
export function guestContact(face: string, host: string, transport: string): Field {
  const user = /^sip:(.+)@[^@]*$/.exec(face)?.[1] ?? "guest";
  return field("contact", `<sip:${user}@${host}${transport === "tcp" ? ";transport=tcp" : ""}>`);
}

const quoted = (name: string): string =>
  `"${name.replace(/[\x00-\x1f\x7f]+/g, " ").replace(/["\\]/g, "\\$&")}"`;
