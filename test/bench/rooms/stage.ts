// What the room bench measures: some processes that carry a room, and people in it on one or two protocols.
import type { RoomDriver, RoomProtocol } from "./driver.ts";

export interface RoomStage {
  /** As the tables call it: `Parley`, `Prosody muc`. */
  readonly system: string;
  /** The processes that are counted: all but the drivers. */
  pids(): Readonly<Record<string, number>>;
  readonly drivers: ReadonlyMap<RoomProtocol, RoomDriver>;
  /** Whether speakers of this protocol get a copy of what they said (MUC: yes). */
  echoes(protocol: RoomProtocol): boolean;
  /** Ends the drivers and all processes; those of Parley in order, so that a profiler can write what it saw. */
  close(): Promise<void>;
}

/** Copies that one text makes, in each protocol. */
export function copiesOf(stage: RoomStage, from: RoomProtocol): Map<RoomProtocol, number> {
  const copies = new Map<RoomProtocol, number>();
  for (const { protocol, people } of stage.drivers.values())
    copies.set(protocol, protocol === from && !stage.echoes(protocol) ? people - 1 : people);
  return copies;
}
