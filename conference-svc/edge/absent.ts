// Who has vanished: a device whose process fell silent is disconnected at once, and after a while it has left.
import type { Courier } from "#bus-schemas/delivery/courier.ts";
import type { Endpoint, Participant } from "#bus-schemas/events/room.ts";
import type { LiveRoom } from "./live-room.ts";

/** What is to be told of one device, if anything. `waitMs`: how long somebody disconnected is waited for. */
export function verdict(
  endpoint: Endpoint,
  living: ReadonlySet<string>,
  now: number,
  waitMs: number,
): "disconnected" | "lost" | undefined {
  if (endpoint.state === "disconnected") return now - endpoint.since > waitMs ? "lost" : undefined;
  return endpoint.instance !== undefined && !living.has(endpoint.instance) ? "disconnected" : undefined;
}

/** Looks through the devices of one room. */
export async function lookForAbsent(
  room: LiveRoom,
  courier: Courier,
  now: number,
  waitMs: number,
): Promise<void> {
  for (const participant of [...room.view.participants.values()])
    for (const endpoint of participant.endpoints) {
      const found = verdict(endpoint, courier.living(endpoint.carrier), now, waitMs);
      if (found !== undefined) await tell(room, participant, endpoint, found);
    }
}

async function tell(
  room: LiveRoom,
  participant: Participant,
  endpoint: Endpoint,
  found: "disconnected" | "lost",
): Promise<void> {
  const from = { ...endpoint.address, assurance: participant.assurance };
  const what =
    found === "lost"
      ? ({ kind: "leave", endpoint: endpoint.id, lost: true } as const)
      : ({ kind: "disconnected", endpoint: endpoint.id } as const);
  await room.act(from, endpoint.carrier, what, `${found}-${room.view.number}`);
}
