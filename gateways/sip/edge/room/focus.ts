// The focus of all rooms in this process: which request is whose, and what a room answers to those outside any dialog
// (RFC 4579, RFC 4575, RFC 6665 §4.2.1).
import { type Address, bareKey } from "#bus-schemas/address.ts";
import type { OutcomeEvent } from "#bus-schemas/events/outcome.ts";
import { answeredDialog, dialogKey, keyOfRequest, received, recordRoutes } from "../../session/dialog.ts";
import type { Answer } from "../../session/respond.ts";
import type { SipRequest } from "../../wire/message.ts";
import { isToken } from "../../wire/params.ts";
import { field } from "../../wire/print.ts";
import type { Serving } from "../serving.ts";
import type { Source } from "../transport-types.ts";
import type { Call } from "./call.ts";
import { answerCapabilities, asksCapabilities } from "./capabilities.ts";
import { familyOf, focusContact, roomIn } from "./contact.ts";
import { Door } from "./door.ts";
import { Heir } from "./heir.ts";
import { Hosted } from "./hosted.ts";
import { focusAllow, focusFields } from "./offers.ts";
import type { RoomParts } from "./parts.ts";
import { Referrals } from "./refer.ts";
import { Subscription, type SubscriptionOptions } from "./subscription.ts";
import { word } from "./way.ts";

/** Dialogs of one process; above it new ones are answered 486. */
const mostDialogs = 20_000;

export class Focus {
  readonly #parts: RoomParts;
  readonly #door: Door;
  readonly #referrals: Referrals;
  readonly #rooms = new Map<string, { hosted: Hosted; open: Promise<Hosted> }>();
  readonly #calls = new Map<string, Call>();
  readonly #subscriptions = new Map<string, Subscription>();
  readonly #heir: Heir;

