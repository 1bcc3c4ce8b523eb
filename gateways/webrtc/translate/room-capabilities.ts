// What becomes of what is said and done in a room, as a browser is told on asking: an addition to sylkRTC-2.
import { capabilityLines, nameOf, type RoomCapabilities } from "#bus-schemas/rooms/capabilities.ts";
import type { RoomHappening } from "../wire/room-event.ts";

/** The answer to a request: data for programs, and lines for people, about one thing alone if that was asked. */
export const capabilitiesFrame = (
  found: RoomCapabilities,
  about: string | undefined,
  request: string,
): RoomHappening => ({
  event: "capabilities",
  request,
  ways: found.ways.map((way) => ({ name: nameOf(way), ...way })),
  lines: capabilityLines(found, about),
});
