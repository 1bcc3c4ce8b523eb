// One conference that somebody else hosts, while people of ours are in it: who of us is there, who reads, and what passes both ways
// (RFC 7702 §6).
import { type Address, bareKey } from "#bus-schemas/address.ts";
import type { Bucket } from "#bus-schemas/bus/port.ts";
import type { Delivery } from "#bus-schemas/delivery/courier.ts";
import type { MessageEvent } from "#bus-schemas/events/message.ts";
import type { Participant, RoomChangeKind, RoomEvent } from "#bus-schemas/events/room.ts";
import type { RoomAnswer, RoomDo } from "#bus-schemas/events/room-command.ts";
import { nickKey } from "#bus-schemas/rooms/nick.ts";
import type { Followed, Typing } from "#bus-schemas/rooms/port.ts";
import { emptyView, type RoomView } from "#bus-schemas/rooms/view.ts";
import { requestIn } from "../../session/dialog.ts";
import type { FocusRoster } from "../../session/focus-roster.ts";
import { addressIn, uriText } from "../../translate/address.ts";
import { nickOf } from "../../translate/legs/crowd.ts";
import { entryText } from "../../translate/legs/refusals.ts";
import { focusTyping } from "../../translate/legs/to-focus.ts";
import type { InfoUser } from "../../wire/conference-info.ts";
import { word } from "../room/way.ts";
import { Hearing } from "./hearing.ts";
import { Mirror } from "./mirror.ts";
import type { LegParts, LegPlace } from "./parts.ts";
import { LegMemory, type LegRecord } from "./record.ts";
import { Speaking } from "./speaking.ts";
import { Visit } from "./visit.ts";
import { Watch } from "./watch.ts";

export const legLimits = {
  /** People of ours at one conference; more are told that they cannot be there. */
  visits: 1_000,
  /** Between two tries to follow the room, milliseconds. */
  followMs: 2_000,
  /** How long a message waits for the leg to be open, milliseconds. */
  readyMs: 10_000,
  /** How long the dialogs of an earlier holder may take to end, milliseconds. */
  ghostsMs: 2_000,
  /** A dialog of an earlier holder may have gone so many requests further than was written. */
  ghostCseq: 100,
} as const;

/** What may change who is to be there, or under which nick. */
const concernPeople: ReadonlySet<RoomChangeKind> = new Set<RoomChangeKind>([
  "joined",
  "endpoint",
  "endpoint-gone",
  "left",
  "renamed",
  "destroyed",
]);

/** Addresses and nicks of ours, as they are compared. */
interface Own {
  readonly keys: ReadonlySet<string>;
  readonly nicks: ReadonlySet<string>;
}

export interface LegOptions {
  readonly place: LegPlace;
  readonly bucket: Bucket;
  readonly became: (end: string) => void;
}

export class Leg {
  readonly place: LegPlace;
  readonly #parts: LegParts;
  readonly #visits = new Map<string, Visit>();
  readonly #memory: LegMemory;
  readonly #mirror: Mirror;
  readonly #hearing: Hearing;
  readonly #speaking: Speaking;
  readonly #ready = Promise.withResolvers<void>();
  /** With which status somebody was not let in. */
  readonly #refused = new WeakMap<Visit, number>();
  #followed: Followed | undefined;
  #watch: Watch | undefined;
  #own: Own | undefined;
  #subject: string | undefined;
  #tail: Promise<void> = Promise.resolve();
  #isClosed = false;

