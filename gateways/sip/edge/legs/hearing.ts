// What a conference elsewhere says, on its way into our room: each message once, by whoever of ours reads; what is for one alone by
// his own session (RFC 7701 §6, RFC 7702 §6.2).
import { bareKey } from "#bus-schemas/address.ts";
import { BusFull, BusTimeout } from "#bus-schemas/bus/port.ts";
import type { Acceptance, MessageDraft } from "#bus-schemas/delivery/courier.ts";
import { nickKey } from "#bus-schemas/rooms/nick.ts";
import type { RoomView } from "#bus-schemas/rooms/view.ts";
import { Reading } from "../../session/reading.ts";
import { addressIn } from "../../translate/address.ts";
import { nickOf } from "../../translate/legs/crowd.ts";
import { fromFocus, type Said } from "../../translate/legs/from-focus.ts";
import { msrpStatusOf } from "../../translate/room/errors.ts";
import type { InfoUser } from "../../wire/conference-info.ts";
import type { MsrpMessage } from "../msrp/port.ts";
import type { Mirror } from "./mirror.ts";
import type { LegParts, LegPlace } from "./parts.ts";
import type { LegMemory } from "./record.ts";
import type { Visit } from "./visit.ts";

export const hearingLimits = {
  /** How long the bus is asked to take a message, milliseconds; then the focus is told 408. */
  patienceMs: 20_000,
  againMs: 500,
  /** How long the answer to what was said waits for the room, milliseconds. */
  holdMs: 5_000,
  /** Messages of one session whose keys are counted. */
  keys: 1_000,
} as const;

export interface HearingParts extends Pick<LegParts, "clock" | "log" | "courier" | "rooms"> {
  readonly place: LegPlace;
  readonly memory: LegMemory;
  readonly mirror: () => Mirror;
  readonly view: () => RoomView;
  /** Whether this URI, as the conference shows it, is one of ours. */
  readonly isOurUri: (uri: string) => boolean;
  readonly isOurs: (user: InfoUser) => boolean;
  readonly later: (work: () => Promise<void>) => Promise<void>;
  readonly became: (end: string) => void;
}

interface Heard {
  readonly said: Said;
  readonly key: string | undefined;
}

/** What one session has heard: how often the same, and what under which Message-ID. */
interface Ear {
  readonly counts: Map<string, number>;
  readonly ids: Map<string, string | undefined>;
}

export class Hearing {
  readonly #parts: HearingParts;
  readonly #reading = new Reading<Visit, Heard>();
  readonly #ears = new WeakMap<Visit, Ear>();
  /** Entities by all URIs of their users; made anew with each roster. */
  #index:
    | { readonly users: ReadonlyMap<string, InfoUser>; readonly entities: Map<string, string> }
    | undefined;

  constructor(parts: HearingParts) {
    this.#parts = parts;
  }

  get reader(): Visit | undefined {
    return this.#reading.reader;
  }
  get isDeaf(): boolean {
    return this.#reading.isDeaf(this.#parts.clock.monotonic());
  }

  /** What an earlier holder passed on. */
  restore(keys: readonly string[]): void {
    this.#reading.restore(keys);
  }

