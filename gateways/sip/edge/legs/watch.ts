// The subscription to the roster of a conference elsewhere, by whoever of ours reads there (RFC 4575 §4, RFC 6665 §4.1).
import type { WheelTimer } from "#bus-schemas/service/wheel.ts";
import { askedDialog, type Dialog, received, requestIn } from "../../session/dialog.ts";
import { anewRoster, emptyRoster, type FocusRoster, takeInfo } from "../../session/focus-roster.ts";
import type { Answer } from "../../session/respond.ts";
import { parseConferenceInfo } from "../../wire/conference-info.ts";
import type { SipRequest } from "../../wire/message.ts";
import { field } from "../../wire/print.ts";
import { familyOf } from "../room/contact.ts";
import { word } from "../room/way.ts";
import type { Source, Target } from "../transport-types.ts";
import type { InDialog, LegParts, LegPlace } from "./parts.ts";
import { guestContact } from "./visit.ts";

export const watchLimits = {
  /** What is asked for, seconds. */
  expires: 3_600,
  /** Before another try, milliseconds. */
  againMs: 5_000,
} as const;

const infoType = "application/conference-info+xml";
/** Final responses after which nobody asks again: this focus shows no roster, or not to him. */
const final: ReadonlySet<number> = new Set([403, 405, 489, 501, 603]);

export interface WatchOptions {
  readonly place: LegPlace;
  /** The URI of the one who watches. */
  readonly face: string;
  /** A new picture of who is there. */
  readonly changed: (roster: FocusRoster) => void;
  /** The conference is no more. */
  readonly over: () => void;
}

export class Watch implements InDialog {
  readonly #parts: LegParts;
  readonly #options: WatchOptions;
  #roster: FocusRoster = emptyRoster;
  /** By which its NOTIFYs find it. */
  #key = "";
  #dialog: Dialog;
  #isConfirmed = false;
  #hint: Target | undefined;
  #timer: WheelTimer | undefined;
  #isStopped = false;

  constructor(parts: LegParts, options: WatchOptions) {
    this.#parts = parts;
    this.#options = options;
    this.#dialog = this.#newDialog();
  }

