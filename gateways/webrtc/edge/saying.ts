// Saying something in a room: accepted by the bus, numbered by the room, answered at its place in the room's order. sylkRTC-2.
import { bareKey, type Party } from "#bus-schemas/address.ts";
import type { Courier, Settled } from "#bus-schemas/delivery/courier.ts";
import type { RoomEvent } from "#bus-schemas/events/room.ts";
import type { Clock, Counter } from "#bus-schemas/service/service.ts";
import { failure } from "../translate/errors.ts";
import { roomMessageDraft } from "../translate/room-to-bus.ts";
import type { RequestOf } from "../wire/request.ts";
import type { RoomAck } from "../wire/room-event.ts";
import type { Answers, Failure } from "./answers.ts";
import type { Seated } from "./places.ts";

// How long the answer waits for the room's number or refusal; after it the request is answered as accepted.
const holdMs = 5000;

export interface SayingParts {
  readonly clock: Clock;
  readonly courier: Courier;
  /** Moves by result: accepted, again, refused. */
  readonly messages: Counter;
  readonly answers: Answers;
}

/** Says something, and answers when the room has numbered or refused it. Errors: those of the bus. */
export async function say(
  request: RequestOf<"videoroom-message">,
  { seated, party }: { readonly seated: Seated; readonly party: Party },
  { clock, courier, messages, answers }: SayingParts,
): Promise<void> {
  const { seat, place } = seated;
  const refuse = (why: Failure): void => {
    messages.add(1, { result: "refused" });
    answers.refuse(request, why);
  };
  const drawn = roomMessageDraft(request, party, place.room);
  if (!drawn.ok) return refuse(failure(drawn.reason, drawn.text));
  let answered = false;
  const answer = (rest?: RoomAck): void => {
    answered = true;
    answers.ack(request, rest);
  };
  const numbered = Promise.withResolvers<undefined>();
  const forget = seat.expect(request.message_id, (event) => {
    // Answered already, since the room took its time: its number is told by itself.
    if (answered) seat.tell(deliveredOf(request, event));
    else answer(numberOf(event));
    numbered.resolve(undefined);
  });
  const arrival = { source: bareKey(party), transportId: request.message_id, holdMs };
  const acceptance = await courier.accept(drawn.draft, arrival).catch((cause: unknown) => {
    forget();
    throw cause;
  });
  if (!acceptance.accepted) {
    forget();
    return refuse(failure(acceptance.reason, acceptance.text));
  }
  messages.add(1, { result: acceptance.duplicate ? "again" : "accepted" });
  const { recent } = place.followed.view;
  const known = acceptance.duplicate
    ? recent.find((event) => isOwn(event, seat.key, request.message_id))
    : undefined;
  if (known !== undefined && !answered) {
    forget();
    return answer(numberOf(known));
  }
  const end = await Promise.race([numbered.promise, acceptance.settled]);
  if (answered) return;
  if (end !== undefined && end.outcome !== "handed") {
    forget();
    return refuse(failure(reasonOf(end), end.text));
  }
  // Handed over: its event is on the way.
  if (end !== undefined) await Promise.race([numbered.promise, clock.sleep(holdMs)]);
  if (!answered) answer();
}

const numberOf = ({ id, number, time }: RoomEvent): Required<RoomAck> => ({
  number,
  event_id: id,
  timestamp: new Date(time).toISOString(),
});

const deliveredOf = (request: RequestOf<"videoroom-message">, event: RoomEvent) =>
  ({
    event: "message-delivery",
    message_id: request.message_id,
    delivered: true,
    code: 200,
    reason: "delivered",
    ...numberOf(event),
  }) as const;

const isOwn = ({ change }: RoomEvent, key: string, messageId: string): boolean =>
  change.kind === "said" && change.message.from.key === key && change.message.origin.messageId === messageId;

const reasonOf = ({ outcome, reason }: Settled) =>
  reason ?? (outcome === "expired" || outcome === "uncertain" ? outcome : "internal");
