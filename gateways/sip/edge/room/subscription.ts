// One subscription to a room's roster: its dialog, its numbers, its NOTIFYs (RFC 4575, RFC 6665 §4.2; take-over: EDGES §6).
import { bareKey, type Party } from "#bus-schemas/address.ts";
import type { RoomEvent } from "#bus-schemas/events/room.ts";
import type { RoomView } from "#bus-schemas/rooms/view.ts";
import { type Driver, drive } from "#bus-schemas/service/drive.ts";
import { type Dialog, dialogKey, requestIn } from "../../session/dialog.ts";
import {
  type EndReason,
  type News,
  type NotifierInput,
  type NotifierOutput,
  type NotifierState,
  newNotifier,
  stepNotifier,
} from "../../session/notifier.ts";
import {
  conferenceInfoType,
  deletedInfo,
  effectOf,
  fullInfo,
  type InfoView,
  partialInfo,
} from "../../translate/room/conference-info.ts";
import { shownUri, type Viewer } from "../../translate/room/names.ts";
import { type Field, noBody } from "../../wire/message.ts";
import { field } from "../../wire/print.ts";
import type { Target } from "../transport-types.ts";
import type { Hosted, Watcher } from "./hosted.ts";
import { namesOf, type RoomParts } from "./parts.ts";
import { recordKey, type SubscriptionRecord } from "./records.ts";

export interface SubscriptionOptions {
  readonly hosted: Hosted;
  readonly party: Party;
  readonly dialog: Dialog;
  readonly hint: Target | undefined;
  /** The Event field, with its id. */
  readonly event: string;
  /** The first number that may be used: of versions, and one more of CSeq. */
  readonly first: number;
  readonly contact: Field;
  readonly forget: (subscription: Subscription) => void;
}

/** So many numbers are reserved at once: what a process that died had used of them is never used again. */
const block = 1_000;

export class Subscription implements Watcher {
  readonly party: Party;
  readonly hosted: Hosted;
  dialog: Dialog;
  hint: Target | undefined;
  expiresAt = 0;
  readonly #parts: RoomParts;
  readonly #options: SubscriptionOptions;
  readonly #driver: Driver<NotifierState, NotifierInput>;
  #version: number;
  #reserved: number;
  #over = false;