  /** From now on this one reads; what the one before him has not heard is passed on first. */
  change(visit: Visit | undefined): void {
    for (const heard of this.#reading.change(visit))
      void this.#parts.later(() => this.#pass(heard, undefined, undefined));
  }

  /** Something came in the session of one of ours. */
  message(visit: Visit, message: MsrpMessage): void {
    const { became, later, clock } = this.#parts;
    const read = fromFocus(message);
    switch (read.is) {
      case "refused":
        became("refused");
        return message.answer(read.status, read.comment);
      case "nothing":
        return message.answer(200);
      case "typing":
        message.answer(200);
        if (visit === this.reader && !this.#isFor(read.to)) this.#typing(read.from, read.active);
        return;
      case "said": {
        if (this.#parts.isOurUri(read.from) || this.#isOurUser(read.from)) {
          became("own");
          return message.answer(200);
        }
        const key = this.#keyOf(visit, message, read);
        const heard = { said: read, key };
        if (this.#isFor(read.to)) return void later(() => this.#pass(heard, visit, message));
        if (this.#reading.hear(visit, key, heard, clock.monotonic()))
          return void later(() => this.#pass(heard, undefined, message));
        message.answer(200);
      }
    }
  }

  // The same words at the same moment may be said twice: the second is another message, in every session.
  #keyOf(visit: Visit, { messageId, repeated }: MsrpMessage, { key }: Said): string | undefined {
    const ear = this.#ears.get(visit) ?? { counts: new Map(), ids: new Map() };
    this.#ears.set(visit, ear);
    if (repeated && ear.ids.has(messageId)) return ear.ids.get(messageId);
    const count = key === undefined ? 0 : (ear.counts.get(key) ?? 0);
    if (key !== undefined) remember(ear.counts, key, count + 1);
    const numbered = key === undefined ? undefined : `${key}.${count}`;
    remember(ear.ids, messageId, numbered);
    return numbered;
  }

  /** To him alone: whatever does not name the room is no word to all. */
  #isFor(to: string): boolean {
    const address = addressIn(to);
    return (
      !address.ok ||
      address.value.device !== undefined ||
      bareKey(address.value) !== bareKey(this.#parts.place.room)
    );
  }

  #userOf(uri: string): [string, InfoUser] | undefined {
    const { users } = this.#parts.mirror();
    const known = users.get(uri);
    if (known !== undefined) return [uri, known];
    if (this.#index?.users !== users) this.#index = { users, entities: entitiesOf(users) };
    const entity = this.#index.entities.get(uriKey(uri));
    const user = entity === undefined ? undefined : users.get(entity);
    return entity === undefined || user === undefined ? undefined : [entity, user];
  }

  #isOurUser(uri: string): boolean {
    const user = this.#userOf(uri)?.[1];
    return user !== undefined && this.#parts.isOurs(user);
  }

  /** Under which name he speaks here. */
  #nameOf({ from, display }: Said): string {
    const user = this.#userOf(from);
    const shown = user && this.#parts.mirror().shown.get(user[0]);
    if (shown !== undefined) return shown.name;
    if (user !== undefined) return nickOf(user[1]);
    return nickOf({
      ...{ entity: from, state: "full", nick: undefined, display, aors: [], roles: [], endpoints: [] },
    });
  }

  // `to`: for him alone. `message`: still to be answered.
  async #pass(heard: Heard, to: Visit | undefined, message: MsrpMessage | undefined): Promise<void> {
    const { said, key } = heard;
    const { memory, became } = this.#parts;
    await this.#parts.mirror().before();
    const draft = this.#draft(said, this.#nameOf(said), to);
    if (draft === undefined) {
      became("dropped");
      return message?.answer(403, "he is not here");
    }
    const own = `${to === undefined ? "" : `${to.key} `}${key ?? `${to?.key ?? ""} ${message?.messageId ?? ""}`}`;
    const acceptance = await this.#accept(draft, own);
    if (acceptance === undefined) {
      became("failed");
      return message?.answer(408, "try again later");
    }
    if (!acceptance.accepted) {
      became("refused");
      return message?.answer(msrpStatusOf[acceptance.reason], acceptance.text);
    }
    became(acceptance.duplicate ? "duplicate" : "accepted");
    if (key !== undefined && to === undefined) memory.read(key);
    if (message === undefined) return;
    // What he says next is accepted meanwhile.
    void acceptance.settled.then((settled) => {
      const reason = settled?.outcome === "refused" ? (settled.reason ?? "forbidden") : undefined;
      if (reason === undefined) message.answer(200);
      else message.answer(msrpStatusOf[reason], settled?.text);
    });
  }

  #draft(said: Said, name: string, to: Visit | undefined): MessageDraft | undefined {
    const { place, view } = this.#parts;
    const nick = to === undefined ? undefined : view().participants.get(to.key)?.nick;
    if (to !== undefined && nick === undefined) return undefined;
    return {
      from: { local: name, domain: place.room.domain, display: name, assurance: "none" },
      to: { ...place.room, ...(nick !== undefined && { device: nick }) },
      kind: "chat",
      action: said.action,
      text: said.text,
      leg: place.leg,
      messageId: said.messageId,
      ...(said.language !== undefined && { language: said.language }),
      ...(said.written !== undefined && { written: said.written }),
    };
  }

  /** Undefined: the bus did not take it in all that time. */
  async #accept(draft: MessageDraft, own: string): Promise<Acceptance | undefined> {
    const { courier, clock, log, memory, place } = this.#parts;
    const until = clock.monotonic() + hearingLimits.patienceMs;
    const arrival = {
      source: `${place.leg} ${draft.from.local}`,
      transportId: `${memory.life} ${own}`,
      holdMs: hearingLimits.holdMs,
    };
    for (;;) {
      try {
        return await courier.accept(draft, arrival);
      } catch (error) {
        if (!(error instanceof BusTimeout || error instanceof BusFull)) throw error;
        log.warn({ error: error.name }, "the bus does not take what a conference elsewhere says");
        if (clock.monotonic() > until) return undefined;
        await clock.sleep(hearingLimits.againMs);
      }
    }
  }

  #typing(from: string, active: boolean): void {
    const { view, place, rooms } = this.#parts;
    const user = this.#userOf(from);
    const name = user && this.#parts.mirror().shown.get(user[0])?.name;
    if (name === undefined) return;
    for (const { key, nick, leg, address } of view().participants.values())
      if (leg === place.leg && nickKey(address.local) === nickKey(name))
        rooms.typing({ room: place.room, key, nick, state: active ? "composing" : "paused" });
  }
}

function entitiesOf(users: ReadonlyMap<string, InfoUser>): Map<string, string> {
  const entities = new Map<string, string>();
  for (const [entity, { aors, endpoints }] of users)
    for (const uri of [...endpoints.map((each) => each.entity), ...aors, entity])
      entities.set(uriKey(uri), entity);
  return entities;
}

/** Under which spelling a URI is the same; one that is no address is compared as it stands. */
function uriKey(uri: string): string {
  const address = addressIn(uri);
  if (!address.ok) return uri;
  return `${bareKey(address.value)} ${address.value.device ?? ""}`;
}

function remember<T>(map: Map<string, T>, key: string, value: T): void {
  map.delete(key);
  map.set(key, value);
  const oldest = map.size > hearingLimits.keys ? map.keys().next().value : undefined;
  if (oldest !== undefined) map.delete(oldest);
}