  constructor(parts: LegParts, { place, bucket, became }: LegOptions) {
    this.#parts = parts;
    this.place = place;
    this.#memory = new LegMemory(parts, bucket, place.leg, () =>
      [...this.#visits.values()].flatMap(({ dialog }) => dialog ?? []),
    );
    const later = (work: () => Promise<void>): Promise<void> => this.#later(work);
    const isOurs = (user: InfoUser): boolean => this.#isOurs(user);
    this.#mirror = new Mirror({
      ...{ wheel: parts.wheel, place, isOurs, later },
      command: (what) => this.#command(what),
    });
    this.#hearing = new Hearing({
      ...{ clock: parts.clock, log: parts.log, courier: parts.courier, rooms: parts.rooms },
      ...{ place, memory: this.#memory, later, isOurs, became },
      mirror: () => this.#mirror,
      view: () => this.view,
      isOurUri: (uri) => this.#isOurUri(uri),
    });
    this.#speaking = new Speaking({
      ...{ courier: parts.courier, log: parts.log, place },
      visitOf: (event) => this.#visitOf(event.from),
      entityOf: (name) => this.#mirror.entityOf(name),
      refusedOf: (visit) => this.#refused.get(visit),
    });
  }

  get view(): RoomView {
    return this.#followed?.view ?? emptyView(this.place.room);
  }
  /** People of ours that are in. */
  get guests(): number {
    return [...this.#visits.values()].filter(({ phase }) => phase === "in").length;
  }

  /** Goes on where an earlier holder stopped; resolves when its people are on their way. Errors: the bus. */
  async open(): Promise<void> {
    const record = await this.#memory.load();
    this.#hearing.restore(record?.read ?? []);
    if (record !== undefined) await this.#layGhosts(record);
    await this.#follow();
    if (this.#isClosed) return;
    this.#sync(this.view);
    this.#ready.resolve();
  }

  /** Says there what our room says. */
  async deliver(event: MessageEvent, signal: AbortSignal): Promise<Delivery> {
    const late = this.#parts.clock.sleep(legLimits.readyMs).then(() => false);
    const isReady = await Promise.race([this.#ready.promise.then(() => true), late]);
    if (!isReady || this.#isClosed) return { end: "away" };
    return await this.#speaking.deliver(event, signal);
  }

  /** Another instance goes on, or none: everybody leaves there, and stays in our room. */
  async stop(): Promise<void> {
    this.#close();
    await this.#followed?.release();
    await this.#memory.save();
  }

  /** Nobody is in our room any more. */
  async close(): Promise<void> {
    this.#close();
    await this.#followed?.release();
    await this.#memory.forget();
  }

  #close(): void {
    this.#isClosed = true;
    this.#ready.resolve();
    this.#mirror.stop();
    this.#watch?.stop();
    for (const visit of this.#visits.values()) visit.stop();
    this.#visits.clear();
  }

  async #follow(): Promise<void> {
    const { rooms, clock, log } = this.#parts;
    while (!this.#isClosed && this.#followed === undefined) {
      try {
        this.#followed = await rooms.follow(this.place.room, {
          event: (event, view) => this.#onEvent(event, view),
          typing: (typing) => this.#onTyping(typing),
        });
      } catch (error) {
        log.info({ leg: this.place.leg, error: String(error) }, "a room cannot be followed yet");
        await clock.sleep(legLimits.followMs);
      }
    }
  }

  // Dialogs of a process that has died: their nicks are taken until the focus notices.
  async #layGhosts({ dialogs }: LegRecord): Promise<void> {
    const { ways, clock } = this.#parts;
    const byes = dialogs.map((dialog) =>
      ways.request("BYE", requestIn(dialog, "BYE", dialog.localCseq + legLimits.ghostCseq), undefined, []),
    );
    if (byes.length > 0) await Promise.race([Promise.all(byes), clock.sleep(legLimits.ghostsMs)]);
  }

  // ---- our people

  #onEvent(event: RoomEvent, view: RoomView): void {
    if (this.#isClosed) return;
    const { change } = event;
    if (concernPeople.has(change.kind)) this.#sync(view);
    // One of theirs whom ours put out is there all the same: SIP gives us no power over them.
    if (
      change.kind === "left" &&
      change.gone.by !== undefined &&
      change.gone.key.startsWith(`${this.place.leg}/`)
    )
      this.#mirror.anew();
  }

  #sync(view: RoomView): void {
    for (const participant of view.participants.values()) {
      const visit = this.#visits.get(participant.key);
      if (visit !== undefined) visit.input({ kind: "wanted", nick: participant.nick });
      else if (participant.leg === undefined && participant.endpoints.length > 0) this.#enter(participant);
    }
    for (const visit of [...this.#visits.values()])
      if (!view.participants.has(visit.key)) {
        this.#visits.delete(visit.key);
        this.#own = undefined;
        visit.stop();
      }
  }

  #enter({ key, address, nick }: Participant): void {
    const { directory, config } = this.#parts;
    const face = uriText(directory.faceOn("sip", { local: address.local, domain: address.domain }), config);
    if (face === undefined || this.#visits.size >= legLimits.visits) {
      const text = face === undefined ? "you have no address on SIP" : "too many people of ours are there";
      return void this.#remove(key, `You cannot be in this conference: ${text}`);
    }
    const visit = new Visit(this.#parts, {
      ...{ place: this.place, key, address, face, nick },
      on: {
        in: (one) => this.#onIn(one),
        absent: (one) => this.#onAbsent(one),
        renicked: (one, there) => this.#onRenicked(one, there),
        failed: (one, status, later) => this.#onFailed(one, status, later),
        removed: (one, reason) => this.#onRemoved(one, reason),
        message: (one, message) => {
          this.#hearing.message(one, message);
          if (this.#hearing.isDeaf) this.#nextReader();
        },
        report: (_, report) => this.#speaking.failed(report),
        changed: () => {
          this.#own = undefined;
          this.#memory.changed();
        },
      },
    });
    this.#visits.set(key, visit);
    this.#own = undefined;
    visit.input({ kind: "enter" });
  }

  #visitOf(person: Address): Visit | undefined {
    const key = bareKey(person);
    for (const visit of this.#visits.values()) if (bareKey(visit.address) === key) return visit;
    return undefined;
  }

  #onIn(visit: Visit): void {
    this.#own = undefined;
    this.#mirror.soon();
    if (this.#hearing.reader === undefined) this.#readBy(visit);
  }

  #onAbsent(visit: Visit): void {
    this.#mirror.soon();
    if (this.#hearing.reader === visit) this.#nextReader();
  }

  #onRenicked(visit: Visit, nick: string | undefined): void {
    const text = nick === undefined ? "You have no nick" : `You are ${nick}`;
    this.#tell(visit.address, `${text} in the conference ${this.place.uri}`);
  }

  #onFailed(visit: Visit, status: number, later: boolean): void {
    this.#refused.set(visit, status);
    const text = entryText(status);
    if (later)
      this.#tell(
        visit.address,
        `The conference ${this.place.uri} cannot be entered now: ${text}. It is tried again.`,
      );
    else void this.#remove(visit.key, `You are not let into the conference ${this.place.uri}: ${text}`);
  }

  #onRemoved(visit: Visit, reason: string | undefined): void {
    const why = reason === undefined || reason === "" ? "" : `: ${reason}`;
    void this.#remove(visit.key, `The conference ${this.place.uri} has ended your visit${why}`);
  }

  // ---- who reads

  #readBy(visit: Visit | undefined): void {
    this.#watch?.stop();
    this.#watch = undefined;
    this.#hearing.change(visit);
    if (visit === undefined) {
      if (!this.#isClosed) void this.#later(() => this.#mirror.gone());
      return;
    }
    const watch = new Watch(this.#parts, {
      place: this.place,
      face: visit.face,
      changed: (roster) => this.#onRoster(roster),
      over: () => this.#onOver(),
    });
    this.#watch = watch;
    void watch.subscribe();
  }

  #nextReader(): void {
    const before = this.#hearing.reader;
    this.#readBy([...this.#visits.values()].find((one) => one !== before && one.phase === "in"));
  }

  #onRoster(roster: FocusRoster): void {
    this.#mirror.take(roster);
    const { subject } = roster;
    if (subject === undefined || subject === this.#subject) return;
    this.#subject = subject;
    if (subject === (this.view.subject?.text ?? "")) return;
    void this.#later(async () => {
      await this.#command({ kind: "subject", text: subject, leg: this.place.leg });
    });
  }

  #onOver(): void {
    for (const visit of [...this.#visits.values()]) {
      visit.input({ kind: "leave" });
      this.#onRemoved(visit, "it is over");
    }
  }

  // ---- who is ours

  #isOurs(user: InfoUser): boolean {
    const uris = [user.entity, ...user.aors, ...user.endpoints.map(({ entity }) => entity)];
    // A focus that hides addresses shows the nick that it has given to one of ours alone.
    return uris.some((uri) => this.#isOurUri(uri)) || this.#ours.nicks.has(nickKey(nickOf(user)));
  }

  #isOurUri(uri: string): boolean {
    const read = addressIn(uri);
    if (!read.ok) return false;
    const { device } = read.value;
    const key = bareKey(read.value);
    if (key !== bareKey(this.place.room)) return this.#ours.keys.has(key);
    return device !== undefined && this.#ours.nicks.has(nickKey(device));
  }

  /** By which ours are known there; made anew when one of them has changed. */
  get #ours(): Own {
    if (this.#own !== undefined) return this.#own;
    const visits = [...this.#visits.values()];
    const addresses = visits
      .flatMap(({ face, contact }) => [face, contact ?? face])
      .map((uri) => addressIn(uri));
    this.#own = {
      keys: new Set(addresses.flatMap((address) => (address.ok ? [bareKey(address.value)] : []))),
      nicks: new Set(visits.flatMap(({ nick }) => (nick === undefined ? [] : [nickKey(nick)]))),
    };
    return this.#own;
  }

  // ---- our room

  #onTyping({ key, state, to }: Typing): void {
    const visit = this.#visits.get(key);
    if (visit?.phase !== "in" || to !== undefined) return;
    const body = focusTyping(
      { from: visit.face, to: this.place.uri },
      state === "composing",
      this.#parts.clock.now(),
    );
    void visit.send({ contentType: "message/cpim", body, messageId: word(), failureReport: "no" });
  }

  #tell(person: Address, text: string): void {
    void this.#command({ kind: "notice", text: text.slice(0, 1024), about: person });
  }

  /** Takes somebody out of our room with all his devices: theirs does not have him. */
  async #remove(key: string, text: string): Promise<void> {
    const participant = this.view.participants.get(key);
    if (participant === undefined) return;
    const { address, assurance } = participant;
    await this.#command({ kind: "notice", text: text.slice(0, 1024), about: address });
    for (const { id } of participant.endpoints)
      await this.#command(
        { kind: "leave", endpoint: id, reason: text.slice(0, 1024) },
        { ...address, assurance },
      );
  }

  async #command(what: RoomDo, from?: Address & Pick<Participant, "assurance">): Promise<RoomAnswer> {
    const { rooms, log } = this.#parts;
    const { room, leg } = this.place;
    const answer = await rooms
      .command({ room, from: from ?? { ...room, assurance: "server" }, do: what })
      .catch((error: unknown): RoomAnswer => {
        log.warn({ leg, error: String(error) }, "a room cannot be asked");
        return { ok: false, reason: "unreachable" };
      });
    if (!answer.ok)
      log.info({ leg, what: what.kind, reason: answer.reason }, "a room refused what its leg told it");
    return answer;
  }

  #later(work: () => Promise<void>): Promise<void> {
    const run = this.#tail.then(async () => {
      if (!this.#isClosed) await work();
    });
    this.#tail = run.catch((error: unknown) => {
      this.#parts.log.error({ leg: this.place.leg, error: String(error) }, "something heard was lost");
    });
    return this.#tail;
  }
}
