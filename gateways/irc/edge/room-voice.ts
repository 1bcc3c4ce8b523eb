// What a leg asks of its room: in its own name, or in that of somebody of the channel.
import type { Address } from "#bus-schemas/address.ts";
import type { RoomAnswer, RoomDo } from "#bus-schemas/events/room-command.ts";
import type { Rooms } from "#bus-schemas/rooms/port.ts";
import type { Log } from "#bus-schemas/service/service.ts";
import type { Network } from "../config.ts";
import type { LegConfig } from "./leg-config.ts";

export interface RoomVoiceParts {
  readonly rooms: Rooms;
  readonly network: Network;
  readonly log: Log;
  readonly leg: LegConfig;
}

export class RoomVoice {
  readonly #parts: RoomVoiceParts;

  constructor(parts: RoomVoiceParts) {
    this.#parts = parts;
  }

  /** Asks the room; a refusal is logged and returned. Never rejects: a room that cannot be asked is `unreachable`. */
  async ask(what: RoomDo, from?: Address): Promise<RoomAnswer> {
    const { network, rooms, log, leg } = this.#parts;
    const service = { local: network.serviceNick, domain: network.domain };
    const party = { ...(from ?? service), assurance: from === undefined ? "server" : "none" } as const;
    try {
      const answer = await rooms.command({ room: leg.room, from: party, do: what });
      if (!answer.ok)
        log.info(
          { leg: leg.leg, what: what.kind, reason: answer.reason },
          "a room refused what its leg told it",
        );
      return answer;
    } catch (error) {
      log.warn({ leg: leg.leg, what: what.kind, error: String(error) }, "a room could not be asked");
      return { ok: false, reason: "unreachable" };
    }
  }

  /** In the name of somebody of the channel. */
  askAs(nick: string, what: RoomDo): Promise<RoomAnswer> {
    return this.ask(what, { local: nick, domain: this.#parts.network.domain });
  }

  /** Tells all of the room, or one of them (`about`), something about this leg. */
  async tell(text: string, about?: Address): Promise<void> {
    const { leg } = this.#parts.leg;
    await this.ask({ kind: "notice", text: text.slice(0, 1024), leg, ...(about && { about }) });
  }
}