  constructor(parts: RoomParts) {
    this.#parts = parts;
    this.#door = new Door({
      ...parts,
      hosted: (room) => this.#hosted(room),
      began: (call) => void this.#calls.set(call.id, call),
      ended: (call) => {
        this.#calls.delete(call.id);
        this.#leave(call.hosted);
      },
    });
    this.#referrals = new Referrals({
      ...parts,
      door: this.#door,
      contact: (room, source) => this.#contact(room, source),
    });
    this.#heir = new Heir({
      ...parts,
      door: this.#door,
      hosted: (room) => this.#hosted(room),
      has: ({ dialog: { callId, localTag, remoteTag } }) => {
        const key = dialogKey(callId, localTag, remoteTag);
        return this.#calls.has(key) || this.#subscriptions.has(key);
      },
      subscription: ({ from, dialog, event, reserved, expiresAt }, hosted) => {
        const contact = this.#contact(hosted.room, nowhere);
        this.#watch({
          hosted,
          party: from,
          dialog,
          hint: undefined,
          event,
          first: reserved,
          contact,
        }).subscribed(Math.max(1_000, expiresAt - parts.clock.now()));
      },
    });
    parts.metrics.gauge("sip_room_calls_count", "Calls into rooms", () => this.#calls.size);
    parts.metrics.gauge(
      "sip_room_subscriptions_count",
      "Subscriptions to rosters of rooms",
      () => this.#subscriptions.size,
    );
  }

  /** The room that a request outside of any dialog is for. */
  roomOf(request: SipRequest): Address | undefined {
    return roomIn(request.uri, (address) => this.#parts.rooms.hosts(address));
  }

  /** An INVITE. False: it is not for a room. */
  invite(request: SipRequest, source: Source, serving: Serving): boolean {
    const key = keyOfRequest(request);
    if (key !== undefined) {
      const call = this.#calls.get(key);
      if (call === undefined) serving.answer({ status: 481 });
      else this.#door.again(call, request, source, serving);
      return true;
    }
    const room = this.roomOf(request);
    if (room === undefined) return false;
    if (this.#calls.size + this.#subscriptions.size >= mostDialogs) serving.answer({ status: 486 });
    else void this.#door.invite(request, source, serving, { local: room.local, domain: room.domain });
    return true;
  }

  /** The ACK of a 2xx. */
  ack(request: SipRequest): void {
    const call = this.#calls.get(keyOfRequest(request) ?? "");
    if (call !== undefined) this.#door.acknowledged(call, request);
  }

  /** Any other request; undefined: it is no business of rooms. */
  async request(request: SipRequest, source: Source): Promise<Answer | undefined> {
    const key = keyOfRequest(request);
    if (key !== undefined) return this.#within(key, request, source);
    const room = this.roomOf(request);
    if (room === undefined) return undefined;
    switch (request.method) {
      case "SUBSCRIBE":
        return this.#subscribe(request, source, { local: room.local, domain: room.domain });
      case "REFER":
        return this.#refer(request, source, { local: room.local, domain: room.domain });
      case "OPTIONS":
        return this.#options(request, source, { local: room.local, domain: room.domain }, false);
      case "MESSAGE":
      case "REGISTER":
        return undefined;
      default:
        return { status: 405, fields: [field("allow", focusAllow)] };
    }
  }

  async #options(request: SipRequest, source: Source, room: Address, isInside: boolean): Promise<Answer> {
    const fields = [
      ...focusFields(this.#contact(room, source)),
      field("accept", "application/sdp, message/cpim, text/plain"),
      field("accept-encoding", "identity"),
      field("accept-language", "*"),
    ];
    const plain: Answer = { status: 200, fields };
    if (!asksCapabilities(request)) return plain;
    return answerCapabilities(this.#parts, { request, source, room, isInside }, plain, mayWatch);
  }

  #contact(room: Address, source: Pick<Source, "transport" | "address">): ReturnType<typeof focusContact> {
    const { transport, address } = source;
    return focusContact(room, this.#parts.contactHost(transport, familyOf(address)), transport);
  }

  async #within(key: string, request: SipRequest, source: Source): Promise<Answer | undefined> {
    const subscription = this.#subscriptions.get(key);
    if (subscription !== undefined) return this.#refresh(subscription, request, source);
    const call = this.#calls.get(key);
    if (call === undefined) return request.method === "MESSAGE" ? undefined : { status: 481 };
    const after = received(call.dialog, request);
    if (after === false) return { status: 500, fields: [field("retry-after", "1")] };
    call.dialog = after;
    call.hint = source;
    switch (request.method) {
      case "BYE":
        call.input({ kind: "bye" });
        return { status: 200 };
      case "OPTIONS":
        return this.#options(request, source, call.hosted.room, true);
      case "REFER":
        return this.#referrals.refer(request, source, call.hosted, call.party, {
          get dialog() {
            return call.dialog;
          },
          keep: (dialog) => {
            call.dialog = dialog;
          },
        });
      case "SUBSCRIBE":
        // Sharing a dialog is deprecated (RFC 6665 §4.5.2): the client subscribes in one of its own.
        return { status: 403, phrase: "Subscribe outside of the call" };
      default:
        return { status: 405, fields: [field("allow", focusAllow)] };
    }
  }

  // ---- rooms

  #hosted(room: Address): Promise<Hosted> {
    const key = bareKey(room);
    const standing = this.#rooms.get(key);
    if (standing !== undefined) return standing.open;
    const hosted = new Hosted(room);
    const open = hosted.open(this.#parts.rooms).then(() => hosted);
    this.#rooms.set(key, { hosted, open });
    open.catch(() => this.#rooms.delete(key));
    return open;
  }

  // Nobody of ours is in it: after a moment, for who comes back soon need not ask for it anew.
  #leave(hosted: Hosted): void {
    const key = bareKey(hosted.room);
    this.#parts.wheel.after(1_000, () => {
      if (!hosted.idle || this.#rooms.get(key)?.hosted !== hosted) return;
      this.#rooms.delete(key);
      hosted.release().catch((error: unknown) => {
        this.#parts.log.warn({ error: String(error) }, "a room is still followed");
      });
    });
  }

  async #refer(request: SipRequest, source: Source, room: Address): Promise<Answer> {
    const identity = this.#parts.identities.ofSender(request, source);
    if (identity.kind === "answer") return identity.answer;
    const hosted = await this.#hosted(room);
    try {
      return await this.#referrals.refer(request, source, hosted, identity.party, undefined);
    } finally {
      this.#leave(hosted);
    }
  }

  // ---- subscriptions

  async #subscribe(request: SipRequest, source: Source, room: Address): Promise<Answer> {
    const { identities } = this.#parts;
    const refused = this.#eventFault(request) ?? this.#expiryFault(request);
    if (refused !== undefined) return refused;
    const identity = identities.ofSender(request, source);
    if (identity.kind === "answer") return identity.answer;
    const tag = word();
    const dialog = answeredDialog(request, tag);
    if (!dialog.ok) return { status: 400, phrase: dialog.error };
    if (this.#calls.size + this.#subscriptions.size >= mostDialogs) return { status: 486 };
    const hosted = await this.#hosted(room);
    const policy = mayWatch(hosted, this.#parts.directory.linked(identity.party));
    if (policy !== undefined) {
      this.#leave(hosted);
      return policy;
    }
    const contact = this.#contact(room, source);
    const subscription = this.#watch({
      hosted,
      party: identity.party,
      dialog: dialog.value,
      hint: source,
      event: request.first("event") ?? "conference",
      first: 0,
      contact,
    });
    return { ...this.#granted(subscription, request, [contact, ...recordRoutes(request)]), tag };
  }

  #watch(options: Omit<SubscriptionOptions, "forget">): Subscription {
    const subscription = new Subscription(this.#parts, {
      ...options,
      forget: (gone) => {
        this.#subscriptions.delete(gone.id);
        this.#leave(gone.hosted);
      },
    });
    this.#subscriptions.set(subscription.id, subscription);
    return subscription;
  }

  #refresh(subscription: Subscription, request: SipRequest, source: Source): Answer {
    if (request.method !== "SUBSCRIBE") return { status: 405, fields: [field("allow", "SUBSCRIBE")] };
    const after = received(subscription.dialog, request);
    if (after === false) return { status: 500, fields: [field("retry-after", "1")] };
    const fault = this.#eventFault(request) ?? this.#expiryFault(request);
    if (fault !== undefined) return fault;
    subscription.dialog = after;
    subscription.hint = source;
    return this.#granted(subscription, request, [this.#contact(subscription.hosted.room, source)]);
  }

  #granted(subscription: Subscription, request: SipRequest, fields: ReturnType<typeof focusFields>): Answer {
    const { config, wheel } = this.#parts;
    const asked = expiryOf(request);
    const expiresMs =
      asked === undefined
        ? config.rooms.subscription.default
        : Math.min(asked, config.rooms.subscription.max);
    // The 200 goes first.
    wheel.after(0, () => subscription.subscribed(expiresMs));
    return { status: 200, fields: [...fields, field("expires", String(Math.floor(expiresMs / 1000)))] };
  }

  #eventFault(request: SipRequest): Answer | undefined {
    const [name = "", ...params] = (request.first("event") ?? "").split(";");
    if (
      name.trim().toLowerCase() !== "conference" ||
      !params.every((each) => isToken(each.split("=")[0]?.trim() ?? ""))
    )
      return { status: 489, fields: [field("allow-events", "conference")] };
    const accept = request.list("accept").map((each) => each.split(";")[0]?.trim().toLowerCase());
    const reads =
      accept.length === 0 || accept.some((each) => ["*/*", "application/*", infoType].includes(each ?? ""));
    return reads ? undefined : { status: 406, fields: [field("accept", infoType)] };
  }

  #expiryFault(request: SipRequest): Answer | undefined {
    const asked = expiryOf(request);
    const { min } = this.#parts.config.rooms.subscription;
    return asked !== undefined && asked > 0 && asked < Math.min(min, 3_600_000)
      ? { status: 423, fields: [field("min-expires", String(Math.ceil(min / 1000)))] }
      : undefined;
  }

  // ---- the rest

  /** Looks after those whose process falls silent, once requests of ours can be sent. */
  start(): void {
    this.#heir.start();
  }

  /** What a participant said was refused after all. False: he is not here, or that message is not remembered. */
  tell(event: OutcomeEvent): boolean {
    for (const call of this.#calls.values())
      if (call.party.device === event.to.device && bareKey(call.party) === bareKey(event.to))
        return call.seat.failed(event.messageId, event.reason ?? "unreachable", event.text);
    return false;
  }

  /** The process ends: what stands is left to another. */
  async close(): Promise<void> {
    this.#heir.stop();
    for (const call of this.#calls.values()) call.suspend();
    for (const subscription of this.#subscriptions.values()) subscription.suspend();
    await Promise.all([...this.#rooms.values()].map(({ hosted }) => hosted.release()));
  }
}

/** What is known of the way to somebody who was another's: our Contact is that for UDP. */
const nowhere = { transport: "udp", address: "" } as const;
const infoType = "application/conference-info+xml";

const expiryOf = (request: SipRequest): number | undefined => {
  const text = request.first("expires");
  return text === undefined ? undefined : Number(text) * 1000;
};

/** Who may see who is there: participants always, others where the room's door is open to them. */
function mayWatch({ view }: Pick<Hosted, "view">, own: readonly Address[]): Answer | undefined {
  if (!view.exists || view.config === undefined) return { status: 404 };
  const is = (address: Address): boolean => own.some((each) => bareKey(each) === bareKey(address));
  if ([...view.participants.values()].some(({ address }) => is(address))) return undefined;
  const standing = [...view.affiliations.values()].filter(({ address }) => is(address));
  if (standing.some(({ affiliation }) => affiliation === "outcast")) return { status: 403 };
  const closed = view.config.membersOnly || view.config.password !== undefined;
  return closed && standing.length === 0 ? { status: 403 } : undefined;
}
