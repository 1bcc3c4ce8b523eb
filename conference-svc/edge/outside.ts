// What a room does outside of itself: what is said is said on its legs too, and who is invited is told. All of it goes as ordinary
// messages through the courier, accounted for; the same event gives the same ids, so a new owner may do the last minutes again.
import { type Address, bareKey, type Party, printAddress } from "#bus-schemas/address.ts";
import type { Courier, MessageDraft } from "#bus-schemas/delivery/courier.ts";
import type { Actor, RoomEvent, RoomMessage } from "#bus-schemas/events/room.ts";
import type { RoomView } from "#bus-schemas/rooms/view.ts";
import type { Clock, Log } from "#bus-schemas/service/service.ts";
import type { LegPlace } from "./policy.ts";

/** How long after it happened an event is still acted upon: below the bus's duplicate window. */
const recentMs = 100_000;
/** Messages that wait to be stored for one leg. */
const queueLimit = 10_000;

export interface Outside {
  act(event: RoomEvent, view: RoomView): void;
  /** Resolves when all so far is on the bus; rejects when the process ends before. */
  settled(): Promise<void>;
}

export interface OutsideParts {
  readonly clock: Clock;
  readonly log: Log;
  /** Aborted when the process ends: what is not stored by then is stored by the next owner. */
  readonly signal: AbortSignal;
  readonly courier: () => Courier;
  readonly legsOf: (room: Address) => readonly LegPlace[];
  /** A leg could not take something at all: its speaker is to be told. */
  readonly failed: (room: Address, speaker: Address, where: string, why: string) => void;
}

export function openOutside(parts: OutsideParts): Outside {
  const chains = new Map<string, { tail: Promise<void>; waiting: number }>();

  const send = (key: string, draft: MessageDraft, transportId: string, room: Address): void => {
    const chain = chains.get(key) ?? { tail: Promise.resolve(), waiting: 0 };
    chains.set(key, chain);
    if (chain.waiting >= queueLimit) return parts.failed(room, draft.from, key, "too much at once");
    chain.waiting += 1;
    chain.tail = chain.tail
      .then(() => store(parts, draft, { source: printAddress(room), transportId }, room))
      .finally(() => {
        chain.waiting -= 1;
        // One that failed stays: nobody may believe that all is stored.
        if (chain.waiting === 0 && !parts.signal.aborted) chains.delete(key);
      });
    chain.tail.catch(() => undefined);
  };

  return {
    act(event, view) {
      if (event.time < parts.clock.now() - recentMs) return;
      const { change, room } = event;
      if (change.kind === "said") {
        for (const { key, draft } of toLegs(event, change.message, view, parts.legsOf(room)))
          send(`${bareKey(room)} ${key}`, draft, `${event.id} ${key}`, room);
      } else if (change.kind === "invited") {
        send(`${bareKey(room)} invitations`, invitation(event, change, view), `${event.id} invitation`, room);
      }
    },
    settled: async () => {
      await Promise.all([...chains.values()].map(({ tail }) => tail));
    },
  };
}

/** Stores it, however long that takes; a refusal is told to the speaker. */
async function store(
  parts: OutsideParts,
  draft: MessageDraft,
  arrival: { source: string; transportId: string },
  room: Address,
): Promise<void> {
  while (!parts.signal.aborted) {
    try {
      const acceptance = await parts.courier().accept(draft, arrival);
      if (!acceptance.accepted) parts.failed(room, draft.from, printAddress(draft.to), acceptance.text);
      return;
    } catch (error) {
      parts.log.warn({ err: error }, "the bus did not take what a room says, will try again");
      await parts.clock.sleep(500);
    }
  }
  throw new Error("the process ends, the next owner of the room goes on");
}

const party = (from: Actor, room: Address): Party => ({
  ...(from.address ?? room),
  ...(from.nick !== undefined && { display: from.nick }),
  // The room vouches for its people: it let them in.
  assurance: "server",
});

function toLegs(
  event: RoomEvent,
  message: RoomMessage,
  view: RoomView,
  legs: readonly LegPlace[],
): { key: string; draft: MessageDraft }[] {
  const draft = (to: Address, leg: string): MessageDraft => ({
    from: party(message.from, event.room),
    to,
    kind: message.kind,
    action: message.action,
    text: message.text,
    leg,
    room: { address: event.room, event: event.id },
    ...(message.spans && { spans: message.spans }),
    ...(message.language !== undefined && { language: message.language }),
    ...(message.corrects !== undefined && { correctionOf: message.corrects }),
    ...(message.repliesTo && { replyTo: message.repliesTo }),
  });
  if (message.to === undefined)
    return legs
      .filter(({ leg }) => leg !== message.leg)
      .map((place) => ({ key: place.leg, draft: draft(place.address, place.leg) }));
  // To one person of a leg: from the speaker's own puppet, one to one.
  const to = view.participants.get(message.to.key);
  const place = legs.find(({ leg }) => leg === to?.leg);
  return to?.leg === undefined || place === undefined
    ? []
    : [{ key: place.leg, draft: draft(to.address, place.leg) }];
}

function invitation(
  event: RoomEvent,
  change: Extract<RoomEvent["change"], { kind: "invited" }>,
  view: RoomView,
): MessageDraft {
  const { room } = event;
  const { by, reason, password } = change;
  const who = by.nick ?? (by.address === undefined ? "somebody" : printAddress(by.address));
  const title = view.config?.title === undefined ? "" : ` (${view.config.title})`;
  const why = reason === undefined ? "" : `: ${reason}`;
  return {
    from: {
      ...room,
      ...(view.config?.title !== undefined && { display: view.config.title }),
      assurance: "server",
    },
    to: change.to,
    kind: "normal",
    text: `${who} invites you into the room ${printAddress(room)}${title}${why}`,
    invitation: {
      room,
      by: { ...(by.nick !== undefined && { nick: by.nick }), ...(by.address && { address: by.address }) },
      ...(reason !== undefined && { reason }),
      ...(password !== undefined && { password }),
    },
  };
}
