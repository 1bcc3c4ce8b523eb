// Opens the gateway's side of rooms: asks owners, keeps one replica per room, hands its events to the followers in order.
import { createHash, randomBytes } from "node:crypto";
import { type Address, bareKey, printAddress } from "../address.ts";
import { BusTimeout } from "../bus/port.ts";
import { type RoomAnswer, type RoomCommand, RoomSummary } from "../events/room-command.ts";
import type { Service } from "../service/service.ts";
import { streams } from "../subject.ts";
import { capabilitiesOf, LegLine, type RoomCapabilities } from "./capabilities.ts";
import type { CommandDraft, Followed, Follower, Rooms, Typing } from "./port.ts";
import { publishedCapabilities } from "./publish-capabilities.ts";
import { Replica } from "./replica.ts";
import { pack, RoomReply, type RoomRequest, roomPlace, unpack } from "./wire.ts";

export const roomsLimits = {
  /** Rooms that one process follows at the same time. */
  followed: 4_096,
  /** How long a command or a question is tried while the room has no owner or does not answer. */
  askMs: 20_000,
  /** How long one owner may take to answer before he is asked again (with the same id). */
  onceMs: 5_000,
} as const;

/** Its bytes of all rooms: a full one refuses commands and messages, it drops nothing. */
const roomStreamBytes = 4 * 1024 ** 3;

/** The carrier of conference-svc: what is said to a room goes to it. */
export const roomsCarrier = "rooms";

/** The stream of all rooms' logs exists. */
export const ensureRoomStream = (service: Service): Promise<void> =>
  service.bus.ensureStream({
    name: streams.room,
    subjects: ["parley.v1.room.*.*.event"],
    keep: "limits",
    maxBytes: roomStreamBytes,
    duplicateWindowMs: 120_000,
  });

/** Opens rooms for one carrier of this process. Errors: the bus is not to be had. */
export async function openRooms(service: Service, carrier: string): Promise<Rooms> {
  await ensureRoomStream(service);
  return new OpenRooms(service, carrier);
}

class OpenRooms implements Rooms {
  readonly #service: Service;
  readonly #carrier: string;
  readonly #replicas = new Map<string, Replica>();
  /** The last command of each speaker in each room: the next one waits for it, so that order is his. */
  readonly #chains = new Map<string, Promise<unknown>>();

  constructor(service: Service, carrier: string) {
    this.#service = service;
    this.#carrier = carrier;
  }

  hosts(address: Address): boolean {
    return this.#service.directory.domainsOf(roomsCarrier).includes(address.domain);
  }

  async command(draft: CommandDraft): Promise<RoomAnswer> {
    const command: RoomCommand = {
      id: commandId(this.#carrier, draft),
      type: "room.command",
      version: 1,
      room: draft.room,
      from: draft.from,
      carrier: this.#carrier,
      do: draft.do,
    };
    const chain = `${bareKey(draft.room)} ${printAddress(draft.from)}`;
    const before = this.#chains.get(chain) ?? Promise.resolve();
    const answer = before.then(() => this.#command(command));
    this.#chains.set(chain, answer);
    try {
      return await answer;
    } finally {
      if (this.#chains.get(chain) === answer) this.#chains.delete(chain);
    }
  }

  async follow(room: Address, follower: Follower): Promise<Followed> {
    const key = bareKey(room);
    let replica = this.#replicas.get(key);
    if (replica === undefined) {
      if (this.#replicas.size >= roomsLimits.followed)
        throw new BusTimeout(`this process follows ${roomsLimits.followed} rooms already`);
      replica = new Replica(
        this.#service,
        room,
        () => this.#view(room),
        () => this.#replicas.delete(key),
      );
      this.#replicas.set(key, replica);
    }
    return replica.add(follower);
  }

  async history(question: Parameters<Rooms["history"]>[0]): ReturnType<Rooms["history"]> {
    const reply = await this.#ask(question.room, question);
    return reply?.is === "page" ? reply.page : undefined;
  }

  async list(filter: { carrier?: string; domain?: string }): Promise<RoomSummary[]> {
    const bucket = await this.#service.bus.bucket("rooms");
    const found = await bucket.list("summary.>");
    return found
      .map(({ value }) => unpack(RoomSummary, value))
      .flatMap((read) => (read.ok ? [read.value] : []))
      .filter(({ carriers }) => filter.carrier === undefined || carriers.includes(filter.carrier))
      .filter(({ room }) => filter.domain === undefined || room.domain === filter.domain);
  }

  async capabilities(room: Address): Promise<RoomCapabilities | undefined> {
    const followed = await this.follow(room, { event: () => undefined });
    try {
      const { view } = followed;
      if (!view.exists) return undefined;
      return capabilitiesOf(view, await this.#legsOf(room), await publishedCapabilities(this.#service));
    } finally {
      await followed.release();
    }
  }

  typing(typing: Typing): void {
    this.#service.bus.emit(roomPlace(typing.room).live, Buffer.from(JSON.stringify(typing)));
  }

  async #command(command: RoomCommand): Promise<RoomAnswer> {
    const reply = await this.#ask(command.room, command);
    return reply?.is === "answer" ? reply.answer : { ok: false, reason: "unreachable" };
  }

  async #view(room: Address): Promise<Extract<RoomReply, { is: "view" }>> {
    const reply = await this.#ask(room, { ask: "view", room: { local: room.local, domain: room.domain } });
    if (reply?.is !== "view") throw new BusTimeout("the room has no owner that answers");
    return reply;
  }

  /** As the conference service has published them; a room that somebody else hosts is its own leg. */
  async #legsOf(room: Address): Promise<LegLine[]> {
    const carrier = this.#service.directory.elsewhere(room.domain);
    if (carrier !== undefined)
      return [{ room, carrier, leg: `${carrier}/${printAddress(room)}`, mode: "puppets", mirror: "all" }];
    const bucket = await this.#service.bus.bucket("rooms");
    const found = await bucket.list("leg.>");
    return found
      .map(({ value }) => unpack(LegLine, value))
      .flatMap((read) => (read.ok && bareKey(read.value.room) === bareKey(room) ? [read.value] : []));
  }

  /** Asks until somebody answers who owns the room. */
  async #ask(room: Address, request: RoomRequest): Promise<RoomReply | undefined> {
    const { bus, clock, signal } = this.#service;
    const { ask } = roomPlace(room);
    const bytes = pack(request);
    const until = clock.monotonic() + roomsLimits.askMs;
    for (
      let pauseMs = 20;
      clock.monotonic() < until && !signal.aborted;
      pauseMs = Math.min(500, pauseMs * 2)
    ) {
      const answer = await bus.ask(ask, bytes, roomsLimits.onceMs);
      const reply = answer === undefined ? undefined : unpack(RoomReply, answer);
      if (reply?.ok && reply.value.is !== "elsewhere") return reply.value;
      if (reply?.ok === false)
        this.#service.log.error({ error: reply.error }, "an answer of a room's owner cannot be read");
      await clock.sleep(pauseMs);
    }
    return undefined;
  }
}

function commandId(carrier: string, { room, from, transportId, do: what }: CommandDraft): string {
  // Whoever names no packet sends it once: nobody may recognise it by chance.
  const unique = transportId ?? randomBytes(16).toString("hex");
  return createHash("sha256")
    .update(JSON.stringify([carrier, printAddress(from), bareKey(room), what.kind, unique]))
    .digest("base64url")
    .slice(0, 26);
}