  /** Subscribes, or does so again: answered by everything. */
  async subscribe(expires: number = watchLimits.expires): Promise<void> {
    const { ways, log } = this.#parts;
    const dialog = this.#dialog;
    const within = requestIn(dialog, "SUBSCRIBE");
    this.#dialog = within.dialog;
    const [target] = await ways.targets(within.nextHop, this.#hint);
    const said =
      target === undefined
        ? { status: 503, response: undefined, target: undefined }
        : await ways.request("SUBSCRIBE", within, this.#hint, [
            this.#contact(target),
            field("event", "conference"),
            field("accept", infoType),
            field("expires", String(expires)),
          ]);
    if (this.#isStopped || this.#dialog.callId !== dialog.callId) return;
    const { response, status } = said;
    if (response !== undefined && status >= 200 && status < 300) {
      this.#confirm(within, response, said.target);
      const given = Number(/^\d{1,9}/.exec(response.first("expires") ?? "")?.[0] ?? expires);
      // A NOTIFY, or a refresh in good time.
      this.#again(Math.max(given * 800, watchLimits.againMs));
      return;
    }
    log.info({ leg: this.#options.place.leg, status }, "the roster of a conference elsewhere cannot be had");
    if (!final.has(status)) this.#anew(watchLimits.againMs);
  }

  #confirm(
    within: ReturnType<typeof requestIn>,
    response: NonNullable<Awaited<ReturnType<LegParts["ways"]["request"]>>["response"]>,
    target: Target | undefined,
  ): void {
    this.#hint = target;
    if (this.#isConfirmed) return;
    const request = this.#parts.ways.build("SUBSCRIBE", within, target ?? nowhere, []);
    const made = askedDialog(request, response);
    if (!made.ok) return;
    this.#isConfirmed = true;
    this.#dialog = { ...made.value, localCseq: this.#dialog.localCseq, remoteCseq: this.#dialog.remoteCseq };
  }

  /** A NOTIFY of it; it may come before the SUBSCRIBE is answered. */
  request(request: SipRequest, source: Source): Answer {
    if (request.method !== "NOTIFY") return { status: 405, fields: [field("allow", "NOTIFY")] };
    const after = received(this.#dialog, request);
    if (after === false) return { status: 500, fields: [field("retry-after", "1")] };
    this.#dialog = this.#isConfirmed ? after : { ...this.#dialog, remoteCseq: after.remoteCseq };
    if (this.#isConfirmed) this.#hint = source;
    if (request.body.length > 0) {
      const type = request.first("content-type")?.split(";")[0]?.trim().toLowerCase();
      const info = type === infoType ? parseConferenceInfo(request.body) : undefined;
      if (info?.ok !== true) return { status: info === undefined ? 415 : 400 };
      const [roster, taken] = takeInfo(this.#roster, info.value);
      this.#roster = roster;
      if (taken === "applied") this.#options.changed(roster);
      else if (taken === "over") this.#parts.wheel.after(0, this.#options.over);
      else if (taken === "gap") {
        this.#roster = anewRoster(roster);
        this.#again(0);
      }
    }
    const state = (request.first("subscription-state") ?? "active").toLowerCase();
    if (state.startsWith("terminated")) this.#terminated(state);
    return { status: 200 };
  }

  // RFC 6665 §4.1.3: what its end means for another try.
  #terminated(state: string): void {
    const reason = /;\s*reason\s*=\s*([a-z]+)/.exec(state)?.[1];
    if (reason === "rejected" || reason === "noresource" || reason === "invariant") return this.#stop();
    this.#anew(reason === "deactivated" || reason === "timeout" ? 0 : watchLimits.againMs);
  }

  #anew(delayMs: number): void {
    if (this.#isStopped) return;
    this.#dialog = this.#newDialog();
    this.#isConfirmed = false;
    this.#roster = anewRoster(this.#roster);
    this.#again(delayMs);
  }

  #again(delayMs: number): void {
    this.#timer?.cancel();
    if (this.#isStopped) return;
    this.#timer = this.#parts.wheel.after(delayMs, () => {
      this.subscribe().catch((error: unknown) => {
        this.#parts.log.warn({ error: String(error) }, "a roster cannot be subscribed to");
        this.#anew(watchLimits.againMs);
      });
    });
  }

  #stop(): void {
    this.#isStopped = true;
    this.#parts.dialogs.delete(this.#key);
    this.#timer?.cancel();
  }

  /** Watches no longer. */
  stop(): void {
    if (this.#isStopped) return;
    this.#stop();
    if (!this.#isConfirmed) return;
    const fields = [
      this.#contact(this.#hint ?? nowhere),
      field("event", "conference"),
      field("expires", "0"),
    ];
    void this.#parts.ways.request("SUBSCRIBE", requestIn(this.#dialog, "SUBSCRIBE"), this.#hint, fields);
  }

  #newDialog(): Dialog {
    const { place, face } = this.#options;
    const { dialogs } = this.#parts;
    dialogs.delete(this.#key);
    const [callId, localTag] = [`${word()}@parley`, word()];
    this.#key = `${callId} ${localTag}`;
    dialogs.set(this.#key, this);
    return {
      ...{ callId, localTag, remoteTag: "", localCseq: 0, routes: [] },
      ...{ local: `<${face}>`, remote: `<${place.uri}>`, target: place.uri },
    };
  }

  #contact({ transport, address }: Target): ReturnType<typeof guestContact> {
    const host = this.#parts.contactHost(transport, familyOf(address));
    return guestContact(this.#options.face, host, transport);
  }
}

const nowhere: Target = { transport: "udp", address: "", port: 5060 };