  constructor(parts: RoomParts, options: SubscriptionOptions) {
    this.#parts = parts;
    this.#options = options;
    this.party = options.party;
    this.hosted = options.hosted;
    this.dialog = options.dialog;
    this.hint = options.hint;
    this.#version = options.first;
    this.#reserved = options.first;
    this.#driver = drive<NotifierState, NotifierInput, NotifierOutput>({
      state: newNotifier,
      step: stepNotifier(parts.config.rooms.notifyEvery),
      perform: (output) => this.#perform(output),
      wheel: parts.wheel,
      failed: (error) => {
        parts.log.error({ error }, "a subscription failed");
        this.#forget();
      },
    });
    options.hosted.watchers.add(this);
  }

  get id(): string {
    return dialogKey(this.dialog.callId, this.dialog.localTag, this.dialog.remoteTag);
  }

  /** Subscribed, or again: everything is told at once. */
  subscribed(expiresMs: number): void {
    this.expiresAt = this.#parts.clock.now() + expiresMs;
    this.#driver.input({ kind: "subscribed", expiresMs });
    if (expiresMs > 0 && this.#reserved > this.#options.first) this.#store();
  }

  end(reason: EndReason): void {
    this.#driver.input({ kind: "end", reason });
  }

  happened({ change }: RoomEvent, view: RoomView): void {
    const viewer = this.#viewer(view);
    const effect = effectOf(change, viewer.key);
    if (effect.is === "nothing") return;
    if (effect.is === "deleted") return this.end("noresource");
    const names = namesOf(this.#parts, this.hosted.room);
    const gone = effect.is === "part" ? (effect.gone ?? []) : [];
    this.#driver.input({
      kind: "happened",
      news: {
        full: effect.is === "full",
        users: new Set(effect.is === "part" ? effect.users : []),
        gone: new Map(gone.map(({ who, how }) => [shownUri(names, view, viewer, who), how])),
        description: effect.is === "part" && effect.description === true,
      },
    });
  }

  #viewer(view: RoomView): Viewer {
    // A participant's key is the bare key of one of his addresses; looked up, for this is asked at every event.
    const self = this.#parts.directory
      .linked(this.party)
      .map((address) => view.participants.get(bareKey(address)))
      .find((one) => one !== undefined);
    return { key: self?.key ?? "", moderator: self?.role === "moderator" };
  }

  #perform(output: Exclude<NotifierOutput, { do: "start-timer" | "stop-timer" }>): void {
    if (output.do === "forget") return this.#forget();
    void this.#notify(output.news, output.ending).then(
      (status) => this.#driver.input({ kind: "answered", status }),
      (error: unknown) => {
        this.#parts.log.warn({ error: String(error) }, "a NOTIFY could not be sent");
        this.#driver.input({ kind: "answered", status: 500 });
      },
    );
  }

  async #notify(news: News, ending: EndReason | undefined): Promise<number> {
    if (this.#version >= this.#reserved) await this.#reserve();
    const version = this.#version;
    this.#version += 1;
    const within = requestIn(this.dialog, "NOTIFY", version + 1);
    this.dialog = within.dialog;
    const left = Math.max(0, Math.round((this.expiresAt - this.#parts.clock.now()) / 1000));
    const state = ending === undefined ? `active;expires=${left}` : `terminated;reason=${ending}`;
    const body = this.#body(version, news, ending);
    const fields = [
      this.#options.contact,
      field("event", this.#options.event),
      field("subscription-state", state),
      ...(body === undefined ? [] : [field("content-type", conferenceInfoType)]),
    ];
    const said = await this.#parts.ways.request("NOTIFY", within, this.hint, fields, body ?? noBody);
    return said.status === 503 && said.response === undefined ? 408 : said.status;
  }

  #body(version: number, news: News, ending: EndReason | undefined): Buffer | undefined {
    const { view } = this.hosted;
    const names = namesOf(this.#parts, this.hosted.room);
    const info: InfoView = { names, view, viewer: this.#viewer(view), version };
    if (ending === "noresource") return deletedInfo(info);
    if (ending === "rejected" || ending === "deactivated") return undefined;
    return news.full ? fullInfo(info) : partialInfo(info, news);
  }

  // The numbers are stored as used before the first of them goes out.
  async #reserve(): Promise<void> {
    this.#reserved = this.#version + block;
    await this.#put();
  }

  #store(): void {
    this.#put().catch((error: unknown) => {
      this.#parts.log.warn({ error: String(error) }, "a subscription is not stored");
    });
  }

  async #put(): Promise<void> {
    if (this.#over) return;
    const { dialog, party } = this;
    const record: SubscriptionRecord = {
      kind: "subscription",
      owner: this.#parts.courier.process,
      dialog: { ...dialog, routes: [...dialog.routes] },
      room: this.hosted.room,
      from: party,
      event: this.#options.event,
      expiresAt: this.expiresAt,
      reserved: this.#reserved,
    };
    await this.#parts.records.put(recordKey(this.id), record);
  }

  #forget(): void {
    this.#over = true;
    this.hosted.watchers.delete(this);
    this.#parts.records.remove(recordKey(this.id)).catch((error: unknown) => {
      this.#parts.log.warn({ error: String(error) }, "a subscription that is over stays stored");
    });
    this.#options.forget(this);
  }

  /** The process ends: another one goes on with it. */
  suspend(): void {
    this.#over = true;
    this.#driver.stop();
    this.hosted.watchers.delete(this);
  }
}
