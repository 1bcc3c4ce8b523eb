// What the courier hands to the rooms: things said to them; and what became of what they said on their legs.
import { type Address, bare, printAddress } from "#bus-schemas/address.ts";
import type { Attempt, Delivery, Gateway } from "#bus-schemas/delivery/courier.ts";
import type { MessageEvent } from "#bus-schemas/events/message.ts";
import type { OutcomeEvent } from "#bus-schemas/events/outcome.ts";
import { type RoomReason, roomReasonText } from "#bus-schemas/events/room-command.ts";
import type { Reason } from "#bus-schemas/reason.ts";
import { reasonText } from "#bus-schemas/reason.ts";
import type { Clock } from "#bus-schemas/service/service.ts";
import type { Owner } from "./owner.ts";

/** A room's reasons in the words in which messages are refused. */
const reasons: Record<RoomReason, Reason> = {
  "no-such-room": "unknown-user",
  "not-joined": "forbidden",
  "nick-taken": "policy",
  "nick-invalid": "policy",
  banned: "forbidden",
  "members-only": "forbidden",
  password: "forbidden",
  full: "policy",
  forbidden: "forbidden",
  "creation-forbidden": "forbidden",
  "no-such-person": "unknown-user",
  "no-such-message": "policy",
  "no-private-messages": "not-supported",
  "too-large": "too-large",
  "not-supported": "not-supported",
  "rate-limited": "rate-limited",
  gone: "unknown-user",
  unreachable: "unreachable",
};

/** A room that changes its owner is tried so long. */
const tryMs = 30_000;

export function openGateway(
  clock: Clock,
  owner: () => Owner,
  failed: (room: Address, speaker: Address, where: string, why: string) => void,
  roomsOf: (there: Address) => readonly Address[],
): Gateway {
  const deliver = async (event: MessageEvent, { signal }: Attempt): Promise<Delivery> => {
    const until = clock.monotonic() + tryMs;
    while (!signal.aborted && clock.monotonic() < until) {
      const room = await owner().room(bare(event.to));
      const said = await room?.say(event);
      if (said?.ok) return { end: "handed" };
      if (said !== undefined)
        return {
          end: "refused",
          reason: reasons[said.reason],
          text: said.text ?? roomReasonText[said.reason],
        };
      await clock.sleep(50);
    }
    return { end: "away" };
  };
  return {
    deliver,
    async tell(event: OutcomeEvent) {
      if (event.outcome === "handed" || event.outcome === "delivered" || event.outcome === "displayed")
        return "dropped";
      const rooms = roomsOf(event.from);
      if (rooms.length === 0) return "dropped";
      const why = event.text ?? reasonText[event.reason ?? "internal"];
      // A room that he is not in tells nobody.
      for (const room of rooms) failed(room, event.to, printAddress(event.from), why);
      return "told";
    },
    owns: (_slots, epochs) => owner().owns(epochs),
  };
}
